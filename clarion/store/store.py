"""The store as one thing: everything that reads and writes the database, built once per process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from clarion.providers.ports import CallReader, ReceiptReader
from clarion.store.account_use import AccountUse
from clarion.store.analytics import Analytics
from clarion.store.batches import Batches
from clarion.store.calls import Calls
from clarion.store.campaigns import Campaigns
from clarion.store.claims import Claims
from clarion.store.cloning import Cloning
from clarion.store.database import Database
from clarion.store.deliveries import Deliveries
from clarion.store.events import Events
from clarion.store.faults import Faults
from clarion.store.feeding import Feeding
from clarion.store.files import Files
from clarion.store.hooks import Hooks
from clarion.store.importing import Importing
from clarion.store.inbox import Inbox
from clarion.store.keys import Keys
from clarion.store.leads import Leads
from clarion.store.pages import Pages
from clarion.store.removal import Removal
from clarion.store.replies import Replies
from clarion.store.schema import conversations
from clarion.store.suppressions import Suppressions
from clarion.store.sweeps import Sweeps
from clarion.store.targets import Targets
from clarion.store.templates import Templates
from clarion.store.timeline import Timeline
from clarion.store.variants import Variants


@dataclass(frozen=True, slots=True)
class Conversation:
    """A text that a person sent us."""

    address: str
    position: int | None
    body: str
    kind: str
    received_at: float


class Store:
    """All parts of the store on one database. Blocking."""

    def __init__(
        self,
        url: str,
        *,
        tenant: str,
        grace: float,
        readers: Mapping[str, ReceiptReader] | None = None,
        call_readers: Mapping[str, CallReader] | None = None,
        tenants: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare the store at ``url``; ``grace`` is in seconds. Raises BadInput for an address that is none.

        ``tenants`` says by account whose it is, where it is not ``tenant``'s.
        """
        self.database = Database(url)
        self.campaigns = Campaigns(self.database)
        self.targets = Targets(self.database)
        self.faults = Faults(self.database)
        self.claims = Claims(self.database, grace=grace)
        self.sweeps = Sweeps(self.database)
        self.files = Files(self.database)
        self.importing = Importing(self.database)
        self.events = Events(self.database)
        self.suppressions = Suppressions(self.database)
        self.calls = Calls(self.database)
        self.leads = Leads(self.database)
        self.batches = Batches(self.database)
        self.feeding = Feeding(self.database)
        self.keys = Keys(self.database)
        self.replies = Replies(self.database)
        self.removal = Removal(self.database)
        self.hooks = Hooks(self.database)
        self.deliveries = Deliveries(self.database, self.events)
        self.pages = Pages(self.database)
        self.timeline = Timeline(self.database)
        self.account_use = AccountUse(self.database)
        self.cloning = Cloning(self.database)
        self.templates = Templates(self.database)
        self.variants = Variants(self.database)
        self.analytics = Analytics(self.database)
        self.inbox = Inbox(self.database, tenant, readers or {}, grace, call_readers or {}, tenants or {})

    def conversations(self, campaign_key: int) -> Sequence[Conversation]:
        """What people answered to a campaign, in order."""
        c = conversations.c
        query = select(c.address, c.position, c.body, c.kind, c.received_at).where(c.campaign_key == campaign_key)
        with self.database.read() as connection:
            return [Conversation(*row) for row in connection.execute(query.order_by(c.received_at))]

    def close(self) -> None:
        """Close all connections."""
        self.database.close()
