"""Analyses of leads: fetched beside the lanes, asked in batches or live, written back, followed, and steered."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from clarion.contracts import Addition, Pacing, Retry
from clarion.domain.campaign import CampaignStatus
from tests.fake_leads import BATCHES, FETCH, LEFT, MISSING, WRITE
from tests.fakes import BROKEN, DELIVERED, LATER, REFUSED
from tests.workflows.analysis import analyse
from tests.workflows.stage import CHUNK, Stage
from tests.workflows.test_showing import metadata
from workflows.campaign import CampaignWorkflow

DAY = 86400.0
AWAY = ApplicationError("no connection to Salesforce", type="Unavailable")


async def test_leads_are_fetched_and_asked_about_and_the_books_are_closed(stage: Stage) -> None:
    async with analyse(stage, *[[DELIVERED]] * 25, [REFUSED], [MISSING]) as play:
        state = await play.end()
    books = state.snapshot.books
    assert (state.status, books.succeeded, books.failed) == (CampaignStatus.COMPLETED, 25, 2)
    assert (play.campaign.contacts, play.campaign.calls[FETCH]) == (26, 3)
    assert play.words == ["preparing", "running", "settling", "completed"]


async def test_lanes_ask_about_what_has_come_while_more_is_fetched(stage: Stage) -> None:
    async with analyse(stage, *[[DELIVERED]] * 30) as play:
        await play.into_the_fetching(contacts=5)
        await play.until(lambda: play.campaign.contacts >= 10 and play.campaign.running[FETCH] == 1)
        assert play.campaign.contacts < 30
        play.campaign.let_go(FETCH)
        await play.end()


async def test_five_hundred_lanes_are_ten_chunks(stage: Stage) -> None:
    async with analyse(stage, *[[DELIVERED]] * 1000, lanes=500, chunk_size=1) as play:
        play.campaign.chunk = 1000
        play.campaign.hold(CHUNK)
        await play.until(lambda: play.campaign.lanes == 500)
        assert play.campaign.running[CHUNK] == 10
        play.campaign.let_go(CHUNK)
        await play.end()
    assert play.campaign.lanes_peak == 500


async def test_a_pause_calls_fetching_off_and_a_resume_goes_on(stage: Stage) -> None:
    async with analyse(stage, *[[DELIVERED]] * 30) as play:
        await play.into_the_fetching()
        reply = await play.ask(CampaignWorkflow.pause_now, "lunch")
        assert reply.message == "nothing new starts, 0 under way"
        await play.until_written(CampaignStatus.PAUSED)
        assert (play.campaign.running[FETCH], play.campaign.contacts) == (0, 0)
        play.campaign.let_go(FETCH)
        await play.handle.signal(CampaignWorkflow.resume)
        await play.end()
    assert play.campaign.contacts == 30


async def test_a_crm_that_is_away_is_asked_again_and_can_be_paused_meanwhile(stage: Stage) -> None:
    async with analyse(stage, *[[DELIVERED]] * 5) as play:
        play.campaign.failures[FETCH] = [AWAY] * 500
        await play.until(lambda: play.campaign.calls[FETCH] > 1)
        await play.ask(CampaignWorkflow.pause_now)
        await play.until_written(CampaignStatus.PAUSED)
        play.campaign.failures[FETCH] = [AWAY]
        await play.handle.signal(CampaignWorkflow.resume)
        assert (await play.end()).snapshot.books.succeeded == 5


async def test_a_fetch_that_no_retry_can_mend_fails_the_campaign_with_its_sentence(stage: Stage) -> None:
    async with analyse(stage, *[[DELIVERED]] * 30) as play:
        play.campaign.hold(CHUNK, 3)
        await play.until(lambda: play.campaign.running[CHUNK] > 0)
        wrong = ApplicationError("there is no such campaign", type="NotFound", non_retryable=True)
        play.campaign.failures[FETCH] = [wrong]
        await play.until_written(CampaignStatus.FAILED)
        play.campaign.let_go(CHUNK)
        with pytest.raises(WorkflowFailureError) as failure:
            await play.handle.result()
        assert play.campaign.running[CHUNK] == 0
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.message == "there is no such campaign"


async def test_a_halt_pauses_with_its_sentence_and_a_resume_goes_on(stage: Stage) -> None:
    async with analyse(stage, *[[DELIVERED]] * 12, [BROKEN], *[[DELIVERED]] * 12) as play:
        await play.until_written(CampaignStatus.PAUSED)
        assert play.campaign.statuses[-1].reason == "the account is refused"
        await play.handle.signal(CampaignWorkflow.resume)
        await play.end()
    assert play.campaign.contacts >= 25


async def test_leads_added_later_are_fetched_too(stage: Stage) -> None:
    async with analyse(stage, *[[DELIVERED]] * 12) as play:
        play.campaign.files[2] = [[DELIVERED]] * 15
        await play.into_a_chunk()
        adding = asyncio.create_task(play.ask(CampaignWorkflow.add_targets, Addition(file_id=2)))
        await play.until(lambda: len(play.campaign.targets) == 27)
        play.campaign.let_go(CHUNK)
        assert (await adding).message == "15 rows added"
        assert (await play.end()).snapshot.books.succeeded == 27


async def test_what_fails_is_tried_again_and_later(stage: Stage) -> None:
    async with analyse(stage, [REFUSED, DELIVERED], [LATER, DELIVERED], [DELIVERED]) as play:
        play.campaign.retry_after = 2.0
        await play.until(lambda: play.campaign.contacts == 3)
        await play.ask(CampaignWorkflow.retry_failed, Retry())
        assert (await play.end()).snapshot.books.succeeded == 3


async def test_cancelling_while_leads_are_fetched_cancels_the_rest(stage: Stage) -> None:
    async with analyse(stage, *[[DELIVERED]] * 30) as play:
        await play.into_the_fetching(contacts=10)
        await play.handle.signal(CampaignWorkflow.cancel_soon, "wrong file")
        state = await play.end()
    assert (state.status, state.snapshot.books.cancelled) == (CampaignStatus.CANCELLED, 20)


async def test_a_workflow_that_was_terminated_goes_on_from_the_store(stage: Stage) -> None:
    async with analyse(stage, *[[DELIVERED]] * 30) as play:
        await play.into_the_fetching(contacts=10)
        await play.handle.terminate()
        play.campaign.let_go(FETCH)
        await play.until(lambda: play.campaign.running[FETCH] + play.campaign.running[CHUNK] == 0)
        again = await stage.start(
            channel="lead_analysis",
            lanes=50,
            file_ids=(),
            campaign={"tenant": "acme", "campaign_id": "again", "key": 7},
        )
        state = await again.result()
    assert state.snapshot.books.succeeded == 30


@pytest.mark.parametrize("mode", ["live", "batch"])
async def test_an_analysis_that_has_ended_is_opened_again_for_its_failures(stage: Stage, mode: str) -> None:
    async with analyse(stage, *[[DELIVERED]] * 3, [REFUSED, DELIVERED], mode=mode, writes_back=True) as play:
        assert (await play.end()).snapshot.books.failed == 1
        again: dict[str, object] = {"campaign": {"tenant": "acme", "campaign_id": play.handle.id, "key": 7}}
        again |= {"channel": "lead_analysis", "mode": mode, "writes_back": True, "file_ids": (), "reopen": Retry()}
        play.campaign.statuses.clear()
        state = await (await stage.start(**again)).result()
    assert (state.status, state.snapshot.books.succeeded) == (CampaignStatus.COMPLETED, 4)
    assert len(play.campaign.written) == 4


@pytest.mark.parametrize("short_stage", [100], indirect=True)
async def test_a_long_history_goes_on_in_the_midst_of_fetching(short_stage: Stage) -> None:
    async with analyse(short_stage, *[[DELIVERED]] * 60, lanes=5, chunk_size=2) as play:
        play.campaign.chunk = 2
        state = await play.end()
    assert state.runs > 1
    assert (play.campaign.contacts, state.snapshot.books.succeeded) == (60, 60)
    assert play.campaign.calls["import_audience"] == 1


@pytest.mark.parametrize("short_stage", [100], indirect=True)
async def test_a_long_history_goes_on_in_the_midst_of_batches(short_stage: Stage) -> None:
    async with analyse(short_stage, *[[DELIVERED]] * 20, mode="batch") as play:
        await play.into_the_batches()
        for lanes in range(1, 31):
            await play.ask(CampaignWorkflow.set_limits, Pacing(concurrency=lanes))
        await play.until(lambda: play.campaign.calls[BATCHES] > 1)
        play.campaign.batches_end = True
        state = await play.end()
    assert state.runs > 1
    assert (play.campaign.batches, play.campaign.contacts) == ([20], 0)


async def test_batches_come_when_all_is_fetched_and_lanes_ask_what_they_leave(stage: Stage) -> None:
    async with analyse(stage, *[[DELIVERED]] * 20, *[[LEFT, DELIVERED]] * 3, [LEFT, REFUSED], mode="batch") as play:
        await play.into_the_batches()
        assert (play.campaign.batches, play.campaign.contacts) == ([24], 0)
        play.campaign.batches_end = True
        state = await play.end()
    assert (state.snapshot.books.succeeded, state.snapshot.books.failed, play.campaign.contacts) == (23, 1, 4)
    assert play.campaign.batches == [24]
    assert state.uses_batches is True


@pytest.mark.parametrize(
    ("within", "leads", "batches"), [(2 * DAY, 1000, [1000]), (2 * DAY, 999, []), (DAY / 2, 1000, []), (None, 1000, [])]
)
async def test_auto_takes_batches_when_there_is_time_and_enough_to_ask(
    stage: Stage, within: float | None, leads: int, batches: list[int]
) -> None:
    async with analyse(stage, *[[DELIVERED]] * leads, mode="auto", within=within, lanes=500) as play:
        play.campaign.chunk = 500
        state = await play.end()
    assert (play.campaign.batches, state.uses_batches) == (batches, bool(batches))
    assert state.snapshot.books.succeeded == leads


async def test_a_pause_leaves_batches_under_way_and_collects_them_after_the_resume(stage: Stage) -> None:
    async with analyse(stage, *[[DELIVERED]] * 10, mode="batch") as play:
        await play.into_the_batches()
        await play.ask(CampaignWorkflow.pause_now)
        await play.until_written(CampaignStatus.PAUSED)
        assert (play.campaign.running[BATCHES], play.campaign.books.active) == (0, 10)
        play.campaign.batches_end = True
        await play.handle.signal(CampaignWorkflow.resume)
        assert (await play.end()).snapshot.books.succeeded == 10
    assert play.campaign.batches == [10]


async def test_the_web_ui_tells_what_goes_on_beside_the_lanes(stage: Stage) -> None:
    async with analyse(stage, *[[DELIVERED]] * 10, [LEFT, DELIVERED], mode="batch", writes_back=True) as play:
        await play.into_the_batches()
        await play.ask(CampaignWorkflow.pause_now)
        assert "in batches 11" in (await metadata(play)).current_details
        play.campaign.batches_end = True
        await play.handle.signal(CampaignWorkflow.resume)
        await play.end()
        summaries = {str(event.user_metadata.summary.data, "utf-8").strip('"') for event in await play.events()}
    assert {"fetch leads", "batches", "write back"} <= summaries
    assert any(summary.startswith("chunk 1 · ") and summary.endswith(" leads") for summary in summaries)


async def test_cancelling_ends_batches_early_and_keeps_what_has_come(stage: Stage) -> None:
    async with analyse(stage, *[[DELIVERED]] * 6, *[[LEFT]] * 4, mode="batch") as play:
        await play.into_the_batches()
        await play.handle.signal(CampaignWorkflow.cancel_soon)
        state = await play.end()
    books = state.snapshot.books
    assert (books.succeeded, books.cancelled, play.campaign.cancelled_batches) == (6, 4, 1)


async def test_cancelling_a_paused_campaign_ends_its_batches(stage: Stage) -> None:
    async with analyse(stage, *[[DELIVERED]] * 10, mode="batch") as play:
        await play.into_the_batches()
        await play.ask(CampaignWorkflow.pause_now)
        await play.until_written(CampaignStatus.PAUSED)
        await play.handle.signal(CampaignWorkflow.cancel_soon)
        state = await play.end()
    assert (state.status, state.snapshot.books.succeeded) == (CampaignStatus.CANCELLED, 10)


async def test_leads_added_while_a_batch_works_become_another_one(stage: Stage) -> None:
    async with analyse(stage, *[[DELIVERED]] * 10, mode="batch") as play:
        play.campaign.files[2] = [[DELIVERED]] * 5
        await play.into_the_batches()
        await play.ask(CampaignWorkflow.add_targets, Addition(file_id=2))
        await play.until(lambda: sum(play.campaign.batches) == 15)
        play.campaign.batches_end = True
        await play.end()
    assert play.campaign.batches == [10, 5]


async def test_answers_are_written_back_before_the_books_are_closed(stage: Stage) -> None:
    async with analyse(stage, *[[DELIVERED]] * 12, [REFUSED], writes_back=True) as play:
        play.campaign.hold(WRITE)
        await play.until(lambda: play.campaign.running[WRITE] > 0)
        assert (play.campaign.calls["close_books"], play.campaign.books.open) == (0, 0)
        play.campaign.let_go(WRITE)
        await play.end()
    assert (len(play.campaign.written), play.campaign.calls[WRITE]) == (12, 1)


async def test_nothing_is_written_back_where_nobody_wants_it(stage: Stage) -> None:
    async with analyse(stage, *[[DELIVERED]] * 3) as play:
        await play.end()
    assert play.campaign.calls[WRITE] == 0


async def test_writing_back_that_is_refused_pauses_and_goes_on_after_the_resume(stage: Stage) -> None:
    async with analyse(stage, *[[DELIVERED]] * 3, writes_back=True) as play:
        play.campaign.failures["halt"] = [ApplicationError("there is no field Fit__c on a Lead")]
        await play.until_written(CampaignStatus.PAUSED)
        assert play.campaign.statuses[-1].reason == "there is no field Fit__c on a Lead"
        await play.handle.signal(CampaignWorkflow.resume)
        await play.end()
    assert len(play.campaign.written) == 3


async def test_what_follows_is_started_once(stage: Stage) -> None:
    async with analyse(stage, *[[DELIVERED]] * 3, has_then=True) as play:
        state = await play.end()
        assert play.campaign.child is not None
        follower = stage.client.get_workflow_handle(f"campaign/acme/{play.campaign.child.campaign.campaign_id}")
        assert (await follower.describe()).parent_id == play.handle.id
        await follower.terminate()
    assert (play.campaign.calls["create_then"], state.then_started) == (1, True)


@pytest.mark.parametrize("short_stage", [100], indirect=True)
async def test_what_follows_is_started_once_over_several_runs(short_stage: Stage) -> None:
    async with analyse(short_stage, *[[DELIVERED]] * 60, lanes=5, chunk_size=2, has_then=True) as play:
        play.campaign.chunk = 2
        state = await play.end()
        assert play.campaign.child is not None
        follower = short_stage.client.get_workflow_handle(f"campaign/acme/{play.campaign.child.campaign.campaign_id}")
        await follower.terminate()
    assert (state.runs > 1, play.campaign.calls["create_then"]) == (True, 1)
