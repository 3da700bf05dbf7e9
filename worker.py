"""The composition root of a worker: settings to store and providers, these to activities, these to a worker."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
import time
from contextlib import AsyncExitStack
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from activities.audience import AudienceActivities
from activities.books import BookActivities
from activities.message_chunk import Sending
from activities.messages import MessageActivities
from activities.pacing import Gate, Turnstile
from activities.tools import Timing, Tools
from clarion.domain.errors import ClarionError
from clarion.domain.pace import spacing
from clarion.providers.twilio import open_twilio
from clarion.providers.twilio_webhooks import TwilioReceipts, status_callback
from clarion.settings import Account, Settings, load_settings
from clarion.store.ledger import Ledger, LedgerPage
from clarion.store.migrate import require_schema
from clarion.store.store import Store
from clarion.telemetry import set_up_logging
from clarion.temporal import connect, new_runtime
from workflows.campaign import CampaignWorkflow
from workflows.shield import Shield

log = logging.getLogger("clarion.worker")

STICKY = timedelta(seconds=2)
"""After a worker dies its campaigns cannot be steered for this long."""

GOODBYE = timedelta(seconds=20)
"""What running chunks get to end by themselves when the worker is asked to stop."""


def open_store(settings: Settings) -> Store:
    """Build the store of this installation."""
    readers = {"twilio": TwilioReceipts("")}
    return Store(settings.database, tenant=settings.tenant, grace=settings.grace, readers=readers)


async def build_worker(
    client: Client, settings: Settings, store: Store, ledger: Ledger, stack: AsyncExitStack
) -> Worker:
    """Wire everything together; ``stack`` closes the connections."""
    sendings: dict[str, Sending] = {}
    for name, account in settings.accounts.items():
        callback = status_callback(settings.public_url, name) if settings.public_url else None
        messenger = await open_twilio(account, callback)
        stack.push_async_callback(messenger.close)
        sendings[name] = Sending(messenger, account.price_per_segment)
    identity = f"{os.getpid()}@{socket.gethostname()}"
    tools = Tools(
        store,
        ledger,
        Gate(store.campaigns, time.monotonic),
        Turnstile(time.time),
        Timing(settings.intent_slack, settings.unknown_deadline),
        time.time,
        identity,
    )
    messages = MessageActivities(tools, sendings)
    audience = AudienceActivities(store, time.time)
    books = BookActivities(store, time.time)
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=[CampaignWorkflow],
        activities=[
            audience.import_audience,
            messages.dispatch_message_chunk,
            books.record_status,
            books.change_pacing,
            books.requeue_failed,
            books.cancel_remaining,
            books.settle,
            books.close_books,
        ],
        interceptors=[Shield()],
        identity=identity,
        max_concurrent_activities=settings.max_activities,
        max_heartbeat_throttle_interval=timedelta(seconds=settings.heartbeat_interval),
        sticky_queue_schedule_to_start_timeout=STICKY,
        graceful_shutdown_timeout=GOODBYE,
    )


def account_spacings(accounts: dict[str, Account]) -> dict[str, float]:
    """Seconds between contacts of each account, over all its campaigns."""
    return {name: spacing(a.per_second, a.per_minute, a.per_hour) for name, a in accounts.items()}


async def run(settings: Settings) -> None:
    """Work until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    store = open_store(settings)
    await asyncio.to_thread(require_schema, store.database)
    client = await connect(new_runtime(), address=settings.temporal_address)
    page = LedgerPage(store.database, account_spacings(settings.accounts), settings.grace)
    async with AsyncExitStack() as stack:
        stack.callback(store.close)
        ledger = await stack.enter_async_context(Ledger(page.commit, time.time))
        worker = await build_worker(client, settings, store, ledger, stack)
        log.info("working on queue %s, database %s", settings.task_queue, store.database.address)
        async with worker:
            await stop.wait()
            log.info("stopping: chunks under way end by themselves")


def main() -> None:
    """Run a worker; the console command ``clarion-worker``."""
    usage = "Runs Clarion's workflows and activities until it is stopped; settings come from the environment."
    argparse.ArgumentParser(prog="clarion-worker", description=usage).parse_args()
    try:
        settings = load_settings()
        set_up_logging(settings.log_level)
        asyncio.run(run(settings))
    except ClarionError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
