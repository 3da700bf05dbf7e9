"""The latest of a campaign's log for a screen: many lines about targets become one, and none says who they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clarion.store.events import Event

SPAN = 10.0
"""Seconds within which the same thing about several targets is one line."""

READ = 200
"""Events to read for a handful of lines."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what happened last at ``at`` (epoch seconds)."""

    at: float
    kind: str
    text: str


def latest_lines(events: Sequence[Event], most: int) -> list[Line]:
    """Return the last ``most`` lines of ``events`` (oldest first), oldest first.

    What stands in the log about a target may name its number: of that only the kind and the target's position are told.
    """
    lines: list[Line] = []
    groups: dict[tuple[str, int], list[Event]] = {}
    for event in events:
        if event.position is None:
            lines.append(Line(event.at, event.kind, _about_campaign(event)))
        else:
            groups.setdefault((event.kind, int(event.at // SPAN)), []).append(event)
    lines += [Line(group[-1].at, kind, _about_targets(kind, group)) for (kind, _), group in groups.items()]
    lines.sort(key=lambda line: line.at)
    return lines[-most:]


def _about_campaign(event: Event) -> str:
    detail = " ".join(event.detail.split())
    if event.kind == "status":
        return detail
    return f"{event.kind}: {detail}" if detail else event.kind


def _about_targets(kind: str, group: Sequence[Event]) -> str:
    word = kind.replace("_", " ")
    positions = {event.position for event in group}
    if len(positions) == 1:
        return f"{word} · target {group[0].position}"
    return f"{word} · {len(positions)} targets"
