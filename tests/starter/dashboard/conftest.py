"""Fixtures of the dashboard's tests: its pages over a fresh store, and people of two tenants who are signed in."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clarion.store.store import Store
from tests.starter.dashboard.desk import Desk, desk
from tests.starter.installation import TENANT, new_store

DATABASE = "clarion.db"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with the current schema, to be copied."""
    folder = tmp_path_factory.mktemp("schema")
    new_store(folder).close()
    return folder / DATABASE


@pytest.fixture
async def office(
    tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> AsyncIterator[Desk]:
    """The dashboard on a fresh store; Temporal cannot be reached, and nothing comes from the caller's environment."""
    for name in os.environ:
        if name.startswith(("CLARION_", "TEMPORAL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{free_port}")
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "no-temporal.toml"))
    monkeypatch.chdir(tmp_path)
    shutil.copy(migrated, tmp_path / DATABASE)
    opened = desk(tmp_path, Store(f"sqlite:///{tmp_path / DATABASE}", tenant=TENANT, grace=15.0))
    yield opened
    await opened.close()
