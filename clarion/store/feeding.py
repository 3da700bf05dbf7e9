"""Campaigns whose targets come from another one: those it could not reach, or has found worth it, as soon as it has.

Whatever moves a target to its end writes a line about it into the log of its campaign. So the parent's log, read from
where the last look ended, says which targets have to be looked at, however large the campaign is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, insert, select, update

from clarion.contracts import CampaignRef
from clarion.domain.campaign import CampaignSpec, CampaignStatus, Channel
from clarion.domain.target import SkipReason, TargetState
from clarion.store.creating import add_campaign, id_taken
from clarion.store.database import Database
from clarion.store.journal import suppressed_among
from clarion.store.newcomers import Newcomer, unreached, worthwhile
from clarion.store.posting import Posting
from clarion.store.rows import rows_by_address
from clarion.store.schema import campaigns, events, targets
from clarion.store.specs import parsed_spec
from clarion.store.statements import Prepared, PreparedSelect, Values

_KNOWN = PreparedSelect(
    ("campaign",),
    select(targets.c.parent_position).where(targets.c.campaign_key == bindparam("campaign")),
    targets.c.parent_position,
)
_COLUMNS = (
    *("campaign_key", "position", "parent_position", "row", "file_id", "address", "variables", "time_zone"),
    *("state", "outcome", "detail", "segments", "variant", "due_at", "tries", "attempts", "updated_at"),
)
_INSERT = Prepared(_COLUMNS, lambda _: insert(targets))


@dataclass(frozen=True, slots=True)
class _Child:
    """A campaign that is fed, as its row says it."""

    key: int
    status: CampaignStatus
    parent_key: int
    parent_status: CampaignStatus
    fed: int
    of_leads: bool
    """Whether its parent has leads assessed."""

    @property
    def takes_rows(self) -> bool:
        """Whether rows may still come: neither it nor its parent is called off."""
        over = self.status.is_final or self.status is CampaignStatus.CANCELLING
        return not over and self.parent_status not in {CampaignStatus.CANCELLING, CampaignStatus.CANCELLED}


class Feeding:
    """Creates and feeds campaigns that follow others. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def create_child(self, parent: CampaignRef, spec: CampaignSpec, campaign_id: str, now: float) -> CampaignRef:
        """Add a campaign that follows ``parent``, as a draft; again, it is the same one.

        Raises Conflict when the id belongs to another campaign.
        """
        with self._database.write() as connection:
            key = add_campaign(connection, parent.tenant, campaign_id, spec, now, parent_key=parent.key)
            if key is None:
                this = (campaigns.c.tenant == parent.tenant) & (campaigns.c.campaign_id == campaign_id)
                known = connection.execute(select(campaigns.c.key, campaigns.c.parent_key).where(this)).one()
                if known.parent_key != parent.key:
                    raise id_taken(campaign_id)
                key = known.key
        return CampaignRef(tenant=parent.tenant, campaign_id=campaign_id, key=key)

    def pull(self, key: int, now: float, limit: int = 1_000) -> int:
        """Add targets that the parent of a campaign has done with; return how many, 0 when there are no more now.

        Each transaction looks at up to ``limit`` lines of the parent's log.
        """
        while self._anything_new(key):
            pulled, more = self._pull_some(key, now, limit)
            if pulled or not more:
                return pulled
        return 0

    def _anything_new(self, key: int) -> bool:
        with self._database.read() as connection:
            child = _child(connection, key)
            return child is not None and child.takes_rows and _last_line(connection, child.parent_key) > child.fed

    def _pull_some(self, key: int, now: float, limit: int) -> tuple[int, bool]:
        """Return how many targets came, and whether there may be more."""
        with self._database.write() as connection:
            posting = Posting(connection, now)
            posting.lock([key])
            child = _child(connection, key)
            if child is None or not child.takes_rows:
                return 0, False
            spec = parsed_spec(posting.campaigns[key].spec)
            of_parent = events.c.campaign_key == child.parent_key
            log = select(events.c.id, events.c.position).where(of_parent, events.c.id > child.fed)
            found = connection.execute(log.order_by(events.c.id).limit(limit)).all()
            lines = {line.position for line in found if line.position is not None}
            rows = _newcomers(connection, child, spec, lines, now)
            _add(posting, key, rows, once=child.of_leads)
            values = {"total": posting.campaigns[key].total + len(rows), "fed": found[-1].id if found else child.fed}
            posting.flush()
            connection.execute(update(campaigns).where(campaigns.c.key == key).values(values))
            return len(rows), len(found) == limit


def awaits_rows(connection: Connection, key: int) -> bool:
    """Whether targets may still come to a campaign from another one."""
    child = _child(connection, key)
    if child is None or not child.takes_rows:
        return False
    return not child.parent_status.is_final or _last_line(connection, child.parent_key) > child.fed


def _child(connection: Connection, key: int) -> _Child | None:
    parent = campaigns.alias("parent")
    c = campaigns.c
    query = select(c.status, parent.c.key, parent.c.status.label("parent_status"), c.fed, parent.c.channel).where(
        c.key == key
    )
    row = connection.execute(query.join(parent, parent.c.key == c.parent_key)).one_or_none()
    if row is None:
        return None
    statuses = (CampaignStatus(row.status), row.key, CampaignStatus(row.parent_status))
    return _Child(key, *statuses, row.fed, row.channel == Channel.LEAD_ANALYSIS)


def _last_line(connection: Connection, key: int) -> int:
    return connection.execute(select(func.max(events.c.id)).where(events.c.campaign_key == key)).scalar() or 0


def _newcomers(
    connection: Connection, child: _Child, spec: CampaignSpec, lines: set[int], now: float
) -> list[Newcomer]:
    """Return those of the parent's targets at some positions that belong to the child, and are not there."""
    known = {row.parent_position for row in _KNOWN.fetch(connection, (child.key,), lines)}
    if child.of_leads:
        return worthwhile(connection, child.parent_key, spec, sorted(lines - known), now, seed=child.key)
    return unreached(connection, child.parent_key, spec, sorted(lines - known))


def _add(posting: Posting, key: int, newcomers: Sequence[Newcomer], *, once: bool) -> None:
    """Add targets; with ``once`` nobody who stands in the campaign already."""
    campaign = posting.campaigns[key]
    addresses = {came.address for came in newcomers if came.address is not None}
    opted_out = suppressed_among(posting.connection, campaign.tenant, addresses)
    there = rows_by_address(posting.connection, key, addresses) if once else {}
    counts: Counter[tuple[int, str, str]] = Counter()
    values: list[Values] = []
    for position, came in enumerate(newcomers, campaign.total + 1):
        if came.skip is None and came.address in there:
            came.leave_out(SkipReason.DUPLICATE, f"{came.address} stands in row {there[came.address]} already")
        elif came.address in opted_out:
            came.leave_out(SkipReason.OPTED_OUT, f"{came.address} is on the do-not-contact list")
        if came.skip is None:
            state, outcome = TargetState.PENDING.value, None
        else:
            state, outcome = TargetState.SKIPPED.value, came.skip.value
            posting.event(key, position, "skipped", f"row {came.row}: {came.detail}")
        if once and came.skip is None and came.address is not None:
            there[came.address] = came.row
        same = (came.parent_position, came.row, came.file_id, came.address, came.variables, came.time_zone)
        told = (state, outcome, came.detail, came.segments, came.variant, 0.0, 0, 0, posting.now)
        values.append((key, position, *same, *told))
        counts[key, state, outcome or ""] += 1
    _INSERT.run(posting.connection, values)
    posting.journal.add(counts)
