"""Leads on their way from an id to an answer and back into the CRM: each is fetched, counted and written once."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from clarion.contracts import Pacing
from clarion.domain.attempt import NEVER
from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import Outcome, SkipReason
from clarion.store import sweeps
from clarion.store.leads import Kept, Wanted
from clarion.store.phases import Phase
from tests.store.lead_scene import (
    answer,
    ask,
    fail,
    fetch,
    fields_of,
    found,
    import_leads,
    keep,
    lead_id,
    lost,
    question,
    snapshot,
)
from tests.store.scene import Scene, row

MakeScene = Callable[..., Scene]


def wanted(scene: Scene, limit: int = 100) -> list[int]:
    return [lead.position for lead in scene.store.leads.unfetched(scene.key, limit)]


def test_a_new_lead_waits_to_be_fetched_and_cannot_be_claimed(leads: Scene) -> None:
    target = leads.target(1)
    assert (target.state, target.reason, target.due_at, target.address) == ("pending", "fetch", NEVER, lead_id(1))
    assert leads.claim(leads.open_chunk(), 9) == []
    assert snapshot(leads).unfetched == 5
    assert snapshot(leads).next_due_at is None
    assert leads.store.leads.unfetched(leads.key, 2) == [Wanted(1, lead_id(1)), Wanted(2, lead_id(2))]


def test_leads_may_be_asked_about_by_many_lanes(leads: Scene) -> None:
    assert leads.store.campaigns.set_pacing(leads.key, Pacing(concurrency=500), leads.now).lanes == 500


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


def test_answers_that_the_crm_did_not_take_can_be_written_again(
    make_leads: MakeScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "BULK", 2)
    scene = make_leads(5, lead={"write_back": {"Rating": "tier"}, "writing": True})
    fetch(scene, [1, 2, 3, 4, 5])
    opened = scene.open_chunk()
    for _ in range(5):
        answer(scene, ask(scene, opened), tier="A")
    store = scene.store
    assert store.sweeps.rewrite(scene.key) == 0
    store.leads.note_written(scene.key, [(n, None if n == 2 else "the lead is locked") for n in range(1, 5)], scene.now)
    assert store.sweeps.rewrite(scene.key) == 3
    assert [left.position for left in store.leads.unwritten(scene.key, 9)] == [1, 3, 4, 5]
    assert (snapshot(scene).unwritten, snapshot(scene).stages["written"]) == (4, 1)
    assert store.leads.usage(scene.key).write_errors == 0
    assert store.sweeps.rewrite(scene.key) == 0
    store.leads.note_written(scene.key, [(n, None) for n in (1, 3, 4, 5)], scene.now)
    assert (snapshot(scene).unwritten, snapshot(scene).stages["written"]) == (0, 5)


def test_write_errors_of_another_campaign_stay(make_leads: MakeScene) -> None:
    scene = make_leads(1, lead={"write_back": {"Rating": "tier"}, "writing": True})
    fetch(scene, [1])
    answer(scene, ask(scene, scene.open_chunk()), tier="A")
    scene.store.leads.note_written(scene.key, [(1, "the lead is locked")], scene.now)
    other = scene.store.campaigns.create(scene.tenant, "other", scene.store.campaigns.get(scene.key).spec, scene.now)
    assert scene.store.sweeps.rewrite(other.key) == 0
    assert scene.store.leads.lines(scene.key)[0].write_error == "the lead is locked"


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


def test_fields_are_kept_as_they_are(leads: Scene) -> None:
    keep(leads, found(1, City="Zürich", Employees=12.5, IsHot=True, Note=None))
    line = leads.store.leads.lines(leads.key, 0, 1)[0]
    assert line.fields == fields_of(1, City="Zürich", Employees=12.5, IsHot=True, Note=None)
    assert line.variables == {"Lead ID": lead_id(1), "City": "Bonn"}
