"""An office for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.activities.call_office import CallOffice, open_call_office
from tests.activities.lead_office import LeadOffice, open_lead_office
from tests.activities.office import Office, open_office


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """A worker's office with nothing in it."""
    async with open_office(tmp_path) as office:
        yield office


@pytest.fixture
async def calls(tmp_path: Path) -> AsyncIterator[CallOffice]:
    """The office of a worker that calls people, with nothing in it."""
    async with open_call_office(f"sqlite:///{tmp_path / 'clarion.db'}", tmp_path) as office:
        yield office


@pytest.fixture
async def leads(tmp_path: Path) -> AsyncIterator[LeadOffice]:
    """The office of a worker that assesses leads, with nothing in it."""
    async with open_lead_office(tmp_path) as office:
        yield office
