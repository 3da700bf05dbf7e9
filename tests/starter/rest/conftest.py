"""Fixtures of all tests of the REST interface."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from clarion.domain.rights import Rights
from clarion.store.migrate import migrate
from clarion.store.store import Store
from tests.starter.rest.doorway import NORTH, SOUTH, Doorway, doorway

DATABASE = "clarion.db"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with the current schema, to be copied."""
    path = tmp_path_factory.mktemp("schema") / DATABASE
    store = Store(f"sqlite:///{path}", tenant=NORTH, grace=15.0)
    migrate(store.database)
    store.close()
    return path


@pytest.fixture
async def door(
    tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> AsyncIterator[Doorway]:
    """The interface on a fresh store; Temporal cannot be reached, and nothing comes from the caller's environment."""
    for name in os.environ:
        if name.startswith(("CLARION_", "TEMPORAL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{free_port}")
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "no-temporal.toml"))
    monkeypatch.chdir(tmp_path)
    shutil.copy(migrated, tmp_path / DATABASE)
    opened = doorway(tmp_path)
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
