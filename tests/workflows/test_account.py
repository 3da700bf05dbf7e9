"""An account and the campaigns that share its lanes: who gets how many, who waits, and what changes while they run."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError

from clarion.account_contracts import AccountLimits, LaneNews
from clarion.contracts import CampaignRef, LaneRequest
from clarion.domain.campaign import Priority
from tests.workflows.callers import House
from tests.workflows.stage import Stage
from workflows.account import AccountWorkflow

FIVE = AccountLimits(concurrency=5, campaigns=3, per_second=1.0, per_minute=30.0)


async def test_the_more_urgent_campaign_gets_its_share_as_calls_end_and_both_finish(stage: Stage) -> None:
    async with House(stage, FIVE).open() as house:
        await house.starts("low", calls=12, priority=Priority.LOW)
        await house.until(lambda: house.calls("low") == 5)
        await house.starts("high", calls=8, priority=Priority.HIGH)
        await house.until_sees("low", 1)
        assert house.calls("high") == 0
        house.ends_calls("low", 4)
        await house.until(lambda: (house.calls("low"), house.calls("high")) == (1, 4))
        house.board.lasting = 0.01
        for caller in house.callers.values():
            await caller.result()
        assert (house.board.most, house.board.made.total()) == (5, 20)
        await house.until_known(lambda state: not state.holders)


async def test_campaigns_beyond_the_limit_are_queued_and_start_by_themselves_the_most_urgent_first(
    stage: Stage,
) -> None:
    async with House(stage, AccountLimits(concurrency=5, campaigns=2)).open() as house:
        await house.starts("a", calls=3)
        await house.starts("b", calls=9)
        await house.until(lambda: house.calls("a") >= 2 and house.calls("b") >= 2)
        await house.starts("c", calls=2, priority=Priority.LOW)
        await house.until_known(lambda state: len(state.holders) == 3)
        await house.starts("d", calls=2, priority=Priority.HIGH)
        await house.until_known(lambda state: len(state.holders) == 4)
        queued = f"2 campaigns run on account {house.account.account} already"
        await house.until_why("c", f"{queued}; 1 waits before this one")
        await house.until_why("d", f"{queued}; this one is next")
        assert (await house.sees("d"))[:2] == (0, True)
        house.ends_calls("a", 3)
        while house.calls("d") < 2:  # the second one may have taken what the first one gave back
            house.board.ended[ord("b")] = 1
            await asyncio.sleep(0.3)
        assert house.board.made[ord("c")] == 0
        house.board.lasting = 0.01
        for caller in house.callers.values():
            await caller.result()
        assert house.board.made.total() == 16
        assert house.board.most <= 5


async def test_limits_go_up_and_down_while_calls_run(stage: Stage) -> None:
    async with House(stage, FIVE).open() as house:
        await house.starts("a", calls=30)
        await house.until(lambda: house.calls("a") == 5)
        await house.change("set_limits", AccountLimits(concurrency=8))
        await house.until(lambda: house.calls("a") == 8)
        await house.change("set_limits", AccountLimits(concurrency=2))
        await house.until_sees("a", 2)
        house.ends_calls("a", 7)
        await house.until_holding(a=2)
        await house.until(lambda: house.calls("a") == 2)
        limits = await house.change("reset_limits", ["concurrency"])
        assert limits == FIVE
        await house.until(lambda: house.calls("a") == 5)
        assert house.board.most == 8
        house.board.lasting = 0.01
        await house.callers["a"].result()


async def test_rates_are_written_where_lanes_read_them_and_given_back_to_the_settings(stage: Stage) -> None:
    async with House(stage, FIVE).open() as house:
        await house.starts("a", calls=1)
        await house.until(lambda: house.calls("a") == 1)
        await house.change("set_limits", AccountLimits(per_second=0.2))
        assert house.board.paces == [AccountLimits(per_second=0.2, per_minute=30.0).spacing]
        await house.change("set_limits", AccountLimits(concurrency=7))
        await house.change("reset_limits")
        assert house.board.paces == [AccountLimits(per_second=0.2, per_minute=30.0).spacing, None]
        assert (await house.state()).limits == FIVE
        house.ends_calls("a", 1)
        await house.callers["a"].result()


async def test_lanes_kept_for_people_who_call_us_are_not_granted(stage: Stage) -> None:
    async with House(stage, FIVE).open() as house:
        await house.starts("a", calls=20)
        await house.until(lambda: house.calls("a") == 5)
        await house.change("set_limits", AccountLimits(inbound_reserve=0.4))
        await house.until_sees("a", 3)
        house.board.lasting = 0.01
        await house.callers["a"].result()


async def test_malformed_messages_are_refused_or_ignored(stage: Stage) -> None:
    async with House(stage, FIVE).open() as house:
        await house.starts("a", calls=9)
        await house.until(lambda: house.calls("a") == 5)
        for junk in (None, "x", {"request": 7}, {"request": {"workflow_id": "campaign/x"}}):
            await house.owner.signal("lanes_wanted", junk)
        await house.owner.signal("lanes_wanted", args=[1, 2, 3])
        await house.owner.signal("lanes_wanted")
        refusals: tuple[tuple[str, object, str], ...] = (
            ("set_limits", None, 'say which limit, as {"concurrency": 20, "per_second": 1}'),
            ("set_limits", {"concurrency": 0}, "Failed decoding arguments"),
            ("reset_limits", ["lanes"], 'there is no limit "lanes"; there are concurrency, campaigns'),
        )
        for update, wrong, told in refusals:
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await house.change(update, wrong)
            assert told in str(refused.value.cause)
        house.board.lasting = 0.01
        await house.callers["a"].result()
        assert house.board.most == 5


async def test_late_and_doubled_requests_change_nothing(stage: Stage) -> None:
    async with House(stage, FIVE).open() as house:
        await house.starts("a", calls=9)
        await house.until(lambda: house.calls("a") == 5)
        await house.until_known(lambda state: all(not holder.unseen for holder in state.holders.values()))
        holder = next(iter((await house.state()).holders.values()))
        older = holder.request.model_copy(update={"number": 1, "holds": 0, "seen": 0})
        other_life = older.model_copy(update={"chain": "an earlier life", "born": 1.0, "number": 99})
        for late in (older, other_life, holder.request, holder.request):
            await house.owner.signal(AccountWorkflow.lanes_wanted, LaneNews(request=late))
        assert next(iter((await house.state()).holders.values())) == holder
        house.board.lasting = 0.01
        await house.callers["a"].result()
        assert house.board.most == 5


async def test_a_grant_for_a_campaign_that_is_gone_is_found_out_at_once(stage: Stage) -> None:
    async with House(stage, FIVE).open() as house:
        await house.starts("a", calls=1)
        await house.until(lambda: house.calls("a") == 1)
        gone = LaneRequest(
            workflow_id="campaign/acme/never",
            chain="x",
            number=1,
            campaign=CampaignRef(tenant="acme", campaign_id="never", key=9),
            wants=4,
        )
        await house.owner.signal(AccountWorkflow.lanes_wanted, LaneNews(request=gone))
        await house.until_known(lambda state: any(not holder.alive for holder in state.holders.values()))
        house.ends_calls("a", 1)
        await house.callers["a"].result()


async def test_both_sides_continue_as_new_while_calls_go_on(short_stage: Stage) -> None:
    async with House(short_stage, FIVE).open() as house:
        house.board.lasting = 0.02
        await house.starts("a", calls=60, lanes=4)
        await house.starts("b", calls=60, lanes=4, priority=Priority.HIGH)
        runs = [await caller.result() for caller in house.callers.values()]
        state = await house.until_known(lambda state: not state.holders)
        assert all(run > 1 for run in [*runs, state.runs])
        assert house.board.made.total() == 120
        assert 1 < house.board.most <= 5  # runs that begin anew all the time need not fill every lane


async def test_asked_to_end_it_serves_whoever_still_needs_it_first(stage: Stage) -> None:
    async with House(stage, FIVE).open() as house:
        await house.starts("a", calls=9)
        await house.until(lambda: house.calls("a") == 5)
        await house.owner.cancel()
        await house.until_known(lambda state: state.leaving)
        house.board.lasting = 0.01
        await house.callers["a"].result()
        await house.owner.result()
        assert house.board.made.total() == 9
        await house.starts("b", calls=1)
        assert await house.callers["b"].result() == 1


async def test_the_web_ui_tells_who_holds_what_and_who_waits(stage: Stage) -> None:
    async with House(stage, AccountLimits(concurrency=2, campaigns=1)).open() as house:
        await house.starts("spring", calls=3)
        await house.until(lambda: house.calls("spring") == 2)
        await house.starts("autumn", calls=1)
        await house.until_known(lambda state: any(holder.grant.queued for holder in state.holders.values()))
        shown = await house.shown()
        name = house.account.account
        assert f"### Account {name} — 2 of 2 lanes held" in shown
        assert f"- **spring** (spring, normal): 2 lanes, could use 3 · account {name} has 2 lanes for calls" in shown
        assert f"- **autumn** (autumn, normal): 1 campaign runs on account {name} already; this one is next" in shown
        summary = await house.owner.describe()
        assert await summary.static_summary() == f"lanes of account {name} · acme"
        assert summary.status is WorkflowExecutionStatus.RUNNING
        house.board.lasting = 0.01
        for caller in house.callers.values():
            await caller.result()
