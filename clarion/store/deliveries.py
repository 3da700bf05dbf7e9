"""Webhooks of ours, as a worker sees them: from the log to deliveries, what is due, what came of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, case, delete, func, select, update

from clarion.domain.delivery import GONE, Answer, DeliveryState, Fate, patience
from clarion.domain.hook import Line, Said, body_of, wants
from clarion.hook_contracts import HookRef
from clarion.store.database import Database, insert_into, storable
from clarion.store.door_schema import deliveries, hooks
from clarion.store.events import Events
from clarion.store.hook_rows import MOST_WAITING, Delivery, Hook, delivery_of
from clarion.store.schema import attempts, events, targets
from clarion.store.tail import LoggedEvent

PAGE = 500
"""Lines of the log looked at in one step."""

KEPT_DELIVERED = 7 * 86400.0
KEPT_DEAD = 30 * 86400.0
"""Seconds for which deliveries are kept once they have ended."""

MANY_STRIKES = 10
"""Tries without success in a row after which the first success makes all due that waits."""

SAID_GONE = "the receiver answered 410 Gone: it wants to hear no more"

SEEN = 60.0
"""Seconds to which it is kept when a hook was looked after last."""


@dataclass(frozen=True, slots=True)
class HookStanding:
    """Whether there may be something to do for a hook."""

    wanted: bool
    """The hook is there and active."""
    newest: int
    """The last line of the log, of whatever campaign."""
    due_at: float | None
    """When its next delivery is due, as far as the receiver's wish for patience allows."""


@dataclass(frozen=True, slots=True)
class Taken:
    """How far the log has been looked through, and whether there is more to look at now."""

    cursor: int
    more: bool


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one try."""

    delivery: Delivery
    answer: Answer
    fate: Fate


class Deliveries:
    """Queries and changes. Blocking."""

    def __init__(self, database: Database, log: Events, *, most_waiting: int = MOST_WAITING) -> None:
        """Work on ``database``, whose log is ``log``."""
        self._database = database
        self._most_waiting = most_waiting
        self._log = log

    def look(self, keys: Collection[int]) -> Mapping[int, HookStanding]:
        """Look at many hooks at once; one that is gone is not wanted."""
        d, waiting = deliveries.c, deliveries.c.state == DeliveryState.WAITING.value
        due = select(d.hook_key, func.min(d.due_at)).where(d.hook_key.in_(keys), waiting).group_by(d.hook_key)
        known = select(hooks.c.key, hooks.c.active, hooks.c.rests_until).where(hooks.c.key.in_(keys))
        with self._database.read() as connection:
            newest = connection.execute(select(func.max(events.c.id))).scalar() or 0
            first = dict(connection.execute(due).tuples().all())
            found = {row.key: row for row in connection.execute(known)}
        standings = {}
        for key in keys:
            row, at = found.get(key), first.get(key)
            due_at = None if at is None or row is None else max(at, row.rests_until)
            standings[key] = HookStanding(row is not None and row.active, newest, due_at)
        return standings

    def take_in(self, hook: Hook, cursor: int, now: float) -> Taken:
        """Make deliveries of the next lines after ``cursor`` that a hook asked for.

        Done twice it changes nothing. Where nothing was asked for, the place reached is written once a minute.
        """
        full = self._is_full(hook)
        lines = [] if full else self._log.tail(cursor, PAGE)
        reached = lines[-1].id if lines else cursor
        told = [line for line in lines if self._is_for(hook, line)]
        stale = hook.looked_at is None or hook.looked_at < now - SEEN
        if told or stale:
            with self._database.write(durable=bool(told)) as connection:
                self._insert(connection, hook, told, now)
                values = {"looked_at": now, "cursor": case((hooks.c.cursor < reached, reached), else_=hooks.c.cursor)}
                connection.execute(update(hooks).where(hooks.c.key == hook.ref.key).values(values))
        return Taken(reached, more=len(lines) == PAGE)

    def due(self, hook: Hook, now: float, limit: int, *, besides: Collection[int] = ()) -> Sequence[Delivery]:
        """What is to be sent now, the longest due first, without some that are on their way."""
        if hook.rests_until > now:
            return []
        d = deliveries.c
        this = (d.hook_key == hook.ref.key) & (d.state == DeliveryState.WAITING.value) & (d.due_at <= now)
        query = select(deliveries).where(this, d.key.not_in(besides)).order_by(d.due_at, d.key).limit(limit)
        with self._database.read() as connection:
            return [delivery_of(row) for row in connection.execute(query)]

    def record(self, hook: Hook, results: Sequence[Result], now: float) -> None:
        """Write what came of some tries. What is delivered stays so, whoever else may have tried it meanwhile."""
        with self._database.write() as connection:
            for result in results:
                self._record_one(connection, hook.ref, result, now)
            self._judge_receiver(connection, hook, results, now)

    def forget(self, ref: HookRef, now: float, limit: int = 2_000) -> int:
        """Remove some of what ended long ago; returns how many."""
        d = deliveries.c
        long_ago = ((d.state == DeliveryState.DELIVERED.value) & (d.due_at < now - KEPT_DELIVERED)) | (
            (d.state == DeliveryState.DEAD.value) & (d.due_at < now - KEPT_DEAD)
        )
        some = select(d.key).where(d.hook_key == ref.key, long_ago).limit(limit)
        with self._database.read() as connection:
            keys = connection.execute(some).scalars().all()
        if keys:
            with self._database.write(durable=False) as connection:
                connection.execute(delete(deliveries).where(d.key.in_(keys), long_ago))
        return len(keys)

    def _is_full(self, hook: Hook) -> bool:
        d = deliveries.c
        this = (d.hook_key == hook.ref.key) & (d.state == DeliveryState.WAITING.value)
        some = select(d.key).where(this).limit(self._most_waiting).subquery()
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(some)).scalar_one() >= self._most_waiting

    @staticmethod
    def _is_for(hook: Hook, line: LoggedEvent) -> bool:
        of_hook = line.tenant == hook.ref.tenant and hook.campaign_id in {None, line.campaign_id}
        return of_hook and wants(hook.types, _told(line).type)

    @staticmethod
    def _insert(connection: Connection, hook: Hook, lines: Sequence[LoggedEvent], now: float) -> None:
        if not lines:
            return
        told = [_told(line) for line in lines]
        rows, said = _rows(connection, lines), _said(connection, lines)
        new = insert_into(deliveries, connection.dialect.name).on_conflict_do_nothing()
        values = []
        for event, line in zip(lines, told, strict=True):
            where, message_id = (event.campaign_key, event.position or 0), f"evt_{event.id}"
            body = body_of(message_id, line, rows.get(where), said.get((*where, line.attempt or 0)))
            values.append(
                {
                    "hook_key": hook.ref.key,
                    "message_id": message_id,
                    "kind": line.type,
                    "payload": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
                    "state": DeliveryState.WAITING.value,
                    "tries": 0,
                    "due_at": now,
                    "created_at": now,
                }
            )
        connection.execute(new, values)

    @staticmethod
    def _record_one(connection: Connection, ref: HookRef, result: Result, now: float) -> None:
        d, was, state = deliveries.c, result.delivery, result.fate.state
        this = (d.key == was.number) & (d.hook_key == ref.key) & (d.message_id == was.message_id)
        ours = (d.state == DeliveryState.WAITING.value) & (d.tries == was.tries)
        may = d.state != DeliveryState.DELIVERED.value if state is DeliveryState.DELIVERED else ours
        values = {
            "state": state.value,
            "tries": d.tries + 1,
            "due_at": result.fate.due_at,
            "status": result.answer.status,
            "error": storable(result.answer.error),
            "ended_at": None if state is DeliveryState.WAITING else now,
        }
        connection.execute(update(deliveries).where(this, may).values(values))

    @staticmethod
    def _judge_receiver(connection: Connection, hook: Hook, results: Sequence[Result], now: float) -> None:
        """Remember how the receiver does: patience it asks for, and whether it is back after a long silence."""
        this, d = hooks.c.key == hook.ref.key, deliveries.c
        good = any(result.answer.is_good for result in results)
        was = connection.execute(select(hooks.c.strikes, hooks.c.url).where(this).with_for_update()).one_or_none()
        if was is None or was.url != hook.url:
            return
        if good and was.strikes >= MANY_STRIKES:
            later = (d.hook_key == hook.ref.key) & (d.state == DeliveryState.WAITING.value) & (d.due_at > now)
            connection.execute(update(deliveries).where(later).values(due_at=now))
        strikes = 0 if good else was.strikes + len(results)
        values: dict[str, object] = {} if strikes == was.strikes else {"strikes": strikes}
        if longest := max(patience(result.answer) for result in results):
            values["rests_until"] = now + longest
        if any(result.answer.status == GONE for result in results):
            values |= {"active": False, "reason": SAID_GONE}
        if values:
            connection.execute(update(hooks).where(this).values(values))


def _told(line: LoggedEvent) -> Line:
    return Line(line.id, line.tenant, line.campaign_id, line.position, line.at, line.kind, line.detail)


def _by_campaign(lines: Iterable[LoggedEvent]) -> Mapping[int, set[int]]:
    found: dict[int, set[int]] = {}
    for line in lines:
        if line.position is not None:
            found.setdefault(line.campaign_key, set()).add(line.position)
    return found


def _rows(connection: Connection, lines: Sequence[LoggedEvent]) -> Mapping[tuple[int, int], int]:
    """The rows of targets in their files, by campaign and position."""
    found: dict[tuple[int, int], int] = {}
    t = targets.c
    for key, positions in _by_campaign(lines).items():
        query = select(t.position, t.row).where(t.campaign_key == key, t.position.in_(positions))
        found |= {(key, position): row for position, row in connection.execute(query)}
    return found


def _said(connection: Connection, lines: Sequence[LoggedEvent]) -> Mapping[tuple[int, int, int], Said]:
    """What providers have said of attempts, by campaign, position and number."""
    found: dict[tuple[int, int, int], Said] = {}
    a = attempts.c
    words = (a.provider_reference, a.provider_status, a.provider_code)
    for key, positions in _by_campaign(lines).items():
        query = select(a.position, a.number, *words).where(a.campaign_key == key, a.position.in_(positions))
        found |= {(key, position, number): Said(*said) for position, number, *said in connection.execute(query)}
    return found
