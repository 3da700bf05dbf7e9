"""The REST interface does what its description says, whoever sends whatever."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import select

from clarion.domain.rights import Rights
from clarion.store.schema import metadata
from tests.e2e.conftest import Ground
from tests.e2e.fuzzing import Exchange, Fuzzer, opened
from tests.e2e.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENOUGH = 45
"""Operations, of 65, that have to be done at least once; which ones they are is chance."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fuzzed(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Site, Fuzzer]]:
    """An installation of a tenant of its own, with one of everything."""
    async with opened(tmp_path_factory.mktemp("contract"), ground.stack.environment) as both:
        yield both


def contents(site: Site) -> dict[str, list[str]]:
    """Everything in the database that a request could have changed; when a key was used is noted of every request."""
    with site.store.database.read() as connection:
        return {
            name: sorted(map(repr, connection.execute(select(*(c for c in table.c if c.name != "used_at")))))
            for name, table in metadata.tables.items()
            if name != "secrets"
        }


def require_clean(exchange: Exchange) -> None:
    assert exchange.code == 0, exchange.said
    assert not {status for counted in exchange.statuses.values() for status in counted if status >= 500}


async def test_a_key_that_reads_is_refused_what_changes_and_changes_nothing(fuzzed: tuple[Site, Fuzzer]) -> None:
    site, fuzzer = fuzzed
    before = contents(site)
    exchange = await fuzzer.send(Rights.READ, "fuzzing", "--max-examples", "2", "--generation-deterministic")
    require_clean(exchange)
    assert contents(site) == before
    for operation, statuses in exchange.statuses.items():
        may = operation == "POST /tickets" or (operation.startswith("GET ") and operation != "GET /keys")
        assert (403 in statuses) != may, (operation, statuses)
        assert exchange.taken(operation) <= may, (operation, statuses)


async def test_every_operation_answers_as_it_is_described(fuzzed: tuple[Site, Fuzzer]) -> None:
    _, fuzzer = fuzzed
    await fuzzer.set_going()
    options = ("--max-examples", "3", "--generation-deterministic", "--workers", "2")
    exchange = await fuzzer.send(Rights.ADMIN, "examples,coverage,fuzzing", *options)
    require_clean(exchange)
    # Refusals alone would be no proof.
    assert sum(exchange.taken(operation) for operation in exchange.statuses) >= ENOUGH, exchange.statuses
    async with fuzzer.client() as admin:
        assert (await admin.get("/keys")).status_code == 200  # the key was good until the end
