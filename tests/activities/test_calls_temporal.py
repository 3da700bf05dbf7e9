"""Chunks of calls under Temporal's own dev server: called off, and handed from one worker to the next."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.worker import Worker

from activities.calls import CallActivities
from clarion.contracts import ChunkOrder, ChunkReport
from tests.activities.call_office import CallOffice
from tests.activities.office import row
from tests.workflows.stage import join_server, real_server

ALIVE = timedelta(seconds=2)
"""Without a beat for so long an activity is given to another worker."""


@workflow.defn(sandboxed=False)
class OneChunk:
    """Has one chunk worked on, and calls it off when told to."""

    def __init__(self) -> None:
        self.called_off = False

    @workflow.run
    async def run(self, order: ChunkOrder) -> ChunkReport:
        chunk = workflow.start_activity_method(
            CallActivities.dispatch_call_chunk,
            order,
            start_to_close_timeout=timedelta(minutes=5),
            heartbeat_timeout=ALIVE,
            retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1)),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        await workflow.wait_condition(lambda: self.called_off or chunk.done())
        if self.called_off:
            chunk.cancel()
        return await chunk

    @workflow.signal
    def call_off(self) -> None:
        self.called_off = True


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a Temporal dev server."""
    with real_server() as address:
        yield address


@pytest.fixture
async def client(server: str) -> Client:
    return (await join_server(server)).client


@asynccontextmanager
async def worker(client: Client, calls: CallOffice, queue: str) -> AsyncIterator[Worker]:
    async with Worker(
        client,
        task_queue=queue,
        workflows=[OneChunk],
        activities=[calls.caller().dispatch_call_chunk],
        max_heartbeat_throttle_interval=timedelta(seconds=0.5),
        graceful_shutdown_timeout=timedelta(seconds=20),
    ) as running:
        yield running


async def started(client: Client, calls: CallOffice, queue: str) -> WorkflowHandle[OneChunk, ChunkReport]:
    """Have a chunk of two people worked on, whose first is on the phone."""
    calls.new_campaign([row(1), row(2)])
    handle = await client.start_workflow(OneChunk.run, calls.call_order(), id=uuid.uuid4().hex, task_queue=queue)
    await calls.until(lambda: calls.carrier.looks >= 1)
    return handle


async def test_a_chunk_that_is_called_off_lives_until_its_call_has_ended(calls: CallOffice, client: Client) -> None:
    queue = uuid.uuid4().hex
    async with worker(client, calls, queue):
        handle = await started(client, calls, queue)
        await handle.signal(OneChunk.call_off)
        await asyncio.sleep(2 * ALIVE.total_seconds())
        (pending,) = (await handle.describe()).raw_description.pending_activities
        assert (pending.attempt, calls.carrier.going) == (1, 1)
        calls.carrier.ends(1)
        report = await handle.result()
    assert (report.worked, calls.carrier.calls_to(1), calls.carrier.calls_to(2)) == (1, 1, 0)


async def test_a_worker_that_stops_hands_its_call_to_the_next(calls: CallOffice, client: Client) -> None:
    queue = uuid.uuid4().hex
    async with worker(client, calls, queue):
        handle = await started(client, calls, queue)
    looks = calls.carrier.looks
    async with worker(client, calls, queue):
        await calls.until(lambda: calls.carrier.looks >= looks + 2)
        (pending,) = (await handle.describe()).raw_description.pending_activities
        assert pending.attempt == 2
        calls.carrier.ends(1)
        await calls.until(lambda: calls.carrier.calls_to(2) == 1)
        calls.carrier.ends(2)
        assert (await handle.result()).worked == 2
    assert (calls.carrier.calls_to(1), calls.books.succeeded) == (1, 2)
