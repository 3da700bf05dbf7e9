"""What becomes of lanes when somebody ends a campaign, or the account itself, from outside."""

from __future__ import annotations

from tests.workflows.callers import House
from tests.workflows.stage import Stage
from tests.workflows.test_account import FIVE


async def test_a_terminated_campaign_gives_its_lanes_back_as_its_calls_end(stage: Stage) -> None:
    async with House(stage, FIVE).open() as house:
        await house.starts("a", calls=9)
        await house.until(lambda: house.calls("a") == 5)
        await house.callers["a"].terminate("an operator")
        await house.starts("b", calls=9)
        await house.until_known(lambda state: len(state.holders) == 2)
        await house.until_known(lambda state: any(not holder.alive for holder in state.holders.values()))
        await house.until_why("b", f"more lanes of account {house.account.account} come free as last calls end")
        assert "has ended without a word, 5 of its calls are still under way" in await house.shown()
        house.ends_calls("a", 3)
        await house.until(lambda: house.calls("a") == 2)
        await house.until(lambda: house.calls("b") == 3)
        house.ends_calls("a", 2)
        await house.until(lambda: house.calls("a") == 0)
        await house.until(lambda: house.calls("b") == 5)
        assert house.board.most == 5
        house.board.lasting = 0.01
        await house.callers["b"].result()


async def test_lanes_of_a_terminated_campaign_come_back_even_if_nobody_learns_how_its_calls_ended(
    stage: Stage,
) -> None:
    async with House(stage, FIVE).open() as house:
        await house.starts("a", calls=2, longest=1.0)
        await house.until(lambda: house.calls("a") == 2)
        await house.callers["a"].terminate("an operator")
        await house.until_known(lambda state: any(not holder.alive for holder in state.holders.values()))
        await house.until_holding(a=2)
        await house.until_known(lambda state: not state.holders)
        assert house.calls("a") == 2


async def test_a_queued_campaign_that_is_terminated_leaves_the_queue(stage: Stage) -> None:
    limits = FIVE.model_copy(update={"campaigns": 1})
    async with House(stage, limits).open() as house:
        await house.starts("a", calls=9)
        await house.until(lambda: house.calls("a") == 5)
        await house.starts("b", calls=9)
        await house.until_known(lambda state: len(state.holders) == 2)
        await house.callers["b"].terminate("an operator")
        await house.until_known(lambda state: len(state.holders) == 1)
        house.board.lasting = 0.01
        await house.callers["a"].result()


async def test_a_campaign_that_begins_anew_counts_the_calls_of_its_life_before(stage: Stage) -> None:
    async with House(stage, FIVE).open() as house:
        await house.starts("a", calls=9)
        await house.starts("b", calls=9)
        await house.until(lambda: house.board.made.total() == 5)
        await house.callers["a"].terminate("an operator")
        before = house.calls("a")
        await house.starts("a", calls=0)
        await house.callers["a"].result()
        await house.until_known(
            lambda state: {house.name_of(name): held.bound for name, held in state.holders.items()}.get("a") == before
        )
        assert house.calls("b") == 5 - before
        house.ends_calls("a", before)
        await house.until(lambda: house.calls("a") == 0)
        await house.until(lambda: house.calls("b") == 5)
        house.board.lasting = 0.01
        await house.callers["b"].result()


async def test_an_account_that_was_terminated_is_started_again_and_learns_who_holds_what(
    stage: Stage,
) -> None:
    async with House(stage, FIVE).open() as house:
        await house.starts("a", calls=30)
        await house.until(lambda: house.calls("a") == 5)
        await house.starts("b", calls=30)
        await house.until_sees("a", 3)
        house.ends_calls("a", 2)
        await house.until(lambda: (house.calls("a"), house.calls("b")) == (3, 2))
        await house.owner.terminate("an operator")
        await house.starts("c", calls=5)
        name = house.account.account
        await house.until_why("c", f"account {name} was started again: it waits until every campaign has spoken")
        await house.until_holding(a=3, b=2)
        assert house.calls("c") == 0
        house.board.lasting = 0.01
        for caller in house.callers.values():
            await caller.result()
        assert house.board.most == 5
        await house.until_known(lambda state: not state.holders)
