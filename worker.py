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

from activities.accounts import AccountActivities
from activities.audience import AudienceActivities
from activities.books import BookActivities
from activities.call_lane import Calling, Patience
from activities.call_watch import CallWatch
from activities.calls import CallActivities
from activities.feeding import FeedingActivities
from activities.hook_watch import HookWatch
from activities.hooks import HookActivities
from activities.lead_questions import Analysing
from activities.leads import LeadActivities
from activities.message_chunk import Sending
from activities.messages import MessageActivities
from activities.pacing import Gate, Turnstile
from activities.scheduled import ScheduledActivities
from activities.tools import Timing, Tools
from clarion.courier import Courier
from clarion.domain.campaign import Channel
from clarion.domain.errors import ClarionError
from clarion.domain.pace import spacing
from clarion.domain.throttle import Throttle
from clarion.hook_contracts import hook_queue
from clarion.providers.lead_ports import Crm
from clarion.providers.lead_vendors import open_analyst, open_crm
from clarion.providers.twilio import open_twilio
from clarion.providers.twilio_webhooks import TwilioReceipts, status_callback
from clarion.providers.vendors import call_callback, call_readers, open_dialer
from clarion.settings import Account, Provider, Settings, load_settings
from clarion.store.ledger import Ledger, LedgerPage
from clarion.store.migrate import require_schema
from clarion.store.store import Store
from clarion.telemetry import set_up_logging
from clarion.temporal import connect, new_runtime
from workflows.account import AccountWorkflow
from workflows.campaign import CampaignWorkflow
from workflows.hooks import HookWorkflow
from workflows.scheduled import ScheduledCampaign
from workflows.shield import Shield

log = logging.getLogger("clarion.worker")

STICKY = timedelta(seconds=2)
"""After a worker dies its campaigns cannot be steered for this long."""

GOODBYE = timedelta(seconds=20)
"""What running chunks get to end by themselves when the worker is asked to stop."""

MOST_HOOKS = 500
"""Hooks that one worker looks after at once; more take turns of ten minutes."""


def open_store(settings: Settings) -> Store:
    """Build the store of this installation."""
    readers = {"twilio": TwilioReceipts("")}
    return Store(
        settings.database,
        tenant=settings.tenant,
        grace=settings.grace,
        readers=readers,
        call_readers=call_readers(),
        tenants=settings.tenants,
    )


async def open_sendings(settings: Settings, stack: AsyncExitStack) -> dict[str, Sending]:
    """Connect the accounts that can text."""
    sendings: dict[str, Sending] = {}
    for name, account in settings.accounts.items():
        if account.provider is Provider.TWILIO:
            callback = status_callback(settings.public_url, name) if settings.public_url else None
            messenger = await open_twilio(account, callback)
            stack.push_async_callback(messenger.close)
            sendings[name] = Sending(messenger, account.price_per_segment)
    return sendings


async def open_callings(settings: Settings, stack: AsyncExitStack) -> dict[str, Calling]:
    """Connect the accounts that can call."""
    callings: dict[str, Calling] = {}
    for name, account in settings.accounts.items():
        if account.from_number is not None or account.phone_number_id is not None:
            callback = call_callback(settings.public_url, name, account) if settings.public_url else None
            dialer = await open_dialer(account, callback)
            stack.push_async_callback(dialer.close)
            callings[name] = Calling(dialer, account.price_per_minute, account.poll_after)
    return callings


async def open_analysings(settings: Settings, stack: AsyncExitStack) -> dict[str, Analysing]:
    """Connect the accounts that assess leads, each with the one throttle that all its questions here go through."""
    analysings: dict[str, Analysing] = {}
    for name, account in settings.accounts.items():
        if account.provider is Provider.OPENAI:
            analyst = await open_analyst(account)
            stack.push_async_callback(analyst.close)
            prices = account.price_per_million_input, account.price_per_million_output
            analysings[name] = Analysing(analyst, *prices, Throttle())
    return analysings


def open_crms(settings: Settings, stack: AsyncExitStack) -> dict[str, Crm]:
    """Prepare the accounts that know leads; they log in when they are used."""
    crms: dict[str, Crm] = {}
    for name, account in settings.accounts.items():
        if account.provider is Provider.SALESFORCE:
            crms[name] = open_crm(account)
            stack.callback(crms[name].close)
    return crms


async def build_worker(
    client: Client, settings: Settings, store: Store, ledger: Ledger, stack: AsyncExitStack
) -> Worker:
    """Wire everything together; ``stack`` closes the connections."""
    sendings = await open_sendings(settings, stack)
    callings = await open_callings(settings, stack)
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
    calls = CallActivities(tools, callings, CallWatch(store, time.time), Patience(settings.grace))
    leads = LeadActivities(tools, await open_analysings(settings, stack), open_crms(settings, stack))
    audience = AudienceActivities(store, time.time)
    books = BookActivities(store, time.time)
    feeding = FeedingActivities(store, time.time, settings.heartbeat_timeout)
    scheduled = ScheduledActivities(store, time.time, settings.heartbeat_timeout, frozenset(settings.accounts))
    limits = {name: account.call_limits for name, account in settings.accounts.items()}
    accounts = AccountActivities(client, settings.task_queue, limits, store.calls, store.campaigns, time.time)
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=[CampaignWorkflow, AccountWorkflow, HookWorkflow, ScheduledCampaign],
        activities=[
            audience.import_audience,
            messages.dispatch_message_chunk,
            calls.dispatch_call_chunk,
            leads.fetch_leads,
            leads.dispatch_assessment_chunk,
            leads.run_batches,
            leads.write_back,
            books.record_status,
            books.change_pacing,
            books.requeue_failed,
            books.cancel_remaining,
            books.settle,
            books.close_books,
            feeding.create_fallback,
            feeding.create_then,
            scheduled.create_scheduled,
            accounts.request_lanes,
            accounts.survey,
            accounts.change_account,
        ],
        interceptors=[Shield()],
        identity=identity,
        max_concurrent_activities=settings.max_activities,
        max_heartbeat_throttle_interval=timedelta(seconds=settings.heartbeat_interval),
        sticky_queue_schedule_to_start_timeout=STICKY,
        graceful_shutdown_timeout=GOODBYE,
    )


def build_hook_worker(client: Client, settings: Settings, store: Store, stack: AsyncExitStack) -> Worker:
    """Wire what sends webhooks: with slots of its own, as each hook holds one for as long as it is there."""
    courier = Courier(to_private=settings.hooks_to_private)
    stack.callback(courier.close)
    hooks = HookActivities(store, courier, HookWatch(store.deliveries), time.time)
    return Worker(
        client,
        task_queue=hook_queue(settings.task_queue),
        activities=[hooks.watch_hook],
        identity=f"{os.getpid()}@{socket.gethostname()}",
        max_concurrent_activities=MOST_HOOKS,
        max_heartbeat_throttle_interval=timedelta(seconds=settings.heartbeat_interval),
        graceful_shutdown_timeout=GOODBYE,
    )


def account_spacings(accounts: dict[str, Account]) -> dict[tuple[str, str], float]:
    """Seconds between contacts by account and channel, over all its campaigns."""
    spacings: dict[tuple[str, str], float] = {}
    for name, account in accounts.items():
        texts = spacing(account.per_second, account.per_minute, account.per_hour)
        spacings[name, Channel.SMS] = texts
        spacings[name, Channel.CALL] = account.call_limits.spacing
    return spacings


async def run(settings: Settings) -> None:
    """Work until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    store = open_store(settings)
    await asyncio.to_thread(require_schema, store.database)
    client = await connect(
        new_runtime(settings.worker_metrics_address),
        address=settings.temporal_address,
        payload_keys=settings.payload_keyring,
    )
    page = LedgerPage(store.database, account_spacings(settings.accounts), settings.grace)
    async with AsyncExitStack() as stack:
        stack.callback(store.close)
        ledger = await stack.enter_async_context(Ledger(page.commit, time.time))
        worker = await build_worker(client, settings, store, ledger, stack)
        log.info("working on queue %s, database %s", settings.task_queue, store.database.address)
        hook_worker = build_hook_worker(client, settings, store, stack)
        async with worker, hook_worker:
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
