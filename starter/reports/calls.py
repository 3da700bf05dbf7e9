"""What a report tells of calls: the facts of each target's last one, what all came to, and who said what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clarion.domain.call import Turn
from starter.looking import CallSummaryLine, TranscriptLine
from starter.reports.parts import Cell

COLUMNS = (
    "duration_seconds",
    "answered_by",
    "stage",
    "disconnection_reason",
    "recording_url",
    "summary",
    "transcript",
)
"""Of each target's last call. The fields of the providers' assessment follow, a column each."""

TURN_COLUMNS = ("position", "attempt", "address", "outcome", "at_seconds", "speaker", "text")

PREFIX = "analysis_"
"""Before the name of a field in its column's: so it collides with none of ours, and starts no formula."""

MOST_FIELDS = 200
"""Columns for fields of the assessment; JSON has every one of them."""


class LastCalls:
    """The last call of one target after the other, in the order of their positions; in flat memory."""

    def __init__(self, calls: Iterator[TranscriptLine], fields: Sequence[str]) -> None:
        """``calls`` in that order; ``fields`` of the assessment are given a cell each."""
        self._calls = calls
        self._fields = fields
        self._next = next(calls, None)

    def cells(self, position: int) -> list[Cell]:
        """Return what stands in the columns about calls; each position may be asked for once, in order."""
        while self._next is not None and self._next.position < position:
            self._next = next(self._calls, None)
        call = self._next
        if call is None or call.position != position:
            return [None] * (len(COLUMNS) + len(self._fields))
        return [
            call.duration,
            call.answered_by,
            call.stage,
            call.disconnection_reason,
            call.recording_url,
            call.summary,
            spoken(call.turns) or None,
            *(call.analysis.get(field) for field in self._fields),
        ]


def fields_of(summary: CallSummaryLine) -> list[str]:
    """Return the fields of the assessment that get a column."""
    return list(summary.analysis)[:MOST_FIELDS]


def spoken(turns: Sequence[Turn]) -> str:
    """Write what was said, a line for each turn: ``agent: Hello``."""
    return "\n".join(f"{turn.speaker}: {' '.join(turn.text.split())}" for turn in turns)


def turns(calls: Iterator[TranscriptLine]) -> Iterator[list[Cell]]:
    """Yield every turn of every call, with the cells of ``TURN_COLUMNS``."""
    for call in calls:
        for turn in call.turns:
            yield [call.position, call.number, call.address, call.outcome, turn.at, turn.speaker, turn.text]


def sums(summary: CallSummaryLine) -> Iterator[tuple[str, Cell]]:
    """Yield what the calls of a campaign came to, a name and a value each."""
    yield "calls", summary.calls
    for outcome, n in summary.outcomes.items():
        yield f"outcome: {outcome}", n
    yield "total_duration_seconds", round(summary.total_duration, 3)
    yield "average_duration_seconds", _rounded(summary.average_duration, 3)
    yield "cost", round(summary.cost, 6)
    yield "cost_per_answered_call", _rounded(summary.cost_per_answered, 6)
    for field, values in summary.analysis.items():
        for value, n in values.items():
            yield f"analysis: {field}: {value}", n


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
