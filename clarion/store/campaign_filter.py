"""Which campaigns of a tenant a list shows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, or_

from clarion.domain.campaign import CampaignStatus, Channel
from clarion.store.schema import campaigns


@dataclass(frozen=True, slots=True)
class CampaignFilter:
    """What campaigns must be like; everything that is not said is open. Times are epoch seconds."""

    statuses: Collection[CampaignStatus] = ()
    channel: Channel | None = None
    account: str | None = None
    search: str | None = None
    """Part of the name or the id, in capitals or small letters."""
    created_after: float | None = None
    created_before: float | None = None
    before: int | None = None
    """The number of a campaign: only those that were made before it."""

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yield what to ask the database."""
        c = campaigns.c
        if self.statuses:
            yield c.status.in_(sorted(self.statuses))
        if self.channel is not None:
            yield c.channel == self.channel
        if self.account is not None:
            yield c.account == self.account
        if self.search is not None:
            yield or_(*(column.icontains(self.search, autoescape=True) for column in (c.name, c.campaign_id)))
        if self.created_after is not None:
            yield c.created_at >= self.created_after
        if self.created_before is not None:
            yield c.created_at < self.created_before
        if self.before is not None:
            yield c.key < self.before


EVERYTHING = CampaignFilter()
