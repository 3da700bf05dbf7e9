"""How accounts are used at the moment: how fast each goes on its channels, and by which campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from clarion.domain.campaign import CampaignStatus, Channel
from clarion.store.database import Database
from clarion.store.pace import account_pace
from clarion.store.schema import campaigns, pace

AT_REST = (CampaignStatus.DRAFT, CampaignStatus.COMPLETED, CampaignStatus.CANCELLED, CampaignStatus.FAILED)


@dataclass(frozen=True, slots=True)
class ChannelPace:
    """How fast an account goes on a channel."""

    channel: Channel
    next_free: float
    """Epoch seconds at which the next contact may start."""
    strikes: int
    """Failures of the channel in a row."""
    spacing: float | None
    """Seconds between contacts that somebody has set in place of the settings'."""


@dataclass(frozen=True, slots=True)
class User:
    """A campaign that uses an account now."""

    campaign_id: str
    name: str
    channel: Channel
    status: CampaignStatus
    lanes: int


class AccountUse:
    """Queries. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def paces(self, tenant: str, account: str) -> Sequence[ChannelPace]:
        """Tell how fast an account goes, for each channel on which anybody was contacted through it."""
        keys = {account_pace(tenant, account, channel): channel for channel in Channel}
        query = select(pace.c.key, pace.c.next_free, pace.c.strikes, pace.c.spacing).where(pace.c.key.in_(keys))
        with self._database.read() as connection:
            return [ChannelPace(keys[key], *rest) for key, *rest in connection.execute(query.order_by(pace.c.key))]

    def users(self, tenant: str, account: str) -> Sequence[User]:
        """List the campaigns that use an account now, the oldest first."""
        c = campaigns.c
        query = select(c.campaign_id, c.name, c.channel, c.status, c.lanes).where(
            c.tenant == tenant, c.account == account, c.status.not_in(AT_REST)
        )
        with self._database.read() as connection:
            return [
                User(campaign_id, name, Channel(channel), CampaignStatus(status), lanes)
                for campaign_id, name, channel, status, lanes in connection.execute(query.order_by(c.key))
            ]
