"""Signs of life: an activity that beats is moved to another worker within seconds when its worker dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from temporalio import activity

BEAT = 0.5
"""Seconds; the SDK thins beats out to the interval in the settings."""


@asynccontextmanager
async def beating(
    details: Callable[[], object], on_shutdown: Callable[[], None] | None = None, *, every: float = BEAT
) -> AsyncIterator[None]:
    """Send heartbeats with ``details`` (counts only) while the block runs; tell it when the worker is stopping.

    ``every``: seconds between two, at least; more than ``BEAT`` where there are many activities that can wait.
    """

    async def beat() -> None:
        told, looks = False, 0
        while True:
            if looks % max(1, round(every / BEAT)) == 0:
                activity.heartbeat(details())
            looks += 1
            if on_shutdown is not None and not told and activity.is_worker_shutdown():
                told = True
                on_shutdown()
            await asyncio.sleep(BEAT)

    task = asyncio.create_task(beat(), name="heartbeat")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
