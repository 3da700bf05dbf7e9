"""A started sandbox that answers at once and delivers fast, somebody who uses it, and a web door."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from clarion.sandbox.server import Sandbox
from clarion.sandbox.vendor import Settings
from tests.sandbox.parties import Sender, WebDoor


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(seed=7, settings=Settings(latency_ms=0, time_scale=0.2))
    await sandbox.start()
    yield sandbox
    await sandbox.stop()


@pytest.fixture
async def sender(sandbox: Sandbox) -> AsyncIterator[Sender]:
    async with aiohttp.ClientSession() as http:
        yield Sender(sandbox, http)


@pytest.fixture
async def door() -> AsyncIterator[WebDoor]:
    door = WebDoor()
    await door.open()
    yield door
    await door.close()
