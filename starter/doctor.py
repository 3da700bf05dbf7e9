"""``clarion doctor``: looks at everything an installation is connected to, and says what to do where it is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from rich.table import Table
from rich.text import Text
from temporalio.client import Client

from clarion.codec import parse_keys
from clarion.domain.errors import ClarionError
from clarion.settings import Settings
from clarion.store.hook_rows import SILENT
from clarion.store.migrate import require_schema
from starter.cluster import missing_search_attributes, polling_workers, require_namespace
from starter.doctor_accounts import account_findings
from starter.findings import PATIENCE, Finding, Health, problem
from starter.wiring import connect_to_temporal, new_store


async def examine(settings: Settings) -> list[Finding]:
    """Look at every part; one that does not answer is a finding and stops nothing."""
    findings = [await _database(settings)]
    if findings[0].health is Health.OK:
        findings += await _webhooks(settings)
    findings += [finding async for finding in _temporal(settings)]
    findings += await account_findings(settings)
    findings += [_public_url(settings), _encryption(settings)]
    return findings


async def _database(settings: Settings) -> Finding:
    def look() -> str:
        store = new_store(settings)
        try:
            require_schema(store.database)
            return store.database.address
        finally:
            store.close()

    try:
        async with asyncio.timeout(PATIENCE):
            address = await asyncio.to_thread(look)
    except (ClarionError, TimeoutError) as error:
        return problem("database", error)
    return Finding(part="database", health=Health.OK, detail=f"{address}, schema up to date")


async def _webhooks(settings: Settings) -> list[Finding]:
    """Nothing where there are none."""

    def look() -> tuple[int, list[str]]:
        store, now = new_store(settings), time.time()
        try:
            return store.hooks.active(), [hook.ref.hook_id for hook in store.hooks.silent(now - SILENT)]
        finally:
            store.close()

    try:
        async with asyncio.timeout(PATIENCE):
            active, silent = await asyncio.to_thread(look)
    except (ClarionError, TimeoutError) as error:
        return [problem("webhooks", error)]
    if silent:
        shown = ", ".join(silent[:3]) + (f" and {len(silent) - 3} more" if len(silent) > 3 else "")
        detail = (
            f"nobody looks after {shown}: start a worker (`clarion-worker`) and the web door (`clarion web`), which "
            "starts them again within a minute; what happened meanwhile is sent then"
        )
        return [Finding(part="webhooks", health=Health.PROBLEM, detail=detail)]
    return [Finding(part="webhooks", health=Health.OK, detail=f"{active} looked after")] if active else []


async def _temporal(settings: Settings) -> AsyncIterator[Finding]:
    try:
        async with asyncio.timeout(PATIENCE):
            client = await connect_to_temporal(settings)
            await require_namespace(client)
    except (ClarionError, TimeoutError) as error:
        yield problem("Temporal", error)
        return
    address = client.service_client.config.target_host
    yield Finding(part="Temporal", health=Health.OK, detail=f"{address}, namespace {client.namespace}")
    yield await _search_attributes(client)
    yield await _workers(client, settings.task_queue)


async def _search_attributes(client: Client) -> Finding:
    try:
        missing = await missing_search_attributes(client)
    except ClarionError as error:
        return problem("search attributes", error)
    if missing:
        detail = f"{', '.join(missing)} not registered; run `clarion setup`"
        return Finding(part="search attributes", health=Health.PROBLEM, detail=detail)
    return Finding(part="search attributes", health=Health.OK, detail="registered")


async def _workers(client: Client, task_queue: str) -> Finding:
    try:
        workers = await polling_workers(client, task_queue)
    except ClarionError as error:
        return problem("workers", error)
    if not workers:
        detail = f'nobody polls task queue "{task_queue}", so no campaign moves; start one with `clarion-worker`'
        return Finding(part="workers", health=Health.PROBLEM, detail=detail)
    shown = ", ".join(workers[:3]) + (f" and {len(workers) - 3} more" if len(workers) > 3 else "")
    return Finding(part="workers", health=Health.OK, detail=f'{shown} on task queue "{task_queue}"')


def _public_url(settings: Settings) -> Finding:
    if settings.public_url is None:
        detail = (
            "not set, so nothing comes in from providers: `sent` is the last word on a text, nobody's STOP is heard, "
            "and how calls go has to be asked for; set CLARION_PUBLIC_URL to the address under which providers reach "
            "`clarion web`"
        )
        return Finding(part="public address", health=Health.NOTE, detail=detail)
    return Finding(part="public address", health=Health.OK, detail=settings.public_url)


def _encryption(settings: Settings) -> Finding:
    try:
        keys = list(parse_keys(settings.payload_keyring))
    except ClarionError as error:
        return problem("encryption", error)
    if not keys:
        detail = (
            "none: Temporal keeps ids and counts readable, never numbers or texts; CLARION_PAYLOAD_KEYS encrypts them"
        )
        return Finding(part="encryption", health=Health.OK, detail=detail)
    older = f"; {', '.join(keys[1:])} still read" if keys[1:] else ""
    return Finding(part="encryption", health=Health.OK, detail=f"what Temporal keeps, with key {keys[0]}{older}")


def findings_table(findings: list[Finding]) -> Table:
    """Show findings, a line each."""
    styles = {Health.OK: "green", Health.NOTE: "yellow", Health.PROBLEM: "bold red"}
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        table.add_row(Text(finding.health, styles[finding.health]), finding.part, Text(finding.detail))
    return table
