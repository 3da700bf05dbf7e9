"""Fixtures of the dashboard's tests: its pages over a fresh store, and people of two tenants who are signed in."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clarion.store.store import Store
from tests.starter.dashboard.desk import Desk, desk
from tests.starter.installation import TENANT


@pytest.fixture
async def office(alone: Path, migrated: Path) -> AsyncIterator[Desk]:
    """The dashboard on a fresh store; Temporal cannot be reached, and nothing comes from the caller's environment."""
    shutil.copy(migrated, alone)
    opened = desk(alone, Store(f"sqlite:///{alone / migrated.name}", tenant=TENANT, grace=15.0))
    yield opened
    await opened.close()
