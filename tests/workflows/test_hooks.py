"""The life of a hook: looked after again and again, until it is gone."""

from __future__ import annotations

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from clarion.hook_contracts import HookReport, HookTally
from tests.workflows.hooked import hooked
from tests.workflows.stage import Stage
from workflows.hooks import HookWorkflow

SOME = HookReport(delivered=2, failed=1, dead=1)


async def test_it_is_looked_after_until_it_is_gone(stage: Stage) -> None:
    async with hooked(stage, SOME, SOME) as line:
        await line.until_looking(3)
        assert await line.handle.query(HookWorkflow.deliveries) == HookTally(delivered=4, failed=2, dead=2)
        assert await line.end() == HookTally(delivered=4, failed=2, dead=2)
        assert {order.hook for order in line.looks} == {line.hook}
        assert {order.seconds for order in line.looks} == {600.0}


async def test_one_that_was_woken_looks_once_more_before_it_ends(stage: Stage) -> None:
    """A hook switched on again just as its workflow was about to end is not left alone."""
    async with hooked(stage) as line:
        await line.until_looking(1)
        await line.handle.signal(HookWorkflow.wake)
        await line.end()
        assert len(line.looks) == 2


async def test_being_woken_long_ago_does_not_count(stage: Stage) -> None:
    async with hooked(stage, HookReport(), HookReport(ended=True)) as line:
        await line.handle.result()
        assert len(line.looks) == 2


async def test_a_failed_look_is_made_again(stage: Stage) -> None:
    async with hooked(stage) as line:
        line.failures.append(ApplicationError("the database is away", type="Unreachable"))
        await line.until_looking(2)
        await line.end()


async def test_it_continues_as_new_and_counts_on(short_stage: Stage) -> None:
    async with hooked(short_stage, *[SOME] * 30) as line:
        await line.until_looking(31)
        tally = await line.end()
        assert (tally.delivered, tally.failed, tally.dead) == (60, 30, 30)
        assert tally.runs > 2


async def test_an_idle_hook_costs_six_events_a_look(stage: Stage) -> None:
    async with hooked(stage, *[HookReport()] * 4) as line:
        await line.until_looking(5)
        events = (await line.handle.fetch_history()).events
        looks = sum(1 for event in events if event.HasField("activity_task_scheduled_event_attributes"))
        assert len(events) <= 6 * looks
        await line.end()


async def test_a_malformed_signal_harms_nothing(stage: Stage) -> None:
    async with hooked(stage) as line:
        await line.until_looking(1)
        await line.handle.signal("wake", args=["now", "surplus"])
        await line.handle.signal("no_such_signal")
        await line.end()


async def test_cancelled_in_temporal_it_ends(stage: Stage) -> None:
    async with hooked(stage) as line:
        await line.until_looking(1)
        await line.handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await line.handle.result()
        assert (await line.handle.describe()).status is WorkflowExecutionStatus.CANCELED
        assert line.looking == 0
