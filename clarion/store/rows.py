"""The rows that a posting works on: campaigns, targets and attempts, read and written without detours."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, literal_column, select, update

from clarion.domain.attempt import AttemptId
from clarion.domain.target import TargetState
from clarion.store.schema import attempts, campaigns, targets
from clarion.store.statements import Prepared, PreparedSelect, Values


class TargetKey(NamedTuple):
    """Names a target."""

    campaign_key: int
    position: int


@dataclass(slots=True)
class CampaignRow:
    """A campaign as loaded and locked for a transaction."""

    key: int
    tenant: str
    account: str
    channel: str
    status: str
    open: bool
    halt: str
    spec: str
    spacing: float
    budget: int | None
    spent: int
    total: int
    recent: str
    """The last calls, for the circuit breaker, as JSON."""
    changed: bool = False


@dataclass(slots=True)
class TargetRow:
    """A target as loaded; all that can change in a posting."""

    campaign_key: int
    position: int
    address: str | None
    state: str
    outcome: str | None
    reason: str | None
    detail: str | None
    due_at: float
    tries: int
    attempts: int
    chunk: int | None
    fence: int | None
    changed: bool = False

    @property
    def key(self) -> TargetKey:
        """The target's name."""
        return TargetKey(self.campaign_key, self.position)


@dataclass(slots=True)
class AttemptRow:
    """An attempt as loaded or newly made."""

    campaign_key: int
    position: int
    number: int
    fence: int
    intended_at: float
    slot_at: float
    cost: int
    outcome: str | None = None
    ended_at: float | None = None
    provider_reference: str | None = None
    provider_status: str | None = None
    provider_rank: int = -1
    provider_code: str | None = None
    detail: str | None = None
    receipt_at: float | None = None
    new: bool = False
    changed: bool = False

    @property
    def id(self) -> AttemptId:
        """The attempt's name."""
        return AttemptId(self.campaign_key, self.position, self.number)

    @property
    def target(self) -> TargetKey:
        """The name of its target."""
        return TargetKey(self.campaign_key, self.position)


_CAMPAIGN = tuple(name for name in CampaignRow.__slots__ if name != "changed")
_TARGET = tuple(name for name in TargetRow.__slots__ if name != "changed")
_ATTEMPT = tuple(name for name in AttemptRow.__slots__ if name not in {"new", "changed"})
_CAMPAIGN_CHANGES = ("open", "halt", "spent", "recent")
_TARGET_CHANGES = ("state", "outcome", "reason", "detail", "due_at", "tries", "attempts", "chunk", "fence")
_ATTEMPT_CHANGES = tuple(
    name for name in _ATTEMPT if name not in {"campaign_key", "position", "number", "fence", "intended_at", "slot_at"}
)

ATTEMPT_COLUMNS = tuple(attempts.c[name] for name in _ATTEMPT)
"""What an AttemptRow is made of, in order."""

_LOCK_CAMPAIGNS = PreparedSelect(
    (),
    select(*(campaigns.c[name] for name in _CAMPAIGN)).order_by(campaigns.c.key).with_for_update(key_share=True),
    campaigns.c.key,
)
_READ_TARGETS = PreparedSelect(
    ("campaign",),
    select(*(targets.c[name] for name in _TARGET)).where(targets.c.campaign_key == bindparam("campaign")),
    targets.c.position,
)
_READ_ATTEMPTS = PreparedSelect(
    ("campaign",),
    select(*ATTEMPT_COLUMNS).where(attempts.c.campaign_key == bindparam("campaign")),
    attempts.c.position,
)
_STANDING = PreparedSelect(
    ("campaign", "skipped"),
    select(targets.c.address, targets.c.row).where(
        # The sum keeps planners from reading the whole campaign by its key, in place of a few addresses by theirs.
        targets.c.campaign_key + literal_column("0") == bindparam("campaign"),
        targets.c.state != bindparam("skipped"),
    ),
    targets.c.address,
)


def _changes(names: tuple[str, ...]) -> dict[str, Any]:
    return {name: bindparam(f"new_{name}") for name in names}


_UPDATE_CAMPAIGNS = Prepared(
    (*(f"new_{name}" for name in _CAMPAIGN_CHANGES), "new_updated_at", "of_key"),
    lambda _: (
        update(campaigns)
        .where(campaigns.c.key == bindparam("of_key"))
        .values(_changes((*_CAMPAIGN_CHANGES, "updated_at")))
    ),
)
_UPDATE_TARGETS = Prepared(
    (*(f"new_{name}" for name in _TARGET_CHANGES), "new_updated_at", "of_campaign", "of_position"),
    lambda _: (
        update(targets)
        .where(targets.c.campaign_key == bindparam("of_campaign"), targets.c.position == bindparam("of_position"))
        .values(_changes((*_TARGET_CHANGES, "updated_at")))
    ),
)
_UPDATE_ATTEMPTS = Prepared(
    (*(f"new_{name}" for name in _ATTEMPT_CHANGES), "of_campaign", "of_position", "of_number"),
    lambda _: (
        update(attempts)
        .where(
            attempts.c.campaign_key == bindparam("of_campaign"),
            attempts.c.position == bindparam("of_position"),
            attempts.c.number == bindparam("of_number"),
        )
        .values(_changes(_ATTEMPT_CHANGES))
    ),
)
_INSERT_ATTEMPTS = Prepared(_ATTEMPT, lambda _: insert(attempts))

_campaign_values = attrgetter(*_CAMPAIGN_CHANGES)
_target_values = attrgetter(*_TARGET_CHANGES)
_attempt_values = attrgetter(*_ATTEMPT_CHANGES, "campaign_key", "position", "number")
_whole_attempt = attrgetter(*_ATTEMPT)


def lock_campaigns(connection: Connection, keys: Collection[int]) -> list[CampaignRow]:
    """Lock campaigns in key order, so that two who lock several never wait for each other in a ring."""
    found = _LOCK_CAMPAIGNS.fetch(connection, (), sorted(keys))
    return [CampaignRow(*row) for row in found]


def read_targets(connection: Connection, campaign_key: int, positions: Collection[int]) -> Iterable[TargetRow]:
    """Read some targets of a campaign."""
    return (TargetRow(*row) for row in _READ_TARGETS.fetch(connection, (campaign_key,), positions))


def read_attempts(connection: Connection, campaign_key: int, positions: Collection[int]) -> Iterable[AttemptRow]:
    """Read all attempts at some targets of a campaign."""
    return (AttemptRow(*row) for row in _READ_ATTEMPTS.fetch(connection, (campaign_key,), positions))


def rows_by_address(connection: Connection, campaign_key: int, addresses: Collection[str]) -> dict[str, int]:
    """Find the rows of some addresses that stand in a campaign and are not skipped."""
    found = _STANDING.fetch(connection, (campaign_key, TargetState.SKIPPED.value), addresses)
    return {row.address: row.row for row in found}


def write_campaigns(connection: Connection, rows: Iterable[CampaignRow], now: float) -> None:
    """Write the campaigns that changed."""
    values: list[Values] = [(*_campaign_values(row), now, row.key) for row in rows if row.changed]
    _UPDATE_CAMPAIGNS.run(connection, values)


def write_targets(connection: Connection, rows: Iterable[TargetRow], now: float) -> None:
    """Write the targets that changed."""
    values: list[Values] = [(*_target_values(row), now, row.campaign_key, row.position) for row in rows if row.changed]
    _UPDATE_TARGETS.run(connection, values)


def write_attempts(connection: Connection, rows: Collection[AttemptRow]) -> None:
    """Write the attempts that are new or changed."""
    _INSERT_ATTEMPTS.run(connection, [_whole_attempt(row) for row in rows if row.new])
    _UPDATE_ATTEMPTS.run(connection, [_attempt_values(row) for row in rows if row.changed and not row.new])
