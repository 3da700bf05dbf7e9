"""What the people who work in Temporal's Web UI see of a campaign."""

from __future__ import annotations

import pytest
from google.protobuf import json_format
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.common import RawValue

from clarion.domain.campaign import CampaignStatus
from tests.fakes import DELIVERED, LATER, RECEIPT, REFUSED
from tests.workflows.stage import Play, Stage
from workflows.showing import CHANNEL, DONE, FAILED, NAME, PERCENT, STATUS, TENANT, TOTAL

pytestmark = pytest.mark.parametrize("stage", [100], ids=["cached"], indirect=True)


async def test_search_attributes_tell_the_final_books(stage: Stage) -> None:
    async with stage.play(*[[DELIVERED]] * 40, [REFUSED]) as play:
        await play.end()
        shown = (await play.handle.describe()).typed_search_attributes
    assert {key: shown.get(key) for key in (STATUS, CHANNEL, TENANT, NAME, TOTAL, DONE, FAILED, PERCENT)} == {
        STATUS: "completed",
        CHANNEL: "sms",
        TENANT: "acme",
        NAME: "Spring reminder",
        TOTAL: 41,
        DONE: 40,
        FAILED: 1,
        PERCENT: 100.0,
    }


async def test_search_attributes_are_written_seldom(stage: Stage) -> None:
    async with stage.play(*[[DELIVERED]] * 200, chunk_size=5, lanes=1) as play:
        await play.end()
        events = await play.events()
    upserts = [e for e in events if e.HasField("upsert_workflow_search_attributes_event_attributes")]
    assert play.campaign.calls["dispatch_message_chunk"] >= 40
    assert len(upserts) <= 27


async def test_running_campaigns_can_be_listed_by_status(stage: Stage) -> None:
    async with stage.play([RECEIPT]) as play:
        await play.until_written(CampaignStatus.SETTLING)
        found: list[str] = []
        while not found:
            query = "CampaignStatus = 'settling' AND TenantId = 'acme'"
            found = [execution.id async for execution in stage.client.list_workflows(query)]
        assert found == [play.handle.id]
        play.campaign.receipts()
        await play.end()


async def test_summary_and_details_tell_how_it_stands(stage: Stage) -> None:
    async with stage.play(*[[DELIVERED]] * 9, [RECEIPT]) as play:
        await play.until_written(CampaignStatus.SETTLING)
        await play.handle.execute_update("pause", "lunch")
        assert await (await play.handle.describe()).static_summary() == "Spring reminder · sms · acme"
        details = (await metadata(play)).current_details
        await play.handle.signal("resume")
        play.campaign.receipts()
        await play.end()
    assert details.startswith("### Spring reminder — paused\n**lunch**")
    assert "90 % of 10" in details
    assert "- succeeded: **9**" in details


async def test_every_handler_says_what_it_is_for(stage: Stage) -> None:
    async with stage.play([RECEIPT]) as play:
        await play.until_written(CampaignStatus.SETTLING)
        definition = (await metadata(play)).definition
        play.campaign.receipts()
        await play.end()
    known = [*definition.signal_definitions, *definition.update_definitions]
    assert {d.name for d in known} == {
        *("pause", "resume", "cancel", "hang_up", "lanes_granted", "set_limits", "retry_failed", "add_targets")
    }
    assert all(d.description for d in known)
    assert [d.description for d in definition.query_definitions if d.name == "progress"] != [""]


async def test_activities_and_timers_say_what_they_do(stage: Stage) -> None:
    start_at = await stage.clock() + 0.5
    async with stage.play(*[[DELIVERED]] * 50, [LATER], start_at=start_at) as play:
        while len(timers := await said_beside(play, "timer_started_event_attributes")) < 2:
            await play.until(lambda: play.campaign.contacts == 51)
        activities = await said_beside(play, "activity_task_scheduled_event_attributes")
        await play.handle.signal("cancel")
        await play.end()
    assert [timer.split()[0] for timer in timers] == ["starts", "next"]
    assert "import the audience" in activities
    assert "chunk 1 · 51 targets" in activities
    assert all(activities)


async def metadata(play: Play) -> WorkflowMetadata:
    """What the Web UI asks for."""
    answer = await play.handle.query("__temporal_workflow_metadata", result_type=RawValue)
    return json_format.Parse(answer.payload.data, WorkflowMetadata())


async def said_beside(play: Play, kind: str) -> list[str]:
    """What stands in the timeline beside the events of a kind."""
    payloads = [e.user_metadata.summary for e in await play.events() if e.HasField(kind)]  # type: ignore[arg-type]
    said: list[str] = await play.stage.client.data_converter.decode(payloads, [str] * len(payloads))
    return said
