"""Stages for the campaign workflow; some plays are given twice, from the cache and replayed at every step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.workflows.stage import Stage, join_server, real_server, time_skipping_server


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a Temporal dev server."""
    with real_server() as address:
        yield address


@pytest.fixture(scope="session")
def short_server() -> Iterator[str]:
    """The address of a Temporal dev server on which a history is long after 60 events."""
    with real_server("limit.historyCount.suggestContinueAsNew=60") as address:
        yield address


@pytest.fixture(params=[100, 0], ids=["cached", "replayed"])
async def stage(request: pytest.FixtureRequest, server: str) -> Stage:
    return Stage(await join_server(server), cached_workflows=request.param)


@pytest.fixture(params=[100, 0], ids=["cached", "replayed"])
async def short_stage(request: pytest.FixtureRequest, short_server: str) -> Stage:
    """A server on which campaigns soon continue as new."""
    return Stage(await join_server(short_server), cached_workflows=request.param)


@pytest.fixture(params=[100, 0], ids=["cached", "replayed"])
async def skipping_stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """A server on which days pass in no time; it cannot bear that an activity ends while it is being called off."""
    async with time_skipping_server() as environment:
        yield Stage(environment, cached_workflows=request.param)
