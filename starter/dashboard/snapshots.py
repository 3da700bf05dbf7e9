"""How campaigns stand, looked up once a second for all who watch, and how many they are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

from fastapi import Request

from clarion.domain.books import Books
from clarion.domain.campaign import CampaignStatus, Channel
from clarion.domain.errors import ClarionError
from clarion.store.calls import CallUnderWay
from clarion.store.campaign_filter import CampaignFilter
from clarion.store.campaigns import Campaign
from clarion.store.snapshots import books_of
from clarion.store.store import Store
from clarion.store.timeline import Rates
from starter.analytics_views import Analytics
from starter.chronicle import Line
from starter.progress import Progress
from starter.wiring import Installation

FRESH = 0.9
"""Seconds for which what was looked up is shown to everybody."""
MOST = 2_000
"""Things remembered, after which those that nobody asks for any more are forgotten."""
LINES = 14
TEMPORAL_FRESH = 10.0
TEMPORAL_WITHIN = 3.0
ANALYTICS_FRESH = 20.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listed:
    """A campaign in the list, and how far it has come."""

    campaign: Campaign
    books: Books


@dataclass(frozen=True, slots=True)
class CampaignSnapshot:
    """All that the page of one campaign shows of its life."""

    progress: Progress
    lines: Sequence[Line]
    rates: Rates | None
    calls: Sequence[CallUnderWay]
    at: float
    warning: str = ""
    """What is wrong that the store does not know of."""


@dataclass(slots=True)
class _Looked(Generic[T]):
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    value: T | None = None
    at: float = float("-inf")


class Shared(Generic[T]):
    """Looks something up once, however many ask at the same time or soon after."""

    def __init__(self, fresh: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Look again after ``fresh`` seconds."""
        self._fresh = fresh
        self._clock = clock
        self._known: dict[Hashable, _Looked[T]] = {}

    async def get(self, key: Hashable, look: Callable[[], T]) -> T:
        """Return what ``look`` says; it blocks, and runs in a thread. Raises what it raises."""
        looked = self._known.setdefault(key, _Looked())
        async with looked.lock:
            if looked.value is None or self._clock() - looked.at >= self._fresh:
                looked.value = await asyncio.to_thread(look)
                looked.at = self._clock()
            value = looked.value
        if len(self._known) > MOST:
            self._forget()
        return value

    def _forget(self) -> None:
        now = self._clock()
        for key in [key for key, one in self._known.items() if now - one.at > self._fresh and not one.lock.locked()]:
            del self._known[key]


class Snapshots:
    """What is shared by all pages of one application."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._snapshots: Shared[CampaignSnapshot] = Shared(FRESH)
        self.lists: Shared[list[Listed]] = Shared(FRESH)
        self.analytics: Shared[Analytics] = Shared(ANALYTICS_FRESH)
        self._warnings: dict[int, tuple[float, str]] = {}

    async def of(self, clarion: Installation, campaign: Campaign) -> CampaignSnapshot:
        """Return how a campaign stands now, or stood less than a second ago."""
        warning = await self._warning(clarion, campaign)
        return await self._snapshots.get(
            campaign.ref.key, lambda: snapshot_of(clarion, campaign.ref.campaign_id, warning)
        )

    async def _warning(self, clarion: Installation, campaign: Campaign) -> str:
        """Ask Temporal now and then whether it still runs what the store takes for alive."""
        key, now = campaign.ref.key, time.monotonic()
        if campaign.status.is_final or campaign.status is CampaignStatus.DRAFT:
            return ""
        at, known = self._warnings.get(key, (float("-inf"), ""))
        if now - at < TEMPORAL_FRESH:
            return known
        self._warnings[key] = (now, known)  # the others go on with what is known meanwhile
        try:
            async with asyncio.timeout(TEMPORAL_WITHIN):
                ended = await clarion.campaigns.ended_in_temporal(campaign.ref.campaign_id)
            said = f"{ended}: nothing runs for this campaign any more; resume starts it again" if ended else ""
        except (ClarionError, TimeoutError):
            said = "Temporal does not answer: what is shown is from the store, and steering has to wait"
        self._warnings[key] = (now, said)
        return said


def listed(store: Store, tenant: str, wanted: CampaignFilter, limit: int) -> list[Listed]:
    """List the newest campaigns of a tenant that are as chosen. Blocking."""
    found = store.campaigns.list(tenant, limit=limit, wanted=wanted)
    books = books_of(store.database, {campaign.ref.key: campaign.total for campaign in found})
    return [Listed(campaign, books[campaign.ref.key]) for campaign in found]


def snapshot_of(clarion: Installation, campaign_id: str, warning: str = "") -> CampaignSnapshot:
    """Look a campaign up. Blocking. Raises NotFound."""
    looking = clarion.looking
    progress = looking.progress(campaign_id)
    key = looking.find(campaign_id).ref.key
    now, store = time.time(), clarion.store
    return CampaignSnapshot(
        progress=progress,
        lines=looking.lines(campaign_id, LINES),
        rates=store.timeline.rates(key, progress.finished_at or now),
        calls=store.calls.list_under_way(key) if progress.channel is Channel.CALL else (),
        at=now,
        warning="" if progress.status.is_final else warning,
    )


def snapshots_of(request: Request) -> Snapshots:
    """Return what the pages of this application share."""
    return cast("Snapshots", request.app.state.snapshots)
