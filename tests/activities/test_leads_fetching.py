"""Leads fetched from the CRM and written back to it: each is accounted for, and no request is made for nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError

from activities import audience, lead_fetch
from activities.audience import AudienceActivities
from activities.books import BookActivities
from clarion.contracts import ImportOrder, Retry, RetryOrder
from clarion.domain.campaign import CampaignStatus
from clarion.providers.lead_ports import CrmError
from clarion.providers.ports import AccountBroken, RateLimited, Unavailable
from clarion.store.phases import Phase
from tests.activities.lead_office import LeadOffice, good, lead_id
from tests.activities.office import run, temporal

WRITES = {"account": "salesforce", "writing": True, "write_back": {"Fit__c": "score", "Why__c": "reasons"}}


async def test_checking_rows_is_a_phase_with_the_time_that_each_batch_took(
    leads: LeadOffice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "BATCH", 2)
    leads.new_analysis(0)
    before = leads.phase(Phase.CHECKED).chunks
    file = tmp_path / "leads.csv"
    file.write_text("\n".join(["Lead ID", *map(lead_id, range(1, 5)), "nonsense"]) + "\n")
    ticks = count(1_000)
    order = ImportOrder(campaign=leads.campaign, file_id=leads.store.files.keep(leads.key, file))
    await run(AudienceActivities(leads.store, lambda: float(next(ticks))).import_audience, order)
    line = leads.phase(Phase.CHECKED)
    assert (line.leads, line.chunks - before, line.seconds) == (5, 3, 3.0)


async def test_leads_are_fetched_chunk_by_chunk_in_the_order_of_the_file(leads: LeadOffice) -> None:
    leads.new_analysis(7, lead={"chunk": 3})
    report = await leads.fetch()
    assert [len(ids) for ids in leads.crm.fetched] == [3, 3, 1]
    assert [one for ids in leads.crm.fetched for one in ids] == [lead_id(n) for n in range(1, 8)]
    assert (report.worked, report.snapshot.unfetched, report.snapshot.stages["fetched"]) == (7, 0, 7)
    assert lead_id(1) not in report.model_dump_json()
    line = leads.phase(Phase.FETCHED)
    assert (line.leads, line.chunks, line.failed_chunks) == (7, 3, 0)


async def test_one_execution_fetches_for_as_long_as_it_should_and_at_least_one_chunk(leads: LeadOffice) -> None:
    leads.new_analysis(7, lead={"chunk": 3})
    assert (await leads.fetch(seconds=0.0)).worked == 3
    assert (await leads.fetch(seconds=0.0)).snapshot.unfetched == 1


async def test_what_the_crm_does_not_have_or_not_any_more_is_told_apart(leads: LeadOffice) -> None:
    leads.new_analysis(5, known=False)
    leads.crm.know(1)
    leads.crm.know(2, converted=True)
    leads.crm.binned = {lead_id(3)}
    await leads.fetch()
    assert [leads.state(n) for n in range(1, 6)] == [
        ("pending", None),
        ("skipped", "converted"),
        ("skipped", "deleted"),
        ("failed", "not_found"),
        ("failed", "not_found"),
    ]
    assert leads.crm.looked == [[lead_id(3), lead_id(4), lead_id(5)]]


async def test_converted_leads_are_kept_where_the_campaign_wants_them(leads: LeadOffice) -> None:
    leads.new_analysis(1, known=False, lead={"converted": True})
    leads.crm.know(1, converted=True)
    await leads.fetch()
    assert leads.state(1) == ("pending", None)


async def test_the_recycle_bin_is_looked_into_page_by_page(leads: LeadOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lead_fetch, "MOST_DELETED", 2)
    leads.new_analysis(5, known=False)
    leads.crm.binned = {lead_id(1), lead_id(5)}
    await leads.fetch()
    assert [leads.state(n)[1] for n in range(1, 6)] == ["deleted", "not_found", "not_found", "not_found", "deleted"]
    assert max(map(len, leads.crm.looked)) == 2


async def test_a_recycle_bin_that_we_may_not_look_into_stops_nothing(leads: LeadOffice) -> None:
    leads.new_analysis(1, known=False)
    leads.crm.before_answer = lambda: leads.crm.mishaps.append(CrmError("no right to do that"))
    report = await leads.fetch()
    assert (report.halt, leads.state(1)) == ("", ("failed", "not_found"))


async def test_the_same_question_is_answered_from_the_store_and_a_new_one_is_not(leads: LeadOffice) -> None:
    leads.new_analysis(3)
    await leads.fetch()
    await leads.ask()
    leads.new_analysis(3)
    leads.crm.know(2, Rating="Hot")
    report = await leads.fetch()
    assert (report.snapshot.books.succeeded, report.snapshot.stages["reused"]) == (2, 2)
    await leads.ask()
    assert (len(leads.oracle.asked), leads.books.succeeded) == (4, 3)
    leads.new_analysis(3, assess={"fresh": True})
    await leads.fetch()
    assert leads.books.pending == 3


@pytest.mark.parametrize(
    ("error", "kind", "delay"),
    [
        (RateLimited("too many requests at once", retry_after=7.0), "RateLimited", 7.0),
        (Unavailable("no connection"), "Unavailable", None),
    ],
)
async def test_what_passes_is_left_to_temporal_and_goes_on_where_it_was(
    leads: LeadOffice, error: Exception, kind: str, delay: float | None
) -> None:
    leads.new_analysis(6, lead={"chunk": 3})
    leads.crm.before_answer = lambda: leads.crm.mishaps.append(error) if len(leads.crm.fetched) == 1 else None
    with pytest.raises(ApplicationError) as failure:
        await leads.fetch()
    told = failure.value
    assert (told.type, told.non_retryable, told.message) == (kind, False, str(error))
    assert (told.next_retry_delay.total_seconds() if told.next_retry_delay else None) == delay
    assert (await leads.fetch()).snapshot.unfetched == 0
    assert [len(ids) for ids in leads.crm.fetched] == [3, 3]
    line = leads.phase(Phase.FETCHED)
    assert (line.chunks, line.failed_chunks, line.leads) == (2, 1, 6)


@pytest.mark.parametrize(
    "error", [AccountBroken("the password is not accepted"), CrmError("there is no field Fit__c on a Lead")]
)
async def test_what_a_person_has_to_mend_halts_the_campaign_and_fails_nothing(
    leads: LeadOffice, error: Exception
) -> None:
    leads.new_analysis(3)
    leads.crm.mishaps = [error]
    report = await leads.fetch()
    assert (report.halt, report.snapshot.unfetched, leads.books.pending) == (str(error), 3, 3)
    leads.set_status(CampaignStatus.RUNNING, open_=True)
    assert (await leads.fetch()).snapshot.unfetched == 0


async def test_nearly_all_of_the_days_requests_used_halts_before_the_last_are_gone(leads: LeadOffice) -> None:
    leads.new_analysis(6, lead={"chunk": 3})
    leads.crm.used = 95
    report = await leads.fetch()
    assert "95 of the 100 requests a day" in report.halt
    assert (report.worked, report.snapshot.unfetched) == (3, 3)
    leads.crm.used = 94
    leads.set_status(CampaignStatus.RUNNING, open_=True)
    assert ((await leads.fetch()).halt, leads.books.open) == ("", 6)


async def test_a_closed_campaign_fetches_nothing_more(leads: LeadOffice) -> None:
    leads.new_analysis(3)
    leads.set_status(CampaignStatus.PAUSED, open_=False)
    report = await leads.fetch()
    assert (report.closed, report.worked, leads.crm.fetched) == (True, 0, [])


async def test_a_fetch_that_is_called_off_keeps_what_the_crm_has_sent(leads: LeadOffice) -> None:
    leads.new_analysis(6, lead={"chunk": 3})
    environment = temporal()
    leads.crm.before_answer = environment.cancel
    with pytest.raises(asyncio.CancelledError):
        await leads.fetch(environment=environment)
    assert leads.store.campaigns.snapshot(leads.key, leads.clock()).unfetched == 3


async def test_a_worker_that_stops_hands_the_rest_to_another(leads: LeadOffice) -> None:
    leads.new_analysis(6, lead={"chunk": 3})
    environment = temporal()
    running = asyncio.create_task(run(leads.analyst().fetch_leads, leads.errand(), environment))
    leads.crm.before_answer = lambda: _stop_and_wait(environment.worker_shutdown)
    with pytest.raises(ApplicationError) as failure:
        await running
    assert (failure.value.type, failure.value.non_retryable) == ("WorkerShutdown", False)
    leads.crm.before_answer = lambda: None
    assert (await leads.fetch()).snapshot.unfetched == 0
    assert [len(ids) for ids in leads.crm.fetched] == [3, 3]


def _stop_and_wait(stop: Callable[[], None]) -> None:
    stop()
    time.sleep(1.0)  # until the next sign of life tells the activity


async def test_a_lead_that_was_not_found_can_be_tried_again(leads: LeadOffice) -> None:
    leads.new_analysis(2, known=False)
    await leads.fetch()
    leads.crm.know(1)
    assert leads.store.sweeps.requeue_some(leads.key, ["not_found"], leads.clock() + 1, leads.clock() + 1) == 2
    await leads.fetch()
    leads.clock.ahead += 2
    await leads.ask()
    assert [leads.state(n)[1] for n in (1, 2)] == ["assessed", "not_found"]


async def test_answers_are_written_back_200_leads_a_call(leads: LeadOffice) -> None:
    leads.new_analysis(250, lead=WRITES)
    await leads.fetch()
    leads.oracle.says = lambda question: good(reasons=["large", "growing"])
    assert (await leads.ask(size=250, lanes=20)).snapshot.unwritten == 250
    report = await leads.write()
    assert (report.worked, report.snapshot.unwritten, leads.crm.writes) == (250, 0, [200, 50])
    assert leads.crm.written[lead_id(1)] == {"Fit__c": 80, "Why__c": "large; growing"}
    assert leads.phase(Phase.WRITTEN).leads == 250
    assert (await leads.write()).worked == 0


async def test_a_lead_that_cannot_be_written_says_why_and_stops_no_other(leads: LeadOffice) -> None:
    leads.new_analysis(3, lead=WRITES)
    await leads.fetch()
    await leads.ask()
    leads.crm.refuses = {lead_id(2): "the lead is locked"}
    leads.crm.mishaps = [Unavailable("no connection")]
    with pytest.raises(ApplicationError):
        await leads.write()
    assert (await leads.write()).snapshot.unwritten == 0
    assert set(leads.crm.written) == {lead_id(1), lead_id(3)}
    assert [line.write_error for line in leads.store.leads.lines(leads.key)] == [None, "the lead is locked", None]


async def test_what_could_not_be_written_is_written_with_the_next_retry_of_all_failures(leads: LeadOffice) -> None:
    leads.new_analysis(2, lead=WRITES)
    await leads.fetch()
    await leads.ask()
    leads.crm.refuses = {lead_id(2): "the lead is locked"}
    await leads.write()
    leads.crm.refuses = {}
    keeper = BookActivities(leads.store, leads.clock)
    some = RetryOrder(campaign=leads.campaign, retry=Retry(outcomes=("refused",)))
    assert await run(keeper.requeue_failed, some) == 0
    assert (await leads.write()).worked == 0
    assert await run(keeper.requeue_failed, RetryOrder(campaign=leads.campaign)) == 0
    assert (await leads.write()).worked == 1
    assert set(leads.crm.written) == {lead_id(1), lead_id(2)}
    details = [event.detail for event in leads.store.events.of_campaign(leads.key) if event.kind == "retry"]
    assert details[1] == "0 failed targets are tried again; answers that are written back again: 1"


async def test_writing_that_is_refused_as_a_whole_halts_the_campaign(leads: LeadOffice) -> None:
    leads.new_analysis(1, lead=WRITES)
    await leads.fetch()
    await leads.ask()
    leads.crm.mishaps = [CrmError("there is no field Fit__c on a Lead")]
    report = await leads.write()
    assert (report.halt, report.snapshot.unwritten) == ("there is no field Fit__c on a Lead", 1)
