"""Fixtures of all tests of the REST interface."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from clarion.domain.rights import Rights
from tests.starter.rest.doorway import NORTH, SOUTH, Doorway, doorway


@pytest.fixture
async def door(alone: Path, migrated: Path) -> AsyncIterator[Doorway]:
    """The interface on a fresh store; Temporal cannot be reached, and nothing comes from the caller's environment."""
    shutil.copy(migrated, alone)
    opened = doorway(alone)
    yield opened
    await opened.close()
    opened.store.close()


@pytest.fixture
def admin(door: Doorway) -> httpx.AsyncClient:
    """North, with every right."""
    return door.client(NORTH, Rights.ADMIN)


@pytest.fixture
def operator(door: Doorway) -> httpx.AsyncClient:
    """North, with the right to operate."""
    return door.client(NORTH, Rights.OPERATE)


@pytest.fixture
def reader(door: Doorway) -> httpx.AsyncClient:
    """North, with the right to read."""
    return door.client(NORTH, Rights.READ)


@pytest.fixture
def south(door: Doorway) -> httpx.AsyncClient:
    """The other tenant, with every right: it must see nothing of north's."""
    return door.client(SOUTH, Rights.ADMIN)


@pytest.fixture
def stranger(door: Doorway) -> httpx.AsyncClient:
    """Somebody without a key."""
    return door.client_with(None)
