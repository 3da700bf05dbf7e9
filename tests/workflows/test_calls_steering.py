"""Pausing, resuming, cancelling and hanging up campaigns of calls; and whatever else comes through Temporal's doors."""

from __future__ import annotations

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from clarion.account_contracts import AccountLimits
from clarion.contracts import LaneGrant
from clarion.domain.campaign import CampaignStatus
from tests.fake_calls import LONG
from tests.fakes import BROKEN, DELIVERED, LATER, LOST
from tests.workflows.exchange import CALLS, Exchange, bound
from tests.workflows.stage import Stage
from tests.workflows.test_malformed import BROKEN_JSON, FOREIGN
from workflows.campaign import CampaignWorkflow

FIVE = AccountLimits(concurrency=5, campaigns=3)
HELD = [LONG, DELIVERED]


async def test_a_pause_lets_calls_end_and_gives_each_lane_back_as_its_call_ends(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play(*[HELD] * 6, lanes=3) as play:
        await play.until_calling(3)
        reply = await play.ask(CampaignWorkflow.pause_now, "lunch")
        assert (reply.message, reply.under_way) == ("nothing new starts, 3 under way", 3)
        assert play.campaign.statuses[-1].status is CampaignStatus.PAUSING
        await exchange.until_known(lambda state: all(holder.request.wants == 0 for holder in state.holders.values()))
        for left in (2, 1):
            play.campaign.end_calls(1)
            await exchange.until_bound(play, left)
            assert play.words[-1] == "pausing"
        play.campaign.end_calls(1)
        await play.until_written(CampaignStatus.PAUSED)
        await exchange.until_known(lambda state: not state.holders)
        assert play.campaign.contacts == 3
        await play.handle.signal(CampaignWorkflow.resume)
        await play.until_calling(3)
        assert bound(await exchange.state(), play) == 3
        play.campaign.end_calls(3)
        assert (await play.end()).snapshot.books.succeeded == 6
    assert play.words == ["preparing", "running", "pausing", "paused", "running", "settling", "completed"]


async def test_lanes_of_a_paused_campaign_go_to_another(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play(*[HELD] * 6, lanes=5) as first:
        await first.until_calling(5)
        await first.handle.signal(CampaignWorkflow.pause_soon)
        async with exchange.play(*[HELD] * 5, lanes=5) as second:
            await first.until_written(CampaignStatus.PAUSING)
            first.campaign.end_calls(5)
            await second.until_calling(5)
            await first.handle.signal(CampaignWorkflow.resume)
            await first.until_written(CampaignStatus.QUEUED)
            assert first.campaign.under_way == 0
            second.campaign.end_calls(5)
            await second.end()
        first.campaign.end_calls(1)
        await first.end()
        assert exchange.line.most == 5


async def test_a_resume_while_calls_go_on_needs_no_new_calls_to_end_first(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play(*[HELD] * 5, lanes=3) as play:
        await play.until_calling(3)
        await play.handle.signal(CampaignWorkflow.pause_soon)
        await play.until_written(CampaignStatus.PAUSING)
        play.campaign.end_calls(1)
        await play.until_calling(2)
        await play.handle.signal(CampaignWorkflow.resume)
        await play.until_calling(3)
        play.campaign.end_calls(4)
        await play.end()
        assert play.campaign.lanes_peak == 3


async def test_a_halt_pauses_and_gives_the_lanes_back(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play([BROKEN], *[[DELIVERED]] * 5, lanes=1) as play:
        await play.until_written(CampaignStatus.PAUSED)
        assert play.campaign.statuses[-1].reason == "the account is refused"
        await exchange.until_known(lambda state: not state.holders)
        await play.handle.signal(CampaignWorkflow.resume)
        play.campaign.end_calls()
        state = await play.end()
        assert state.snapshot.books.succeeded == 6


async def test_a_cancel_lets_calls_end(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play(*[HELD] * 6, lanes=3) as play:
        await play.until_calling(3)
        await play.handle.signal(CampaignWorkflow.cancel_soon, "wrong script")
        await play.until_written(CampaignStatus.CANCELLING)
        assert (play.campaign.under_way, play.campaign.hung_up) == (3, False)
        play.campaign.end_calls(3)
        state = await play.end()
        assert (state.snapshot.books.succeeded, state.snapshot.books.cancelled) == (3, 3)
        assert play.campaign.empty == 0


async def test_hanging_up_ends_the_calls(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play(*[HELD] * 6, lanes=3) as play:
        await play.until_calling(3)
        await play.handle.signal(CampaignWorkflow.hang_up, "wrong script")
        state = await play.end()
        assert (state.status, state.reason) == (CampaignStatus.CANCELLED, "wrong script")
        assert state.snapshot.outcomes["cancelled"] == 3
        assert state.snapshot.books.cancelled == 3
        assert [change.status for change in play.campaign.statuses if change.hang_up] == [
            CampaignStatus.CANCELLING,
            CampaignStatus.CANCELLED,
        ]


async def test_calls_that_a_cancel_has_left_can_still_be_hung_up(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play(*[HELD] * 4, lanes=2) as play:
        await play.until_calling(2)
        await play.handle.signal(CampaignWorkflow.cancel_soon, "wrong script")
        await play.until_written(CampaignStatus.CANCELLING)
        await play.handle.signal(CampaignWorkflow.hang_up, "too long")
        state = await play.end()
        assert state.reason == "wrong script"
        assert play.campaign.hung_up


async def test_temporals_own_cancellation_lets_calls_end(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play(*[HELD] * 4, lanes=2) as play:
        await play.until_calling(2)
        await play.handle.cancel(reason="wrong script")
        await play.until_written(CampaignStatus.CANCELLING)
        assert play.campaign.under_way == 2
        play.campaign.end_calls(2)
        with pytest.raises(WorkflowFailureError):
            await play.handle.result()
        assert (await play.handle.describe()).status is WorkflowExecutionStatus.CANCELED
        play.assert_closed(CampaignStatus.CANCELLED)


async def test_a_cancelled_campaign_still_looks_up_what_is_unknown(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play([LOST], HELD, [LATER], lanes=2) as play:
        play.campaign.grace = 0.5
        await play.until(lambda: play.campaign.books.unknown == 1 and play.campaign.under_way == 1)
        await play.handle.signal(CampaignWorkflow.cancel_soon)
        await play.until_written(CampaignStatus.CANCELLING)
        play.campaign.end_calls()
        assert (await play.end()).snapshot.books.unknown == 0


async def test_a_queued_campaign_can_be_cancelled_paused_and_resumed(stage: Stage) -> None:
    limits = AccountLimits(concurrency=5, campaigns=1)
    async with Exchange(stage, limits).open() as exchange, exchange.play(HELD, lanes=1) as first:
        await first.until_calling(1)
        async with exchange.play([DELIVERED], lanes=1) as second:
            await second.until_written(CampaignStatus.QUEUED)
            await second.handle.signal(CampaignWorkflow.pause_soon)
            await second.until_written(CampaignStatus.PAUSED)
            await exchange.until_known(lambda state: len(state.holders) == 1)
            await second.handle.signal(CampaignWorkflow.resume)
            await second.until_written(CampaignStatus.QUEUED)
            await second.handle.signal(CampaignWorkflow.cancel_soon)
            assert (await second.end()).snapshot.books.cancelled == 1
        first.campaign.end_calls()
        await first.end()


async def test_malformed_grants_and_hang_ups_are_harmless(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play(*[HELD] * 4, lanes=2) as play:
        await play.until_calling(2)
        for name, arguments in (
            ("lanes_granted", []),
            ("lanes_granted", [None]),
            ("lanes_granted", ["five"]),
            ("lanes_granted", [{"number": "x"}]),
            ("lanes_granted", [BROKEN_JSON]),
            ("lanes_granted", [FOREIGN]),
            ("lanes_granted", [{"number": 99, "lanes": 5}, 2]),
            ("lanes_granted", [LaneGrant(number=0, lanes=9)]),
            ("hang_up", [5]),
            ("hang_up", ["one", "two"]),
            ("hang_up", [{"reason": "x"}]),
            ("hang_up", [BROKEN_JSON]),
        ):
            await play.handle.signal(name, args=arguments)
        state = await play.handle.query(CampaignWorkflow.progress)
        assert (state.cancelled, state.hang_up, state.grant.lanes) == (False, False, 2)
        play.campaign.end_calls(4)
        assert (await play.end()).status is CampaignStatus.COMPLETED
        assert play.campaign.lanes_peak == 2
        events = await play.events()
        assert not [e for e in events if e.HasField("workflow_task_failed_event_attributes")]


async def test_a_chunk_that_passes_is_tried_again_and_loses_nobody(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play(*[[DELIVERED]] * 9, lanes=2) as play:
        play.campaign.failures[CALLS] = [ApplicationError("the database is away", type="Unreachable")] * 2
        assert (await play.end()).snapshot.books.succeeded == 9
    assert play.campaign.contacts == 9
