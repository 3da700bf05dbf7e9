"""What is known of calls, as rows: words that come late, twice or out of order add up to the same."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from operator import attrgetter
from typing import TypeVar

from sqlalchemy import Connection, bindparam, insert, select, update

from clarion.domain.attempt import AttemptId
from clarion.domain.breaker import Ended
from clarion.domain.call import AnsweredBy, CallFacts, Speaker, Stage, Turn
from clarion.domain.target import Outcome
from clarion.store.database import storable
from clarion.store.schema import calls
from clarion.store.statements import Prepared, PreparedSelect, Values

Fact = TypeVar("Fact", str, float, int)

FREE = frozenset({Outcome.NO_ANSWER, Outcome.BUSY, Outcome.CANCELLED})
"""Outcomes of calls that nobody answered."""

MILLION = 1_000_000
"""Money is kept in millionths."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


@dataclass(slots=True)
class CallRow:
    """What is known of one attempt at calling, as loaded or newly made."""

    campaign_key: int
    position: int
    number: int
    stage: str = Stage.PLACED.value
    placed_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    answered_by: str | None = None
    duration: float | None = None
    cost: int | None = None
    provider_reference: str | None = None
    disconnection_reason: str | None = None
    recording_url: str | None = None
    summary: str | None = None
    transcript: str | None = None
    analysis: str | None = None
    new: bool = False
    changed: bool = False

    @property
    def id(self) -> AttemptId:
        """The attempt's name."""
        return AttemptId(self.campaign_key, self.position, self.number)

    def learn(self, facts: CallFacts, reference: str | None, now: float) -> bool:
        """Add what a provider says, at ``now`` (epoch seconds); returns whether any of it is new.

        Of two words, the one about the later stage is believed; one about an earlier stage only fills what is missing.
        """
        before = None if self.new and self.placed_at is None else _values(self)
        later = facts.stage.rank >= Stage(self.stage).rank
        self._reach(facts.stage, now)
        self._answered(facts.answered_by, later=later)
        self.duration = _chosen(self.duration, facts.duration, later=later)
        self.cost = _chosen(self.cost, None if facts.cost is None else round(facts.cost * MILLION), later=later)
        reason = clipped(storable(facts.disconnection_reason), 64)
        self.disconnection_reason = _chosen(self.disconnection_reason, reason or None, later=later)
        self.recording_url = _chosen(self.recording_url, storable(facts.recording_url) or None, later=later)
        self.summary = _chosen(self.summary, storable(facts.summary) or None, later=later)
        if facts.turns:
            # What was said only grows: the longer account is the fuller one.
            self.transcript = max(self.transcript or "", _encode([_turn_values(turn) for turn in facts.turns]), key=len)
        if facts.analysis:
            self.analysis = _encode(_merged(read_analysis(self.analysis), facts.analysis, later=later))
        self.provider_reference = self.provider_reference or reference
        learned = _values(self) != before
        self.changed = self.changed or learned
        return bool(learned)

    def end(self, now: float) -> None:
        """Note that the call is over, whatever the last facts said."""
        if self.ended_at is None or self.stage != Stage.ENDED:
            self._reach(Stage.ENDED, now)
            self.changed = True

    def _answered(self, by: AnsweredBy | None, *, later: bool) -> None:
        sure = self.answered_by not in {None, AnsweredBy.UNKNOWN}
        if by is not None and (not sure or (later and by is not AnsweredBy.UNKNOWN)):
            self.answered_by = by.value

    def _reach(self, stage: Stage, now: float) -> None:
        self.placed_at = now if self.placed_at is None else self.placed_at
        if stage is Stage.ANSWERED and self.ended_at is None and self.answered_at is None:
            self.answered_at = now
        if stage is Stage.ENDED and self.ended_at is None:
            self.ended_at = now
        self.stage = max(Stage(self.stage), stage, key=lambda known: known.rank).value


_CALL = tuple(name for name in CallRow.__slots__ if name not in {"new", "changed"})
_KEY = ("campaign_key", "position", "number")
_CHANGES = tuple(name for name in _CALL if name not in _KEY)
_values = attrgetter(*_CHANGES)
_whole = attrgetter(*_CALL)

_READ = PreparedSelect(
    ("campaign",),
    select(*(calls.c[name] for name in _CALL)).where(calls.c.campaign_key == bindparam("campaign")),
    calls.c.position,
)
_INSERT = Prepared(_CALL, lambda _: insert(calls))
_UPDATE = Prepared(
    (*(f"new_{name}" for name in _CHANGES), *(f"of_{name}" for name in _KEY)),
    lambda _: (
        update(calls)
        .where(*(calls.c[name] == bindparam(f"of_{name}") for name in _KEY))
        .values({name: bindparam(f"new_{name}") for name in _CHANGES})
    ),
)


def read_calls(connection: Connection, campaign_key: int, positions: Collection[int]) -> Iterable[CallRow]:
    """Read what is known of all calls to some targets of a campaign."""
    return (CallRow(*row) for row in _READ.fetch(connection, (campaign_key,), positions))


def write_calls(connection: Connection, rows: Collection[CallRow]) -> None:
    """Write what is new or changed."""
    _INSERT.run(connection, [_whole(row) for row in rows if row.new])
    changed = [row for row in rows if row.changed and not row.new]
    _UPDATE.run(connection, [(*_values(row), *row.id) for row in changed])


def read_turns(transcript: str | None) -> tuple[Turn, ...]:
    """Read a transcript as it is stored."""
    said: Sequence[tuple[str, str, float | None]] = json.loads(transcript) if transcript else ()
    return tuple(Turn(Speaker(speaker), text, at) for speaker, text, at in said)


def read_analysis(analysis: str | None) -> dict[str, str]:
    """Read a provider's assessment as it is stored."""
    found: dict[str, str] = json.loads(analysis) if analysis else {}
    return found


def read_recent(recent: str) -> list[Ended]:
    """Read the last calls of a campaign as the circuit breaker remembers them."""
    return [Ended(*ended) for ended in json.loads(recent)] if recent else []


def recent_text(recent: Sequence[Ended]) -> str:
    """Write what `read_recent` reads."""
    return _encode(recent)


def expected_cost(reserved: int, outcome: str | None, duration: float | None, minutes: float | None) -> int | None:
    """Return what a call has probably cost, out of the ``reserved`` price of ``minutes``; None when nobody can tell.

    Every minute that has begun counts. ``duration`` is in seconds.
    """
    if duration is not None and minutes:
        return round(reserved * min(1.0, ceil(duration / 60.0) / minutes))
    return 0 if outcome in FREE else None


def clipped(word: str | None, length: int) -> str | None:
    """Return the first ``length`` characters."""
    return None if word is None else word[:length]


def _turn_values(turn: Turn) -> Values:
    return (turn.speaker.value, storable(turn.text), turn.at)


def _merged(known: Mapping[str, str], told: Mapping[str, str], *, later: bool) -> dict[str, str]:
    new = {storable(str(name)) or "": storable(str(value)) or "" for name, value in told.items()}
    return {**known, **new} if later else {**new, **known}


def _chosen(known: Fact | None, told: Fact | None, *, later: bool) -> Fact | None:
    return told if told is not None and (later or known is None) else known
