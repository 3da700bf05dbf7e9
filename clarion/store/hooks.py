"""Webhooks of ours, as people see them: adding, changing, looking at what was sent, sending it again."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import ColumnElement, delete, func, insert, select, update

from clarion.domain.delivery import DeliveryState
from clarion.domain.errors import NotFound
from clarion.hook_contracts import HookRef
from clarion.store.database import Database
from clarion.store.door_schema import deliveries, hooks
from clarion.store.hook_rows import Delivery, Hook, delivery_of, hook_of
from clarion.store.schema import events

BULK = 2_000
"""Deliveries that are removed or sent again in one transaction."""

AFRESH = {"state": DeliveryState.WAITING.value, "tries": 0, "ended_at": None, "error": None, "status": None}
"""What makes a delivery one that has not been tried."""


class Hooks:
    """Queries and changes. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def add(
        self,
        tenant: str,
        hook_id: str,
        *,
        url: str,
        secret: str,
        types: Collection[str],
        campaign_id: str | None,
        now: float,
    ) -> Hook:
        """Add a hook; it is told of what is written to the log from now on."""
        newest = select(func.coalesce(func.max(events.c.id), 0)).scalar_subquery()
        row = {
            "tenant": tenant,
            "hook_id": hook_id,
            "url": url,
            "secret": secret,
            "kinds": json.dumps(list(types)),
            "campaign_id": campaign_id,
            "cursor": newest,
            "created_at": now,
        }
        with self._database.write() as connection:
            added = connection.execute(insert(hooks).values(row).returning(hooks))
            return hook_of(added.one())

    def list(self, tenant: str) -> Sequence[Hook]:
        """The hooks of a tenant, the oldest first."""
        query = select(hooks).where(hooks.c.tenant == tenant).order_by(hooks.c.key)
        with self._database.read() as connection:
            return [hook_of(row) for row in connection.execute(query)]

    def silent(self, since: float) -> Sequence[Hook]:
        """The active hooks of all tenants that nobody has looked after since a time (epoch seconds)."""
        seen = func.coalesce(hooks.c.looked_at, hooks.c.created_at)
        query = select(hooks).where(hooks.c.active.is_(True), seen < since).order_by(hooks.c.key)
        with self._database.read() as connection:
            return [hook_of(row) for row in connection.execute(query)]

    def active(self) -> int:
        """How many hooks of all tenants are active."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).where(hooks.c.active.is_(True))).scalar_one()

    def find(self, tenant: str, hook_id: str) -> Hook:
        """Find a hook by id. Raises NotFound."""
        query = select(hooks).where(hooks.c.tenant == tenant, hooks.c.hook_id == hook_id)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound(f'there is no hook "{hook_id[:64]}"; `clarion hooks list` shows the ones there are')
        return hook_of(row)

    def get(self, ref: HookRef) -> Hook | None:
        """Return a hook; None when it is gone, also where its number has gone to another one since."""
        query = select(hooks).where(hooks.c.key == ref.key, hooks.c.hook_id == ref.hook_id)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else hook_of(row)

    def change(
        self,
        ref: HookRef,
        *,
        url: str | None = None,
        types: Collection[str] | None = None,
        active: bool | None = None,
        reason: str = "",
    ) -> None:
        """Change what is not None; a hook that becomes active goes on where it stopped, without patience or strikes."""
        values: dict[str, object] = {}
        if url is not None:
            values |= {"url": url, "strikes": 0, "rests_until": 0.0}
        if types is not None:
            values["kinds"] = json.dumps(list(types))
        if active is not None:
            values |= {"active": active, "reason": "" if active else reason}
            values |= {"strikes": 0, "rests_until": 0.0} if active else {}
        if values:
            with self._database.write() as connection:
                connection.execute(update(hooks).where(_this(ref)).values(values))

    def remove(self, ref: HookRef) -> None:
        """Remove a hook and all that was to be sent to it, in steps that hold nobody else up."""
        some = select(deliveries.c.key).where(deliveries.c.hook_key == ref.key).limit(BULK)
        self.change(ref, active=False, reason="removed")
        while True:
            with self._database.write() as connection:
                if connection.execute(delete(deliveries).where(deliveries.c.key.in_(some))).rowcount:
                    continue
                connection.execute(delete(hooks).where(_this(ref)))
                return

    def counts(self, keys: Collection[int]) -> Mapping[int, Mapping[DeliveryState, int]]:
        """How many deliveries of some hooks stand where."""
        d = deliveries.c
        query = select(d.hook_key, d.state, func.count()).where(d.hook_key.in_(keys)).group_by(d.hook_key, d.state)
        found: dict[int, dict[DeliveryState, int]] = {key: dict.fromkeys(DeliveryState, 0) for key in keys}
        with self._database.read() as connection:
            for key, state, n in connection.execute(query):
                found[key][DeliveryState(state)] = n
        return found

    def deliveries(
        self, ref: HookRef, state: DeliveryState | None = None, *, before: int | None = None, limit: int = 100
    ) -> Sequence[Delivery]:
        """Deliveries of a hook, the newest first; ``before``: only those with a lower number."""
        query = select(deliveries).where(deliveries.c.hook_key == ref.key)
        if state is not None:
            query = query.where(deliveries.c.state == state.value)
        if before is not None:
            query = query.where(deliveries.c.key < before)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(deliveries.c.key.desc()).limit(limit))
            return [delivery_of(row) for row in rows]

    def delivery(self, ref: HookRef, number: int) -> Delivery:
        """Return one delivery. Raises NotFound."""
        query = select(deliveries).where(deliveries.c.hook_key == ref.key, deliveries.c.key == number)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound(f"hook {ref.hook_id} has no delivery {number}; what was delivered is kept for seven days")
        return delivery_of(row)

    def send(self, ref: HookRef, message_id: str, type_: str, payload: str, now: float) -> Delivery:
        """Add a delivery that is due now."""
        row = {
            "hook_key": ref.key,
            "message_id": message_id,
            "kind": type_,
            "payload": payload,
            "state": DeliveryState.WAITING.value,
            "due_at": now,
            "created_at": now,
        }
        with self._database.write() as connection:
            return delivery_of(connection.execute(insert(deliveries).values(row).returning(deliveries)).one())

    def resend(self, ref: HookRef, number: int, now: float) -> Delivery:
        """Make one delivery due now, as if it had never been tried. Raises NotFound."""
        this = (deliveries.c.hook_key == ref.key) & (deliveries.c.key == number)
        with self._database.write() as connection:
            connection.execute(update(deliveries).where(this).values(**AFRESH, due_at=now))
            connection.execute(update(hooks).where(_this(ref)).values(rests_until=0.0))
        return self.delivery(ref, number)

    def resend_dead(self, ref: HookRef, now: float) -> int:
        """Make all dead deliveries due now; returns how many."""
        d, total = deliveries.c, 0
        dead = (d.hook_key == ref.key) & (d.state == DeliveryState.DEAD.value)
        some = select(d.key).where(dead).order_by(d.key).limit(BULK)
        while True:
            with self._database.write() as connection:
                again = update(deliveries).where(d.key.in_(some)).values(**AFRESH, due_at=now)
                moved = connection.execute(again).rowcount
                connection.execute(update(hooks).where(_this(ref)).values(rests_until=0.0))
            total += moved
            if moved < BULK:
                return total


def _this(ref: HookRef) -> ColumnElement[bool]:
    return (hooks.c.key == ref.key) & (hooks.c.hook_id == ref.hook_id)
