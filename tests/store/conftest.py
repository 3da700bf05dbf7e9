"""One store for each kind of database; every test plays with a tenant of its own in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clarion.store.migrate import migrate
from clarion.store.store import Store
from tests import postgres
from tests.store.call_scene import new_call_scene
from tests.store.lead_scene import new_lead_scene
from tests.store.scene import GRACE, Scene, new_scene

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(scope="session", params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an empty database that lives as long as the test run."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.db'}"
        return
    cluster: postgres.PostgresCluster = request.getfixturevalue("postgres_cluster")
    with cluster.database() as url:
        yield url


@pytest.fixture(scope="session")
def store(database_url: str) -> Iterator[Store]:
    """A store with the current schema."""
    store = Store(database_url, tenant="nobody", grace=GRACE)
    migrate(store.database)
    yield store
    store.close()


@pytest.fixture
def scene(store: Store) -> Scene:
    """A running campaign of three people."""
    return new_scene(store, 3)


@pytest.fixture
def make_scene(store: Store) -> Callable[..., Scene]:
    """Make a campaign; the arguments are those of ``new_scene``."""

    def make(people: int = 0, *, account_spacing: float = 0.0, **spec: object) -> Scene:
        return new_scene(store, people, account_spacing=account_spacing, **spec)

    return make


@pytest.fixture
def calls(store: Store) -> Scene:
    """A running campaign that calls three people."""
    return new_call_scene(store, 3)


@pytest.fixture
def make_calls(store: Store) -> Callable[..., Scene]:
    """Make a campaign of calls; the arguments are those of ``new_call_scene``."""

    def make(people: int = 0, *, account_spacing: float = 0.0, **spec: object) -> Scene:
        return new_call_scene(store, people, account_spacing=account_spacing, **spec)

    return make


@pytest.fixture
def leads(store: Store) -> Scene:
    """A running analysis of five leads that nobody has fetched."""
    return new_lead_scene(store, 5)


@pytest.fixture
def make_leads(store: Store) -> Callable[..., Scene]:
    """Make an analysis of leads; the arguments are those of ``new_lead_scene``."""

    def make(people: int = 0, *, account_spacing: float = 0.0, **spec: object) -> Scene:
        return new_lead_scene(store, people, account_spacing=account_spacing, **spec)

    return make


@pytest.fixture
def sqlite_file(tmp_path: Path) -> str:
    """Address of a SQLite file of this test's own."""
    return f"sqlite:///{tmp_path / 'own.db'}"
