"""Schedules on a real Temporal server, without any worker: kept, paused, lost, put back and ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import ScheduleOverlapPolicy
from temporalio.testing import WorkflowEnvironment

from clarion.domain.errors import BadInput, Conflict, NotFound
from clarion.domain.schedule import Schedule, next_firings, parse_schedule
from clarion.settings import load_settings
from starter.schedule_views import State
from starter.wiring import Installation
from tests.starter.installation import TENANT, Place, people
from tests.workflows.stage import join_server, real_server

WEEKLY = Schedule(cron="0 9 * * mon", time_zone="Europe/Berlin")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a Temporal dev server."""
    with real_server() as address:
        yield address


@pytest.fixture
async def temporal(server: str, monkeypatch: pytest.MonkeyPatch) -> WorkflowEnvironment:
    monkeypatch.setenv("TEMPORAL_ADDRESS", server)
    return await join_server(server)


async def kept(place: Place, name: str, *options: str) -> None:
    place.audience(people(2))
    path = str(place.campaign_file())
    result = await asyncio.to_thread(place.clarion, "template", "save", path, "--name", name, *options)
    assert result.code == 0, result.err


async def test_a_schedule_from_its_beginning_to_its_end(place: Place, temporal: WorkflowEnvironment) -> None:
    await kept(place, "weekly")
    async with Installation.open(load_settings()) as opened:
        made = await opened.schedules.create("weekly", WEEKLY)
        assert (made.state, made.schedule_id, made.reason) == (State.ACTIVE, "weekly", "")
        assert list(made.next) == next_firings(WEEKLY, time.time())
        described = await temporal.client.get_schedule_handle(f"schedule/{TENANT}/weekly").describe()
        assert described.schedule.policy.overlap is ScheduleOverlapPolicy.ALLOW_ALL
        assert described.schedule.policy.catchup_window == timedelta(hours=1)
        with pytest.raises(Conflict, match='"weekly" has a schedule already'):
            await opened.schedules.create("weekly", WEEKLY)
        paused = await opened.schedules.pause("weekly", "summer break")
        assert (paused.state, paused.reason) == (State.PAUSED, "summer break")
        assert (await opened.schedules.resume("weekly")).state is State.ACTIVE
        assert [view.schedule_id for view in await opened.schedules.list()] == ["weekly"]
        with pytest.raises(Conflict, match="`clarion schedule remove weekly`"):
            await opened.templates.remove("weekly")
        await opened.schedules.remove("weekly")
        with pytest.raises(NotFound, match='there is no schedule "weekly"'):
            await opened.schedules.remove("weekly")
        assert (await opened.templates.show("weekly")).schedule is None
        await opened.templates.remove("weekly")


async def test_a_campaign_with_a_schedule_becomes_its_template_when_it_starts(
    place: Place, temporal: WorkflowEnvironment
) -> None:
    place.audience(people(2))
    when = {"cron": "0 9 * * mon", "time_zone": "Europe/Berlin"}
    path = str(place.campaign_file(schedule=when))
    assert (await asyncio.to_thread(place.clarion, "start", path, "--id", "mondays", "--draft")).code == 0
    async with Installation.open(load_settings()) as opened:
        assert not (await opened.campaigns.find("mondays")).template
        assert (await opened.campaigns.launch("mondays")).template
        assert (await opened.schedules.show("mondays")).state is State.ACTIVE
        with pytest.raises(Conflict, match="is a template"):
            await opened.campaigns.launch("mondays")
        await opened.schedules.remove("mondays")
    assert temporal.client.namespace == "default"


async def test_what_temporal_has_lost_is_put_back_and_what_it_alone_has_is_ended(
    place: Place, temporal: WorkflowEnvironment
) -> None:
    await kept(place, "lost")
    async with Installation.open(load_settings()) as opened:
        await opened.schedules.create("lost", WEEKLY)
        await temporal.client.get_schedule_handle(f"schedule/{TENANT}/lost").delete()
        lost = await opened.schedules.show("lost")
        assert (lost.state, "`clarion schedule resume lost`" in lost.reason) == (State.MISSING, True)
        with pytest.raises(Conflict, match="puts it there again"):
            await opened.schedules.pause("lost")
        assert (await opened.schedules.resume("lost")).state is State.ACTIVE
        place.store.campaigns.delete_draft((await opened.campaigns.find("lost")).ref)
        while not (found := await opened.schedules.list()):  # Temporal's lists follow a moment later
            await asyncio.sleep(0.05)
        assert [(view.schedule_id, view.state) for view in found] == [("lost", State.ORPHANED)]
        await kept(place, "lost")
        with pytest.raises(Conflict, match='Temporal has a schedule "lost" already'):
            await opened.schedules.create("lost", WEEKLY)
        assert (await opened.templates.show("lost")).schedule is None
        await opened.schedules.remove("lost")


async def test_what_cannot_be_scheduled_is_said(place: Place, temporal: WorkflowEnvironment) -> None:
    await kept(place, "empty", "--without-contacts")
    await kept(place, "a" * 48)
    await kept(place, "over")
    ended = parse_schedule({**WEEKLY.model_dump(), "until": datetime(2020, 1, 1, tzinfo=UTC)})
    async with Installation.open(load_settings()) as opened:
        with pytest.raises(Conflict, match='"empty" has no contacts'):
            await opened.schedules.create("empty", WEEKLY)
        with pytest.raises(BadInput, match="has 48 characters, and the id of a schedule may have 47"):
            await opened.schedules.create("a" * 48, WEEKLY)
        with pytest.raises(BadInput, match="no moment is left before until"):
            await opened.schedules.create("over", ended)
        with pytest.raises(NotFound, match='there is no template "nothing"'):
            await opened.schedules.create("nothing", WEEKLY)
        assert await opened.schedules.list() == []
    assert [schedule async for schedule in await temporal.client.list_schedules()] == []


def test_a_check_tells_the_next_moments(place: Place) -> None:
    place.audience(people(2))
    when = {"cron": "0 9 * * mon", "time_zone": "Europe/Berlin"}
    path = str(place.campaign_file(schedule=when))
    checked = place.clarion("check", path, "--json").json
    assert len(checked["moments"]) == 5
    assert checked["starts_at"] == checked["moments"][0]
    assert "and again" in place.clarion("check", path).out
    wrong = place.clarion("check", str(place.campaign_file("wrong.yaml", schedule={**when, "cron": "9am"})))
    assert (wrong.code, "has 1 fields; give minute, hour, day" in wrong.err) == (2, True)
