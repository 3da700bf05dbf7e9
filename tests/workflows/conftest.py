"""Stages for the campaign workflow: each play is given twice, from the cache and replayed at every step."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.workflows.stage import Stage, real_server, time_skipping_server


@pytest.fixture(params=[100, 0], ids=["cached", "replayed"])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """A server that skips time."""
    async with time_skipping_server() as environment:
        yield Stage(environment, cached_workflows=request.param)


@pytest.fixture
async def real_stage() -> AsyncIterator[Stage]:
    """Temporal's dev server, for what the other one does not have."""
    async with real_server() as environment:
        yield Stage(environment)


@pytest.fixture
async def short_stage() -> AsyncIterator[Stage]:
    """A real server on which a history is long after 60 events."""
    async with real_server("limit.historyCount.suggestContinueAsNew=60") as environment:
        yield Stage(environment)


@pytest.fixture(params=[100, 0], ids=["cached", "replayed"])
async def stormy_stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """A real server: the one that skips time fails a task that cancels an activity which has just ended."""
    async with real_server("limit.historyCount.suggestContinueAsNew=150") as environment:
        yield Stage(environment, cached_workflows=request.param)
