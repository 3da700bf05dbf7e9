"""The web door as a process: keeps receipts in groups, applies them beside the requests, serves until it is stopped."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from temporalio.service import RPCError

from clarion.domain.errors import ClarionError
from clarion.providers.raw import RawReceipt
from clarion.settings import Settings
from clarion.store.group_commit import GroupCommit
from clarion.store.migrate import require_schema
from clarion.store.store import Store
from starter.doors import add_doors, doors_open
from starter.hook_workflows import keep_alive
from starter.metrics import metrics_page
from starter.web import create_app, serve
from starter.wiring import Connection, Installation

log = logging.getLogger(__name__)

TEMPORAL_ANSWERS = 3.0
"""Seconds."""

LOOK_AGAIN = 2.0
"""Seconds between two looks for receipts that another process stored and could not apply."""


class DurableInbox:
    """Keeps receipts durably, many in one commit, and has them applied soon after."""

    def __init__(self, store: Store) -> None:
        """Keep them in ``store``."""
        self._store = store
        self._keeping: GroupCommit[RawReceipt, None] = GroupCommit(store.inbox.keep, time.time)
        self._fresh = asyncio.Event()
        # Its own thread: whatever people look at, receipts are applied.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="receipts")

    async def keep(self, receipt: RawReceipt) -> None:
        """Store a receipt; once this returns it is not lost any more."""
        await self._keeping.submit(receipt)
        self._fresh.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep and apply while the block runs."""
        async with self._keeping:
            applying = asyncio.create_task(self._apply(), name="apply receipts")
            try:
                yield
            finally:
                applying.cancel()
                with suppress(asyncio.CancelledError):
                    await applying
                self._thread.shutdown(wait=False)

    async def _apply(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._fresh.wait(), LOOK_AGAIN)
            self._fresh.clear()
            try:
                while await loop.run_in_executor(self._thread, self._store.inbox.apply, time.time()):
                    pass
            except Exception:
                # They are stored; the next look, here or in a worker that settles, applies them.
                log.exception("receipts could not be applied yet")
                await asyncio.sleep(LOOK_AGAIN)


async def run_web(settings: Settings, store: Store, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM. Raises BadInput when the port cannot be had, Conflict without a schema."""
    await asyncio.to_thread(require_schema, store.database)
    inbox = DurableInbox(store)
    installation = Installation.of(settings, store, Connection(settings))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        keeping = keep_alive(store, installation.connection, settings.task_queue)
        async with inbox.running(), doors_open(app, installation), _beside(keeping), _sweeping(store):
            yield

    async def health() -> dict[str, str]:
        await asyncio.to_thread(store.database.ping)
        return {"database": "ok", "temporal": await temporal_health(installation.connection)}

    app = create_app(settings, inbox, health, lifespan)
    add_doors(app, installation)
    with metrics_page(settings, store):
        log.info("the web door listens on http://%s:%s", host, port)
        await serve(app, host, port)


@asynccontextmanager
async def _beside(doing: Coroutine[object, object, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(doing, name="webhooks of ours")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def temporal_health(connection: Connection) -> str:
    """Say how Temporal is. Without it receipts are still kept, so the web door has to stay reachable for providers."""
    try:
        async with asyncio.timeout(TEMPORAL_ANSWERS):
            client = await connection()
            healthy = await client.service_client.check_health()
    except (ClarionError, RPCError, TimeoutError):
        return "away; receipts are kept, and campaigns go on once it is back"
    return "ok" if healthy else "not serving"


@asynccontextmanager
async def _sweeping(store: Store) -> AsyncIterator[None]:
    """Delete what an earlier process has left of deleted campaigns; at the end, have every sweep stop where it is."""
    sweep = asyncio.create_task(asyncio.to_thread(store.removal.sweep), name="sweep")
    try:
        yield
    finally:
        store.removal.end()
        (failed,) = await asyncio.gather(sweep, return_exceptions=True)
        if isinstance(failed, Exception):
            log.warning("what is left of deleted campaigns was not swept: %s", type(failed).__name__)
