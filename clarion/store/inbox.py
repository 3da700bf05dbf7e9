"""Receipts: stored raw the moment they come, applied in order afterwards; late, repeated and out of order are all legal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from clarion.domain.attempt import AttemptId, Verdict
from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome, SkipReason
from clarion.providers.ports import InboundKind, InboundText, ReceiptReader, StatusReceipt
from clarion.providers.raw import RawReceipt
from clarion.store.database import Database
from clarion.store.posting import Posting, TargetKey
from clarion.store.schema import campaigns, conversations, receipts, suppressions, targets

BATCH = 300
"""Receipts applied in one transaction."""


@dataclass(slots=True)
class _Read:
    """A stored receipt, and what its vendor's reader made of it."""

    id: int
    received_at: float
    status: StatusReceipt | None = None
    attempt: AttemptId | None = None
    inbound: InboundText | None = None
    result: str = "unreadable"


@dataclass(slots=True)
class Inbox:
    """Keeps and applies receipts. Blocking."""

    database: Database
    tenant: str
    readers: Mapping[str, ReceiptReader] = field(default_factory=dict)
    """By provider."""
    grace: float = 15.0

    def keep(self, batch: Sequence[RawReceipt], _now: float) -> Sequence[None]:
        """Store receipts as they came. When this returns, they are safe."""
        rows = [
            {
                "provider": r.provider,
                "account": r.account,
                "kind": r.kind,
                "attempt": r.attempt,
                "payload": r.payload,
                "received_at": r.received_at,
            }
            for r in batch
        ]
        with self.database.write() as connection:
            connection.execute(insert(receipts), rows)
        return [None] * len(batch)

    def apply(self, now: float) -> Counter[str]:
        """Apply the oldest receipts that are not applied yet; returns how many came to what. Empty: none was left."""
        with self.database.write() as connection:
            query = select(receipts).where(receipts.c.applied_at.is_(None)).order_by(receipts.c.id).limit(BATCH)
            rows = connection.execute(query.with_for_update(skip_locked=True)).all()
            if not rows:
                return Counter()
            read = [self._read(row) for row in rows]
            posting = Posting(connection, now, self.grace)
            matched = [r for r in read if r.attempt is not None]
            keys = [TargetKey(r.attempt.campaign_key, r.attempt.position) for r in matched if r.attempt]
            posting.load(keys, attempts_of=keys)
            for receipt in read:
                if receipt.status is not None:
                    receipt.result = self._apply_status(posting, receipt, receipt.status)
                elif receipt.inbound is not None:
                    receipt.result = self._apply_inbound(connection, posting, receipt, receipt.inbound)
            posting.flush()
            for result in sorted({r.result for r in read}):
                ids = [r.id for r in read if r.result == result]
                connection.execute(update(receipts).where(receipts.c.id.in_(ids)).values(applied_at=now, result=result))
        return Counter(r.result for r in read)

    def waiting(self) -> int:
        """How many receipts are stored and not applied yet (at most one batch is counted)."""
        with self.database.read() as connection:
            query = select(receipts.c.id).where(receipts.c.applied_at.is_(None)).limit(BATCH)
            return len(connection.execute(query).all())

    def _read(self, row: object) -> _Read:
        found = _Read(row.id, row.received_at)  # type: ignore[attr-defined]
        reader = self.readers.get(row.provider)  # type: ignore[attr-defined]
        if reader is None:
            return found
        form = dict(parse_qsl(row.payload, keep_blank_values=True))  # type: ignore[attr-defined]
        try:
            if row.kind == "inbound":  # type: ignore[attr-defined]
                found.inbound = reader.inbound(form)
            else:
                found.status = reader.status(form, row.attempt)  # type: ignore[attr-defined]
                found.attempt = AttemptId.parse(found.status.attempt or "")
        except BadInput:
            found.result = "unreadable" if found.status is None else "unmatched"
        return found

    def _apply_status(self, posting: Posting, receipt: _Read, status: StatusReceipt) -> str:
        attempt = posting.attempts.get(receipt.attempt) if receipt.attempt else None
        if attempt is None:
            return "unmatched"
        verdict = status.verdict
        if verdict is not None:
            return "applied" if posting.judge(attempt, verdict, rank=status.rank, receipt=True) else "known"
        # Progress only, such as queued: it proves that the message exists, which is what an unknown attempt waits for.
        if attempt.outcome in {None, Outcome.UNKNOWN, Outcome.NOT_SENT}:
            proof = Verdict(
                Outcome.SENT,
                final=False,
                provider_reference=status.provider_reference,
                provider_status=status.provider_status,
            )
            return "applied" if posting.judge(attempt, proof, rank=status.rank, receipt=True) else "known"
        return "known"

    def _apply_inbound(self, connection: Connection, posting: Posting, receipt: _Read, text: InboundText) -> str:
        now = posting.now
        if text.kind is InboundKind.STOP:
            posting.suppress(self.tenant, text.sender, "stop", f'answered "{text.body[:40]}"')
        elif text.kind is InboundKind.START:
            gone = suppressions.delete().where(
                suppressions.c.tenant == self.tenant, suppressions.c.address == text.sender
            )
            connection.execute(gone)
        query = (
            select(targets.c.campaign_key, targets.c.position)
            .join(campaigns, campaigns.c.key == targets.c.campaign_key)
            .where(
                targets.c.address == text.sender,
                campaigns.c.tenant == self.tenant,
                targets.c.attempts > 0,
                targets.c.outcome.is_distinct_from(SkipReason.DUPLICATE.value),
            )
            .order_by(targets.c.campaign_key.desc(), targets.c.position)
            .limit(1)
        )
        found = connection.execute(query).one_or_none()
        row = {
            "provider_reference": text.provider_reference,
            "tenant": self.tenant,
            "address": text.sender,
            "campaign_key": found.campaign_key if found else None,
            "position": found.position if found else None,
            "body": text.body,
            "kind": text.kind.value,
            "received_at": receipt.received_at,
        }
        statement = (sqlite if self.database.is_sqlite else postgresql).insert(conversations)
        new = connection.execute(statement.values(row).on_conflict_do_nothing()).rowcount > 0
        if new and found:
            posting.now = now
            posting.event(found.campaign_key, found.position, f"inbound_{text.kind.value}", "a text came in")
        return "applied" if new else "known"
