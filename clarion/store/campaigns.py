"""Campaigns as rows: creating, finding, their status and limits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Row, delete, select, update

from clarion.contracts import CampaignRef, Pacing, Snapshot
from clarion.domain.campaign import MOST_LANES, CampaignSpec, CampaignStatus, Limits, spacing_of
from clarion.domain.errors import BadInput, NotFound, did_you_mean
from clarion.domain.problems import sentences
from clarion.store.campaign_filter import EVERYTHING, CampaignFilter
from clarion.store.creating import add_campaign, id_taken, words_of
from clarion.store.database import Database
from clarion.store.pace import PaceBook, account_pace, campaign_pace, make_rows, set_pace
from clarion.store.posting import Posting
from clarion.store.schema import audience_files, audience_parts, campaigns
from clarion.store.snapshots import take_snapshot
from clarion.store.specs import parsed_spec
from clarion.store.sweeps import settle_stragglers
from clarion.store.tail import forget_campaign

ZOMBIE_SECONDS = 5.0
"""A status ordered this much earlier than the one that stands comes from an activity that Temporal has given up."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign's row."""

    ref: CampaignRef
    name: str
    account: str
    status: CampaignStatus
    reason: str
    halt: str
    open: bool
    spec: CampaignSpec
    lanes: int
    spacing: float
    budget: float | None
    spent: float
    total: int
    created_at: float
    started_at: float | None
    finished_at: float | None
    updated_at: float
    template: bool = False
    """Whether it is only there to be cloned."""
    origin_key: int | None = None
    """Number of the campaign or template that it is a clone of."""


@dataclass(frozen=True, slots=True)
class CallFlags:
    """What a campaign wants of its calls."""

    open: bool
    """Whether new ones may start."""
    hang_up: bool
    """Whether those under way are to be ended."""


class Campaigns:
    """Queries and changes on campaigns. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def create(self, tenant: str, campaign_id: str, spec: CampaignSpec, now: float) -> CampaignRef:
        """Add a campaign as a draft. Raises Conflict when the id is taken."""
        with self._database.write() as connection:
            key = add_campaign(connection, tenant, campaign_id, spec, now)
        if key is None:
            raise id_taken(campaign_id)
        return CampaignRef(tenant=tenant, campaign_id=campaign_id, key=key)

    def delete_draft(self, ref: CampaignRef) -> bool:
        """Remove a draft and its files; whether there was one."""
        of_campaign = select(audience_files.c.id).where(audience_files.c.campaign_key == ref.key)
        with self._database.write() as connection:
            found = select(campaigns.c.status, campaigns.c.total).where(campaigns.c.key == ref.key).with_for_update()
            campaign = connection.execute(found).one_or_none()
            if campaign is None or campaign.status != CampaignStatus.DRAFT or campaign.total:
                return False
            connection.execute(delete(audience_parts).where(audience_parts.c.file_id.in_(of_campaign)))
            connection.execute(delete(audience_files).where(audience_files.c.campaign_key == ref.key))
            forget_campaign(connection, ref.key)
            connection.execute(delete(campaigns).where(campaigns.c.key == ref.key))
            return True

    def update_draft(self, key: int, spec: CampaignSpec, now: float) -> bool:
        """Replace what a draft says; whether it was still one."""
        with self._database.write() as connection:
            posting = Posting(connection, now)
            posting.lock([key])
            query = select(campaigns.c.status).where(campaigns.c.key == key)
            if connection.execute(query).scalar() != CampaignStatus.DRAFT:
                return False
            connection.execute(
                update(campaigns).where(campaigns.c.key == key).values(words_of(spec) | {"updated_at": now})
            )
            posting.event(key, None, "changed", spec.name)
            posting.flush()
            return True

    def rename(self, key: int, name: str, now: float) -> None:
        """Give a campaign another name, whatever its status. Raises NotFound."""
        with self._database.write() as connection:
            posting = Posting(connection, now)
            posting.lock([key])
            if key not in posting.campaigns:
                raise _unknown(key)
            spec = parsed_spec(posting.campaigns[key].spec).model_copy(update={"name": name})
            values = {"name": name, "spec": spec.model_dump_json(by_alias=True), "updated_at": now}
            connection.execute(update(campaigns).where(campaigns.c.key == key).values(values))
            posting.event(key, None, "changed", name)
            posting.flush()

    def find(self, tenant: str, campaign_id: str) -> Campaign:
        """Find a campaign by id. Raises NotFound with the nearest id there is."""
        with self._database.read() as connection:
            query = select(campaigns).where(campaigns.c.tenant == tenant)
            row = connection.execute(query.where(campaigns.c.campaign_id == campaign_id)).one_or_none()
            if row is None:
                known = connection.execute(
                    select(campaigns.c.campaign_id)
                    .where(campaigns.c.tenant == tenant)
                    .order_by(campaigns.c.key.desc())
                    .limit(200)
                )
                near = did_you_mean(campaign_id, [name for (name,) in known])
                message = f'there is no campaign "{campaign_id}"{near}; `clarion list` shows the ones there are'
                raise NotFound(message)
        return _campaign(row)

    def get(self, key: int) -> Campaign:
        """Return a campaign by its number. Raises NotFound."""
        with self._database.read() as connection:
            row = connection.execute(select(campaigns).where(campaigns.c.key == key)).one_or_none()
        if row is None:
            raise _unknown(key)
        return _campaign(row)

    def list(self, tenant: str, *, limit: int = 100, wanted: CampaignFilter = EVERYTHING) -> Sequence[Campaign]:
        """The newest campaigns of a tenant, the newest first; templates are none."""
        query = select(campaigns).where(
            campaigns.c.tenant == tenant, campaigns.c.template.is_(False), *wanted.conditions()
        )
        with self._database.read() as connection:
            return [_campaign(row) for row in connection.execute(query.order_by(campaigns.c.key.desc()).limit(limit))]

    def followers(self, key: int) -> Sequence[str]:
        """The ids of the campaigns that follow a campaign, in the order in which they were made."""
        query = select(campaigns.c.campaign_id).where(campaigns.c.parent_key == key).order_by(campaigns.c.key)
        with self._database.read() as connection:
            return connection.execute(query).scalars().all()

    def is_open(self, key: int) -> bool:
        """Whether new contacts may start."""
        with self._database.read() as connection:
            return bool(connection.execute(select(campaigns.c.open).where(campaigns.c.key == key)).scalar())

    def call_flags(self, keys: Collection[int]) -> dict[int, CallFlags]:
        """What campaigns want of their calls."""
        query = select(campaigns.c.key, campaigns.c.open, campaigns.c.hang_up).where(campaigns.c.key.in_(keys))
        with self._database.read() as connection:
            return {key: CallFlags(open_, hang_up) for key, open_, hang_up in connection.execute(query)}

    def set_status(
        self,
        key: int,
        status: CampaignStatus,
        reason: str,
        now: float,
        *,
        open_: bool | None = None,
        ordered_at: float | None = None,
        hang_up: bool = False,
    ) -> None:
        """Write a status; ``open_`` also opens or closes the campaign for new contacts.

        Opening clears a halt, what the circuit breaker remembers, and the wish to ``hang_up`` calls under way.
        ``ordered_at``: epoch seconds by Temporal's clock; a status that was ordered long before the one that stands is
        ignored. None: said outside of any workflow, and what a workflow orders next counts anew. Raises NotFound.
        """
        with self._database.write() as connection:
            posting = Posting(connection, now)
            posting.lock([key])
            was = connection.execute(select(campaigns).where(campaigns.c.key == key)).one_or_none()
            if was is None:
                raise _unknown(key)
            if ordered_at is not None and ordered_at < was.ordered_at - ZOMBIE_SECONDS:
                return
            values: dict[str, Any] = {"status": status, "reason": reason, "updated_at": now}
            values |= {"ordered_at": ordered_at or 0.0, "finished_at": now if status.is_final else None}
            if status.is_final or open_ is not None:
                values |= {"open": bool(open_) and not status.is_final}
            if values.get("open"):
                values |= {"halt": "", "hang_up": False} | ({} if was.open else {"recent": ""})
            if hang_up:
                values |= {"hang_up": True}
            if status is CampaignStatus.RUNNING and was.started_at is None:
                values |= {"started_at": now}
            if status in {CampaignStatus.COMPLETED, CampaignStatus.CANCELLED}:
                settle_stragglers(posting, key, status)
            if was.status != status:
                posting.event(key, None, "status", f"{status}" + (f": {reason}" if reason else ""))
            posting.flush()
            connection.execute(update(campaigns).where(campaigns.c.key == key).values(values))

    def move(self, key: int, was: CampaignStatus, status: CampaignStatus, now: float, *, back: bool = False) -> bool:
        """Write a status said outside of any workflow, if ``was`` stands: of two who begin something, one goes on.

        ``back``: only while no workflow has written a status since the last such move. Returns whether it was written.
        """
        with self._database.write() as connection:
            posting = Posting(connection, now)
            posting.lock([key])
            this = campaigns.c.key == key
            found = connection.execute(select(campaigns.c.status, campaigns.c.ordered_at).where(this)).one_or_none()
            if found is None or found.status != was or (back and found.ordered_at):
                return False
            values = {"status": status, "reason": "", "updated_at": now, "ordered_at": 0.0}
            values |= {"finished_at": now if status.is_final else None}
            if status is not was:
                posting.event(key, None, "status", f"{status}")
            posting.flush()
            connection.execute(update(campaigns).where(this).values(values))
            return True

    def set_pacing(self, key: int, pacing: Pacing, now: float) -> Campaign:
        """Change limits; what is None stays as it is. Returns the campaign afterwards. Raises NotFound, BadInput."""
        make_rows(self._database, {campaign_pace(key)})
        with self._database.write() as connection:
            posting = Posting(connection, now)
            posting.lock([key])
            if key not in posting.campaigns:
                raise _unknown(key)
            row = posting.campaigns[key]
            spec = _with_limits(parsed_spec(row.spec), pacing)
            values: dict[str, Any] = {
                "spec": spec.model_dump_json(by_alias=True),
                "lanes": spec.limits.concurrency,
                "spacing": spacing_of(spec),
                "updated_at": now,
            }
            if pacing.budget is not None:
                values["budget"] = round(pacing.budget * 1e6)
            connection.execute(update(campaigns).where(campaigns.c.key == key).values(values))
            book = PaceBook(connection, {campaign_pace(key)})
            book.shift(campaign_pace(key), spacing_of(spec) - row.spacing, now)
            book.flush()
            told = ", ".join(f"{name} {value:g}" for name, value in pacing.model_dump().items() if value is not None)
            posting.event(key, None, "limits", told)
            posting.flush()
        return self.get(key)

    def snapshot(self, key: int, now: float) -> Snapshot:
        """How a campaign stands: its books, rate, expected end and what is due next. Cheap at any size."""
        with self._database.read() as connection:
            return take_snapshot(connection, key, now)

    def set_account_pace(self, tenant: str, account: str, channel: str, spacing: float | None, now: float) -> None:
        """Set the seconds between contacts of an account on a channel; None goes back to the settings."""
        set_pace(self._database, account_pace(tenant, account, channel), spacing, now)


def _with_limits(spec: CampaignSpec, pacing: Pacing) -> CampaignSpec:
    changes = {name: value for name, value in pacing.model_dump(exclude={"budget"}).items() if value is not None}
    try:
        limits = Limits(**(spec.limits.model_dump() | changes))
    except ValidationError as error:
        raise BadInput(sentences(error, Limits)) from None
    most = MOST_LANES[spec.channel]
    if limits.concurrency > most:
        raise BadInput(f"concurrency {limits.concurrency} is not possible; give a whole number from 1 to {most}")
    return spec.model_copy(update={"limits": limits})


def _unknown(key: int) -> NotFound:
    return NotFound(f"there is no campaign number {key} in this database")


def _campaign(row: Row[Any]) -> Campaign:
    return Campaign(
        ref=CampaignRef(tenant=row.tenant, campaign_id=row.campaign_id, key=row.key),
        name=row.name,
        account=row.account,
        status=CampaignStatus(row.status),
        reason=row.reason or row.halt,
        halt=row.halt,
        open=row.open,
        spec=parsed_spec(row.spec),
        lanes=row.lanes,
        spacing=row.spacing,
        budget=None if row.budget is None else row.budget / 1e6,
        spent=row.spent / 1e6,
        total=row.total,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        updated_at=row.updated_at,
        template=row.template,
        origin_key=row.origin_key,
    )
