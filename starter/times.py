"""How instants and spans are written for people: local time with what it means from now, and ISO 8601 in files."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0


def local(at: float, zone: tzinfo | None = None) -> datetime:
    """Return epoch seconds as a time in ``zone``, or in this machine's."""
    return datetime.fromtimestamp(at, UTC).astimezone(zone)


def iso(at: float | None, zone: tzinfo | None = None) -> str:
    """Write an instant as ISO 8601 with its offset, to the second; empty for None."""
    return "" if at is None else local(at, zone).isoformat(timespec="seconds")


def clock(at: float, now: float, zone: tzinfo | None = None) -> str:
    """Write an instant as shortly as today's date allows: ``14:32:10``, ``Tue 24 Nov 09:00`` or with its year."""
    then, present = local(at, zone), local(now, zone)
    if then.date() == present.date():
        return f"{then:%H:%M:%S}"
    return f"{then:%a %d %b %H:%M}" if then.year == present.year else f"{then:%d %b %Y %H:%M}"


def span(seconds: float) -> str:
    """Say a length of time in the one or two units that matter: ``45 s``, ``4 min``, ``5 h 10 min``, ``3 days``."""
    if seconds < 1.5 * MINUTE:
        return f"{max(0.0, seconds):.0f} s"
    if seconds < 1.5 * HOUR:
        return f"{seconds / MINUTE:.0f} min"
    if seconds < 1.5 * DAY:
        hours, rest = divmod(round(seconds / MINUTE), 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{seconds / DAY:.0f} days" if seconds >= 2.5 * DAY else f"{round(seconds / HOUR)} h"


def ahead(at: float, now: float) -> str:
    """Say how far an instant is from now: ``in 4 min``, ``now``, ``2 h ago``."""
    distance = at - now
    if abs(distance) < 1.0:
        return "now"
    return f"in {span(distance)}" if distance > 0 else f"{span(-distance)} ago"


def when(at: float, now: float, zone: tzinfo | None = None) -> str:
    """Write an instant both ways: ``14:32:10, in 4 min``."""
    return f"{clock(at, now, zone)}, {ahead(at, now)}"
