"""Group commit: who waits together is written together, in order, and everybody gets an answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from clarion.domain.errors import Unreachable
from clarion.store import group_commit
from clarion.store.group_commit import GroupCommit


@dataclass
class Paper:
    """What is written, and what goes wrong meanwhile."""

    batches: list[list[int]] = field(default_factory=list)
    away: int = 0
    """Batches that find no database."""
    bad: frozenset[int] = frozenset()
    """Entries that no database takes."""
    held: threading.Event = field(default_factory=threading.Event)

    def write(self, entries: Sequence[int], now: float) -> Sequence[int]:
        self.held.wait(10)
        if self.away:
            self.away -= 1
            raise Unreachable("the database is away")
        if self.bad & set(entries):
            raise ValueError(f"bad entry among {len(entries)}")
        self.batches.append(list(entries))
        return [entry * 10 for entry in entries]


def clock() -> float:
    return 1.0


@pytest.fixture
def paper() -> Paper:
    paper = Paper()
    paper.held.set()
    return paper


async def test_who_waits_together_is_written_together_and_in_order(paper: Paper) -> None:
    paper.held.clear()
    async with GroupCommit(paper.write, clock) as group:
        first = group.submit(1)
        await asyncio.sleep(0.01)
        others = [group.submit(n) for n in (2, 3, 4)]
        paper.held.set()
        assert await asyncio.gather(first, *others) == [10, 20, 30, 40]
    assert paper.batches == [[1], [2, 3, 4]]


async def test_a_batch_is_bounded(paper: Paper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "LARGEST_BATCH", 2)
    async with GroupCommit(paper.write, clock) as group:
        await asyncio.gather(*(group.submit(n) for n in range(5)))
    assert paper.batches == [[0, 1], [2, 3], [4]]


async def test_the_end_writes_what_still_waits(paper: Paper) -> None:
    async with GroupCommit(paper.write, clock) as group:
        answers = [group.submit(n) for n in range(1_000)]
    assert [answer.result() for answer in answers] == [n * 10 for n in range(1_000)]
    assert [n for batch in paper.batches for n in batch] == list(range(1_000))


async def test_an_error_reaches_everybody_it_concerns(paper: Paper) -> None:
    paper.bad = frozenset({1, 2, 3})
    async with GroupCommit(paper.write, clock) as group:
        answers = await asyncio.gather(*(group.submit(n) for n in (1, 2, 3)), return_exceptions=True)
        assert [str(answer) for answer in answers] == ["bad entry among 1"] * 3
        assert await group.submit(4) == 40


async def test_one_bad_entry_spoils_nobody_elses(paper: Paper) -> None:
    paper.bad = frozenset({2})
    async with GroupCommit(paper.write, clock) as group:
        answers = await asyncio.gather(*(group.submit(n) for n in (1, 2, 3)), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["10", "bad entry among 1", "30"]
    assert paper.batches == [[1], [3]]


async def test_a_database_that_comes_back_is_waited_for(paper: Paper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "PAUSE", 0.001)
    paper.away = 5
    async with GroupCommit(paper.write, clock) as group:
        assert list(await asyncio.gather(group.submit(1), group.submit(2))) == [10, 20]
    assert paper.batches == [[1, 2]]


async def test_a_database_that_stays_away_is_told_to_everybody(paper: Paper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "PAUSE", 0.001)
    paper.away = 1_000_000
    async with GroupCommit(paper.write, clock, patience=0.02) as group:
        answers = await asyncio.gather(group.submit(1), group.submit(2), return_exceptions=True)
        assert [type(answer) for answer in answers] == [Unreachable] * 2
        paper.away = 0
        assert await group.submit(3) == 30


async def test_whoever_gave_up_waiting_disturbs_nobody(paper: Paper) -> None:
    paper.held.clear()
    async with GroupCommit(paper.write, clock) as group:
        given_up, other = group.submit(1), group.submit(2)
        given_up.cancel()
        paper.held.set()
        assert await other == 20
    assert paper.batches == [[1, 2]]


async def test_a_wrong_number_of_answers_is_an_error_and_not_the_end() -> None:
    def write(entries: Sequence[str], _now: float) -> Sequence[int]:
        return [0] if entries == ["short"] else []

    async with GroupCommit(write, clock) as group:
        with pytest.raises(ValueError, match="shorter"):
            await group.submit("long")
        assert await group.submit("short") == 0


async def test_nothing_can_be_handed_in_when_nobody_would_write_it(paper: Paper) -> None:
    group = GroupCommit(paper.write, clock)
    with pytest.raises(RuntimeError, match="not running"):
        await group.submit(1)
    async with group:
        assert await group.submit(1) == 10
    with pytest.raises(RuntimeError, match="not running"):
        await group.submit(2)
