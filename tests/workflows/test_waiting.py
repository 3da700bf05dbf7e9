"""Campaigns that wait: for their start, for a retry far ahead, for windows that never open; and what wakes them."""

from __future__ import annotations

from clarion.contracts import Pacing, Retry
from clarion.domain.campaign import CampaignStatus
from tests.fakes import DELIVERED, LATER, REFUSED, SHUT
from tests.workflows.stage import Stage
from workflows.campaign import CampaignWorkflow

DAY = 86400.0


async def test_a_pause_before_the_start_holds_beyond_it(skipping_stage: Stage) -> None:
    async with skipping_stage.play([DELIVERED], start_at=await skipping_stage.clock() + DAY) as play:
        await play.until_written(CampaignStatus.SCHEDULED)
        await play.ask(CampaignWorkflow.pause_now, "not yet")
        await skipping_stage.environment.sleep(2 * DAY)
        assert play.campaign.contacts == 0
        assert play.words[-1] == "paused"
        await play.handle.signal(CampaignWorkflow.resume)
        await play.end()


async def test_a_resume_before_the_start_goes_back_to_waiting(skipping_stage: Stage) -> None:
    async with skipping_stage.play([DELIVERED], start_at=await skipping_stage.clock() + DAY) as play:
        await play.until_written(CampaignStatus.SCHEDULED)
        await play.ask(CampaignWorkflow.pause_now)
        await play.handle.signal(CampaignWorkflow.resume)
        await play.until_written(CampaignStatus.SCHEDULED)
        assert play.campaign.contacts == 0
        await play.end()


async def test_a_cancel_before_the_start_does_not_wait_for_it(skipping_stage: Stage) -> None:
    async with skipping_stage.play(*[[DELIVERED]] * 5, start_at=await skipping_stage.clock() + DAY) as play:
        await play.until_written(CampaignStatus.SCHEDULED)
        await play.handle.signal(CampaignWorkflow.cancel_soon)
        state = await play.end()
        assert not [event for event in await play.events() if event.HasField("timer_fired_event_attributes")]
    assert state.snapshot.books.cancelled == 5


async def test_a_wait_for_a_far_due_time_ends_with_any_wish(skipping_stage: Stage) -> None:
    async with skipping_stage.play([LATER, DELIVERED], [REFUSED, DELIVERED]) as play:
        await play.until(lambda: play.campaign.books.waiting == 1 and play.campaign.lanes == 0)
        reply = await play.ask(CampaignWorkflow.retry_failed, Retry())
        await play.until(lambda: play.campaign.books.succeeded == 1)
        await play.ask(CampaignWorkflow.set_limits, Pacing(per_second=9))
        await play.ask(CampaignWorkflow.pause_now)
        await skipping_stage.environment.sleep(2 * DAY)
        assert play.campaign.books.waiting == 1
        await play.handle.signal(CampaignWorkflow.resume)
        assert (await play.end()).snapshot.books.succeeded == 2
    assert reply.changed == 1


async def test_targets_that_are_never_due_keep_the_campaign_without_turning_in_circles(skipping_stage: Stage) -> None:
    async with skipping_stage.play([DELIVERED], [SHUT]) as play:
        await play.until(lambda: play.campaign.contacts == 1)
        await skipping_stage.environment.sleep(DAY / 24)
        assert sum(play.campaign.calls.values()) < 20
        assert play.words[-1] == "running"
        await play.handle.signal(CampaignWorkflow.cancel_soon)
        state = await play.end()
    assert state.snapshot.books.cancelled == 1
