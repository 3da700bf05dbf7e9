"""How far an analysis of leads has come: checked, fetched, assessed, written, each with its counts and its speed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from clarion.contracts import Snapshot
from clarion.domain.campaign import CampaignSpec
from clarion.domain.target import Outcome, SkipReason
from clarion.store.phases import Phase, PhaseLine

LEFT_OUT_LATER = frozenset({SkipReason.DELETED, SkipReason.CONVERTED})
"""What is known of a lead only once the CRM was asked; every other reason stands in its row."""


class PhaseFigures(BaseModel):
    """One phase. Times are epoch seconds, spans seconds."""

    model_config = ConfigDict(frozen=True)

    phase: Phase
    done: int
    of: int
    """What there is to do in it, as far as is known."""
    seconds: float | None
    """From its first chunk to its last; None before the first."""
    per_second: float | None
    """Leads a second over that time."""
    chunks: int
    failed_chunks: int
    """Tries at chunks that had to be made again."""
    average_chunk_seconds: float | None
    success_rate: float | None
    """Share of the leads done that came through: usable rows, leads found, answers, leads written to."""
    expected_end: float | None
    """None: it has ended, or nobody knows."""


class Count(NamedTuple):
    """Leads of one phase."""

    phase: Phase
    done: int
    of: int
    came_through: int


def figures(
    spec: CampaignSpec, snapshot: Snapshot, measured: Sequence[PhaseLine], *, runs: bool, write_errors: int = 0
) -> list[PhaseFigures]:
    """Put together what the books count and what was measured; ``runs``: whether anything more is to be expected."""
    by_phase = {one.phase: one for one in measured}
    return [
        _figures(count, by_phase.get(count.phase), snapshot, runs=runs)
        for count in _counts(spec, snapshot, write_errors)
    ]


def _counts(spec: CampaignSpec, snapshot: Snapshot, write_errors: int) -> Iterator[Count]:
    books, outcomes = snapshot.books, snapshot.outcomes
    left_out = _sum(outcomes, [reason for reason in SkipReason if reason not in LEFT_OUT_LATER])
    usable = books.total - left_out
    yield Count(Phase.CHECKED, books.total, books.total, usable)
    gone = _sum(outcomes, (Outcome.NOT_FOUND, SkipReason.DELETED))
    fetched = max(0, usable - snapshot.unfetched)
    yield Count(Phase.FETCHED, fetched, usable, max(0, fetched - gone))
    to_ask = usable - _sum(outcomes, (Outcome.NOT_FOUND, *LEFT_OUT_LATER))
    failed = max(0, books.failed - outcomes.get(Outcome.NOT_FOUND, 0))
    yield Count(Phase.ASSESSED, books.succeeded + failed, max(0, to_ask), books.succeeded)
    if spec.lead is not None and spec.lead.writing and spec.lead.write_back:
        written = max(0, books.succeeded - snapshot.unwritten)
        yield Count(Phase.WRITTEN, written, books.succeeded, max(0, written - write_errors))


def _figures(count: Count, measured: PhaseLine | None, snapshot: Snapshot, *, runs: bool) -> PhaseFigures:
    per_second = measured.leads_per_second if measured else None
    if per_second is None and runs and count.phase is Phase.ASSESSED and snapshot.per_minute:
        per_second = snapshot.per_minute / 60.0  # its first chunk has not ended
    chunk = (measured.average_chunk if measured else None) or None  # no time at all: nobody has measured it
    left = max(0, count.of - count.done)
    return PhaseFigures(
        phase=count.phase,
        done=count.done,
        of=count.of,
        seconds=round(measured.total_seconds, 3) if measured else None,
        per_second=None if per_second is None else round(per_second, 2),
        chunks=measured.chunks if measured else 0,
        failed_chunks=measured.failed_chunks if measured else 0,
        average_chunk_seconds=None if chunk is None else round(chunk, 3),
        success_rate=round(count.came_through / count.done, 4) if count.done else None,
        expected_end=_expected_end(count.phase, left, per_second, snapshot) if runs and left else None,
    )


def _expected_end(phase: Phase, left: int, per_second: float | None, snapshot: Snapshot) -> float | None:
    if phase is Phase.ASSESSED and snapshot.eta is not None:
        return snapshot.eta
    return round(snapshot.as_of + left / per_second, 1) if per_second else None


def _sum(outcomes: Mapping[str, int], which: Sequence[str]) -> int:
    return sum(outcomes.get(word, 0) for word in which)
