"""Fixtures of the front doors' tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.starter.installation import Place, new_store

DATABASE = "clarion.db"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with the current schema, to be copied."""
    folder = tmp_path_factory.mktemp("schema")
    new_store(folder).close()
    return folder / DATABASE


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: int) -> Path:
    """The test's folder, as the current one: nothing of the caller's environment, and no Temporal server."""
    for name in os.environ:
        if name.startswith(("CLARION_", "TEMPORAL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{free_port}")
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "no-temporal.toml"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def place(alone: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """An installation of its own, with an account for texts."""
    monkeypatch.setenv("CLARION_HOME", str(alone))
    monkeypatch.setenv("CLARION_ACCOUNTS__MAIN__SID", "AC" + "0" * 32)
    monkeypatch.setenv("CLARION_ACCOUNTS__MAIN__AUTH_TOKEN", "secret-token")
    monkeypatch.setenv("CLARION_ACCOUNTS__MAIN__FROM_NUMBER", "+15005550006")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TZ", "UTC")
    store = new_store(alone)
    yield Place(alone, store)
    store.close()
