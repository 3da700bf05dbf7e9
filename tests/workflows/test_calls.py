"""Campaigns of calls on one account: lanes are asked for, held by calls, given back, and never too many."""

from __future__ import annotations

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from clarion.account_contracts import AccountLimits
from clarion.contracts import Pacing
from clarion.domain.campaign import CampaignStatus, Priority
from tests.fake_calls import LONG
from tests.fakes import DELIVERED, LATER, REFUSED
from tests.workflows.exchange import ASK, CALLS, Exchange, bound
from tests.workflows.stage import Stage
from workflows.campaign import CampaignWorkflow

FIVE = AccountLimits(concurrency=5, campaigns=3)
HELD = [LONG, DELIVERED]


@pytest.mark.parametrize(("concurrency", "lanes", "most"), [(5, 3, 3), (2, 3, 2)])
async def test_calls_at_once_are_as_many_as_campaign_and_account_both_allow(
    stage: Stage, concurrency: int, lanes: int, most: int
) -> None:
    async with Exchange(stage, AccountLimits(concurrency=concurrency)).open() as exchange:
        async with exchange.play(*[HELD] * 4, *[[DELIVERED]] * 20, lanes=lanes) as play:
            await play.until_calling(most)
            play.campaign.end_calls(4)
            state = await play.end()
        assert (play.campaign.lanes_peak, exchange.line.most) == (most, most)
    assert (state.snapshot.books.succeeded, play.campaign.contacts) == (24, 24)
    assert play.words == ["preparing", "running", "settling", "completed"]


async def test_two_campaigns_share_an_account_by_priority_and_both_finish(stage: Stage) -> None:
    async with (
        Exchange(stage, FIVE).open() as exchange,
        exchange.play(*[HELD] * 12, lanes=5, priority=Priority.LOW) as low,
    ):
        await low.until_calling(5)
        async with exchange.play(*[HELD] * 12, lanes=5, priority=Priority.HIGH) as high:
            await low.until(lambda: low.campaign.leaving == 4)
            low.campaign.end_calls(4)
            await high.until_calling(4)
            await low.until_calling(1)
            for play in (low, high):
                play.campaign.end_calls(12)
            await low.end()
            await high.end()
        assert exchange.line.most == 5


async def test_a_campaign_beyond_the_limit_is_queued_says_why_and_starts_by_itself(stage: Stage) -> None:
    limits = AccountLimits(concurrency=5, campaigns=2)
    async with (
        Exchange(stage, limits).open() as exchange,
        exchange.play(*[HELD] * 3, lanes=2) as first,
        exchange.play(*[HELD] * 3, lanes=2) as second,
    ):
        await first.until_calling(2)
        await second.until_calling(2)
        async with exchange.play([DELIVERED], lanes=2) as third:
            await third.until_written(CampaignStatus.QUEUED)
            why = f"2 campaigns run on account {exchange.account.account} already; this one is next"
            assert (third.campaign.statuses[-1].reason, third.campaign.open) == (why, False)
            first.campaign.end_calls(3)
            await first.end()
            await third.end()
            assert third.words == ["preparing", "queued", "running", "settling", "completed"]
        second.campaign.end_calls(3)
        await second.end()


async def test_fewer_lanes_call_chunks_off_that_end_with_their_call_and_more_lanes_start_more(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play(*[HELD] * 12, lanes=4) as play:
        await play.until_calling(4)
        await play.ask(CampaignWorkflow.set_limits, Pacing(concurrency=1))
        await play.until(lambda: play.campaign.leaving == 3)
        play.campaign.end_calls(3)
        await play.until_calling(1)
        await exchange.until_bound(play, 1)
        assert play.campaign.contacts == 4
        await play.ask(CampaignWorkflow.set_limits, Pacing(concurrency=3))
        await play.until_calling(3)
        play.campaign.lanes_peak = 0
        play.campaign.end_calls(9)
        await play.end()
        assert play.campaign.lanes_peak <= 3


async def test_a_lane_that_another_campaign_needs_is_given_back_when_its_call_ends(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play(*[HELD] * 8, lanes=5) as first:
        await first.until_calling(5)
        async with exchange.play(*[HELD] * 2, lanes=5) as second:
            await first.until(lambda: first.campaign.leaving == 2)
            assert exchange.line.going == 5
            for calls in (1, 2):
                first.campaign.end_calls(1)
                await second.until_calling(calls)
            second.campaign.end_calls(2)
            await second.end()
        await first.until_calling(5)
        first.campaign.end_calls(6)
        await first.end()


async def test_a_retry_that_falls_due_while_others_are_long_on_the_phone_is_taken_by_an_idle_lane(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play(HELD, HELD, [LATER, LONG], lanes=3) as play:
        play.campaign.retry_after = 1.5
        await play.until(lambda: play.campaign.contacts == 4)
        assert play.campaign.under_way == 3
        play.campaign.end_calls(3)
        await play.end()


async def test_retries_that_all_fall_due_at_once_use_every_lane(stage: Stage) -> None:
    rows = [[LATER, LONG]] * 5
    async with Exchange(stage, FIVE).open() as exchange, exchange.play(HELD, *rows, lanes=5) as play:
        play.campaign.retry_after = 1.0
        await play.until_calling(5)
        play.campaign.end_calls(6)
        await play.end()
        assert exchange.line.most == 5


async def test_lanes_are_not_kept_for_what_is_due_much_later(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play([LATER], [LATER], HELD, lanes=3) as play:
        await play.until(lambda: play.campaign.contacts == 3)
        await exchange.until_known(lambda state: 1 <= bound(state, play) <= 2)
        play.campaign.end_calls()
        await exchange.until_known(lambda state: not state.holders)
        assert play.words[-1] == "running"
        await play.handle.signal(CampaignWorkflow.cancel_soon)
        assert (await play.end()).snapshot.books.cancelled == 2


async def test_a_campaign_that_fails_gives_its_lanes_back(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play(*[HELD] * 3, lanes=2) as play:
        await play.until_calling(2)
        missing = ApplicationError("there is no such account", type="NotFound", non_retryable=True)
        play.campaign.failures[CALLS] = [missing]
        await play.ask(CampaignWorkflow.set_limits, Pacing(concurrency=3))
        await play.until_written(CampaignStatus.FAILED)
        assert play.campaign.under_way == 2
        play.campaign.end_calls(2)
        with pytest.raises(WorkflowFailureError):
            await play.handle.result()
        assert bound(await exchange.state(), play) == 0


async def test_lanes_do_not_churn(stage: Stage) -> None:
    rows = [[LATER, DELIVERED] if number % 3 == 0 else [DELIVERED] for number in range(200)]
    async with Exchange(stage, AccountLimits(concurrency=50)).open() as exchange:
        async with exchange.play(*rows, lanes=10) as play:
            play.campaign.retry_after = 2.0
            await play.end()
        counts = await play.activities()
    assert play.campaign.lanes_peak == exchange.line.most == 10
    assert play.campaign.contacts == 267
    assert play.campaign.empty <= 4
    assert counts[CALLS] <= 30
    assert counts[ASK] <= 20


async def test_a_campaign_without_anybody_to_call_asks_for_nothing(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play(lanes=5) as play:
        await play.end()
        assert bound(await exchange.state(), play) == 0
    assert (play.campaign.calls[CALLS], play.campaign.lanes_peak) == (0, 0)


async def test_failed_targets_are_called_again_while_others_are_long_on_the_phone(stage: Stage) -> None:
    async with Exchange(stage, FIVE).open() as exchange, exchange.play(HELD, [REFUSED, LONG], lanes=3) as play:
        await play.until(lambda: play.campaign.books.failed == 1)
        reply = await play.ask(CampaignWorkflow.retry_failed)
        assert reply.changed == 1
        await play.until_calling(2)
        play.campaign.end_calls(2)
        assert (await play.end()).snapshot.books.succeeded == 2
        assert exchange.line.most == 2
