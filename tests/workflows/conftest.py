"""Stages for the workflows: every play is replayed at each of its steps, and the great ones run from the cache too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.workflows.stage import Stage, join_server, real_server, time_skipping_server

MODES = {"cached": 100, "replayed": 0}
"""How many workflows a worker keeps in memory; with none it replays the whole history at every step."""
GREAT = ("test_storms", "test_calls_storms", "test_steering", "test_leads")
"""What these files play covers every handler, so that the cache, with which production runs, is tried as well."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose the modes of a play, where it has not chosen itself."""
    chosen = {mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")}
    wanted = MODES if metafunc.module.__name__.rpartition(".")[2] in GREAT else {"replayed": 0}
    for name in ("stage", "short_stage", "skipping_stage"):
        if name in metafunc.fixturenames and name not in chosen:
            metafunc.parametrize(name, list(wanted.values()), ids=list(wanted), indirect=True)


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


@pytest.fixture
async def stage(request: pytest.FixtureRequest, server: str) -> Stage:
    return Stage(await join_server(server), cached_workflows=request.param)


@pytest.fixture
async def short_stage(request: pytest.FixtureRequest, short_server: str) -> Stage:
    """A server on which campaigns soon continue as new."""
    return Stage(await join_server(short_server), cached_workflows=request.param)


@pytest.fixture
async def skipping_stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """A server on which days pass in no time; it cannot bear that an activity ends while it is being called off."""
    async with time_skipping_server() as environment:
        yield Stage(environment, cached_workflows=request.param)
