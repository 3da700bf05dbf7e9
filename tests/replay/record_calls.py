"""Records the golden histories of campaigns of calls anew, on purpose: ``python -m tests.replay.record_calls``.

Nobody is called, so no history holds anybody's data. See record.py for when to do this.
"""

from __future__ import annotations

import asyncio

from clarion.account_contracts import AccountLimits
from clarion.contracts import AccountRef, CampaignRef, Pacing
from clarion.domain.campaign import CampaignStatus
from tests.fake_calls import LONG
from tests.fakes import DELIVERED, LATER, LOST, REFUSED
from tests.replay.record import keep, keep_first_run, record
from tests.workflows.exchange import Exchange
from tests.workflows.stage import Stage
from workflows.campaign import CampaignWorkflow

HELD = [LONG, DELIVERED]


def exchange_on(stage: Stage, name: str, **limits: int) -> Exchange:
    """An account of its own for one scene."""
    return Exchange(stage, AccountLimits(**limits), account=AccountRef(tenant="acme", account=name))


def called(name: str, key: int = 1) -> CampaignRef:
    """A campaign whose name tells the scene."""
    return CampaignRef(tenant="acme", campaign_id=name, key=key)


async def paused(stage: Stage) -> None:
    """Calls of every kind, a retry, texts that follow; paused while calls go on, resumed, fewer and more lanes."""
    rows = [*[HELD] * 4, [LATER], [LOST], [REFUSED], *[[DELIVERED]] * 10]
    async with exchange_on(stage, "paused", concurrency=5).open() as exchange:
        async with exchange.play(*rows, lanes=3, has_fallback=True, campaign=called("paused")) as play:
            play.campaign.retry_after, play.campaign.grace = 2.0, 0.5
            await play.until_calling(3)
            await play.handle.signal(CampaignWorkflow.pause_soon, "lunch")
            await play.until_written(CampaignStatus.PAUSING)
            play.campaign.end_calls(3)
            await play.until_written(CampaignStatus.PAUSED)
            await exchange.until_known(lambda state: not state.holders)
            await play.handle.signal(CampaignWorkflow.resume)
            await play.until(lambda: play.campaign.books.failed == 1)
            await play.ask(CampaignWorkflow.set_limits, Pacing(concurrency=1))
            await play.ask(CampaignWorkflow.set_limits, Pacing(concurrency=4))
            play.campaign.end_calls(1)
            await keep("calls_paused", play)
        await stage.client.get_workflow_handle(f"{play.handle.id}.texts").terminate()


async def queued(stage: Stage) -> None:
    """Queued behind another campaign, then granted; its account takes lanes back in the middle of calls."""
    async with (
        exchange_on(stage, "queued", concurrency=3, campaigns=1).open() as exchange,
        exchange.play(HELD, lanes=1, campaign=called("first")) as first,
    ):
        await first.until_calling(1)
        async with exchange.play(*[HELD] * 6, lanes=3, campaign=called("queued", 2)) as play:
            await play.until_written(CampaignStatus.QUEUED)
            first.campaign.end_calls()
            await play.until_calling(3)
            await exchange.allow(AccountLimits(concurrency=1))
            await play.until(lambda: play.campaign.leaving == 2)
            play.campaign.end_calls(6)
            await keep("calls_queued", play)


async def hung_up(stage: Stage) -> None:
    """Cancelled while calls go on, which are hung up then."""
    async with (
        exchange_on(stage, "hung-up", concurrency=5).open() as exchange,
        exchange.play(*[HELD] * 6, lanes=2, campaign=called("hung-up")) as play,
    ):
        await play.until_calling(2)
        await play.handle.signal(CampaignWorkflow.cancel_soon, "wrong script")
        await play.until_written(CampaignStatus.CANCELLING)
        await play.handle.signal(CampaignWorkflow.hang_up)
        await keep("calls_hung_up", play)


async def continued(stage: Stage) -> None:
    """The first run of a campaign whose history became long, and its last one."""
    rows = [[DELIVERED]] * 40
    async with (
        exchange_on(stage, "continued", concurrency=5).open() as exchange,
        exchange.play(*rows, lanes=3, chunk_size=2, campaign=called("continued")) as play,
    ):
        await keep("calls_continued_last_run", play)
        await keep_first_run("calls_continued_first_run", play)


if __name__ == "__main__":
    asyncio.run(record([paused, queued, hung_up], continued))
