"""Leads on their way from an id to an answer: fetched once, asked once, and never charged for what was known."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from clarion.domain.attempt import NEVER, AttemptId
from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import Outcome, SkipReason
from clarion.store.entries import Intend, Record, Refusal, TooEarly
from clarion.store.leads import Kept, LeadUsage, Wanted
from clarion.store.phases import Phase
from clarion.store.schema import assessments
from tests.store.lead_scene import (
    PRICE,
    another,
    answer,
    ask,
    assessment,
    fail,
    fetch,
    fields_of,
    found,
    import_leads,
    keep,
    lead_id,
    lost,
    question,
    said,
    snapshot,
)
from tests.store.scene import Scene, row

MakeScene = Callable[..., Scene]


def wanted(scene: Scene, limit: int = 100) -> list[int]:
    return [lead.position for lead in scene.store.leads.unfetched(scene.key, limit)]


def kept_answers(scene: Scene) -> int:
    query = select(func.count()).where(assessments.c.campaign_key == scene.key)
    with scene.store.database.read() as connection:
        return int(connection.execute(query).scalar_one())


def test_a_new_lead_waits_to_be_fetched_and_cannot_be_claimed(leads: Scene) -> None:
    target = leads.target(1)
    assert (target.state, target.reason, target.due_at, target.address) == ("pending", "fetch", NEVER, lead_id(1))
    assert leads.claim(leads.open_chunk(), 9) == []
    assert snapshot(leads).unfetched == 5
    assert snapshot(leads).next_due_at is None
    assert leads.store.leads.unfetched(leads.key, 2) == [Wanted(1, lead_id(1)), Wanted(2, lead_id(2))]


def test_ids_that_stand_twice_are_skipped_with_the_row_of_the_first(leads: Scene) -> None:
    leads.import_rows([row(7, lead_id(1)), row(8, "", skip=SkipReason.MISSING_LEAD_ID, detail="the cell is empty")])
    assert [leads.state(n) for n in (6, 7)] == [("skipped", "duplicate"), ("skipped", "missing_lead_id")]
    assert leads.target(6).detail == f"{lead_id(1)} stands in row 2 already"
    assert wanted(leads) == [1, 2, 3, 4, 5]


def test_somebody_who_opted_out_says_nothing_about_a_lead(leads: Scene) -> None:
    leads.store.suppressions.add(leads.tenant, lead_id(1), "person", "", leads.now)
    leads.store.suppressions.add(leads.tenant, lead_id(6), "person", "", leads.now)
    import_leads(leads, 1)
    fetch(leads, [1, 6])
    opened = leads.open_chunk()
    assert {ask(leads, opened).position, ask(leads, opened).position} == {1, 6}


def test_what_the_crm_says_decides_what_is_asked(leads: Scene) -> None:
    kept = keep(leads, found(1), lost(2), found(3, converted=True), found(4))
    assert kept == Kept(fetched=3, reused=0, not_found=1, converted=1)
    assert [leads.state(n) for n in (1, 2, 3, 4, 5)] == [
        *(("pending", None), ("failed", "not_found"), ("skipped", "converted")),
        *(("pending", None), ("pending", None)),
    ]
    assert (leads.target(1).due_at, leads.target(1).reason) == (leads.now, None)
    assert "knows no lead" in leads.target(2).detail
    assert (leads.events(2), leads.events(3)) == (["not_found"], ["skipped"])
    assert wanted(leads) == [5]
    questions = leads.store.leads.questions(leads.key, [1, 2, 5])
    assert list(questions) == [1]
    assert (questions[1].question_key, questions[1].live) == (question(1), False)
    assert questions[1].fields_json == found(1).fields_json
    leads.books()


def test_leads_that_became_customers_are_assessed_where_that_is_wanted(make_leads: MakeScene) -> None:
    scene = make_leads(1, lead={"converted": True})
    assert keep(scene, found(1, converted=True)) == Kept(fetched=1)
    assert scene.state(1) == ("pending", None)
    assert wanted(scene) == []


def test_leads_are_kept_once_however_often_they_are_fetched(leads: Scene) -> None:
    told = [found(1), lost(2), found(3, converted=True)]
    keep(leads, *told)
    before = [leads.target(n) for n in range(1, 6)]
    leads.after(1)
    assert keep(leads, *told, found(1), fresh=True) == Kept()
    assert keep(leads, lost(1), found(2)) == Kept()
    assert keep(leads) == Kept()
    assert [leads.target(n) for n in range(1, 6)] == before
    answer(leads, ask(leads, leads.open_chunk()))
    assert keep(leads, *told) == Kept()
    assert leads.state(1) == ("succeeded", "assessed")
    assert snapshot(leads).stages["fetched"] == 2


def test_of_two_who_fetch_the_same_leads_each_is_kept_by_one(make_leads: MakeScene) -> None:
    scene = make_leads(200)
    kept: list[Kept] = []

    def fetch_all() -> None:
        kept.extend(keep(scene, *[found(n + 1) for n in range(begin, begin + 50)]) for begin in range(0, 200, 50))

    threads = [threading.Thread(target=fetch_all) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.fetched for one in kept) == 200
    assert snapshot(scene).stages["fetched"] == 200
    assert scene.books().pending == 200


def test_leads_in_the_recycle_bin_are_told_from_those_that_nobody_knows(leads: Scene) -> None:
    keep(leads, *[lost(n) for n in (1, 2, 3)], found(4))
    assert leads.store.leads.missing(leads.key, 0, 2) == [Wanted(1, lead_id(1)), Wanted(2, lead_id(2))]
    assert leads.store.leads.missing(leads.key, 2, 9) == [Wanted(3, lead_id(3))]
    assert leads.store.leads.note_deleted(leads.key, [2, 4], leads.now) == 1
    assert leads.store.leads.note_deleted(leads.key, [2, 4], leads.now) == 0
    assert [leads.state(n) for n in (1, 2, 4)] == [("failed", "not_found"), ("skipped", "deleted"), ("pending", None)]
    assert "recycle bin" in leads.target(2).detail
    leads.books()


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
    fail(leads, second, Outcome.REFUSED)
    other = another(leads, 3)
    assert fetch(other, [1, 2, 3]) == Kept(fetched=3, reused=1)
    assert [other.state(n) for n in (1, 2, 3)] == [("succeeded", "assessed"), ("pending", None), ("pending", None)]
    assert (other.spent(), other.events(1)) == (0, ["assessed"])
    line = other.store.leads.lines(other.key, 0, 1)[0]
    assert (line.answer, line.reused, line.cost, line.input_tokens) == ({"score": 80}, True, 0.0, 0)
    assert other.store.leads.usage(other.key).reused == 1
    other.books()


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


def test_a_lead_that_was_not_found_is_fetched_again_where_others_are_asked_again(leads: Scene) -> None:
    keep(leads, lost(1), found(2))
    fail(leads, ask(leads, leads.open_chunk()), Outcome.INVALID_ANSWER, retryable=False)
    leads.after(1)
    assert leads.store.sweeps.requeue_some(leads.key, (), leads.now, leads.now) == 2
    assert leads.state(1) == ("pending", None)
    assert (leads.target(1).reason, leads.target(1).due_at) == ("fetch", NEVER)
    assert (leads.target(2).state, leads.target(2).due_at, leads.target(2).tries) == ("waiting", leads.now, 0)
    assert wanted(leads) == [1, 3, 4, 5]
    assert fetch(leads, [1]).fetched == 1
    assert leads.state(1) == ("pending", None)
    assert snapshot(leads).stages["fetched"] == 2
    leads.books()


def test_cancelling_takes_leads_that_were_fetched_and_those_that_were_not(leads: Scene) -> None:
    fetch(leads, [1, 2])
    attempt = ask(leads, leads.open_chunk())
    leads.close(CampaignStatus.CANCELLING)
    leads.store.claims.release_stranded(leads.key, leads.now)
    while leads.store.sweeps.cancel_some(leads.key, leads.now):
        pass
    leads.close(CampaignStatus.CANCELLED)
    assert leads.books().cancelled == 5
    assert wanted(leads) == []
    assert keep(leads, found(3)) == Kept()
    assert snapshot(leads).unfetched == 0
    answer(leads, attempt)
    assert leads.state(1) == ("succeeded", "assessed")
    leads.books()


def test_answers_are_written_back_once_and_errors_stand(make_leads: MakeScene) -> None:
    scene = make_leads(4, lead={"write_back": {"Rating": "tier"}, "writing": True})
    fetch(scene, [1, 2, 3])
    opened = scene.open_chunk()
    for _ in range(3):
        answer(scene, ask(scene, opened), tier="A")
    assert snapshot(scene).unwritten == 3
    first, *_ = scene.store.leads.unwritten(scene.key, 2)
    assert (first.position, first.lead_id, first.answer) == (1, lead_id(1), {"score": 50, "tier": "A"})
    results = [(1, None), (2, "the field Rating cannot be set")]
    for _ in range(2):
        scene.store.leads.note_written(scene.key, results, scene.now)
    assert [left.position for left in scene.store.leads.unwritten(scene.key, 9)] == [3]
    found_now = snapshot(scene)
    assert (found_now.unwritten, found_now.stages["written"]) == (1, 1)
    assert scene.store.leads.usage(scene.key).write_errors == 1
    assert scene.events(2)[-1] == "not_written"
    lines = scene.store.leads.lines(scene.key)
    assert [(line.written_at, line.write_error) for line in lines[:3]] == [
        *((scene.now, None), (None, "the field Rating cannot be set"), (None, None)),
    ]


def test_nothing_is_unwritten_where_nothing_is_to_be_written(leads: Scene) -> None:
    fetch(leads, [1])
    answer(leads, ask(leads, leads.open_chunk()))
    assert snapshot(leads).unwritten == 0


def test_a_snapshot_tells_how_far_leads_have_come(leads: Scene) -> None:
    keep(leads, found(1), found(2), lost(3))
    opened = leads.open_chunk()
    answer(leads, ask(leads, opened))
    ask(leads, opened)
    found_now = snapshot(leads)
    assert (found_now.unfetched, found_now.in_batches, found_now.under_way) == (2, 0, 1)
    assert found_now.stages == {"fetched": 2, "reused": 0, "assessed": 1, "submitted": 0, "written": 0}
    leads.after(10)
    assert snapshot(leads).eta is not None


def test_phases_add_up(leads: Scene) -> None:
    add = leads.store.leads.add_phase
    add(leads.key, Phase.FETCHED, leads=0, seconds=3.0, failed=True, started_at=100.0, ended_at=103.0)
    add(leads.key, Phase.FETCHED, leads=40, seconds=5.0, failed=False, started_at=98.0, ended_at=102.0)
    checked, fetched = leads.store.leads.phases(leads.key)
    assert (checked.phase, checked.leads, checked.chunks) == (Phase.CHECKED, 5, 1)
    assert (fetched.chunks, fetched.failed_chunks, fetched.leads, fetched.seconds) == (1, 1, 40, 8.0)
    assert (fetched.started_at, fetched.ended_at, fetched.total_seconds) == (98.0, 103.0, 5.0)
    assert (fetched.leads_per_second, fetched.average_chunk, fetched.success_rate) == (8.0, 4.0, 0.5)


def test_what_checking_took_is_added_up(leads: Scene) -> None:
    rows = [row(9, lead_id(9))]
    leads.store.importing.add(leads.key, leads.new_file(), rows, 0, leads.after(5), seconds=2.5)
    (checked,) = leads.store.leads.phases(leads.key)
    assert (checked.leads, checked.chunks, checked.seconds, checked.total_seconds) == (6, 2, 2.5, 5.0)


def test_a_lead_that_does_not_know_its_attempt_is_left_alone(leads: Scene) -> None:
    fetch(leads, [1])
    leads.post(Record(AttemptId(leads.key, 1, 9), said(), cost=5, assessment=assessment(1, {"score": 1})))
    assert leads.state(1) == ("pending", None)
    assert kept_answers(leads) == 0


def test_fields_are_kept_as_they_are(leads: Scene) -> None:
    keep(leads, found(1, City="Zürich", Employees=12.5, IsHot=True, Note=None))
    line = leads.store.leads.lines(leads.key, 0, 1)[0]
    assert line.fields == fields_of(1, City="Zürich", Employees=12.5, IsHot=True, Note=None)
    assert line.variables == {"Lead ID": lead_id(1), "City": "Bonn"}
