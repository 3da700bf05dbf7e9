"""A campaign's life when nobody interferes: prepare, wait for the start, contact, settle, close."""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from clarion.domain.campaign import CampaignStatus
from tests.fakes import DELIVERED, LATER, LOST, RECEIPT, REFUSED
from tests.workflows.stage import CHUNK, Stage

pytestmark = pytest.mark.parametrize("skipping_stage", [100], ids=["cached"], indirect=True)

DAY = 86400.0


async def test_every_target_is_contacted_and_the_books_are_closed(skipping_stage: Stage) -> None:
    async with skipping_stage.play(*[[DELIVERED]] * 40, *[[REFUSED]] * 2) as play:
        state = await play.end()
    assert state.status is CampaignStatus.COMPLETED
    assert (state.snapshot.books.succeeded, state.snapshot.books.failed) == (40, 2)
    assert play.campaign.contacts == 42
    assert play.words == ["preparing", "running", "settling", "completed"]


async def test_the_gate_is_open_only_while_the_campaign_runs(skipping_stage: Stage) -> None:
    async with skipping_stage.play([DELIVERED]) as play:
        await play.end()
    assert [(change.status.value, change.open) for change in play.campaign.statuses] == [
        ("preparing", False),
        ("running", True),
        ("settling", True),
        ("completed", False),
    ]


async def test_an_audience_without_usable_rows_ends_at_once(skipping_stage: Stage) -> None:
    async with skipping_stage.play() as play:
        state = await play.end()
    assert state.status is CampaignStatus.COMPLETED
    assert play.campaign.contacts == 0


async def test_several_files_become_one_audience(skipping_stage: Stage) -> None:
    async with skipping_stage.play([DELIVERED], file_ids=(1, 2)) as play:
        play.campaign.files[2] = [[DELIVERED]] * 3
        assert (await play.end()).snapshot.books.total == 4


async def test_lanes_are_never_more_than_allowed_and_all_are_used(skipping_stage: Stage) -> None:
    async with skipping_stage.play(*[[DELIVERED]] * 300, lanes=25, chunk_size=5) as play:
        play.campaign.hold("dispatch_message_chunk")
        await play.until(lambda: play.campaign.lanes == 25)
        play.campaign.let_go("dispatch_message_chunk")
        await play.end()
    assert play.campaign.lanes_peak == 25


async def test_a_retry_half_an_hour_later_waits_on_a_timer(skipping_stage: Stage) -> None:
    async with skipping_stage.play([DELIVERED], [LATER, DELIVERED]) as play:
        state = await play.end()
        timers = [e for e in await play.events() if e.HasField("timer_started_event_attributes")]
    assert state.snapshot.books.succeeded == 2
    assert len(timers) == 1
    assert timers[0].timer_started_event_attributes.start_to_fire_timeout.ToTimedelta() > timedelta(minutes=29)


async def test_an_unknown_outcome_is_looked_up_before_the_end(skipping_stage: Stage) -> None:
    async with skipping_stage.play([LOST, DELIVERED], [LOST, REFUSED]) as play:
        state = await play.end()
    assert (state.snapshot.books.succeeded, state.snapshot.books.failed) == (1, 1)
    assert play.campaign.contacts == 2


async def test_receipts_are_awaited(skipping_stage: Stage) -> None:
    async with skipping_stage.play([RECEIPT], [RECEIPT, REFUSED]) as play:
        await play.until_written(CampaignStatus.SETTLING)
        play.campaign.receipts()
        state = await play.end()
    assert state.snapshot.outcomes == {"delivered": 1, "undelivered": 1}


async def test_a_start_in_three_days_is_waited_for(skipping_stage: Stage) -> None:
    start_at = await skipping_stage.clock() + 3 * DAY
    async with skipping_stage.play([DELIVERED], start_at=start_at) as play:
        await play.until_written(CampaignStatus.SCHEDULED)
        assert play.campaign.contacts == 0
        await play.end()
        assert await skipping_stage.clock() >= start_at
    assert play.words == ["preparing", "scheduled", "running", "settling", "completed"]


async def test_a_start_that_has_passed_is_now(skipping_stage: Stage) -> None:
    async with skipping_stage.play([DELIVERED], start_at=await skipping_stage.clock() - 30) as play:
        await play.end()
    assert play.campaign.contacts == 1


@pytest.mark.parametrize("step", ["import_audience", "dispatch_message_chunk", "record_status", "close_books"])
async def test_what_no_retry_can_mend_fails_the_campaign_with_the_reason(skipping_stage: Stage, step: str) -> None:
    async with skipping_stage.play([DELIVERED]) as play:
        missing = ApplicationError("there is no such campaign", type="NotFound", non_retryable=True)
        play.campaign.failures[step] = [missing]
        with pytest.raises(WorkflowFailureError) as failure:
            await play.handle.result()
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.message == "there is no such campaign"
    if step != "record_status":
        assert play.campaign.statuses[-1].status is CampaignStatus.FAILED
        assert play.campaign.statuses[-1].reason == "there is no such campaign"


async def test_a_failed_campaign_lets_its_other_chunks_end(skipping_stage: Stage) -> None:
    async with skipping_stage.play(*[[DELIVERED]] * 100, lanes=20) as play:
        await play.into_a_chunk()
        await play.until(lambda: play.campaign.running[CHUNK] == 2)
        missing = ApplicationError("there is no such account", type="NotFound", non_retryable=True)
        await play.handle.execute_update("set_limits", {"concurrency": 30})
        await play.until(lambda: play.campaign.running[CHUNK] == 3)
        play.campaign.failures[CHUNK] = [missing]
        await play.handle.execute_update("set_limits", {"concurrency": 40})
        await play.until_written(CampaignStatus.FAILED)
        assert (await play.handle.describe()).status is WorkflowExecutionStatus.RUNNING
        play.campaign.let_go(CHUNK)
        with pytest.raises(WorkflowFailureError):
            await play.handle.result()
        assert play.campaign.running[CHUNK] == 0


@pytest.mark.parametrize(
    "step", ["import_audience", "dispatch_message_chunk", "record_status", "settle", "close_books"]
)
async def test_what_passes_is_tried_again(skipping_stage: Stage, step: str) -> None:
    async with skipping_stage.play([DELIVERED]) as play:
        play.campaign.failures[step] = [ApplicationError("the database is away", type="Unreachable")] * 3
        await play.end()
    assert play.campaign.contacts == 1


async def test_books_that_do_not_balance_keep_the_campaign_settling(skipping_stage: Stage) -> None:
    refusal = ApplicationError("they do not balance", type="BooksDoNotBalance", next_retry_delay=timedelta(seconds=5))
    async with skipping_stage.play([DELIVERED]) as play:
        play.campaign.failures["close_books"] = [refusal] * 40
        await play.until(lambda: play.campaign.calls["close_books"] > 0)
        assert play.words[-1] == "settling"
        assert (await play.end()).status is CampaignStatus.COMPLETED
    assert play.campaign.calls["close_books"] == 41


async def test_nothing_is_done_over_and_over_where_nothing_is_due(skipping_stage: Stage) -> None:
    async with skipping_stage.play(*[[DELIVERED]] * 40, [LATER, DELIVERED]) as play:
        await play.end()
    assert play.campaign.calls["dispatch_message_chunk"] <= 12
    assert play.campaign.calls["settle"] <= 3
