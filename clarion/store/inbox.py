"""Receipts: stored raw the moment they come, applied afterwards; late, repeated and out of order are all legal."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from clarion.domain.attempt import AttemptId, Verdict
from clarion.domain.errors import BadInput, Unreachable
from clarion.domain.target import Outcome
from clarion.providers.ports import CallReader, CallReceipt, InboundKind, InboundText, ReceiptReader, StatusReceipt
from clarion.providers.raw import RawReceipt
from clarion.store.call_receipts import apply_call, named_attempt, reference_of, referred_attempts
from clarion.store.database import Database, insert_into, storable
from clarion.store.journal import Person, Wish
from clarion.store.posting import Posting
from clarion.store.rows import AttemptRow, TargetKey
from clarion.store.schema import campaigns, conversations, receipts, targets

log = logging.getLogger(__name__)

BATCH = 300
"""Receipts applied in one transaction."""


@dataclass(slots=True)
class _Read:
    """A stored receipt, and what its vendor's reader made of it."""

    id: int
    received_at: float
    tenant: str
    """Whose account it came to."""
    status: StatusReceipt | None = None
    attempt: AttemptId | None = None
    inbound: InboundText | None = None
    call: CallReceipt | None = None
    answers: TargetKey | None = None
    """The target that an inbound text answers, as far as we can tell."""
    result: str = "unreadable"

    @property
    def about(self) -> TargetKey | None:
        return self.answers if self.attempt is None else TargetKey(self.attempt.campaign_key, self.attempt.position)


@dataclass(slots=True)
class Inbox:
    """Keeps and applies receipts. Blocking."""

    database: Database
    tenant: str
    readers: Mapping[str, ReceiptReader] = field(default_factory=dict)
    """By provider."""
    grace: float = 15.0
    call_readers: Mapping[str, CallReader] = field(default_factory=dict)
    """By provider."""
    tenants: Mapping[str, str] = field(default_factory=dict)
    """By account, of those that are not ``tenant``'s."""

    def keep(self, batch: Sequence[RawReceipt], _now: float) -> Sequence[None]:
        """Store receipts as they came. When this returns, they are safe."""
        rows = [
            {
                "provider": r.provider,
                "account": r.account,
                "kind": r.kind,
                "attempt": r.attempt,
                "payload": storable(r.payload),
                "received_at": r.received_at,
            }
            for r in batch
        ]
        with self.database.write() as connection:
            connection.execute(insert(receipts), rows)
        return [None] * len(batch)

    def apply(self, now: float) -> Counter[str]:
        """Apply the oldest receipts that are not applied yet; returns how many came to what. Empty: none was left.

        One that cannot be applied at all is set aside as ``failed``, so that those behind it are not held up.
        """
        try:
            return self._apply(now, BATCH)
        except Unreachable:
            raise
        except Exception:
            log.exception("receipts could not be applied together; trying the oldest alone")
        try:
            return self._apply(now, 1)
        except Unreachable:
            raise
        except Exception:
            log.exception("a receipt cannot be applied and is set aside")
        return self._set_aside(now)

    def waiting(self) -> int:
        """How many receipts are stored and not applied yet (at most one batch is counted)."""
        with self.database.read() as connection:
            query = select(receipts.c.id).where(receipts.c.applied_at.is_(None)).limit(BATCH)
            return len(connection.execute(query).all())

    def _apply(self, now: float, limit: int) -> Counter[str]:
        with self.database.write() as connection:
            read = [self._read(row) for row in _oldest(connection, limit)]
            if not read:
                return Counter()
            posting = Posting(connection, now, self.grace)
            _find_calls(connection, read)
            for receipt in read:
                if receipt.inbound is not None:
                    receipt.answers = _written_last(connection, receipt.tenant, receipt.inbound.sender)
            about = [receipt.about for receipt in read if receipt.about is not None]
            posting.load(about, attempts_of=about)
            for receipt in read:
                if receipt.status is not None:
                    attempt = posting.attempts.get(receipt.attempt) if receipt.attempt else None
                    receipt.result = _apply_status(posting, attempt, receipt.status)
                elif receipt.call is not None:
                    attempt = posting.attempts.get(receipt.attempt) if receipt.attempt else None
                    receipt.result = apply_call(posting, attempt, receipt.call)
                elif receipt.inbound is not None:
                    receipt.result = self._apply_inbound(posting, receipt, receipt.inbound)
            posting.flush()
            for result in sorted({r.result for r in read}):
                _mark(connection, [r.id for r in read if r.result == result], result, now)
        return Counter(r.result for r in read)

    def _set_aside(self, now: float) -> Counter[str]:
        with self.database.write() as connection:
            bad = [row.id for row in _oldest(connection, 1)]
            _mark(connection, bad, "failed", now)
        return Counter({"failed": len(bad)} if bad else {})

    def _read(self, row: Row[Any]) -> _Read:
        found = _Read(row.id, row.received_at, self.tenants.get(row.account, self.tenant))
        if row.kind == "call":
            return self._read_call(row, found)
        reader = self.readers.get(row.provider)
        if reader is None:
            return found
        form = RawReceipt(row.provider, row.account, row.kind, row.payload, row.attempt, row.received_at).form()
        try:
            if row.kind == "inbound":
                found.inbound = reader.inbound(form)
            else:
                found.status = reader.status(form, row.attempt)
                found.attempt = AttemptId.parse(found.status.attempt or "")
        except BadInput:
            found.result = "unreadable" if found.status is None else "unmatched"
        return found

    def _read_call(self, row: Row[Any], found: _Read) -> _Read:
        reader = self.call_readers.get(row.provider)
        if reader is None:
            return found
        try:
            found.call = reader.receipt(row.payload, row.attempt)
        except BadInput:
            return found
        if found.call is None:
            found.result = "beside"
        else:
            found.attempt = named_attempt(found.call)
        return found

    def _apply_inbound(self, posting: Posting, receipt: _Read, text: InboundText) -> str:
        campaign_key, position = receipt.answers or (None, None)
        row = {
            "provider_reference": text.provider_reference[:64],
            "tenant": receipt.tenant,
            "address": text.sender[:32],
            "campaign_key": campaign_key,
            "position": position,
            "body": storable(text.body),
            "kind": text.kind.value,
            "received_at": receipt.received_at,
        }
        new = insert_into(conversations, posting.connection.dialect.name).values(row).on_conflict_do_nothing()
        if posting.connection.execute(new.returning(conversations.c.kind)).scalar() is None:
            return "known"
        person = Person(receipt.tenant, text.sender[:32])
        said = f'answered "{storable(text.body[:40])}"'
        if text.kind is InboundKind.STOP:
            posting.suppress(person, Wish(contact=False, at=receipt.received_at, source="stop", detail=said))
        elif text.kind is InboundKind.START:
            posting.journal.wish(person, Wish(contact=True, at=receipt.received_at, source="start", detail=said))
        if receipt.answers is not None:
            posting.event(*receipt.answers, f"inbound_{text.kind.value}", "a text came in")
        return "applied"


def _written_last(connection: Connection, tenant: str, address: str) -> TargetKey | None:
    """The target of the campaign of a tenant that wrote to an address last."""
    query = (
        select(targets.c.campaign_key, targets.c.position)
        .join(campaigns, campaigns.c.key == targets.c.campaign_key)
        .where(targets.c.address == address, campaigns.c.tenant == tenant, targets.c.attempts > 0)
        .order_by(targets.c.campaign_key.desc(), targets.c.position)
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else TargetKey(*row)


def _find_calls(connection: Connection, read: Sequence[_Read]) -> None:
    """Find the attempts of webhooks that name none."""
    nameless = {receipt.id: receipt.call for receipt in read if receipt.call is not None and receipt.attempt is None}
    referred = referred_attempts(connection, nameless.values())
    for receipt in read:
        if receipt.call is not None and receipt.attempt is None:
            receipt.attempt = referred.get(reference_of(receipt.call))


def _oldest(connection: Connection, limit: int) -> Sequence[Row[Any]]:
    query = select(receipts).where(receipts.c.applied_at.is_(None)).order_by(receipts.c.id).limit(limit)
    return connection.execute(query.with_for_update(skip_locked=True)).all()


def _mark(connection: Connection, ids: Sequence[int], result: str, now: float) -> None:
    connection.execute(update(receipts).where(receipts.c.id.in_(ids)).values(applied_at=now, result=result))


def _apply_status(posting: Posting, attempt: AttemptRow | None, status: StatusReceipt) -> str:
    if attempt is None:
        return "unmatched"
    verdict = status.verdict
    if verdict is None:
        # Progress only, such as queued: it proves that the message exists, which is what an unknown attempt waits for.
        if attempt.outcome not in {None, Outcome.UNKNOWN, Outcome.NOT_SENT}:
            return "known"
        verdict = Verdict(
            Outcome.SENT,
            final=False,
            provider_reference=status.provider_reference,
            provider_status=status.provider_status,
        )
    return "applied" if posting.judge(attempt, verdict, rank=status.rank, receipt=True) else "known"
