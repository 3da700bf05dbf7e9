"""The usual way to do bulk work on Temporal, for comparison: one activity per target, 50 in flight, same SDK.

python -m bench.one_activity SANDBOX AUDIENCE LANES prints {seconds, cpu_seconds, sent, events}.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from bench.bare import open_account, texts
    from clarion.providers.ports import Messenger, OutgoingText
    from clarion.temporal import connect


@dataclass(frozen=True)
class Order:
    """How much to do."""

    targets: int
    lanes: int


class OneActivity:
    """Sends one text each time; the texts stay in the worker, so that history holds numbers only here, too."""

    def __init__(self, messenger: Messenger, waiting: Sequence[OutgoingText]) -> None:
        self._messenger = messenger
        self._waiting = waiting

    @activity.defn
    async def send_one(self, number: int) -> str:
        """Send the text with this number."""
        return (await self._messenger.send(self._waiting[number])).outcome.value


@workflow.defn
class OneActivityWorkflow:
    """Executes one activity per target, so many at once."""

    @workflow.run
    async def run(self, order: Order) -> int:
        """Send all."""
        numbers = iter(range(order.targets))

        async def lane() -> int:
            sent = 0
            for number in numbers:
                await workflow.execute_activity_method(
                    OneActivity.send_one, number, start_to_close_timeout=timedelta(seconds=30)
                )
                sent += 1
            return sent

        return sum(await asyncio.gather(*(lane() for _ in range(order.lanes))))


async def run(sandbox: str, audience: Path, lanes: int) -> dict[str, float]:
    """Run the workflow and its worker in this process."""
    messenger, waiting = await open_account(sandbox), list(texts(audience))
    client, queue = await connect(), f"one-activity-{uuid.uuid4()}"
    worker = Worker(
        client,
        task_queue=queue,
        workflows=[OneActivityWorkflow],
        activities=[OneActivity(messenger, waiting).send_one],
        max_concurrent_activities=2 * lanes,
    )
    async with worker:
        began, used = time.monotonic(), _cpu()
        handle = await client.start_workflow(
            OneActivityWorkflow.run, Order(len(waiting), lanes), id=queue, task_queue=queue
        )
        sent = await handle.result()
        seconds, cpu = time.monotonic() - began, _cpu() - used
        events = (await handle.describe()).history_length
    await messenger.close()
    await asyncio.sleep(0.5)  # the SDK's native threads can abort a process that exits right after its last call
    return {"seconds": seconds, "cpu_seconds": cpu, "sent": sent, "events": events}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))))
