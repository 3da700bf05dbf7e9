"""Templates: campaigns that are only there to be cloned, and what has come of them at the moments of their schedule."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, select, update

from clarion.contracts import CampaignRef
from clarion.domain.campaign import CampaignSpec, CampaignStatus
from clarion.domain.cloning import spec_of_clone
from clarion.domain.errors import Conflict, NotFound
from clarion.domain.schedule import Overlap, comes_again
from clarion.store.cloning import copy_files
from clarion.store.creating import Origin, add_campaign, id_taken
from clarion.store.database import Database
from clarion.store.posting import Posting
from clarion.store.schema import audience_files, campaigns, events
from clarion.store.specs import parsed_spec

FIRED, NOT_FIRED = "fired", "not_fired"
"""Lines in a template's log: a campaign has begun, or why none has."""


@dataclass(frozen=True, slots=True)
class Fired:
    """What came of a moment of a schedule."""

    ref: CampaignRef | None
    reason: str = ""
    """Why there is no campaign."""


@dataclass(frozen=True, slots=True)
class Firing:
    """A line about a moment of a schedule, in the log of its template."""

    at: float
    fired: bool
    detail: str
    """The id of the campaign, or why there is none."""


class Templates:
    """Keeps templates, and makes campaigns out of them. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def create(self, tenant: str, template_id: str, spec: CampaignSpec, now: float) -> CampaignRef:
        """Add a template that has no contacts. Raises Conflict when the id is taken."""
        with self._database.write() as connection:
            key = add_campaign(connection, tenant, template_id, spec, now, origin=Origin(template=True))
        if key is None:
            raise id_taken(template_id)
        return CampaignRef(tenant=tenant, campaign_id=template_id, key=key)

    def keys(self, tenant: str) -> Sequence[int]:
        """The numbers of a tenant's templates, in the order of their ids."""
        query = select(campaigns.c.key).where(campaigns.c.tenant == tenant, campaigns.c.template.is_(True))
        with self._database.read() as connection:
            return connection.execute(query.order_by(campaigns.c.campaign_id)).scalars().all()

    def make(self, key: int, now: float) -> None:
        """Turn a draft into a template. Raises Conflict for a campaign that has been started."""
        this = (campaigns.c.key == key) & (campaigns.c.status == CampaignStatus.DRAFT)
        with self._database.write() as connection:
            made = connection.execute(update(campaigns).where(this).values(template=True, updated_at=now))
        if not made.rowcount:
            raise Conflict("only a draft can become a template; clone the campaign")

    def unmake(self, key: int, now: float) -> None:
        """Turn a template back into a draft."""
        this = (campaigns.c.key == key) & campaigns.c.template.is_(True)
        with self._database.write() as connection:
            connection.execute(update(campaigns).where(this).values(template=False, updated_at=now))

    def rewrite(self, key: int, spec: CampaignSpec, now: float) -> None:
        """Replace the words of a template."""
        words = {"spec": spec.model_dump_json(by_alias=True), "name": spec.name, "updated_at": now}
        with self._database.write() as connection:
            connection.execute(update(campaigns).where(campaigns.c.key == key).values(words))

    def firings(self, key: int, limit: int = 5) -> Sequence[Firing]:
        """What has come of a schedule, the latest first."""
        query = select(events.c.at, events.c.kind, events.c.detail).where(
            events.c.campaign_key == key, events.c.position.is_(None), events.c.kind.in_((FIRED, NOT_FIRED))
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(events.c.id.desc()).limit(limit))
            return [Firing(at, kind == FIRED, detail) for at, kind, detail in rows]

    def fire(self, template: CampaignRef, at: float, accounts: Collection[str], now: float) -> Fired:
        """Make the campaign of one moment ``at`` (epoch seconds) of a schedule; again, it is the same one.

        Whatever keeps it from being made stands in the template's log. ``accounts``: those that are set up. Raises
        NotFound for a template that has been removed.
        """
        with self._database.write() as connection:
            posting = Posting(connection, now)
            posting.lock([template.key])
            if template.key not in posting.campaigns:
                message = f'template "{template.campaign_id}" has been removed; remove its schedule as well'
                raise NotFound(message)
            spec = parsed_spec(posting.campaigns[template.key].spec)
            name = campaign_of(template.campaign_id, at)
            taken_by, known = _there(connection, template, name)
            if known is not None:
                return Fired(known)
            if reason := taken_by or _obstacle(connection, template.key, spec, at, accounts, now):
                posting.event(template.key, None, NOT_FIRED, f"{moment_of(at)}: {reason}")
                posting.flush()
                return Fired(None, reason)
            ref = _clone(connection, template, name, spec, now)
            posting.event(template.key, None, FIRED, name)
            posting.flush()
            return Fired(ref)


def campaign_of(template_id: str, at: float) -> str:
    """The id of the campaign that a template has at a moment (epoch seconds)."""
    return f"{template_id}.{datetime.fromtimestamp(at, UTC):%Y%m%dT%H%M%SZ}"


def moment_of(at: float) -> str:
    """Epoch seconds for people, in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _there(connection: Connection, template: CampaignRef, name: str) -> tuple[str, CampaignRef | None]:
    """Find the campaign of a moment, if it has been made already; or say that another one has its id."""
    this = (campaigns.c.tenant == template.tenant) & (campaigns.c.campaign_id == name)
    row = connection.execute(select(campaigns.c.key, campaigns.c.origin_key).where(this)).one_or_none()
    if row is None:
        return "", None
    if row.origin_key != template.key:
        return f'its id "{name}" belongs to another campaign', None
    return "", CampaignRef(tenant=template.tenant, campaign_id=name, key=row.key)


def _obstacle(
    connection: Connection, key: int, spec: CampaignSpec, at: float, accounts: Collection[str], now: float
) -> str:
    """Say why no campaign can begin, or nothing."""
    if spec.schedule is not None and comes_again(spec.schedule, at):
        return "the clocks have gone back, and its campaign has begun an hour ago"
    if spec.schedule is not None and now - at > spec.schedule.catch_up:
        return f"nobody could start it within {spec.schedule.catch_up:g} s; it was {now - at:.0f} s late"
    if missing := sorted(set(_accounts_of(spec)) - set(accounts)):
        return f'account "{missing[0]}" is not set up any more'
    if (
        connection.execute(select(audience_files.c.id).where(audience_files.c.campaign_key == key).limit(1)).first()
        is None
    ):
        return "the template has no contacts"
    if spec.schedule is None or spec.schedule.overlap is Overlap.SKIP:
        over = [status for status in CampaignStatus if status.is_final or status is CampaignStatus.DRAFT]
        going_on = select(campaigns.c.campaign_id).where(
            campaigns.c.origin_key == key, campaigns.c.template.is_(False), campaigns.c.status.not_in(over)
        )
        if (earlier := connection.execute(going_on.limit(1)).scalar()) is not None:
            return f'campaign "{earlier}" has not ended yet, and overlap is skip'
    return ""


def _accounts_of(spec: CampaignSpec) -> Iterator[str]:
    yield spec.account
    if spec.fallback is not None and spec.fallback.account is not None:
        yield spec.fallback.account
    if spec.lead is not None:
        yield spec.lead.account


def _clone(connection: Connection, template: CampaignRef, name: str, spec: CampaignSpec, now: float) -> CampaignRef:
    words = spec_of_clone(template.campaign_id, spec, now)
    key = add_campaign(connection, template.tenant, name, words, now, origin=Origin(template.key))
    if key is None:
        raise id_taken(name)
    copy_files(connection, template, key)
    return CampaignRef(tenant=template.tenant, campaign_id=name, key=key)
