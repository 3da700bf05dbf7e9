"""Batches: whatever dies between two steps, the next one goes on from what is written down."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clarion.domain.attempt import NEVER, AttemptId
from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import NotFound
from clarion.domain.target import Outcome
from clarion.store import batches as module
from clarion.store.batches import BatchRow, BatchState
from clarion.store.entries import Record, Withdraw
from tests.store.lead_scene import (
    PRICE,
    answer,
    ask,
    assessment,
    fail,
    fetch,
    found,
    keep,
    question,
    said,
    snapshot,
)
from tests.store.scene import Scene

MakeScene = Callable[..., Scene]


@pytest.fixture
def fetched(leads: Scene) -> Scene:
    """Five leads that can be asked about."""
    fetch(leads, [1, 2, 3, 4, 5])
    return leads


def fill(scene: Scene, limit: int = 100, cost: int = PRICE) -> BatchRow | None:
    return scene.store.batches.fill(scene.key, limit, cost, scene.now)


def attempts(scene: Scene, number: int = 1) -> list[AttemptId]:
    return [asked.attempt for asked in scene.store.batches.questions(scene.key, number)]


def left(scene: Scene, number: int = 1) -> list[int]:
    return scene.store.batches.left(scene.key, number)


def test_a_batch_takes_due_leads_in_their_order(fetched: Scene) -> None:
    batch = fill(fetched, 3)
    assert batch is not None
    assert (batch.number, batch.state, batch.leads, batch.file) == (1, BatchState.FILLED, 3, None)
    target = fetched.target(1)
    assert (target.state, target.outcome, target.due_at, target.chunk) == ("active", "submitted", NEVER, None)
    assert left(fetched) == [1, 2, 3]
    asked = list(fetched.store.batches.questions(fetched.key, 1))
    assert [one.attempt for one in asked] == [AttemptId(fetched.key, n, 1) for n in (1, 2, 3)]
    assert [(one.question_key, one.tries) for one in asked] == [(question(n), 1) for n in (1, 2, 3)]
    assert asked[0].fields_json == found(1).fields_json
    assert fetched.spent() == 3 * PRICE
    assert (snapshot(fetched).in_batches, snapshot(fetched).under_way) == (3, 0)
    assert snapshot(fetched).stages["submitted"] == 3
    assert fetched.books().active == 3
    second = fill(fetched, 9)
    assert second is not None
    assert (second.number, second.leads) == (2, 2)
    assert fill(fetched) is None
    assert [batch.number for batch in fetched.store.batches.open(fetched.key)] == [1, 2]


def test_lanes_and_batches_never_take_the_same_lead(fetched: Scene) -> None:
    opened = fetched.open_chunk()
    claimed = [target.key.position for target in fetched.claim(opened, 2)]
    fill(fetched, 2)
    assert (claimed, left(fetched)) == ([1, 2], [3, 4])
    assert [target.key.position for target in fetched.claim(opened, 9)] == [5]
    assert fill(fetched) is None


def test_what_is_not_fetched_or_not_due_is_in_no_batch(leads: Scene) -> None:
    assert fill(leads) is None
    fetch(leads, [1, 2])
    fail(leads, ask(leads, leads.open_chunk()), Outcome.TRUNCATED)
    fill(leads)
    assert left(leads) == [2]
    leads.after(10)
    fill(leads)
    assert left(leads, 2) == [1]
    assert [(one.attempt.number, one.tries) for one in leads.store.batches.questions(leads.key, 2)] == [(2, 2)]


@pytest.mark.parametrize("status", [CampaignStatus.PAUSED, CampaignStatus.CANCELLING])
def test_a_campaign_that_is_closed_fills_no_batch(fetched: Scene, status: CampaignStatus) -> None:
    fetched.close(status)
    assert fill(fetched) is None
    assert fetched.books().active == 0


def test_a_batch_is_as_large_as_the_budget_allows(make_leads: MakeScene) -> None:
    scene = make_leads(5, budget=2.5 * PRICE / 1e6)
    fetch(scene, [1, 2, 3, 4, 5])
    fill(scene)
    assert left(scene) == [1, 2]
    assert fill(scene) is None
    assert scene.store.campaigns.get(scene.key).halt == ""
    for attempt in attempts(scene):
        answer(scene, attempt, cost=PRICE, batch=True)
    assert fill(scene) is None
    assert "budget" in scene.store.campaigns.get(scene.key).halt
    assert not scene.store.campaigns.is_open(scene.key)
    assert scene.books().pending == 3


def test_a_batch_that_is_cheaper_than_reserved_makes_room_for_the_next(make_leads: MakeScene) -> None:
    scene = make_leads(3, budget=2.5 * PRICE / 1e6)
    fetch(scene, [1, 2, 3])
    fill(scene)
    for attempt in attempts(scene):
        answer(scene, attempt, cost=PRICE // 10, batch=True)
    batch = fill(scene)
    assert batch is not None
    assert left(scene, 2) == [3]


def test_the_steps_of_a_batch_are_written_down(fetched: Scene) -> None:
    steps, key = fetched.store.batches, fetched.key
    fill(fetched)
    steps.note_file(key, 1, "file-1")
    steps.note_submitted(key, 1, "batch_abc", "validating", fetched.now)
    steps.note_status(key, 1, "in_progress")
    (batch,) = steps.open(key)
    assert (batch.state, batch.file, batch.provider_reference) == (BatchState.SUBMITTED, "file-1", "batch_abc")
    assert (batch.provider_status, batch.submitted_at) == ("in_progress", fetched.now)
    assert steps.end(key, 1, fetched.after(5), "all has come") == 5
    assert steps.open(key) == []
    (batch,) = steps.all(key)
    assert (batch.state, batch.ended_at, batch.detail) == (BatchState.ENDED, fetched.now, "all has come")
    with pytest.raises(NotFound, match="no batch 1 that has not ended"):
        steps.note_status(key, 1, "in_progress")
    with pytest.raises(NotFound, match="no batch 7"):
        steps.note_file(key, 7, "file-2")


def test_results_are_recorded_one_by_one(fetched: Scene) -> None:
    fill(fetched)
    first, second, third, *_ = attempts(fetched)
    answer(fetched, first, cost=150, batch=True, score=90)
    fail(fetched, second, Outcome.TRUNCATED)
    fetched.post(Withdraw(third, fetched.now, "live", "the batch expired before it was asked"))
    fetched.store.leads.set_live(fetched.key, [third.position])
    assert [fetched.state(n) for n in (1, 2, 3)] == [
        ("succeeded", "assessed"),
        ("waiting", "truncated"),
        ("waiting", None),
    ]
    assert (fetched.target(3).tries, fetched.target(3).due_at) == (0, fetched.now)
    assert left(fetched) == [4, 5]
    assert snapshot(fetched).in_batches == 2
    assert fetched.spent() == 150 + 200 + 2 * PRICE
    line = fetched.store.leads.lines(fetched.key, 0, 1)[0]
    assert (line.batch, line.cost, line.answer) == (True, 0.00015, {"score": 90})
    fetched.books()


def test_results_that_are_read_again_after_a_crash_change_nothing(fetched: Scene) -> None:
    fill(fetched)
    entries = [
        Record(attempt, said(), cost=150, assessment=assessment(attempt.position, {"score": 1}, batch=True))
        for attempt in attempts(fetched)
    ]
    fetched.post(*entries[:3])
    before = [fetched.target(n) for n in (1, 2, 3)]
    fetched.after(1)
    fetched.post(*entries)
    assert [fetched.target(n) for n in (1, 2, 3)] == before
    assert fetched.store.leads.usage(fetched.key).input_tokens == 5 * 700
    assert fetched.spent() == 750
    assert fetched.store.batches.end(fetched.key, 1, fetched.now, "completed") == 0
    fetched.books()


def test_leads_that_a_batch_has_left_are_for_the_lanes(fetched: Scene) -> None:
    fill(fetched)
    answer(fetched, attempts(fetched)[0], batch=True)
    assert fetched.store.batches.end(fetched.key, 1, fetched.now, "expired") == 4
    target = fetched.target(2)
    assert (target.state, target.reason, target.due_at, target.tries) == ("waiting", "live", fetched.now, 0)
    assert fetched.store.leads.questions(fetched.key, [2])[2].live
    assert fill(fetched) is None
    assert fetched.spent() == 300
    assert len(fetched.claim(fetched.open_chunk(), 9)) == 4
    fetched.books()


def test_a_large_batch_is_given_back_in_pieces_and_a_crash_in_between_does_not_matter(
    fetched: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BULK", 2)
    monkeypatch.setattr(module, "PAGE", 2)
    fill(fetched)
    assert [attempt.position for attempt in attempts(fetched)] == [1, 2, 3, 4, 5]
    fetched.store.batches._give_back(fetched.key, 1, fetched.now, "expired")
    fetched.books()
    assert left(fetched) == [3, 4, 5]
    assert len(fetched.store.batches.open(fetched.key)) == 1
    assert fetched.store.batches.end(fetched.key, 1, fetched.now, "expired") == 3
    assert fetched.store.batches.end(fetched.key, 1, fetched.now, "expired") == 0
    assert fetched.events().count("batch") == 2
    assert fetched.books().waiting == 5


def test_an_answer_that_comes_after_its_batch_was_closed_is_good(fetched: Scene) -> None:
    fill(fetched)
    first = attempts(fetched)[0]
    fetched.store.batches.end(fetched.key, 1, fetched.now, "cancelled")
    answer(fetched, first, cost=150, batch=True)
    assert fetched.state(1) == ("succeeded", "assessed")
    assert fetched.spent() == 150
    fetched.books()


def test_nothing_that_sweeps_takes_a_batch_for_done(fetched: Scene) -> None:
    fill(fetched, 2)
    key, now, sweeps = fetched.key, fetched.now, fetched.store.sweeps
    assert sweeps.conclude_overdue(key, now, before=NEVER * 2) == 0
    assert fetched.store.claims.release_stranded(key, now) == 0
    assert sweeps.requeue_some(key, (), now, now + 1) == 0
    assert fetched.claim(fetched.open_chunk(), 1)[0].key.position == 3
    fetched.store.claims.release_stranded(key, now)
    assert sweeps.cancel_some(key, now) == 3
    assert left(fetched) == [1, 2]
    fetched.books()


def test_cancelling_keeps_what_has_come_and_cancels_the_rest(fetched: Scene) -> None:
    fill(fetched)
    fetched.close(CampaignStatus.CANCELLING)
    answer(fetched, attempts(fetched)[0], batch=True)
    assert fetched.store.batches.end(fetched.key, 1, fetched.now, "cancelled") == 4
    fetched.close(CampaignStatus.CANCELLED)
    books = fetched.books()
    assert (books.succeeded, books.cancelled, books.active) == (1, 4, 0)


@pytest.mark.parametrize(
    ("status", "state"),
    [(CampaignStatus.COMPLETED, ("failed", "not_sent")), (CampaignStatus.CANCELLED, ("cancelled", "not_sent"))],
)
def test_a_batch_that_outlives_its_campaign_has_answered_nothing(
    fetched: Scene, status: CampaignStatus, state: tuple[str, str]
) -> None:
    fill(fetched)
    late = attempts(fetched)[1]
    fetched.close(status)
    assert fetched.state(1) == state
    assert fetched.spent() == 0
    assert fetched.books().active == 0
    answer(fetched, late, batch=True)
    assert fetched.state(2) == ("succeeded", "assessed")
    fetched.books()


def test_a_batch_of_reused_answers_is_not_needed(fetched: Scene) -> None:
    fill(fetched)
    for attempt in attempts(fetched):
        answer(fetched, attempt, batch=True)
    fetched.store.batches.end(fetched.key, 1, fetched.now, "completed")
    assert keep(fetched, found(1)).fetched == 0
    assert fill(fetched) is None
