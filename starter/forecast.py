"""Roughly when a campaign would end: its contacts one after the other at its rate, in the hours its window is open."""

from __future__ import annotations

from collections.abc import Collection

from clarion.domain.window import Window, is_open, next_opening

STEP = 900.0
"""Seconds; windows open and close on quarters of an hour nearly always, and this is a forecast."""
LOOK_AHEAD = 8 * 86_400.0
MOST_OPENINGS = 400
"""A campaign that needs more days than this has no end worth naming."""


def expected_end(window: Window | None, zones: Collection[tuple[str, ...]], start: float, work: float) -> float | None:
    """Return when ``work`` seconds of contacts that begin at ``start`` (epoch seconds) are done.

    ``zones`` are those of the targets, as a window in the target's time needs them: the last one to be done counts.
    None when a window never opens, or not often enough within a year.
    """
    if window is None:
        return start + work
    ends = [_end_in(window, names, start, work) for names in zones or [()]]
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None


def _end_in(window: Window, zones: tuple[str, ...], start: float, work: float) -> float | None:
    at, left = start, work
    for _ in range(MOST_OPENINGS):
        opening = next_opening(window, zones, at)
        if opening is None:
            return None
        closing = _closing_after(window, zones, opening)
        if left <= closing - opening:
            return opening + left
        at, left = closing, left - (closing - opening)
    return None


def _closing_after(window: Window, zones: tuple[str, ...], opening: float) -> float:
    at = opening
    while at < opening + LOOK_AHEAD and is_open(window, zones, at):
        at = (at // STEP + 1) * STEP
    return at
