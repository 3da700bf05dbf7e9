"""What people can do to a running campaign: pause, resume, change limits, retry, add."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from clarion.contracts import Addition, Pacing, Retry
from clarion.domain.campaign import CampaignStatus
from tests.fakes import BROKEN, DELIVERED, RECEIPT, REFUSED
from tests.workflows.stage import CHUNK, IMPORT, Stage
from workflows.campaign import CampaignWorkflow


async def test_a_pause_is_pausing_until_the_last_chunk_has_ended(stage: Stage) -> None:
    async with stage.play(*[[DELIVERED]] * 60) as play:
        await play.into_a_chunk()
        await play.handle.signal(CampaignWorkflow.pause_soon, "lunch")
        await play.until_written(CampaignStatus.PAUSING)
        contacts = play.campaign.contacts
        play.campaign.let_go(CHUNK)
        await play.until_written(CampaignStatus.PAUSED)
        assert play.campaign.statuses[-1].reason == "lunch"
        assert play.campaign.contacts <= contacts + 5
        await play.handle.signal(CampaignWorkflow.resume)
        state = await play.end()
    assert state.reason == ""
    assert state.snapshot.books.succeeded == 60
    assert play.words == ["preparing", "running", "pausing", "paused", "running", "settling", "completed"]


async def test_a_pause_by_update_answers_when_the_gate_is_shut(stage: Stage) -> None:
    async with stage.play(*[[DELIVERED]] * 60) as play:
        await play.into_a_chunk()
        reply = await play.ask(CampaignWorkflow.pause_now, "lunch")
        assert reply.status is CampaignStatus.PAUSING
        assert not play.campaign.open
        play.campaign.let_go(CHUNK)
        await play.handle.signal(CampaignWorkflow.resume)
        await play.end()


async def test_a_pause_is_answered_only_after_a_resume_still_on_its_way(stage: Stage) -> None:
    async with stage.play(*[[DELIVERED]] * 20) as play:
        await play.into_a_chunk()
        await play.ask(CampaignWorkflow.pause_now, "lunch")
        play.campaign.hold("record_status")
        await play.handle.signal(CampaignWorkflow.resume)
        await play.until(lambda: play.campaign.running["record_status"] == 1)
        pausing = asyncio.create_task(play.ask(CampaignWorkflow.pause_now, "lunch"))
        await asyncio.sleep(0.1)
        assert not pausing.done()
        play.campaign.let_go("record_status")
        await pausing
        assert not play.campaign.open
        play.campaign.let_go(CHUNK)
        await play.handle.signal(CampaignWorkflow.resume)
        await play.end()


async def test_a_second_pause_without_reason_keeps_the_first_reason(stage: Stage) -> None:
    async with stage.play([BROKEN]) as play:
        await play.until_written(CampaignStatus.PAUSED)
        await play.ask(CampaignWorkflow.pause_now)
        assert (await play.handle.query(CampaignWorkflow.progress)).reason == "the account is refused"
        await play.handle.signal(CampaignWorkflow.resume)
        await play.end()


async def test_a_resume_of_a_running_campaign_changes_nothing(stage: Stage) -> None:
    async with stage.play(*[[DELIVERED]] * 20) as play:
        await play.into_a_chunk()
        for _ in range(3):
            await play.handle.signal(CampaignWorkflow.resume)
        play.campaign.let_go(CHUNK)
        await play.end()
    assert play.words == ["preparing", "running", "settling", "completed"]


async def test_a_pause_during_the_import_starts_nothing_after_it(stage: Stage) -> None:
    async with stage.play(*[[DELIVERED]] * 20) as play:
        await play.into_the_import()
        await play.ask(CampaignWorkflow.pause_now, "wait")
        play.campaign.let_go(IMPORT)
        await play.until(lambda: len(play.campaign.targets) == 20)
        await asyncio.sleep(0.3)
        assert play.words[-1] == "paused"
        assert play.campaign.contacts == 0
        await play.handle.signal(CampaignWorkflow.resume)
        assert (await play.end()).snapshot.books.succeeded == 20


async def test_a_pause_while_receipts_are_awaited_calls_the_lookout_off(stage: Stage) -> None:
    async with stage.play([RECEIPT], [DELIVERED]) as play:
        await play.until_written(CampaignStatus.SETTLING)
        await play.ask(CampaignWorkflow.pause_now, "wait")
        await play.until(lambda: play.campaign.running["settle"] == 0)
        assert play.words[-1] == "paused"
        play.campaign.receipts()
        await play.handle.signal(CampaignWorkflow.resume)
        await play.end()


async def test_a_halt_pauses_with_its_reason_and_resume_goes_on(stage: Stage) -> None:
    async with stage.play(*[[DELIVERED]] * 5, [BROKEN], *[[DELIVERED]] * 20) as play:
        await play.until_written(CampaignStatus.PAUSED)
        assert play.campaign.statuses[-1].reason == "the account is refused"
        assert play.campaign.contacts == 6
        await play.handle.signal(CampaignWorkflow.resume)
        assert (await play.end()).snapshot.books.succeeded == 26


async def test_more_lanes_are_used_at_once(stage: Stage) -> None:
    async with stage.play(*[[DELIVERED]] * 100, lanes=2, chunk_size=5) as play:
        await play.into_a_chunk()
        reply = await play.ask(CampaignWorkflow.set_limits, Pacing(concurrency=12, per_second=3))
        await play.until(lambda: play.campaign.lanes == 12)
        play.campaign.let_go(CHUNK)
        assert (await play.end()).lanes == 12
    assert reply.message == "limits changed"
    assert play.campaign.pacings == [Pacing(concurrency=12, per_second=3)]


async def test_fewer_lanes_than_run_now_start_none_until_enough_have_ended(stage: Stage) -> None:
    async with stage.play(*[[DELIVERED]] * 200, lanes=20, chunk_size=2) as play:
        await play.into_a_chunk()
        await play.until(lambda: play.campaign.lanes == 20)
        await play.ask(CampaignWorkflow.set_limits, Pacing(concurrency=3))
        play.campaign.lanes_peak = 0
        await play.until(lambda: play.campaign.lanes == 20)
        play.campaign.let_go(CHUNK)
        await play.until(lambda: play.campaign.lanes <= 3)
        await play.end()
    assert play.campaign.lanes_peak <= 3


async def test_failed_targets_are_tried_again_while_it_runs(stage: Stage) -> None:
    async with stage.play([REFUSED, DELIVERED], [RECEIPT]) as play:
        await play.until_written(CampaignStatus.SETTLING)
        reply = await play.ask(CampaignWorkflow.retry_failed, Retry())
        assert reply.changed == 1
        await play.until(lambda: play.campaign.books.failed == 0 and play.campaign.books.waiting == 0)
        await play.until_written(CampaignStatus.SETTLING)
        play.campaign.receipts()
        assert (await play.end()).snapshot.books.succeeded == 2


async def test_targets_are_added_while_it_runs(stage: Stage) -> None:
    async with stage.play(*[[DELIVERED]] * 20) as play:
        play.campaign.files[2] = [[DELIVERED]] * 30
        await play.into_a_chunk()
        reply = await play.ask(CampaignWorkflow.add_targets, Addition(file_id=2))
        play.campaign.let_go(CHUNK)
        assert (await play.end()).snapshot.books.succeeded == 50
    assert (reply.changed, reply.message) == (30, "30 rows added")


async def test_it_does_not_complete_while_targets_are_being_added(stage: Stage) -> None:
    async with stage.play([RECEIPT]) as play:
        play.campaign.files[2] = [[DELIVERED]] * 30
        await play.until_written(CampaignStatus.SETTLING)
        play.campaign.hold(IMPORT)
        adding = asyncio.create_task(play.ask(CampaignWorkflow.add_targets, Addition(file_id=2)))
        await play.until(lambda: play.campaign.running[IMPORT] == 1)
        play.campaign.receipts()
        await play.until(lambda: play.campaign.running["settle"] == 0)
        await asyncio.sleep(0.5)
        assert play.campaign.calls["close_books"] == 0
        assert sum(play.campaign.calls.values()) < 20, "it turned in circles while it waited"
        play.campaign.let_go(IMPORT)
        assert (await adding).changed == 30
        assert (await play.end()).snapshot.books.succeeded == 31


@pytest.mark.parametrize("wish", ["retry", "add"])
async def test_a_wish_while_the_books_are_being_closed_is_still_fulfilled(stage: Stage, wish: str) -> None:
    async with stage.play([REFUSED, DELIVERED], [DELIVERED]) as play:
        play.campaign.files[2] = [[DELIVERED]] * 3
        play.campaign.hold("close_books")
        await play.until(lambda: play.campaign.running["close_books"] == 1)
        if wish == "retry":
            await play.ask(CampaignWorkflow.retry_failed, Retry())
        else:
            await play.ask(CampaignWorkflow.add_targets, Addition(file_id=2))
        play.campaign.let_go("close_books")
        state = await play.end()
    assert state.snapshot.books.succeeded == (2 if wish == "retry" else 4)


async def test_a_pause_while_the_books_are_being_closed_holds(stage: Stage) -> None:
    async with stage.play([DELIVERED]) as play:
        play.campaign.hold("close_books")
        await play.until(lambda: play.campaign.running["close_books"] == 1)
        await play.ask(CampaignWorkflow.pause_now, "wait")
        play.campaign.let_go("close_books")
        await play.until(lambda: play.campaign.running["close_books"] == 0)
        await asyncio.sleep(0.3)
        assert play.words[-1] == "paused"
        await play.handle.signal(CampaignWorkflow.resume)
        assert (await play.end()).status is CampaignStatus.COMPLETED


async def test_a_file_that_cannot_be_added_is_refused_and_harms_nobody(stage: Stage) -> None:
    async with stage.play([RECEIPT]) as play:
        await play.until_written(CampaignStatus.SETTLING)
        missing = ApplicationError("there is no such file", type="NotFound", non_retryable=True)
        play.campaign.failures[IMPORT] = [missing]
        with pytest.raises(WorkflowUpdateFailedError) as refusal:
            await play.ask(CampaignWorkflow.add_targets, Addition(file_id=99))
        assert isinstance(refusal.value.cause, ApplicationError)
        assert refusal.value.cause.message == "there is no such file"
        play.campaign.receipts()
        assert (await play.end()).status is CampaignStatus.COMPLETED


async def test_a_store_that_stays_shut_is_opened_again_without_turning_in_circles(stage: Stage) -> None:
    async with stage.play(*[[DELIVERED]] * 3) as play:
        await play.into_a_chunk()
        play.campaign.open = False
        play.campaign.let_go(CHUNK)
        await play.end()
    assert play.campaign.contacts == 3
    assert sum(play.campaign.calls.values()) < 20


async def test_an_ended_campaign_is_opened_again_for_its_failures(stage: Stage) -> None:
    async with stage.play([REFUSED, DELIVERED], [DELIVERED]) as play:
        await play.end()
        play.campaign.statuses.clear()
        play.handle = await stage.start(file_ids=(), reopen=Retry())
        state = await play.end()
    assert state.snapshot.books.succeeded == 2
    assert play.campaign.contacts == 3
