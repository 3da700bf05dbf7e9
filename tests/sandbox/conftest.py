"""A started sandbox that answers at once and delivers fast, somebody who uses it, and a web door."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from clarion.sandbox.server import Sandbox
from clarion.sandbox.vendor import Settings
from tests.sandbox.parties import Sender, WebDoor, started, web_door


@pytest.fixture
def sandbox_settings() -> Settings:
    """Of the sandbox; a vendor's tests may have theirs."""
    return Settings(latency_ms=0, time_scale=0.2)


@pytest.fixture
async def sandbox(sandbox_settings: Settings) -> AsyncIterator[Sandbox]:
    async with started(sandbox_settings) as sandbox:
        yield sandbox


@pytest.fixture
async def sender(sandbox: Sandbox) -> AsyncIterator[Sender]:
    async with aiohttp.ClientSession() as http:
        yield Sender(sandbox, http)


@pytest.fixture
async def door() -> AsyncIterator[WebDoor]:
    async with web_door() as door:
        yield door
