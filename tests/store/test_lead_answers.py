"""Questions about leads and their answers: asked again where that is safe, and never charged for what was known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from clarion.domain.attempt import AttemptId
from clarion.domain.target import Outcome
from clarion.store.entries import Intend, Record, Refusal, TooEarly
from clarion.store.lead_schema import assessments
from clarion.store.leads import Kept, LeadUsage
from tests.store.lead_scene import (
    PRICE,
    another,
    answer,
    ask,
    assessment,
    fail,
    fetch,
    found,
    keep,
    said,
    snapshot,
)
from tests.store.scene import Scene

MakeScene = Callable[..., Scene]


def kept_answers(scene: Scene) -> int:
    query = select(func.count()).where(assessments.c.campaign_key == scene.key)
    with scene.store.database.read() as connection:
        return int(connection.execute(query).scalar_one())


def test_an_answer_is_kept_with_what_it_cost(leads: Scene) -> None:
    fetch(leads, [1, 2])
    attempt = ask(leads, leads.open_chunk())
    assert leads.spent() == PRICE
    answer(leads, attempt, cost=300, tier="A")
    assert leads.spent() == 300
    assert leads.state(1) == ("succeeded", "assessed")
    assert leads.target(1).chunk is None
    answer(leads, attempt, cost=999, tier="B")
    leads.books()
    (line, *_) = leads.store.leads.lines(leads.key, 0, 1)
    assert line.answer == {"score": 50, "tier": "A"}
    assert leads.store.leads.usage(leads.key) == LeadUsage(700, 90, 0, 0)
    assert snapshot(leads).per_minute > 0


def test_an_answer_that_cannot_be_used_is_paid_for_and_asked_again_by_the_rules(leads: Scene) -> None:
    fetch(leads, [1])
    opened = leads.open_chunk()
    fail(leads, ask(leads, opened), Outcome.TRUNCATED, cost=200)
    target = leads.target(1)
    assert (target.state, target.outcome, target.due_at, target.tries) == ("waiting", "truncated", leads.now + 10, 1)
    leads.after(10)
    fail(leads, ask(leads, opened), Outcome.INVALID_ANSWER, cost=250)
    assert leads.state(1) == ("failed", "invalid_answer")
    assert leads.spent() == 450
    assert kept_answers(leads) == 2
    leads.books()


def test_a_refused_lead_is_not_asked_again_and_one_that_was_too_slow_costs_nothing(leads: Scene) -> None:
    fetch(leads, [1, 2])
    opened = leads.open_chunk()
    fail(leads, ask(leads, opened), Outcome.REFUSED)
    leads.record(ask(leads, opened), said(Outcome.FAILED, retryable=True))
    assert [leads.state(n) for n in (1, 2)] == [("failed", "refused"), ("waiting", "failed")]
    assert leads.spent() == 200
    leads.books()


def test_a_question_that_was_answered_is_not_asked_again(leads: Scene) -> None:
    fetch(leads, [1, 2])
    opened = leads.open_chunk()
    first, second = ask(leads, opened), ask(leads, opened)
    answer(leads, first, score=80)
    fail(leads, second, Outcome.TRUNCATED)
    other = another(leads, 3)
    assert fetch(other, [1, 2, 3]) == Kept(fetched=3, reused=1)
    assert [other.state(n) for n in (1, 2, 3)] == [("succeeded", "assessed"), ("pending", None), ("pending", None)]
    assert (other.spent(), other.events(1)) == (0, ["assessed"])
    line = other.store.leads.lines(other.key, 0, 1)[0]
    assert (line.answer, line.reused, line.cost, line.input_tokens) == ({"score": 80}, True, 0.0, 0)
    assert other.store.leads.usage(other.key).reused == 1
    other.books()


def test_a_refusal_is_not_asked_for_again_until_somebody_wants_it(leads: Scene) -> None:
    fetch(leads, [1])
    fail(leads, ask(leads, leads.open_chunk()), Outcome.REFUSED)
    other = another(leads, 1)
    assert fetch(other, [1]) == Kept(fetched=1, reused=1)
    assert other.state(1) == ("failed", "refused")
    assert "was refused before" in (other.target(1).detail or "")
    other.books()
    assert keep(another(leads, 1, "c3"), found(1), fresh=True).reused == 0
    other.after(1)
    assert other.store.sweeps.requeue_some(other.key, ("refused",), other.now, other.now) == 1
    answer(other, ask(other, other.open_chunk()), score=7)
    assert fetch(another(leads, 1, "c4"), [1]).reused == 1
    assert other.state(1) == ("succeeded", "assessed")


def test_an_answer_is_not_reused_by_others_or_where_fresh_ones_are_wanted(leads: Scene, make_leads: MakeScene) -> None:
    fetch(leads, [1])
    answer(leads, ask(leads, leads.open_chunk()))
    stranger, fresh, changed = make_leads(1), another(leads, 1), another(leads, 1, "c3")
    assert fetch(stranger, [1]).reused == 0
    assert keep(fresh, found(1), fresh=True).reused == 0
    assert keep(changed, found(1, key="f" * 64)).reused == 0


def test_of_several_answers_the_latest_is_taken(leads: Scene) -> None:
    for scene, score in ((leads, 10), (another(leads, 1), 90)):
        scene.after(score)
        keep(scene, found(1), fresh=True)
        answer(scene, ask(scene, scene.open_chunk()), score=score)
    last = another(leads, 1, "c3")
    fetch(last, [1])
    assert last.store.leads.lines(last.key, 0, 1)[0].answer == {"score": 90}


def test_a_question_whose_worker_died_is_asked_again_at_once(leads: Scene) -> None:
    fetch(leads, [1, 2])
    opened = leads.open_chunk(1)
    lost_one = ask(leads, opened, 1)
    again = leads.open_chunk(1, attempt=2)
    target = leads.target(lost_one.position)
    assert (target.state, target.due_at, target.tries, target.chunk) == ("waiting", leads.now, 0, None)
    assert leads.spent() == 0
    assert leads.books().unknown == 0
    assert [left.key.position for left in again.left] == []
    assert ask(leads, again, 1) == AttemptId(leads.key, 1, 2)


@pytest.mark.parametrize("how", ["close", "release"])
def test_a_question_that_a_chunk_leaves_behind_is_taken_back(leads: Scene, how: str) -> None:
    fetch(leads, [1])
    opened = leads.open_chunk()
    attempt = ask(leads, opened)
    if how == "close":
        leads.close_chunk(opened)
    else:
        leads.store.claims.release_stranded(leads.key, leads.now)
    assert leads.state(1) == ("waiting", None)
    assert leads.attempt(attempt).outcome == "not_sent"
    leads.books()


def test_an_answer_that_comes_after_its_question_was_taken_back_is_good(leads: Scene) -> None:
    fetch(leads, [1])
    late = ask(leads, leads.open_chunk(1), 1)
    leads.open_chunk(1, attempt=2)
    answer(leads, late, score=70)
    assert leads.state(1) == ("succeeded", "assessed")
    assert leads.spent() == 300
    assert leads.store.leads.lines(leads.key, 0, 1)[0].answer == {"score": 70}
    leads.books()


def test_an_answer_to_an_earlier_question_is_good_while_no_other_is_being_asked(leads: Scene) -> None:
    fetch(leads, [1])
    first = ask(leads, leads.open_chunk(1), 1)
    second = ask(leads, leads.open_chunk(1, attempt=2), 1)
    leads.open_chunk(1, attempt=3)
    answer(leads, first, score=70)
    assert leads.state(1) == ("succeeded", "assessed")
    fail(leads, second, Outcome.TRUNCATED)
    assert leads.state(1) == ("succeeded", "assessed")
    assert leads.store.leads.lines(leads.key, 0, 1)[0].answer == {"score": 70}
    assert leads.spent() == 500
    leads.books()


def test_money_under_way_is_waited_for_before_a_campaign_halts(make_leads: MakeScene) -> None:
    scene = make_leads(3, budget=1.5 * PRICE / 1e6)
    fetch(scene, [1, 2, 3])
    opened = scene.open_chunk()
    first = ask(scene, opened)
    second = scene.claim(opened, 1)[0]
    assert isinstance(scene.intend(second, opened, PRICE), TooEarly)
    answer(scene, first, cost=100)
    answer(scene, scene.post(Intend(second.key, opened.fence, PRICE))[0].attempt, cost=PRICE)  # type: ignore[union-attr]
    assert scene.intend(scene.claim(opened, 1)[0], opened, PRICE) is Refusal.BUDGET
    assert "budget" in scene.store.campaigns.get(scene.key).halt
    scene.books()


def test_a_lead_that_does_not_know_its_attempt_is_left_alone(leads: Scene) -> None:
    fetch(leads, [1])
    leads.post(Record(AttemptId(leads.key, 1, 9), said(), cost=5, assessment=assessment(1, {"score": 1})))
    assert leads.state(1) == ("pending", None)
    assert kept_answers(leads) == 0
