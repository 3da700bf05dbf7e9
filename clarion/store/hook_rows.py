"""Hooks and deliveries as they are read from their rows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row

from clarion.domain.delivery import DeliveryState
from clarion.hook_contracts import HookRef

MOST_WAITING = 10_000
"""Deliveries of one hook that may wait: with so many, the log is looked through no further until some are gone."""

SILENT = 180.0
"""Seconds after which a hook that nobody has looked after counts as stopped; it is looked after every minute."""


@dataclass(frozen=True, slots=True)
class Hook:
    """An address of the user's that is told of events. Times are epoch seconds."""

    ref: HookRef
    url: str = field(repr=False)
    secret: str = field(repr=False)
    types: tuple[str, ...]
    campaign_id: str | None
    """Only events of this campaign; None: of all."""
    active: bool
    reason: str
    """Why it is not active."""
    cursor: int
    """The last line of the log that was looked at."""
    strikes: int
    """Tries without success in a row."""
    rests_until: float
    created_at: float
    looked_at: float | None
    """When a worker looked after it last, to the minute."""

    def is_stopped(self, now: float) -> bool:
        """Whether it is active and nobody looks after it."""
        return self.active and now > (self.looked_at or self.created_at) + SILENT


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one hook. Times are epoch seconds."""

    number: int
    message_id: str
    type: str
    payload: str = field(repr=False)
    state: DeliveryState
    tries: int
    due_at: float
    """When it is tried next; of one that is delivered or dead, when that was."""
    status: int | None
    """HTTP status of the last answer."""
    error: str | None
    created_at: float
    ended_at: float | None


def hook_of(row: Row[Any]) -> Hook:
    """Read a hook."""
    return Hook(
        ref=HookRef(tenant=row.tenant, hook_id=row.hook_id, key=row.key),
        url=row.url,
        secret=row.secret,
        types=tuple(json.loads(row.kinds)),
        campaign_id=row.campaign_id,
        active=row.active,
        reason=row.reason,
        cursor=row.cursor,
        strikes=row.strikes,
        rests_until=row.rests_until,
        created_at=row.created_at,
        looked_at=row.looked_at,
    )


def delivery_of(row: Row[Any]) -> Delivery:
    """Read a delivery."""
    return Delivery(
        number=row.key,
        message_id=row.message_id,
        type=row.kind,
        payload=row.payload,
        state=DeliveryState(row.state),
        tries=row.tries,
        due_at=row.due_at,
        status=row.status,
        error=row.error,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )
