"""Cancelling, by our signal and by Temporal's own request: what is under way ends, the rest is never contacted."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import CancelledError

from clarion.contracts import Addition, Pacing, Retry
from clarion.domain.campaign import CampaignStatus
from tests.fakes import DELIVERED, LATER, LOST, RECEIPT, REFUSED
from tests.workflows.stage import CHUNK, IMPORT, Stage
from workflows.campaign import CampaignWorkflow


async def test_a_cancel_lets_contacts_end_and_cancels_the_rest(stage: Stage) -> None:
    async with stage.play(*[[DELIVERED]] * 60) as play:
        await play.into_a_chunk()
        await play.handle.signal(CampaignWorkflow.cancel_soon, "wrong text")
        await play.until_written(CampaignStatus.CANCELLING)
        play.campaign.let_go(CHUNK)
        state = await play.end()
    assert (state.status, state.reason) == (CampaignStatus.CANCELLED, "wrong text")
    assert state.snapshot.books.cancelled > 0
    assert state.snapshot.books.cancelled + state.snapshot.books.succeeded == 60


async def test_temporals_own_cancellation_is_a_graceful_cancel(stage: Stage) -> None:
    async with stage.play(*[[DELIVERED]] * 60) as play:
        await play.into_a_chunk()
        await play.handle.cancel(reason="wrong text")
        await play.until_written(CampaignStatus.CANCELLING)
        play.campaign.let_go(CHUNK)
        with pytest.raises(WorkflowFailureError) as failure:
            await play.handle.result()
        assert isinstance(failure.value.cause, CancelledError)
        assert (await play.handle.describe()).status is WorkflowExecutionStatus.CANCELED
        play.assert_closed(CampaignStatus.CANCELLED)
        assert play.campaign.statuses[-1].reason == "wrong text"
        assert play.campaign.books.cancelled > 0


async def test_a_cancel_during_the_import_stops_it(stage: Stage) -> None:
    async with stage.play(*[[DELIVERED]] * 20, file_ids=(1, 2)) as play:
        play.campaign.files[2] = [[DELIVERED]] * 20
        await play.into_the_import()
        await play.handle.signal(CampaignWorkflow.cancel_soon)
        state = await play.end()
    assert state.snapshot.books.cancelled == 10
    assert play.campaign.calls[IMPORT] == 1
    assert play.campaign.contacts == 0


async def test_a_cancel_of_a_paused_campaign_ends_it(stage: Stage) -> None:
    async with stage.play(*[[DELIVERED]] * 60) as play:
        await play.into_a_chunk()
        await play.handle.signal(CampaignWorkflow.pause_soon)
        play.campaign.let_go(CHUNK)
        await play.until_written(CampaignStatus.PAUSED)
        await play.handle.signal(CampaignWorkflow.cancel_soon)
        assert (await play.end()).status is CampaignStatus.CANCELLED


async def test_a_cancel_does_not_wait_for_targets_that_are_due_later(stage: Stage) -> None:
    async with stage.play([LATER]) as play:
        await play.into_a_chunk(1)
        await play.handle.signal(CampaignWorkflow.cancel_soon)
        await play.until_written(CampaignStatus.CANCELLING)
        play.campaign.let_go(CHUNK)
        await play.end()
        assert play.campaign.ahead == 0, "settling waited for a target that was to be cancelled"
    assert play.campaign.books.cancelled == 1


async def test_a_cancel_takes_sent_as_the_last_word(stage: Stage) -> None:
    async with stage.play([RECEIPT], [RECEIPT]) as play:
        await play.until_written(CampaignStatus.SETTLING)
        await play.handle.signal(CampaignWorkflow.cancel_soon)
        state = await play.end()
    assert (state.status, state.snapshot.books.succeeded) == (CampaignStatus.CANCELLED, 2)


async def test_a_cancel_still_looks_up_what_is_unknown(stage: Stage) -> None:
    async with stage.play([LOST, REFUSED], *[[DELIVERED]] * 20) as play:
        await play.into_a_chunk()
        play.campaign.let_go(CHUNK)
        await play.until(lambda: play.campaign.books.unknown == 1)
        await play.handle.signal(CampaignWorkflow.cancel_soon)
        state = await play.end()
    assert (state.snapshot.books.unknown, state.snapshot.books.failed) == (0, 1)


async def test_a_cancelled_campaign_refuses_updates_and_stays_cancelled(stage: Stage) -> None:
    async with stage.play(*[[DELIVERED]] * 20) as play:
        await play.into_a_chunk()
        await play.handle.signal(CampaignWorkflow.cancel_soon, "first")
        await play.handle.signal(CampaignWorkflow.cancel_soon, "second")
        await play.handle.signal(CampaignWorkflow.pause_soon, "third")
        for update, argument in (
            (CampaignWorkflow.pause_now, "why"),
            (CampaignWorkflow.set_limits, Pacing(concurrency=3)),
            (CampaignWorkflow.retry_failed, Retry()),
            (CampaignWorkflow.add_targets, Addition(file_id=1)),
        ):
            with pytest.raises(WorkflowUpdateFailedError) as failure:
                await play.ask(update, argument)
            assert "cancelling" in str(failure.value.cause)
        play.campaign.let_go(CHUNK)
        assert (await play.end()).reason == "first"


@pytest.mark.parametrize("step", [IMPORT, "requeue_failed"])
async def test_a_cancel_while_an_update_is_at_work_leaves_nothing_open(stage: Stage, step: str) -> None:
    async with stage.play([RECEIPT], [REFUSED]) as play:
        play.campaign.files[2] = [[DELIVERED]] * 30
        await play.until_written(CampaignStatus.SETTLING)
        play.campaign.hold(step)
        update, argument = (
            (CampaignWorkflow.add_targets, Addition(file_id=2))
            if step == IMPORT
            else (CampaignWorkflow.retry_failed, Retry())
        )
        asking = asyncio.create_task(play.ask(update, argument))
        await play.until(lambda: play.campaign.running[step] == 1)
        await play.handle.signal(CampaignWorkflow.cancel_soon)
        await play.until_written(CampaignStatus.CANCELLING)
        await asyncio.sleep(0.2)
        play.campaign.let_go(step)
        await asking
        await play.end()
