"""Everybody steers at once: whatever comes in whatever order, the campaign ends, and its books are closed and true."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import CancelledError
from temporalio.service import RPCError, RPCStatusCode

from clarion.contracts import Addition, Pacing, Retry
from clarion.domain.campaign import CampaignStatus
from tests.fakes import BROKEN, DELIVERED, LATER, LOST, RECEIPT, REFUSED
from tests.workflows.stage import Play, Stage
from workflows.campaign import CampaignWorkflow

STEPS = ("import_audience", "dispatch_message_chunk", "record_status", "close_books", "requeue_failed")
ROW = st.lists(st.sampled_from([DELIVERED, REFUSED, LATER, RECEIPT, LOST, BROKEN]), max_size=2)

Act = str | tuple[str, int] | tuple[str, str]
ACT = st.one_of(
    st.sampled_from(["pause", "pause_now", "resume", "resume", "retry", "add", "receipts", "breathe", "breathe"]),
    st.tuples(st.just("limits"), st.integers(1, 20)),
    st.tuples(st.just("hold"), st.sampled_from(STEPS)),
    st.tuples(st.just("let go"), st.sampled_from(STEPS)),
)
ENDING = st.sampled_from(["by itself", "by itself", "cancel", "cancelled in Temporal"])

stormy = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@stormy
@given(rows=st.lists(ROW, max_size=30), acts=st.lists(ACT, max_size=25), ending=ENDING, late=st.integers(0, 20))
async def test_any_storm_ends_with_closed_books(
    short_stage: Stage,
    rows: list[list[str]],
    acts: list[str | tuple[str, int] | tuple[str, str]],
    ending: str,
    late: int,
) -> None:
    async with short_stage.play(*rows, lanes=4, chunk_size=3) as play:
        play.campaign.files[2] = [[DELIVERED], [REFUSED, DELIVERED]]
        play.campaign.retry_after = play.campaign.grace = 0.2
        asked: list[asyncio.Task[object]] = []
        for number, act in enumerate(acts):
            if number == late:
                await end(play, ending)
            await perform(play, act, asked)
        if late >= len(acts):
            await end(play, ending)
        status = await calm(play)
        refusals = await asyncio.gather(*asked, return_exceptions=True)
    assert status is (CampaignStatus.COMPLETED if ending == "by itself" else CampaignStatus.CANCELLED)
    assert all(r is None or isinstance(r, WorkflowUpdateFailedError) for r in refusals)


async def perform(play: Play, act: Act, asked: list[asyncio.Task[object]]) -> None:
    """Do one thing to the campaign; updates are not waited for."""
    match act:
        case "pause":
            await play.handle.signal(CampaignWorkflow.pause_soon, "storm")
        case "resume":
            await play.handle.signal(CampaignWorkflow.resume)
        case "pause_now":
            asked.append(asyncio.create_task(send(play, CampaignWorkflow.pause_now, "storm")))
        case "retry":
            asked.append(asyncio.create_task(send(play, CampaignWorkflow.retry_failed, Retry())))
        case "add":
            asked.append(asyncio.create_task(send(play, CampaignWorkflow.add_targets, Addition(file_id=2))))
        case "receipts":
            play.campaign.receipts()
        case ("limits", int(lanes)):
            asked.append(asyncio.create_task(send(play, CampaignWorkflow.set_limits, Pacing(concurrency=lanes))))
        case ("hold", str(step)):
            play.campaign.hold(step)
        case ("let go", str(step)):
            play.campaign.let_go(step)
        case _:
            await asyncio.sleep(0.02)


async def send(play: Play, update: object, argument: object) -> None:
    """Send an update and wait until it is answered."""
    await play.ask(update, argument)  # type: ignore[arg-type]


async def end(play: Play, ending: str) -> None:
    """Let somebody decide how the campaign ends."""
    if ending == "cancel":
        await play.handle.signal(CampaignWorkflow.cancel_soon, "storm")
    elif ending == "cancelled in Temporal":
        await play.handle.cancel(reason="storm")


async def calm(play: Play) -> CampaignStatus:
    """Hold nothing, go on whenever it pauses, and wait for the end; returns how it ended."""
    for step in STEPS:
        play.campaign.let_go(step)
    result = asyncio.create_task(play.handle.result())
    while not result.done():
        play.campaign.receipts()
        if play.campaign.statuses and play.campaign.statuses[-1].status is CampaignStatus.PAUSED:
            await resume_unless_over(play)
        await asyncio.wait([result], timeout=0.02)
    failure = result.exception()
    assert failure is None or (isinstance(failure, WorkflowFailureError) and isinstance(failure.cause, CancelledError))
    status = result.result().status if failure is None else CampaignStatus.CANCELLED
    play.assert_closed(status)
    return status


async def resume_unless_over(play: Play) -> None:
    """Resume; that the campaign has ended since somebody looked is fine."""
    try:
        await play.handle.signal(CampaignWorkflow.resume)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


@pytest.mark.parametrize("turns", [1, 7])
async def test_a_storm_of_pauses_and_resumes_loses_nobody(short_stage: Stage, turns: int) -> None:
    async with short_stage.play(*[[DELIVERED]] * 60, [RECEIPT], chunk_size=2) as play:
        for _ in range(10):
            for _ in range(turns):
                await play.handle.signal(CampaignWorkflow.pause_soon, "storm")
                await play.handle.signal(CampaignWorkflow.resume)
            await asyncio.sleep(0.01)
        assert await calm(play) is CampaignStatus.COMPLETED
    assert play.campaign.books.succeeded == play.campaign.contacts == 61
