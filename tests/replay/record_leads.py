"""Records the golden histories of analyses of leads anew, on purpose: ``python -m tests.replay.record_leads``.

No lead is in them. See record.py for when to do this.
"""

from __future__ import annotations

import asyncio

from temporalio.exceptions import ApplicationError

from clarion.contracts import Addition, Pacing, Retry
from clarion.domain.campaign import CampaignStatus
from tests.fake_leads import BATCHES, FETCH, LEFT, MISSING, WRITE
from tests.fakes import BROKEN, DELIVERED, LATER, REFUSED
from tests.replay.record import keep, keep_first_run, record
from tests.workflows.analysis import Analysis, analyse
from tests.workflows.stage import CHUNK, Stage
from workflows.campaign import CampaignWorkflow

AWAY = ApplicationError("no connection to Salesforce", type="Unavailable")


def named(name: str) -> dict[str, object]:
    """A campaign whose name tells the scene."""
    return {"tenant": "acme", "campaign_id": name, "key": 7}


async def live(stage: Stage) -> None:
    """Fetched while lanes ask, paused meanwhile, halted, added to, tried again, written back, followed."""
    rows = [*[[DELIVERED]] * 20, [REFUSED], [LATER], [MISSING], [BROKEN], *[[DELIVERED]] * 10]
    given = {"campaign": named("leads"), "has_then": True, "writes_back": True}
    async with analyse(stage, *rows, lanes=4, chunk_size=2, **given) as play:
        play.campaign.retry_after = 2.0
        play.campaign.files[2] = [[DELIVERED]] * 12
        play.campaign.failures[FETCH] = [AWAY]
        await play.into_the_fetching(contacts=5)
        await play.ask(CampaignWorkflow.pause_now, "lunch")
        await play.until_written(CampaignStatus.PAUSED)
        play.campaign.let_go(FETCH)
        await play.handle.signal(CampaignWorkflow.resume)
        await play.until(lambda: play.campaign.halt != "")
        await play.until_written(CampaignStatus.PAUSED)
        await play.ask(CampaignWorkflow.add_targets, Addition(file_id=2))
        await play.handle.signal(CampaignWorkflow.resume)
        await play.until(lambda: play.campaign.books.failed == 2)
        await play.ask(CampaignWorkflow.retry_failed, Retry())
        play.campaign.hold(WRITE)
        await play.until(lambda: play.campaign.running[WRITE] > 0)
        await play.ask(CampaignWorkflow.set_limits, Pacing(concurrency=6))
        play.campaign.let_go(WRITE)
        await keep("leads_live", play)
        await end_child(play)


async def batches(stage: Stage) -> None:
    """Asked in batches, paused while one works, added to; what is left over is asked live."""
    rows = [*[[DELIVERED]] * 20, *[[LEFT, DELIVERED]] * 3]
    async with analyse(stage, *rows, mode="batch", campaign=named("batches")) as play:
        play.campaign.files[2] = [[DELIVERED]] * 5
        await play.into_the_batches()
        await play.ask(CampaignWorkflow.pause_now)
        await play.until_written(CampaignStatus.PAUSED)
        await play.handle.signal(CampaignWorkflow.resume)
        await play.until(lambda: play.campaign.running[BATCHES] > 0)
        await play.ask(CampaignWorkflow.add_targets, Addition(file_id=2))
        await play.until(lambda: len(play.campaign.batches) == 2)
        play.campaign.batches_end = True
        await keep("leads_batches", play)


async def cancelled(stage: Stage) -> None:
    """Cancelled while a batch works."""
    async with analyse(stage, *[[DELIVERED]] * 20, *[[LEFT]] * 3, mode="batch", campaign=named("cancelled")) as play:
        await play.into_the_batches()
        await play.handle.signal(CampaignWorkflow.cancel_soon, "wrong file")
        await keep("leads_cancelled", play)


async def failed(stage: Stage) -> None:
    """Fetching fails in a way that no retry can mend, while a chunk runs."""
    async with analyse(stage, *[[DELIVERED]] * 30, campaign=named("failed")) as play:
        play.campaign.hold(CHUNK, 3)
        await play.until(lambda: play.campaign.running[CHUNK] > 0)
        missing = ApplicationError("there is no such campaign", type="NotFound", non_retryable=True)
        play.campaign.failures[FETCH] = [missing]
        await play.until_written(CampaignStatus.FAILED)
        play.campaign.let_go(CHUNK)
        await keep("leads_failed", play)


async def continued(stage: Stage) -> None:
    """The first run of an analysis whose history became long while leads were fetched, and its last one."""
    given = {"campaign": named("continued"), "has_then": True}
    async with analyse(stage, *[[DELIVERED]] * 60, lanes=5, chunk_size=2, **given) as play:
        play.campaign.chunk = 2
        await keep("leads_continued_last_run", play)
        await keep_first_run("leads_continued_first_run", play)
        await end_child(play)


async def end_child(play: Analysis) -> None:
    """Leave nothing running on the server."""
    await play.stage.client.get_workflow_handle(f"{play.handle.id}.then").terminate()


if __name__ == "__main__":
    asyncio.run(record([live, batches, cancelled, failed], continued))
