"""One Temporal server and one sandbox for all end-to-end tests, and sites on SQLite and on PostgreSQL beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from starter.local.stack import Stack, analysing_environment, calling_environment, free_port, webhook_settings
from tests.e2e.site import Site, open_site, own_environment
from tests.postgres import PostgresCluster

LEADS_AS_USUAL: Mapping[str, object] = {
    "openai": {"latency": (0.02, 0.1), "batch_seconds": 60.0},
    "salesforce": {"session_requests": None, "daily_requests": 100_000},
    "refused_tokens": [],
    "mix": {"twilio": {"delivered": 1.0}, "calls": {}},
}
"""How the sandbox of the installation for leads behaves while nothing is broken; a batch takes 1.2 seconds."""


@dataclass
class Ground:
    """What all sites share."""

    stack: Stack
    sandbox: str


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    """Temporal and the sandbox, in which numbers without a meaning are delivered."""
    async with Stack(tmp_path_factory.mktemp("e2e")) as stack:
        with own_environment():
            await stack.start_temporal(free_port(), free_port())
            sandbox = await stack.start_sandbox(seed=1, options=["--time-scale", "0.3"])
        yield Ground(stack, sandbox)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site(ground: Ground) -> AsyncIterator[Site]:
    """An installation on SQLite with one worker."""
    stack = ground.stack
    stack.environment["CLARION_DATABASE_URL"] = f"sqlite:///{stack.home / 'clarion.db'}"
    async with open_site(stack, ground.sandbox) as site:
        inbound = f"{site.settings.public_url}/webhooks/twilio/main/inbound"
        delivered = {"twilio": {"delivered": 1.0}}
        await site.tell_sandbox("settings", {"inbound_url": inbound, "mix": delivered})
        yield site


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def lead_site(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """An installation of another tenant that fetches and assesses leads, and texts and calls those worth it.

    Its sandbox answers quickly; numbers without a meaning get their texts, and calls are answered.
    """
    home = tmp_path_factory.mktemp("leads")
    own = {"CLARION_TENANT": "leads", "CLARION_TASK_QUEUE": "leads"}
    database = {"CLARION_DATABASE_URL": f"sqlite:///{home / 'clarion.db'}"}
    async with Stack(home, {**ground.stack.environment, **own, **database}) as stack:
        sandbox = await stack.start_sandbox(seed=1, options=["--time-scale", "0.02"])
        stack.environment |= calling_environment(sandbox) | analysing_environment(sandbox)
        async with open_site(stack, sandbox) as site:
            await site.tell_sandbox("settings", webhook_settings(site.settings.public_url or ""))
            yield site


@pytest_asyncio.fixture(loop_scope="session")
async def leads(lead_site: Site) -> AsyncIterator[Site]:
    """The installation for leads; at the end of a test nothing is broken any more."""
    await lead_site.tell_sandbox("settings", LEADS_AS_USUAL)
    yield lead_site
    await lead_site.tell_sandbox("faults", {"openai": {}, "salesforce": {}})
    await lead_site.tell_sandbox("settings", LEADS_AS_USUAL)


@pytest_asyncio.fixture(loop_scope="session")
async def postgres_site(
    site: Site, ground: Ground, tmp_path: Path, postgres_cluster: PostgresCluster
) -> AsyncIterator[Site]:
    """An installation of another tenant on PostgreSQL with two workers."""
    own = {"CLARION_TENANT": "postgres", "CLARION_TASK_QUEUE": "postgres"}
    with postgres_cluster.database() as url:
        environment = {**ground.stack.environment, **own, "CLARION_DATABASE_URL": url}
        async with Stack(tmp_path, environment) as stack, open_site(stack, ground.sandbox, workers=2) as other:
            yield other
