"""Batches of questions: begun once, whatever dies at whichever step, and every lead of them accounted for."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.exceptions import ApplicationError

from activities import lead_batches, lead_results
from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import Outcome
from clarion.providers.lead_ports import BatchStage, BatchWord, Question, Reply
from clarion.providers.ports import AccountBroken, Unavailable
from clarion.store.phases import Phase
from tests.activities.lead_office import COST, LeadOffice, bad, good
from tests.activities.office import PATIENCE, run, temporal


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_PAUSE", "LONGEST_PAUSE"):
        monkeypatch.setattr(lead_batches, name, 0.02)
    monkeypatch.setattr(lead_results, "SLICE", 3)


async def fetched(leads: LeadOffice, number: int, **spec: object) -> None:
    leads.new_analysis(number, known=True, **spec)
    await leads.fetch()


def begun(leads: LeadOffice) -> int:
    """How many batches the provider was told to begin."""
    return len(leads.oracle.batches)


async def test_a_batch_answers_every_lead_at_half_the_price(leads: LeadOffice) -> None:
    await fetched(leads, 10)
    report = await leads.in_batches()
    assert (report.snapshot.in_batches, report.halt, leads.books.succeeded) == (0, "", 10)
    assert (begun(leads), leads.spent) == (1, 10 * COST // 2)
    assert leads.oracle.steps == ["upload", "submit", "look", "results"]
    assert next(iter(leads.oracle.batches.values())).name == f"default/{leads.campaign.campaign_id}/1"
    assert leads.phase(Phase.ASSESSED).leads == 10
    assert all(line.answer is not None for line in leads.store.leads.lines(leads.key))
    again = await leads.in_batches()
    assert (again.worked, again.snapshot.in_batches, begun(leads)) == (0, 0, 1)


async def test_many_leads_are_many_batches(leads: LeadOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lead_batches, "MOST_LEADS", 4)
    await fetched(leads, 10)
    await leads.in_batches()
    assert [len(batch.lines) for batch in leads.oracle.batches.values()] == [4, 4, 2]
    assert leads.books.succeeded == 10


@pytest.mark.parametrize("step", ["upload", "submit", "results"])
async def test_whoever_dies_at_a_step_is_followed_by_one_who_begins_no_batch_again(
    leads: LeadOffice, step: str
) -> None:
    await fetched(leads, 7)
    leads.oracle.dies_at = step
    with pytest.raises(ApplicationError):
        await leads.in_batches()
    report = await leads.in_batches(environment=temporal(attempt=2))
    assert (report.snapshot.in_batches, begun(leads), leads.books.succeeded) == (0, 1, 7)
    assert leads.spent == 7 * COST // 2
    assert len(leads.store.leads.lines(leads.key)) == 7


@pytest.mark.parametrize("step", ["fill", "note_file", "note_submitted", "end"])
async def test_a_database_that_goes_away_at_a_step_makes_no_batch_begin_again(
    leads: LeadOffice, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    await fetched(leads, 7)
    batches = leads.store.batches
    write = getattr(batches, step)

    def written_and_away(*given: object) -> object:
        write(*given)
        monkeypatch.setattr(batches, step, write)
        raise ConnectionResetError

    monkeypatch.setattr(batches, step, written_and_away)
    with pytest.raises(ApplicationError):
        await leads.in_batches()
    await leads.in_batches(environment=temporal(attempt=2))
    assert (begun(leads), leads.books.succeeded) == (1, 7)
    assert (await leads.in_batches()).snapshot.in_batches == 0


async def test_a_worker_that_was_frozen_before_it_began_a_batch_looks_whether_another_has(
    leads: LeadOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fetched(leads, 3)
    note, loop = leads.store.batches.note_file, asyncio.get_running_loop()

    def note_and_freeze(key: int, number: int, file: str | None) -> None:
        note(key, number, file)
        name = f"default/{leads.campaign.campaign_id}/{number}"
        asyncio.run_coroutine_threadsafe(leads.oracle.submit(name, file or ""), loop).result(PATIENCE)
        leads.clock.ahead += 60.0

    monkeypatch.setattr(leads.store.batches, "note_file", note_and_freeze)
    await leads.in_batches(seconds=600.0)
    assert (begun(leads), leads.books.succeeded) == (1, 3)


async def test_lines_that_were_not_worked_on_are_asked_live(leads: LeadOffice) -> None:
    await fetched(leads, 6)
    leads.oracle.skips = {f"{leads.key}.{n}.1" for n in (2, 5)}
    report = await leads.in_batches()
    assert (leads.books.succeeded, report.snapshot.in_batches) == (4, 0)
    assert (leads.live(2), leads.live(5), begun(leads)) == (True, True, 1)
    assert (await leads.ask()).worked == 2
    assert leads.books.succeeded == 6
    assert leads.spent == 4 * COST // 2 + 2 * COST


async def test_an_answer_that_cannot_be_used_is_tried_again_live(leads: LeadOffice) -> None:
    await fetched(leads, 3)

    def says(question: Question) -> Reply:
        return bad(Outcome.TRUNCATED, retryable=True) if question.attempt.endswith("2.1") else good()

    leads.oracle.says = says
    await leads.in_batches()
    assert (leads.state(2), leads.live(2)) == (("waiting", "truncated"), True)
    leads.clock.ahead += 100
    assert (await leads.in_batches()).worked == 0
    await leads.ask()
    assert leads.state(2) == ("succeeded", "assessed")
    assert leads.oracle.asked[-1].max_output_tokens == 2_000


@pytest.mark.parametrize("gone", [True, False])
async def test_a_batch_that_never_began_or_is_gone_is_asked_live(leads: LeadOffice, gone: bool) -> None:
    leads.oracle.ends_at_once = False
    await fetched(leads, 4)
    await leads.in_batches(seconds=0.0)
    batch = leads.oracle.batches["batch-1"]
    batch.word = BatchWord("batch-1", BatchStage.FAILED, "failed", detail="line 1 is no JSON")
    if gone:
        leads.oracle.batches.clear()
    assert (await leads.in_batches()).snapshot.in_batches == 0
    assert (await leads.ask()).worked == 4
    assert leads.books.succeeded == 4


@pytest.mark.parametrize("step", ["submit", "results"])
async def test_a_file_that_is_gone_at_the_provider_is_asked_live(leads: LeadOffice, step: str) -> None:
    leads.oracle.gone = step
    await fetched(leads, 4)
    report = await leads.in_batches()
    assert (report.snapshot.in_batches, report.halt) == (0, "")
    assert (await leads.ask()).worked == 4


async def test_what_there_is_no_room_for_is_begun_again_later(
    leads: LeadOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lead_batches, "CROWDED_PAUSE", 0.05)
    leads.oracle.no_room = 2
    await fetched(leads, 4)
    await leads.in_batches()
    assert (begun(leads), leads.books.succeeded) == (3, 4)
    assert leads.spent == 4 * COST // 2


async def test_a_batch_for_which_there_is_never_room_is_asked_live(
    leads: LeadOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lead_batches, "CROWDED_PAUSE", 0.0)
    leads.oracle.no_room = 100
    await fetched(leads, 4)
    report = await leads.in_batches()
    assert (report.snapshot.in_batches, begun(leads)) == (0, lead_batches.MOST_CROWDED)
    assert (await leads.ask()).worked == 4


async def test_a_batch_that_works_is_left_and_looked_at_again(leads: LeadOffice) -> None:
    leads.oracle.ends_at_once = False
    await fetched(leads, 4)
    first = await leads.in_batches(seconds=0.0)
    assert (first.worked, first.snapshot.in_batches) == (4, 4)
    assert leads.state(1) == ("active", "submitted")
    assert (await leads.in_batches(seconds=0.1)).worked == 0
    leads.oracle.end("batch-1")
    assert (await leads.in_batches()).snapshot.in_batches == 0
    assert (begun(leads), leads.books.succeeded) == (1, 4)


async def test_a_paused_campaign_begins_no_batch_and_leaves_those_under_way(leads: LeadOffice) -> None:
    leads.oracle.ends_at_once = False
    await fetched(leads, 4)
    running = asyncio.create_task(run(leads.analyst().run_batches, leads.errand()))
    await leads.until(lambda: begun(leads) == 1)
    leads.set_status(CampaignStatus.PAUSED, open_=False)
    report = await running
    assert (report.closed, report.snapshot.in_batches, "cancel" in leads.oracle.steps) == (True, 4, False)
    leads.oracle.end("batch-1")
    leads.set_status(CampaignStatus.RUNNING, open_=True)
    await leads.in_batches()
    assert leads.books.succeeded == 4


async def test_a_batch_that_was_filled_and_not_begun_waits_for_the_resume(leads: LeadOffice) -> None:
    await fetched(leads, 4)
    leads.store.batches.fill(leads.key, 10, 1, leads.clock())
    leads.set_status(CampaignStatus.PAUSED, open_=False)
    assert ((await leads.in_batches()).closed, begun(leads)) == (True, 0)
    leads.set_status(CampaignStatus.RUNNING, open_=True)
    await leads.in_batches()
    assert (begun(leads), leads.books.succeeded) == (1, 4)


async def test_cancelling_ends_batches_early_and_keeps_what_has_come(leads: LeadOffice) -> None:
    leads.oracle.ends_at_once = False
    await fetched(leads, 4)
    leads.oracle.skips = {f"{leads.key}.4.1"}
    running = asyncio.create_task(run(leads.analyst().run_batches, leads.errand()))
    await leads.until(lambda: begun(leads) == 1)
    leads.set_status(CampaignStatus.CANCELLING, open_=False)
    report = await running
    assert leads.oracle.steps.count("cancel") == 1
    assert (report.snapshot.in_batches, report.closed) == (0, False)
    assert (leads.books.succeeded, leads.books.cancelled) == (3, 1)


@pytest.mark.parametrize("sent", [None, "unknown", "begun"])
async def test_cancelling_gives_up_a_batch_that_was_not_begun(leads: LeadOffice, sent: str | None) -> None:
    await fetched(leads, 4)
    row = leads.store.batches.fill(leads.key, 10, 1, leads.clock())
    assert row is not None
    if sent is not None:
        name = f"default/{leads.campaign.campaign_id}/1"
        asked = [Question(f"{leads.key}.{n}.1", "m", "", "{}", {}, 16) for n in range(1, 5)]
        file = await leads.oracle.upload(name, asked)
        leads.store.batches.note_file(leads.key, row.number, file)
        if sent == "begun":
            await leads.oracle.submit(name, file)
    leads.set_status(CampaignStatus.CANCELLING, open_=False)
    report = await leads.in_batches()
    kept = 4 if sent == "begun" else 0
    assert (report.snapshot.in_batches, leads.books.succeeded, leads.books.cancelled) == (0, kept, 4 - kept)


async def test_a_refused_key_halts_and_an_outage_is_tried_again(
    leads: LeadOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fetched(leads, 2)
    submit = leads.oracle.submit
    mishaps: list[Exception] = [AccountBroken("the key is not accepted"), Unavailable("no connection")]

    async def broken(name: str, file: str) -> BatchWord:
        if mishaps:
            raise mishaps.pop(0)
        return await submit(name, file)

    monkeypatch.setattr(leads.oracle, "submit", broken)
    assert (await leads.in_batches()).halt == "the key is not accepted"
    leads.set_status(CampaignStatus.RUNNING, open_=True)
    with pytest.raises(ApplicationError, match="no connection"):
        await leads.in_batches()
    await leads.in_batches()
    assert (begun(leads), leads.books.succeeded) == (1, 2)


async def test_a_budget_that_is_not_enough_for_all_fills_what_it_is_enough_for(leads: LeadOffice) -> None:
    await fetched(leads, 5, budget=0.02, assess={"max_output_tokens": 1_000})
    report = await leads.in_batches()
    assert 1 <= leads.books.succeeded <= 5
    assert leads.spent <= 20_000
    assert ("the budget of 0.02 is spent" in report.halt) == (leads.books.succeeded < 5)
