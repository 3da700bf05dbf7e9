"""Campaigns of calls whose history becomes long, whose workers die, and that somebody ends from outside."""

from __future__ import annotations

import asyncio

from temporalio.api.enums.v1 import ParentClosePolicy
from temporalio.client import WorkflowExecutionStatus

from clarion.account_contracts import AccountLimits
from clarion.contracts import Pacing
from clarion.domain.campaign import CampaignStatus, Channel
from tests.fake_calls import LONG
from tests.fakes import DELIVERED
from tests.workflows.exchange import CALLS, CallPlay, Exchange, bound
from tests.workflows.stage import Stage
from workflows.campaign import CampaignWorkflow

FIVE = AccountLimits(concurrency=5, campaigns=3)
HELD = [LONG, DELIVERED]


async def runs_of(play: CallPlay) -> int:
    return (await play.handle.query(CampaignWorkflow.progress)).runs


async def never_begun(play: CallPlay) -> int:
    """Chunks that were called off before a worker took them up, once Temporal has said so."""
    return len([e for e in await play.events() if e.HasField("activity_task_canceled_event_attributes")])


async def grow(play: CallPlay, number: int = 12) -> None:
    """Make the history long."""
    for turn in range(number):
        await play.ask(CampaignWorkflow.set_limits, Pacing(per_hour=100.0 + turn))


async def test_a_long_history_waits_for_its_calls_and_keeps_its_lanes(short_stage: Stage) -> None:
    async with Exchange(short_stage, FIVE).open() as exchange, exchange.play(*[HELD] * 6, lanes=3) as play:
        await play.until_calling(3)
        await grow(play)
        await play.until(lambda: play.campaign.leaving == 3)
        play.campaign.end_calls(2)
        await play.until_calling(1)
        assert bound(await exchange.state(), play) == 3
        assert await runs_of(play) == 1
        play.campaign.end_calls(1)
        await play.until_calling(3)
        assert await runs_of(play) > 1
        play.campaign.end_calls(3)
        state = await play.end()
        assert state.snapshot.books.succeeded == play.campaign.contacts == 6
        assert play.campaign.lanes_peak == exchange.line.most == 3
        assert set(play.words) == {"preparing", "running", "settling", "completed"}
        assert play.words.count("preparing") == 1


async def test_many_chunks_over_several_runs_make_every_call_once(short_stage: Stage) -> None:
    async with Exchange(short_stage, FIVE).open() as exchange:
        async with (
            exchange.play(*[[DELIVERED]] * 60, lanes=4, chunk_size=2) as first,
            exchange.play(*[[DELIVERED]] * 60, lanes=4, chunk_size=2) as second,
        ):
            states = [await first.end(), await second.end()]
        assert all(state.runs > 1 for state in states)
        assert (first.campaign.contacts, second.campaign.contacts) == (60, 60)
        assert exchange.line.most <= 5


async def test_a_queued_campaign_with_a_long_history_stays_queued(short_stage: Stage) -> None:
    limits = AccountLimits(concurrency=5, campaigns=1)
    async with Exchange(short_stage, limits).open() as exchange, exchange.play(HELD, lanes=1) as first:
        await first.until_calling(1)
        async with exchange.play([DELIVERED], lanes=1) as second:
            await second.until_written(CampaignStatus.QUEUED)
            await grow(second)
            await second.until_written(CampaignStatus.QUEUED)
            assert await runs_of(second) > 1
            assert (set(second.words), second.campaign.contacts) == ({"preparing", "queued"}, 0)
            first.campaign.end_calls()
            await first.end()
            await second.end()


async def test_a_terminated_campaign_gives_its_lanes_to_another_as_its_calls_end(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play(*[HELD] * 9, lanes=5) as first:
        await first.until_calling(5)
        await first.handle.terminate("an operator")
        async with exchange.play(*[HELD] * 5, lanes=5) as second:
            await second.until_written(CampaignStatus.QUEUED)
            await first.until(lambda: first.campaign.leaving == 5)
            first.campaign.end_calls(2)
            await second.until_calling(2)
            first.campaign.end_calls(3)
            await second.until_calling(5)
            second.campaign.end_calls(5)
            await second.end()
        assert exchange.line.most == 5


async def test_campaigns_go_on_without_their_account_and_start_it_again(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play(*[HELD] * 8, lanes=2) as play:
        await play.until_calling(2)
        await exchange.owner.terminate("an operator")
        play.campaign.end_calls(2)
        await play.until(lambda: play.campaign.contacts == 4)
        assert (await exchange.owner.describe()).status is WorkflowExecutionStatus.TERMINATED
        await play.ask(CampaignWorkflow.set_limits, Pacing(concurrency=4))
        await play.until_calling(4)
        assert bound(await exchange.state(), play) == 4
        play.campaign.end_calls(6)
        await play.end()
        assert exchange.line.most == 4


async def test_a_call_whose_worker_died_is_held_again_even_if_its_chunk_was_called_off(stage: Stage) -> None:
    async with (
        Exchange(stage, FIVE).open() as exchange,
        exchange.play(*[HELD] * 4, lanes=2, heartbeat_timeout=1.0) as play,
    ):
        await play.until_calling(2)
        await play.ask(CampaignWorkflow.set_limits, Pacing(concurrency=1))
        await play.until(lambda: play.campaign.leaving == 1)
        play.campaign.frozen = True
        await play.until(lambda: play.campaign.fences == 4)
        play.campaign.frozen = False
        assert (play.campaign.taken_again, play.campaign.contacts) == (2, 2)
        play.campaign.end_calls(4)
        assert (await play.end()).snapshot.books.succeeded == 4
        assert play.campaign.contacts == 4


async def test_a_chunk_called_off_before_any_worker_took_it_up_is_nobodys_loss(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play(*[HELD] * 9, lanes=2, slots=3) as play:
        await play.until_calling(2)
        await play.ask(CampaignWorkflow.set_limits, Pacing(concurrency=5))
        await play.until_calling(3)
        while (await play.activities())[CALLS] < 5:
            await asyncio.sleep(0.02)
        await exchange.allow(AccountLimits(concurrency=3))
        while await never_begun(play) + play.campaign.leaving < 2:
            await asyncio.sleep(0.02)
        assert await never_begun(play) > 0
        play.campaign.end_calls(9)
        assert (await play.end()).snapshot.books.succeeded == 9
        assert play.campaign.contacts == 9


async def test_the_campaign_that_follows_is_started_once_over_several_runs_and_left_to_itself(
    short_stage: Stage,
) -> None:
    async with (
        Exchange(short_stage, FIVE).open() as exchange,
        exchange.play(*[HELD] * 2, lanes=1, has_fallback=True) as play,
    ):
        await play.until_calling(1)
        await grow(play)
        play.campaign.end_calls(2)
        state = await play.end()
        assert state.runs > 1
        first_run = play.stage.client.get_workflow_handle(play.handle.id, run_id=play.handle.first_execution_run_id)
        started = [
            event.start_child_workflow_execution_initiated_event_attributes
            async for event in first_run.fetch_history_events()
            if event.HasField("start_child_workflow_execution_initiated_event_attributes")
        ]
        assert [child.parent_close_policy for child in started] == [
            ParentClosePolicy.PARENT_CLOSE_POLICY_ABANDON,
        ]
        assert play.campaign.calls["create_fallback"] == 1
        texts = play.stage.client.get_workflow_handle(f"{play.handle.id}.texts")
        assert (await texts.describe()).status is WorkflowExecutionStatus.RUNNING
        await texts.terminate()


async def test_a_follower_that_runs_already_is_not_started_again(stage: Stage) -> None:
    async with (
        Exchange(stage, FIVE).open() as exchange,
        exchange.play([DELIVERED], has_fallback=True) as play,
    ):
        await play.end()
        texts = play.stage.client.get_workflow_handle(f"{play.handle.id}.texts")
        before = (await texts.describe()).run_id
        play.campaign.statuses.clear()
        play.handle = await play.stage.start(
            campaign=play.ref, channel=Channel.CALL, account=exchange.account, file_ids=(), has_fallback=True
        )
        await play.end()
        assert play.campaign.calls["create_fallback"] == 2
        assert (await texts.describe()).run_id == before
        await texts.terminate()
