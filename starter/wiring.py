"""Builds what the front doors work with: settings to store and one connection to Temporal, these to the use cases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from clarion.domain.errors import BadInput, Conflict, Unreachable
from clarion.settings import Settings
from clarion.store.store import Store

if TYPE_CHECKING:
    from temporalio.client import Client

    from starter.accounts import Accounts
    from starter.campaigns import Campaigns
    from starter.drafts import Drafts
    from starter.looking import Looking
    from starter.schedules import Schedules
    from starter.templates import Templates


def new_store(settings: Settings) -> Store:
    """Build the store of this installation; nothing is opened yet. Raises BadInput, or Unreachable for its folder."""
    from clarion.providers.twilio_webhooks import TwilioReceipts
    from clarion.providers.vendors import call_readers

    readers = {"twilio": TwilioReceipts("")}
    try:
        return Store(
            settings.database,
            tenant=settings.tenant,
            grace=settings.grace,
            readers=readers,
            call_readers=call_readers(),
            tenants=settings.tenants,
        )
    except OSError as error:
        message = (
            f"the folder {settings.folder} for the database cannot be used ({error.strerror or error}); set "
            "CLARION_HOME to one that you may write to"
        )
        raise Unreachable(message) from None


def has_database(settings: Settings) -> bool:
    """Say whether there is a database to look into, as far as that is known without opening one."""
    scheme, _, path = settings.database.partition(":///")
    return not scheme.startswith("sqlite") or Path(path).exists()


def require_database(settings: Settings) -> None:
    """Raise Conflict when there is no database yet, instead of making an empty one by looking into it."""
    if not has_database(settings):
        raise Conflict(f"the database at {settings.database} is not set up yet; run `clarion setup`")


def open_store(settings: Settings) -> Store:
    """Build the store and prove that it is ready. Raises BadInput, Unreachable, or Conflict before `clarion setup`."""
    from clarion.store.migrate import require_schema

    require_database(settings)
    store = new_store(settings)
    require_schema(store.database)
    return store


async def connect_to_temporal(settings: Settings) -> Client:
    """Connect; the settings' address counts when Temporal's own configuration names none.

    Raises BadInput or Unreachable.
    """
    from clarion.temporal import connect

    try:
        return await connect(address=settings.temporal_address, payload_keys=settings.payload_keyring)
    except ValueError as error:
        message = f"Temporal's address cannot be used ({error}); set TEMPORAL_ADDRESS to host:port"
        raise BadInput(message) from None


class Connection:
    """The one connection to Temporal of this process, made when it is first needed."""

    def __init__(self, settings: Settings) -> None:
        """Connect as the settings say."""
        self._settings = settings
        self._made: asyncio.Task[Client] | None = None

    def __call__(self) -> asyncio.Future[Client]:
        """Give the connection to await; a failed one is tried again. Awaiting raises BadInput or Unreachable."""
        if self._made is None or (self._made.done() and self._has_failed(self._made)):
            self._made = asyncio.ensure_future(self._connect())
        # One caller that gives up must not end the connection of the others.
        return asyncio.shield(self._made)

    async def _connect(self) -> Client:
        return await connect_to_temporal(self._settings)

    @staticmethod
    def _has_failed(made: asyncio.Task[Client]) -> bool:
        return made.cancelled() or made.exception() is not None


@dataclass(frozen=True, slots=True)
class Installation:
    """What the front doors of one process share, as one tenant may use it."""

    settings: Settings
    store: Store
    connection: Connection
    campaigns: Campaigns
    drafts: Drafts
    accounts: Accounts
    looking: Looking
    templates: Templates
    schedules: Schedules

    @classmethod
    def of(cls, settings: Settings, store: Store, connection: Connection) -> Self:
        """Prepare the use cases of the tenant that the settings name."""
        # The Temporal SDK takes half a second to import: what only looks into the store goes without it.
        from starter.accounts import Accounts
        from starter.campaigns import Campaigns
        from starter.drafts import Drafts
        from starter.looking import Looking
        from starter.schedules import Schedules
        from starter.templates import Templates

        campaigns = Campaigns(settings, store, connection)
        drafts = Drafts(settings, store, campaigns)
        return cls(
            settings=settings,
            store=store,
            connection=connection,
            campaigns=campaigns,
            drafts=drafts,
            accounts=Accounts(settings, connection),
            looking=Looking(store, settings.tenant),
            templates=Templates(settings, store, drafts),
            schedules=Schedules(settings, store, connection),
        )

    def for_tenant(self, tenant: str) -> Installation:
        """The same installation as another tenant sees it: nothing of what it gives belongs to anybody else."""
        return Installation.of(self.settings.for_tenant(tenant), self.store, self.connection)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Self]:
        """Open the store, prepare the use cases. Raises BadInput, Unreachable, or Conflict before `clarion setup`."""
        store = await asyncio.to_thread(open_store, settings)
        try:
            yield cls.of(settings.for_tenant(settings.tenant), store, Connection(settings))
        finally:
            store.close()
