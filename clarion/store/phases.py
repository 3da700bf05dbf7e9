"""How long the parts of an analysis of leads took: what each chunk of work came to, added up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ClauseElement, Connection, case, select

from clarion.store.database import insert_into
from clarion.store.lead_schema import phases
from clarion.store.statements import Prepared


class Phase(StrEnum):
    """A part of an analysis of leads, in order."""

    CHECKED = "checked"
    FETCHED = "fetched"
    ASSESSED = "assessed"
    WRITTEN = "written"


@dataclass(frozen=True, slots=True)
class PhaseLine:
    """What one part of an analysis came to. Times are in epoch seconds."""

    phase: Phase
    chunks: int
    """Pieces of work that were done."""
    failed_chunks: int
    """Tries at them that had to be made again."""
    leads: int
    seconds: float
    """Of all chunks and tries together."""
    started_at: float
    ended_at: float

    @property
    def total_seconds(self) -> float:
        """From its first beginning to its last end."""
        return self.ended_at - self.started_at

    @property
    def leads_per_second(self) -> float | None:
        """Over its whole time; None when that is too short to say."""
        lasted = self.total_seconds or self.seconds
        return self.leads / lasted if lasted > 0 else None

    @property
    def average_chunk(self) -> float | None:
        """Seconds for one chunk or try; None before the first."""
        tries = self.chunks + self.failed_chunks
        return self.seconds / tries if tries else None

    @property
    def success_rate(self) -> float | None:
        """Share of the tries that did not have to be made again, 0 to 1; None before the first."""
        tries = self.chunks + self.failed_chunks
        return self.chunks / tries if tries else None


_COLUMNS = ("campaign_key", "phase", "chunks", "failed_chunks", "leads", "seconds", "started_at", "ended_at")
_SUMS = ("chunks", "failed_chunks", "leads", "seconds")


def _add(dialect: str) -> ClauseElement:
    new = insert_into(phases, dialect)
    known, told = phases.c, new.excluded
    sums = {name: known[name] + told[name] for name in _SUMS}
    first = case((told.started_at < known.started_at, told.started_at), else_=known.started_at)
    last = case((told.ended_at > known.ended_at, told.ended_at), else_=known.ended_at)
    return new.on_conflict_do_update(
        index_elements=["campaign_key", "phase"], set_={**sums, "started_at": first, "ended_at": last}
    )


_ADD = Prepared(_COLUMNS, _add)


def add_phase(connection: Connection, key: int, line: PhaseLine) -> None:
    """Add a piece of work to what its phase came to so far."""
    figures = (line.chunks, line.failed_chunks, line.leads, line.seconds, line.started_at, line.ended_at)
    _ADD.run(connection, [(key, line.phase.value, *figures)])


def read_phases(connection: Connection, key: int) -> list[PhaseLine]:
    """Return what each phase came to, in order; those that have not begun are left out."""
    found = connection.execute(select(*(phases.c[name] for name in _COLUMNS[1:])).where(phases.c.campaign_key == key))
    lines = [PhaseLine(Phase(phase), *figures) for phase, *figures in found]
    return sorted(lines, key=lambda line: tuple(Phase).index(line.phase))
