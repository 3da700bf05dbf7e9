"""Records the golden histories anew, on purpose: ``python -m tests.replay.record``.

Campaigns run on Temporal's dev server with simulated activities, so no history holds anybody's data. Record when a
change of workflow code is *meant* to break running campaigns, and say so in the changelog; otherwise the old ones stay.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from clarion.contracts import Addition, Pacing, Retry
from clarion.domain.campaign import CampaignStatus
from tests.fakes import BROKEN, DELIVERED, LATER, LOST, RECEIPT, REFUSED
from tests.workflows.stage import CHUNK, Play, Stage, join_server, real_server
from workflows.campaign import CampaignWorkflow

Scene = Callable[[Stage], Awaitable[None]]

HISTORIES = Path(__file__).parent / "histories"

OF_THE_MACHINE = frozenset({"identity", "stackTrace", "binaryChecksum"})
PROCESS = re.compile(r"\d+@\S+")

SHORT = "limit.historyCount.suggestContinueAsNew=60"
"""A history is long after so many events."""


async def small(stage: Stage) -> None:
    """Every kind of target once, a start to wait for, and receipts."""
    async with stage.play(
        *[[DELIVERED]] * 20, [REFUSED], [LOST], [LATER], [RECEIPT], start_at=await stage.clock() + 0.3
    ) as play:
        play.campaign.retry_after, play.campaign.grace = 6.0, 0.5
        await play.until(lambda: play.campaign.books.active == 1)
        play.campaign.receipts()
        await keep("small", play)


async def steered(stage: Stage) -> None:
    """Paused by signal and by update, resumed, more lanes, failures tried again, targets added."""
    async with stage.play(*[[DELIVERED]] * 40, [REFUSED], [RECEIPT], lanes=2) as play:
        play.campaign.files[2] = [[DELIVERED]] * 5
        await play.into_a_chunk()
        await play.handle.signal(CampaignWorkflow.pause_soon, "lunch")
        await play.until_written(CampaignStatus.PAUSING)
        play.campaign.let_go(CHUNK)
        await play.until_written(CampaignStatus.PAUSED)
        await play.ask(CampaignWorkflow.set_limits, Pacing(concurrency=12, per_second=4))
        await play.handle.signal(CampaignWorkflow.resume)
        await play.until_written(CampaignStatus.SETTLING)
        await play.ask(CampaignWorkflow.pause_now)
        await play.handle.signal(CampaignWorkflow.resume)
        await play.ask(CampaignWorkflow.retry_failed, Retry())
        await play.ask(CampaignWorkflow.add_targets, Addition(file_id=2))
        await play.until(lambda: play.campaign.books.open == play.campaign.books.active)
        play.campaign.receipts()
        await keep("steered", play)


async def cancelled(stage: Stage) -> None:
    """Cancelled by signal while chunks run."""
    async with stage.play([LOST], *[[DELIVERED]] * 40) as play:
        await play.into_a_chunk(3)
        await play.handle.signal(CampaignWorkflow.cancel_soon, "wrong text")
        await play.until_written(CampaignStatus.CANCELLING)
        play.campaign.let_go(CHUNK)
        await keep("cancelled", play)


async def cancelled_in_temporal(stage: Stage) -> None:
    """Cancelled with Temporal's own request while paused."""
    async with stage.play(*[[DELIVERED]] * 40) as play:
        await play.into_a_chunk()
        await play.ask(CampaignWorkflow.pause_now)
        play.campaign.let_go(CHUNK)
        await play.until_written(CampaignStatus.PAUSED)
        await play.handle.cancel(reason="wrong text")
        await keep("cancelled_in_temporal", play)


async def halted(stage: Stage) -> None:
    """Chunks fail and are tried again; the account is refused, the campaign pauses itself and goes on."""
    async with stage.play(*[[DELIVERED]] * 4, [BROKEN], *[[DELIVERED]] * 20) as play:
        play.campaign.failures[CHUNK] = [ApplicationError("the database is away", type="Unreachable")]
        await play.until_written(CampaignStatus.PAUSED)
        await play.handle.signal(CampaignWorkflow.resume)
        await keep("halted", play)


async def failed(stage: Stage) -> None:
    """A chunk fails in a way that no retry can mend."""
    async with stage.play(*[[DELIVERED]] * 4) as play:
        missing = ApplicationError("there is no such campaign", type="NotFound", non_retryable=True)
        play.campaign.failures[CHUNK] = [missing]
        await keep("failed", play)


async def continued(stage: Stage) -> None:
    """The first run of a campaign whose history became long, and its last one."""
    async with stage.play(*[[DELIVERED]] * 100, chunk_size=1, lanes=5) as play:
        await keep("continued_last_run", play)
        await keep_first_run("continued_first_run", play)


async def keep(name: str, play: Play) -> None:
    """Write the history of a campaign's newest run once it has ended."""
    with suppress(WorkflowFailureError):
        await play.handle.result()
    newest = play.stage.client.get_workflow_handle(play.handle.id)
    write(name, (await newest.fetch_history()).to_json())


async def keep_first_run(name: str, play: Play) -> None:
    """Write the history of a campaign's first run."""
    first = play.stage.client.get_workflow_handle(play.handle.id, run_id=play.handle.first_execution_run_id)
    write(name, (await first.fetch_history()).to_json())


def write(name: str, history: str) -> None:
    """Write one history, without what belongs to the machine it was recorded on."""
    recorded = json.dumps(neutral(json.loads(history)), indent=1, ensure_ascii=False)
    (HISTORIES / f"{name}.json").write_text(recorded + "\n", encoding="utf-8")
    sys.stdout.write(f"{name}\n")


def neutral(part: object) -> object:
    """Blank identities of processes, and the paths in stack traces."""
    if isinstance(part, dict):
        return {key: "recorded" if key in OF_THE_MACHINE else neutral(value) for key, value in part.items()}
    if isinstance(part, list):
        return [neutral(value) for value in part]
    return PROCESS.sub("recorded", part) if isinstance(part, str) else part


async def record(scenes: Sequence[Scene], long: Scene) -> None:
    """Record all of them; the last one on a server that calls histories long soon."""
    HISTORIES.mkdir(exist_ok=True)
    with real_server() as address:
        for scene in scenes:
            await scene(Stage(await join_server(address), queue="clarion"))
    with real_server(SHORT) as address:
        await long(Stage(await join_server(address), queue="clarion"))


if __name__ == "__main__":
    asyncio.run(record([small, steered, cancelled, cancelled_in_temporal, halted, failed], continued))
