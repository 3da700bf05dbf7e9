"""Fixtures of the front doors' tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.starter.installation import Place, new_store


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: int) -> Iterator[Place]:
    """An installation of its own: nothing of the caller's environment, and no Temporal server."""
    for name in os.environ:
        if name.startswith(("CLARION_", "TEMPORAL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CLARION_HOME", str(tmp_path))
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{free_port}")
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "no-temporal.toml"))
    monkeypatch.setenv("CLARION_ACCOUNTS__MAIN__SID", "AC" + "0" * 32)
    monkeypatch.setenv("CLARION_ACCOUNTS__MAIN__AUTH_TOKEN", "secret-token")
    monkeypatch.setenv("CLARION_ACCOUNTS__MAIN__FROM_NUMBER", "+15005550006")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.chdir(tmp_path)
    store = new_store(tmp_path)
    yield Place(tmp_path, store)
    store.close()
