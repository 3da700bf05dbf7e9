"""Fixtures that all test folders share."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests import postgres

# How long an example takes is a matter of the machine, which no test judges.
settings.register_profile("clarion", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("clarion")


def pytest_sessionfinish() -> None:
    """Let the Temporal SDK's native threads end: an exit right after the last call can abort the interpreter.

    Known upstream as temporalio/sdk-python issue 300.
    """
    if "temporalio.bridge.runtime" in sys.modules:
        time.sleep(0.5)


@pytest.fixture
def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    return postgres.free_port()


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[postgres.PostgresCluster]:
    """A PostgreSQL cluster of this test run's own; without its programs a failure in CI, else a skip."""
    try:
        with postgres.throwaway_cluster() as cluster:
            yield cluster
    except postgres.PostgresUnavailable as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def postgres_url(postgres_cluster: postgres.PostgresCluster) -> str:
    """SQLAlchemy's address of the cluster's first database, shared by the whole run."""
    return postgres_cluster.url()


@pytest.fixture
def postgres_database(postgres_cluster: postgres.PostgresCluster) -> Iterator[str]:
    """SQLAlchemy's address of an empty database for one test."""
    with postgres_cluster.database() as url:
        yield url
