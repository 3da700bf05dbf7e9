"""How far apart contacts must be so that no limit is exceeded in any sliding window."""

from __future__ import annotations

from collections.abc import Sequence

WINDOWS = (1.0, 60.0, 3600.0)
"""Seconds in which contacts are counted: per second, per minute, per hour."""

JITTER = 0.018
"""Seconds added to every window: a slot is kept a little late by the event loop and the next one on time, and without
this reserve the two could come close enough to squeeze one contact too many into a window."""

CALL_JITTER = 0.1
"""The same for calls: placing one takes vendors longer, and by more or less, than taking a text; and of one call
a second this costs little."""

CATCH_UP = 0.8
"""Share of JITTER by which contacts that follow a late one may come closer to it, so that lateness does not add up."""


def spacing(
    per_second: float | None = None,
    per_minute: float | None = None,
    per_hour: float | None = None,
    *,
    jitter: float = JITTER,
) -> float:
    """Return the seconds between two contacts that keep every given limit; 0 when there is none.

    The widest wins. With `n` contacts allowed in a window of `W` seconds, contacts stand `(W + jitter) / n` apart, so
    that `n + 1` of them always span more than the window.
    """
    limits = zip(WINDOWS, (per_second, per_minute, per_hour), strict=True)
    return max(((window + jitter) / limit for window, limit in limits if limit is not None), default=0.0)


def reserve(next_free: float, spacing: float, now: float) -> tuple[float, float]:
    """Take the next slot: return it and the new `next_free` (GCRA without bursts: unused slots are not saved up)."""
    slot = max(next_free, now)
    return slot, slot + spacing


def earliest(passed: Sequence[float], spacing: float) -> float:
    """Return when one more contact keeps every window, after contacts at the moments ``passed``, which are in order.

    Slots stand ``spacing`` apart, but contacts can be later than their slots. Counting back as many contacts as a
    window holds, instead of keeping from the last one, lets those after a late contact be on time again.
    """
    free = 0.0
    for window in WINDOWS:
        n = round((window + JITTER) / spacing)
        if 0 < n <= len(passed):
            free = max(free, passed[-n] + n * spacing - CATCH_UP * JITTER)
    return free
