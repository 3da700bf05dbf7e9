"""How far apart contacts must be so that no limit is exceeded in any sliding window."""

from __future__ import annotations

JITTER = 0.015
"""Seconds added to every window: a slot is kept a little late by the event loop and the next one on time, and without
this reserve the two could come close enough to squeeze one contact too many into a window."""


def spacing(per_second: float | None = None, per_minute: float | None = None, per_hour: float | None = None) -> float:
    """Return the seconds between two contacts that keep every given limit; 0 when there is none.

    The widest wins. With `n` contacts allowed in a window of `W` seconds, contacts stand `(W + JITTER) / n` apart, so
    that `n + 1` of them always span more than the window.
    """
    limits = ((1.0, per_second), (60.0, per_minute), (3600.0, per_hour))
    return max(((window + JITTER) / limit for window, limit in limits if limit is not None), default=0.0)


def reserve(next_free: float, spacing: float, now: float) -> tuple[float, float]:
    """Take the next slot: return it and the new `next_free` (GCRA without bursts: unused slots are not saved up)."""
    slot = max(next_free, now)
    return slot, slot + spacing
