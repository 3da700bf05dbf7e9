"""Campaigns whose targets come from another one: those it could not reach, as soon as it has given them up.

Whatever moves a target to its end writes a line about it into the log of its campaign. So the parent's log, read from
where the last look ended, says which targets have to be looked at, however large the campaign is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from clarion.contracts import CampaignRef
from clarion.domain.campaign import CampaignSpec, CampaignStatus
from clarion.domain.errors import BadInput
from clarion.domain.segments import count_segments
from clarion.domain.target import SkipReason, TargetState
from clarion.domain.template import MissingVariable, Template
from clarion.store.creating import add_campaign, id_taken
from clarion.store.database import Database, storable
from clarion.store.journal import suppressed_among
from clarion.store.posting import Posting
from clarion.store.schema import campaigns, events, targets
from clarion.store.specs import parsed_spec
from clarion.store.statements import Prepared, PreparedSelect, Values

LONGEST_TEXT = 1600
"""Characters that a message may have."""

_GIVEN_UP = PreparedSelect(
    ("campaign", "failed"),
    select(
        *(targets.c[name] for name in ("position", "row", "file_id", "address", "variables", "time_zone", "outcome"))
    ).where(targets.c.campaign_key == bindparam("campaign"), targets.c.state == bindparam("failed")),
    targets.c.position,
)
_KNOWN = PreparedSelect(
    ("campaign",),
    select(targets.c.parent_position).where(targets.c.campaign_key == bindparam("campaign")),
    targets.c.parent_position,
)
_COLUMNS = (
    *("campaign_key", "position", "parent_position", "row", "file_id", "address", "variables", "time_zone"),
    *("state", "outcome", "detail", "segments", "due_at", "tries", "attempts", "updated_at"),
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

    def awaits(self, key: int) -> bool:
        """Whether targets may still come to a campaign from another one."""
        with self._database.read() as connection:
            return awaits_rows(connection, key)

    def pull(self, key: int, now: float, limit: int = 1_000) -> int:
        """Add targets that the parent of a campaign has given up; return how many, 0 when there are no more now.

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
            lines = select(events.c.id, events.c.position).where(of_parent, events.c.id > child.fed)
            found = connection.execute(lines.order_by(events.c.id).limit(limit)).all()
            rows = _given_up(connection, child, spec, {line.position for line in found if line.position is not None})
            _add(posting, key, spec, rows)
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
    query = select(c.status, parent.c.key, parent.c.status.label("parent_status"), c.fed).where(c.key == key)
    row = connection.execute(query.join(parent, parent.c.key == c.parent_key)).one_or_none()
    if row is None:
        return None
    return _Child(key, CampaignStatus(row.status), row.key, CampaignStatus(row.parent_status), row.fed)


def _last_line(connection: Connection, key: int) -> int:
    return connection.execute(select(func.max(events.c.id)).where(events.c.campaign_key == key)).scalar() or 0


def _given_up(connection: Connection, child: _Child, spec: CampaignSpec, positions: set[int]) -> list[Row[Any]]:
    """Return those of the parent's targets that have come to their end and belong to the child, and are not there."""
    outcomes = frozenset(spec.feed.outcomes if spec.feed is not None else ())
    known = {row.parent_position for row in _KNOWN.fetch(connection, (child.key,), positions)}
    rows = _GIVEN_UP.fetch(connection, (child.parent_key, TargetState.FAILED.value), sorted(positions - known))
    return sorted((row for row in rows if row.outcome in outcomes), key=lambda row: row.position)


def _add(posting: Posting, key: int, spec: CampaignSpec, rows: Sequence[Row[Any]]) -> None:
    campaign = posting.campaigns[key]
    template = Template.parse(spec.message or "")
    addresses = {row.address for row in rows if row.address is not None}
    opted_out = suppressed_among(posting.connection, campaign.tenant, addresses)
    counts: Counter[tuple[int, str, str]] = Counter()
    values: list[Values] = []
    for position, row in enumerate(rows, campaign.total + 1):
        segments, skip, detail = _segments(template, row)
        if row.address in opted_out:
            skip, detail = SkipReason.OPTED_OUT, f"{row.address} is on the do-not-contact list"
        state, outcome = (TargetState.PENDING.value, None) if skip is None else (TargetState.SKIPPED.value, skip.value)
        if skip is not None:
            posting.event(key, position, "skipped", f"row {row.row}: {detail}")
        same = (row.position, row.row, row.file_id, row.address, row.variables, row.time_zone)
        values.append((key, position, *same, state, outcome, detail, segments, 0.0, 0, 0, posting.now))
        counts[key, state, outcome or ""] += 1
    _INSERT.run(posting.connection, values)
    posting.journal.add(counts)


def _segments(template: Template, row: Row[Any]) -> tuple[int, SkipReason | None, str | None]:
    """Return how many parts a target's text has; or 0 and why it cannot be sent one."""
    try:
        text = template.render(json.loads(row.variables or "{}"))
    except (MissingVariable, BadInput) as error:
        return 0, SkipReason.MISSING_VARIABLE, storable(str(error)[:300])
    if not text.strip():
        return 0, SkipReason.EMPTY_TEXT, "the text of this row is empty"
    if len(text) > LONGEST_TEXT:
        return 0, SkipReason.TEXT_TOO_LONG, f"the text of this row has {len(text):,} characters"
    return count_segments(text).count, None, None
