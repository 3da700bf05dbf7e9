"""Campaigns as rows: creating, finding, their status and limits, and how they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from clarion.contracts import CampaignRef, Pacing, Snapshot
from clarion.domain.attempt import NEVER
from clarion.domain.books import Books
from clarion.domain.campaign import CampaignSpec, CampaignStatus, Limits, spacing_of
from clarion.domain.errors import Conflict, NotFound, did_you_mean
from clarion.domain.target import CLAIMABLE
from clarion.store.database import Database
from clarion.store.posting import parsed_spec
from clarion.store.schema import TICK_SECONDS, attempts, books, campaigns, events, targets, ticks

RATE_SPAN = 60.0
"""Seconds over which the rate of a running campaign is measured."""


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


class Campaigns:
    """Queries and changes on campaigns. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def create(self, tenant: str, campaign_id: str, spec: CampaignSpec, now: float) -> CampaignRef:
        """Add a campaign as a draft. Raises Conflict when the id is taken."""
        row = {
            "tenant": tenant,
            "campaign_id": campaign_id,
            "name": spec.name,
            "channel": spec.channel,
            "account": spec.account,
            "status": CampaignStatus.DRAFT,
            "spec": spec.model_dump_json(by_alias=True),
            "lanes": spec.limits.concurrency,
            "spacing": spacing_of(spec),
            "budget": None if spec.budget is None else round(spec.budget * 1e6),
            "created_at": now,
            "updated_at": now,
        }
        try:
            with self._database.write() as connection:
                key = connection.execute(insert(campaigns).values(row).returning(campaigns.c.key)).scalar_one()
                _log(connection, key, now, "created", spec.name)
        except IntegrityError:
            message = f'campaign "{campaign_id}" exists already; give another --id, or look at it with `clarion show {campaign_id}`'
            raise Conflict(message) from None
        return CampaignRef(tenant=tenant, campaign_id=campaign_id, key=key)

    def delete_draft(self, ref: CampaignRef) -> None:
        """Remove a campaign that nothing was imported into."""
        with self._database.write() as connection:
            connection.execute(events.delete().where(events.c.campaign_key == ref.key))
            connection.execute(campaigns.delete().where(campaigns.c.key == ref.key, campaigns.c.total == 0))

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
            message = f"there is no campaign number {key} in this database"
            raise NotFound(message)
        return _campaign(row)

    def list(self, tenant: str, *, limit: int = 100) -> Sequence[Campaign]:
        """The newest campaigns of a tenant."""
        with self._database.read() as connection:
            query = select(campaigns).where(campaigns.c.tenant == tenant).order_by(campaigns.c.key.desc()).limit(limit)
            return [_campaign(row) for row in connection.execute(query)]

    def is_open(self, key: int) -> bool:
        """Whether new contacts may start."""
        with self._database.read() as connection:
            return bool(connection.execute(select(campaigns.c.open).where(campaigns.c.key == key)).scalar())

    def set_status(
        self, key: int, status: CampaignStatus, reason: str, now: float, *, open_: bool | None = None
    ) -> None:
        """Write a status; ``open_`` also opens or closes the campaign for new contacts and clears a halt."""
        values: dict[str, object] = {"status": status, "reason": reason, "updated_at": now}
        if open_ is not None:
            values |= {"open": open_}
        if open_:
            values |= {"halt": ""}
        if status.is_final:
            values |= {"finished_at": now, "open": False}
        with self._database.write() as connection:
            was = connection.execute(
                select(campaigns.c.status, campaigns.c.started_at).where(campaigns.c.key == key)
            ).one()
            if status is CampaignStatus.RUNNING and was.started_at is None:
                values |= {"started_at": now}
            if not status.is_final:
                values |= {"finished_at": None}
            connection.execute(update(campaigns).where(campaigns.c.key == key).values(values))
            if was.status != status:
                _log(connection, key, now, "status", f"{status}" + (f": {reason}" if reason else ""))

    def set_pacing(self, key: int, pacing: Pacing, now: float) -> Campaign:
        """Change limits; what is None stays as it is. Returns the campaign afterwards."""
        campaign = self.get(key)
        changes = {name: value for name, value in pacing.model_dump().items() if value is not None}
        budget = changes.pop("budget", None)
        merged = campaign.spec.limits.model_dump() | changes
        spec = campaign.spec.model_copy(update={"limits": Limits(**merged)})
        values: dict[str, object] = {
            "spec": spec.model_dump_json(by_alias=True),
            "lanes": spec.limits.concurrency,
            "spacing": spacing_of(spec),
            "updated_at": now,
        }
        if budget is not None:
            values["budget"] = round(budget * 1e6)
        with self._database.write() as connection:
            connection.execute(update(campaigns).where(campaigns.c.key == key).values(values))
            told = ", ".join(f"{name} {value:g}" for name, value in pacing.model_dump().items() if value is not None)
            _log(connection, key, now, "limits", told)
        return self.get(key)

    def snapshot(self, key: int, now: float) -> Snapshot:
        """How a campaign stands: its books, rate, expected end and what is due next. Cheap at any size."""
        with self._database.read() as connection:
            campaign = connection.execute(
                select(campaigns.c.total, campaigns.c.started_at, campaigns.c.status).where(campaigns.c.key == key)
            ).one()
            by_state: dict[str, int] = {}
            outcomes: dict[str, int] = {}
            query = select(books.c.state, books.c.outcome, books.c.n).where(books.c.campaign_key == key, books.c.n != 0)
            for state, outcome, n in connection.execute(query):
                by_state[state] = by_state.get(state, 0) + n
                if outcome:
                    outcomes[outcome] = outcomes.get(outcome, 0) + n
            since = now - RATE_SPAN
            contacted, first = connection.execute(
                select(func.coalesce(func.sum(ticks.c.contacted), 0), func.min(ticks.c.at)).where(
                    ticks.c.campaign_key == key, ticks.c.at > since - TICK_SECONDS
                )
            ).one()
            under_way = connection.execute(
                select(func.count()).where(attempts.c.campaign_key == key, attempts.c.outcome.is_(None))
            ).scalar_one()
            dues = [
                connection.execute(
                    select(func.min(targets.c.due_at)).where(
                        targets.c.campaign_key == key, targets.c.state == state, targets.c.chunk.is_(None)
                    )
                ).scalar()
                for state in CLAIMABLE
            ]
        figures = Books.of(campaign.total, by_state)
        due = [float(at) for at in dues if at is not None and at < NEVER]
        began = max(since, float(first), campaign.started_at or 0.0) if first is not None else now
        per_minute = 60.0 * float(contacted) / max(now - began, TICK_SECONDS) if contacted else 0.0
        return Snapshot(
            as_of=now,
            books=figures,
            outcomes=dict(sorted(outcomes.items(), key=lambda item: -item[1])),
            per_minute=round(per_minute, 1),
            eta=_expected_end(figures, per_minute, due, now),
            next_due_at=min(due) if due else None,
            under_way=under_way,
        )


def _expected_end(figures: Books, per_minute: float, due: Sequence[float], now: float) -> float | None:
    left = figures.pending + figures.waiting
    if not left:
        return None
    if per_minute <= 0:
        return None
    return round(max(now, *due) + 60.0 * left / per_minute, 1) if due else round(now + 60.0 * left / per_minute, 1)


def _log(connection: object, key: int, now: float, kind: str, detail: str) -> None:
    row = {"campaign_key": key, "position": None, "at": now, "kind": kind, "detail": detail}
    connection.execute(insert(events).values(row))  # type: ignore[attr-defined]


def _campaign(row: Row[tuple[object, ...]]) -> Campaign:
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
    )
