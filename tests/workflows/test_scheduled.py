"""What a schedule starts at its moments, and that Temporal means the same moments as we do."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from temporalio.client import Schedule as TemporalSchedule
from temporalio.client import WorkflowExecutionStatus

from clarion.contracts import FiringReport
from clarion.domain.schedule import Schedule, comes_again, next_firings
from starter.schedule_form import in_temporal, spec_of
from tests.workflows.stage import PATIENCE, Stage, join_server
from tests.workflows.timetable import TEMPLATE, Timetable

BEFORE_CHANGES = [
    datetime(2027, month, day, tzinfo=UTC).timestamp()
    for month, day in ((3, 12), (3, 26), (4, 2), (10, 1), (10, 29), (11, 5))
]
"""Shortly before clocks change somewhere."""


async def test_the_campaign_goes_on_by_itself_with_its_own_priority(stage: Stage) -> None:
    table = Timetable(stage, campaign_id=f"weekly.{uuid.uuid4().hex[:8]}")
    async with table.open() as campaign, asyncio.timeout(PATIENCE):
        firing = await table.fire(1_000.0, uuid.uuid4().hex)
        assert await firing.result() == FiringReport(campaign_id=table.campaign_id)
        child = stage.client.get_workflow_handle(f"campaign/acme/{table.campaign_id}")
        described = await child.describe()
        assert described.raw_description.workflow_execution_info.priority.priority_key == 1
        assert described.typed_search_attributes.search_attributes
        await child.result()
        assert campaign.books.succeeded == 3
    assert table.moments == [1_000.0]


async def test_a_moment_that_is_tried_again_starts_nothing_twice(stage: Stage) -> None:
    table = Timetable(stage, campaign_id=f"weekly.{uuid.uuid4().hex[:8]}")
    async with table.open() as campaign, asyncio.timeout(PATIENCE):
        for _ in range(2):
            firing = await table.fire(1_000.0, uuid.uuid4().hex)
            assert (await firing.result()).campaign_id == table.campaign_id
            await stage.client.get_workflow_handle(f"campaign/acme/{table.campaign_id}").result()
        assert campaign.books.succeeded == campaign.books.total == 3


async def test_no_campaign_is_no_failure(stage: Stage) -> None:
    table = Timetable(stage, reason="the template has no contacts")
    async with table.open(), asyncio.timeout(PATIENCE):
        firing = await table.fire(1_000.0, uuid.uuid4().hex)
        assert await firing.result() == FiringReport(reason="the template has no contacts")
        assert (await firing.describe()).status is WorkflowExecutionStatus.COMPLETED


async def test_the_moment_is_the_one_that_the_schedule_names(stage: Stage) -> None:
    table = Timetable(stage, reason="only looking")
    name = uuid.uuid4().hex
    wanted = in_temporal(TEMPLATE, "Weekly", Schedule(cron="0 9 * * mon", time_zone="Europe/Berlin"), stage.queue)
    async with table.open(), asyncio.timeout(PATIENCE):
        handle = await stage.client.create_schedule(f"schedule/acme/{name}", wanted)
        await handle.trigger()
        while not table.moments:
            await asyncio.sleep(0.05)
        (action,) = (await handle.describe()).info.recent_actions
        await handle.delete()
    assert table.moments == [action.scheduled_at.replace(microsecond=0).timestamp()]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize(
    "cron",
    ["0 9 * * mon-fri", "30 2 * * *", "30 1 * * sun", "*/15 8-10 1 * *", "0 0 29 2 *", "59 23 31 */2 *"],
)
async def test_temporal_means_the_same_moments(server: str, cron: str, zone: str) -> None:
    stage = Stage(await join_server(server))
    schedule = Schedule(cron=cron, time_zone=zone)
    for begin in BEFORE_CHANGES:
        theirs = await moments_in_temporal(stage, schedule, begin)
        ours = next_firings(schedule, begin - 1)
        assert len(ours) >= 2
        assert [at for at in theirs if not comes_again(schedule, at)][: len(ours)] == ours


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("cron", ["0 1,2 * * *", "*/30 0-4 * * sun"])
async def test_each_time_on_the_wall_comes_once(server: str, cron: str, zone: str) -> None:
    stage = Stage(await join_server(server))
    schedule = Schedule(cron=cron, time_zone=zone)
    for begin in BEFORE_CHANGES:
        theirs = [at for at in await moments_in_temporal(stage, schedule, begin) if not comes_again(schedule, at)]
        walls = [f"{datetime.fromtimestamp(at, ZoneInfo(zone)):%d %H:%M}" for at in theirs]
        ours = next_firings(schedule, begin - 1, len(theirs))
        assert walls == [f"{datetime.fromtimestamp(at, ZoneInfo(zone)):%d %H:%M}" for at in ours]


async def moments_in_temporal(stage: Stage, schedule: Schedule, begin: float) -> list[float]:
    name = uuid.uuid4().hex
    wanted = in_temporal(TEMPLATE, "Weekly", schedule, stage.queue)
    spec = spec_of(schedule)
    spec.start_at = datetime.fromtimestamp(begin, UTC)
    handle = await stage.client.create_schedule(
        name, TemporalSchedule(action=wanted.action, spec=spec, policy=wanted.policy)
    )
    described = await handle.describe()
    await handle.delete()
    return [at.timestamp() for at in described.info.next_action_times]
