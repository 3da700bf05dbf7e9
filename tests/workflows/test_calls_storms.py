"""Everybody steers a campaign of calls at once: it ends with closed books, and held no lane too many or too long."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from temporalio.client import WorkflowUpdateFailedError

from clarion.account_contracts import AccountLimits
from clarion.domain.campaign import CampaignStatus
from tests.fake_calls import LONG
from tests.fakes import BROKEN, DELIVERED, LATER, LOST, REFUSED
from tests.workflows.exchange import CallPlay, Exchange
from tests.workflows.stage import Stage
from tests.workflows.test_storms import Act, end, perform, resume_unless_over, stormy
from workflows.campaign import CampaignWorkflow

STEPS = ("import_audience", "record_status", "close_books", "requeue_failed")
WORD = st.sampled_from([DELIVERED, REFUSED, LATER, LOST, BROKEN])
ROW = st.one_of(st.lists(WORD, max_size=2), st.builds(lambda word: [LONG, word], WORD))
ACT = st.one_of(
    st.sampled_from(["pause", "pause_now", "resume", "resume", "retry", "add", "breathe", "breathe", "end calls"]),
    st.tuples(st.just("limits"), st.integers(1, 6)),
    st.tuples(st.just("hold"), st.sampled_from(STEPS)),
    st.tuples(st.just("let go"), st.sampled_from(STEPS)),
    st.tuples(st.just("allow"), st.integers(1, 4)),
)
ENDING = st.sampled_from(["by itself", "by itself", "cancel", "hang up", "cancelled in Temporal"])
FOUR = AccountLimits(concurrency=4)


@stormy
@given(rows=st.lists(ROW, max_size=15), acts=st.lists(ACT, max_size=20), ending=ENDING, late=st.integers(0, 20))
async def test_any_storm_ends_with_closed_books_and_without_a_lane(
    short_stage: Stage, rows: list[list[str]], acts: list[Act], ending: str, late: int
) -> None:
    async with Exchange(short_stage, FOUR).open() as exchange, exchange.play(*rows, lanes=3) as play:
        play.campaign.files[2] = [[DELIVERED], [LONG, REFUSED, DELIVERED]]
        play.campaign.retry_after = play.campaign.grace = 0.2
        asked: list[asyncio.Task[object]] = []
        for number, act in enumerate(acts):
            if number == late:
                await finish(play, ending)
            await do(exchange, play, act, asked)
        if late >= len(acts):
            await finish(play, ending)
        status = await calm(play)
        refusals = await asyncio.gather(*asked, return_exceptions=True)
        assert (exchange.line.going, exchange.line.most <= 4) == (0, True)
        assert play.campaign.lanes_peak <= 4
    assert status is (CampaignStatus.COMPLETED if ending == "by itself" else CampaignStatus.CANCELLED)
    assert all(r is None or isinstance(r, WorkflowUpdateFailedError) for r in refusals)


async def do(exchange: Exchange, play: CallPlay, act: Act, asked: list[asyncio.Task[object]]) -> None:
    """Do one thing to the campaign, its calls or its account."""
    match act:
        case "end calls":
            play.campaign.end_calls()
        case ("allow", int(lanes)) if await exchange.is_there():
            await exchange.allow(AccountLimits(concurrency=lanes))
        case _:
            await perform(play, act, asked)


async def finish(play: CallPlay, ending: str) -> None:
    """Let somebody decide how the campaign ends."""
    if ending == "hang up":
        await play.handle.signal(CampaignWorkflow.hang_up, "storm")
    else:
        await end(play, ending)


async def calm(play: CallPlay) -> CampaignStatus:
    """Hold nothing, end every call, go on whenever it pauses, and wait for the end; returns how it ended."""
    for step in STEPS:
        play.campaign.let_go(step)
    result = asyncio.create_task(play.handle.result())
    while not result.done():
        play.campaign.end_calls(play.campaign.under_way)
        if play.campaign.statuses and play.campaign.statuses[-1].status is CampaignStatus.PAUSED:
            await resume_unless_over(play)
        await asyncio.wait([result], timeout=0.05)
    status = CampaignStatus.CANCELLED if result.exception() else result.result().status
    play.assert_closed(status)
    return status
