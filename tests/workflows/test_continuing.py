"""Long campaigns continue as new: nothing is counted twice, nobody's wish is lost, the Web UI stays filled.

The server of these tests calls a history long after 60 events.
"""

from __future__ import annotations

import asyncio

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import CancelledError

from clarion.contracts import Addition, Pacing
from clarion.domain.campaign import CampaignStatus
from tests.fakes import DELIVERED, RECEIPT
from tests.workflows.stage import CHUNK, Play, Stage
from tests.workflows.test_showing import metadata
from workflows.campaign import CampaignWorkflow

pytestmark = pytest.mark.parametrize("short_stage", [100], ids=["cached"], indirect=True)


async def test_many_chunks_are_counted_right_over_several_runs(short_stage: Stage) -> None:
    async with short_stage.play(*[[DELIVERED]] * 100, chunk_size=1, lanes=5) as play:
        state = await play.end()
    assert state.runs > 1
    assert state.snapshot.books.succeeded == 100
    assert play.campaign.contacts == 100
    assert play.campaign.calls["import_audience"] == 1
    assert play.words[-1] == "completed"
    assert set(play.words) == {"preparing", "running", "settling", "completed"}


async def test_signals_during_the_change_of_runs_are_kept(short_stage: Stage) -> None:
    async with short_stage.play(*[[DELIVERED]] * 100, chunk_size=1, lanes=5) as play:
        for turn in range(20):
            await play.handle.signal(CampaignWorkflow.pause_soon, f"turn {turn}")
            await play.handle.signal(CampaignWorkflow.resume)
        await play.handle.signal(CampaignWorkflow.pause_soon, "the last word")
        await play.until_written(CampaignStatus.PAUSED)
        state = await play.handle.query(CampaignWorkflow.progress)
        assert (state.reason, state.paused) == ("the last word", True)
        await play.handle.signal(CampaignWorkflow.resume)
        state = await play.end()
    assert state.runs > 1
    assert play.campaign.contacts == 100


async def test_limits_and_additions_survive_into_the_next_run(short_stage: Stage) -> None:
    async with short_stage.play(*[[DELIVERED]] * 100, chunk_size=1, lanes=5) as play:
        play.campaign.files[2] = [[DELIVERED]] * 10
        play.campaign.hold(CHUNK, 20)
        await play.until(lambda: play.campaign.contacts >= 20)
        asking = [
            asyncio.create_task(play.ask(CampaignWorkflow.set_limits, Pacing(concurrency=3))),
            asyncio.create_task(play.ask(CampaignWorkflow.add_targets, Addition(file_id=2))),
        ]
        play.campaign.let_go(CHUNK)
        await asyncio.gather(*asking)
        state = await play.end()
    assert (state.lanes, state.snapshot.books.succeeded) == (3, 110)
    assert state.runs > 1


async def test_a_paused_campaign_with_a_long_history_continues_and_stays_paused(short_stage: Stage) -> None:
    async with short_stage.play(*[[DELIVERED]] * 40, chunk_size=1) as play:
        await play.into_a_chunk()
        await play.handle.signal(CampaignWorkflow.pause_soon, "lunch")
        play.campaign.let_go(CHUNK)
        await play.until_written(CampaignStatus.PAUSED)
        contacts = play.campaign.contacts
        for lanes in range(1, 31):
            await play.ask(CampaignWorkflow.set_limits, Pacing(concurrency=lanes))
        state = await play.handle.query(CampaignWorkflow.progress)
        assert (state.paused, state.reason, state.lanes) == (True, "lunch", 30)
        assert state.runs > 1
        assert play.campaign.contacts == contacts
        await play.handle.signal(CampaignWorkflow.resume)
        await play.end()


async def test_a_scheduled_campaign_with_a_long_history_continues_and_stays_scheduled(short_stage: Stage) -> None:
    start_at = await short_stage.clock() + 86400
    async with short_stage.play([DELIVERED], start_at=start_at) as play:
        await play.until_written(CampaignStatus.SCHEDULED)
        for lanes in range(1, 31):
            await play.ask(CampaignWorkflow.set_limits, Pacing(concurrency=lanes))
        state = await play.handle.query(CampaignWorkflow.progress)
        assert (state.status, state.lanes, state.started) == (CampaignStatus.SCHEDULED, 30, False)
        assert state.runs > 1
        assert play.campaign.contacts == 0
        await play.handle.signal(CampaignWorkflow.cancel_soon)
        await play.end()


async def test_the_details_are_filled_again_in_the_next_run(short_stage: Stage) -> None:
    async with short_stage.play(*[[DELIVERED]] * 60, [RECEIPT], chunk_size=1, lanes=5) as play:
        await play.until_written(CampaignStatus.SETTLING)
        state = await play.handle.query(CampaignWorkflow.progress)
        details = (await metadata(play)).current_details
        play.campaign.receipts()
        await play.end()
    assert state.runs > 1
    assert "Spring reminder — settling" in details
    assert f"run {state.runs}" in details


@pytest.mark.parametrize("contacts", [0, 12, 25, 40])
async def test_temporals_own_cancellation_is_kept_over_a_change_of_runs(short_stage: Stage, contacts: int) -> None:
    async with short_stage.play(*[[DELIVERED]] * 200, chunk_size=1, lanes=5) as play:
        await play.until(lambda: play.campaign.contacts >= contacts)
        await play.handle.cancel(reason="enough")
        with pytest.raises(WorkflowFailureError) as failure:
            await play.handle.result()
        assert isinstance(failure.value.cause, CancelledError)
        assert (await latest(play)) is WorkflowExecutionStatus.CANCELED
        play.assert_closed(CampaignStatus.CANCELLED)
        assert play.campaign.contacts < 200


async def latest(play: Play) -> WorkflowExecutionStatus | None:
    """How the newest run ended."""
    return (await play.stage.client.get_workflow_handle(play.handle.id).describe()).status
