"""An installation of real parts on this machine, and campaigns that run on it, from a file to the last receipt."""

from __future__ import annotations

import asyncio
import csv
import itertools
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from temporalio.client import Client, WorkflowFailureError

from clarion.domain.books import Books
from clarion.domain.campaign import CampaignStatus, parse_spec
from clarion.settings import Settings, process_environment
from clarion.store.migrate import migrate
from clarion.store.store import Store
from starter.campaigns import Campaigns
from starter.launching import workflow_id
from starter.local.rehearsal import ask, effects_by_target
from starter.local.stack import Stack, free_port, sandbox_environment
from starter.progress import Progress
from starter.wiring import Connection, new_store

ROOT = Path(__file__).parents[2]

PATIENCE = 60.0
"""Seconds after which what should have happened has not."""

NAME = "Zebulon"
TEXT = "quetzal"
"""They stand in every audience and every message, and nowhere else: where they turn up, target data turned up."""

QUICK = {
    "CLARION_ACCOUNTS__MAIN__TIMEOUT": "2",
    "CLARION_INTENT_SLACK": "2",
    "CLARION_UNKNOWN_GRACE": "1",
    "CLARION_HEARTBEAT_TIMEOUT": "3",
    "CLARION_HEARTBEAT_INTERVAL": "0.5",
    "CLARION_HOOKS_TO_PRIVATE": "true",
}
"""Unknown outcomes and dead workers are noticed sooner than in earnest."""

_AREAS = itertools.product(("206", "212", "305", "312", "404", "415"), range(201, 300))


@dataclass
class Site:
    """Everything one installation consists of, and its front door."""

    stack: Stack
    settings: Settings
    store: Store
    campaigns: Campaigns
    client: Client
    sandbox: str
    started: list[str] = field(default_factory=list)
    """Workflow ids of all campaigns."""
    addresses: set[str] = field(default_factory=set)
    """Everybody in any audience."""

    async def start(self, addresses: Iterable[str], **keys: object) -> Run:
        """Start a campaign over these numbers; ``keys`` as in a campaign file, ``campaign_id`` beside them."""
        campaign_id = f"run-{len(self.started)}"
        people = list(addresses)
        self.addresses |= {address for address in people if address.startswith("+")}
        path = write_people(self.stack.home / f"{campaign_id}.csv", people)
        usual: dict[str, object] = {
            "name": campaign_id,
            "channel": "sms",
            "audience": {"file": str(path), "address": "phone", "region": "US"},
            "message": f"Hi {{{{ first_name }}}}, your {TEXT} is due.",
            "limits": {"concurrency": 5, "per_second": 200},
            "retry": {"attempts": 3, "delay": "1s", "backoff": 1, "on": ["failed", "undelivered"]},
            "receipts": {"wait": "6s"},
        }
        campaign = await self.campaigns.start(parse_spec({**usual, **keys}), campaign_id=campaign_id)
        self.started.append(workflow_id(campaign))
        return Run(self, campaign_id)

    async def effects(self, addresses: Iterable[str]) -> list[int]:
        """How many texts each of these numbers really got."""
        seen = await asyncio.to_thread(effects_by_target, self.sandbox)
        return [seen.get(address, 0) for address in addresses]

    async def tell_sandbox(self, door: str, body: Mapping[str, object]) -> None:
        """Set something at the sandbox's own doors."""
        await asyncio.to_thread(ask, f"{self.sandbox}/_sandbox/{door}", body)


@dataclass
class Run:
    """One campaign on a site."""

    site: Site
    id: str

    async def progress(self) -> Progress:
        return await self.site.campaigns.progress(self.id)

    async def until(self, holds: Callable[[Progress], bool]) -> Progress:
        """Look until it holds. The books balance at every look."""
        async with asyncio.timeout(PATIENCE):
            while True:
                seen = await self.progress()
                assert seen.books.balanced, seen.books
                if holds(seen):
                    return seen
                await asyncio.sleep(0.05)

    async def end(self) -> Progress:
        """Wait for the end, also of the workflow."""
        seen = await self.until(lambda progress: progress.status.is_final)
        with suppress(WorkflowFailureError):
            await self.site.client.get_workflow_handle(workflow_id(await self.site.campaigns.find(self.id))).result()
        audit = await asyncio.to_thread(self.site.store.targets.audit, await self.key())
        assert audit.balanced, audit
        return seen

    async def key(self) -> int:
        """The campaign's number in the store."""
        return (await self.site.campaigns.find(self.id)).ref.key

    async def outcomes(self, addresses: Sequence[str]) -> dict[str, tuple[str, str | None]]:
        """State and outcome of the target at each of these numbers."""
        key = await self.key()
        rows = await asyncio.to_thread(lambda: list(self.site.store.targets.all(key)))
        return {row.address: (row.state, row.outcome) for row in rows if row.address in addresses}


def numbers(count: int) -> list[str]:
    """Numbers that nobody else has used and that mean nothing to the sandbox."""
    area, exchange = next(_AREAS)
    return [f"+1{area}{exchange}{1000 + n}" for n in range(count)]


def magic(*endings: str) -> list[str]:
    """Unused numbers whose last four digits tell the sandbox what to do."""
    area, exchange = next(_AREAS)
    return [f"+1{area}{exchange}{ending}" for ending in endings]


def write_people(path: Path, addresses: Iterable[str]) -> Path:
    """Write an audience."""
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["phone", "first_name"])
        lines.writerows([address, f"{NAME}{n}"] for n, address in enumerate(addresses))
    return path


def closed(status: CampaignStatus, **books: int) -> tuple[CampaignStatus, Books]:
    """What a campaign that has ended must look like."""
    return status, Books(total=sum(books.values()), **books)


async def clarion(site: Site, *arguments: str) -> tuple[int | None, str, str]:
    """Call a command as people do; return its exit code and what it printed."""
    environment = process_environment(
        **site.stack.environment, CLARION_HOME=str(site.stack.home), PYTHONPATH=str(ROOT), COLUMNS="100"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "starter", *arguments),
        env=environment,
        cwd=site.stack.home,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def open_site(stack: Stack, sandbox: str, workers: int = 1) -> AsyncIterator[Site]:
    """Start web door and workers beside a Temporal server and a sandbox that run already."""
    port = free_port()
    stack.environment |= sandbox_environment(sandbox, f"http://127.0.0.1:{port}") | QUICK
    with own_environment():
        settings = stack.settings()
        store = new_store(settings)
        await asyncio.to_thread(migrate, store.database)
        await stack.start_web(port)
        for number in range(1, workers + 1):
            await stack.start_worker(number)
    connection = Connection(settings)
    client = await connection()
    try:
        yield Site(stack, settings, store, Campaigns(settings, store, connection), client, sandbox)
    finally:
        store.close()


@contextmanager
def own_environment() -> Iterator[None]:
    """Keep the caller's settings out of ours, and ours out of the tests that come later."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(("CLARION_", "TEMPORAL_")):
            del os.environ[name]
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
