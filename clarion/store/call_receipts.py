"""Webhooks about calls, on their way from their stored bodies to the attempts that they are about."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import Connection, select

from clarion.domain.attempt import AttemptId
from clarion.domain.errors import BadInput
from clarion.providers.ports import CallReceipt
from clarion.store.call_rows import clipped
from clarion.store.posting import Posting
from clarion.store.rows import AttemptRow
from clarion.store.schema import calls
from clarion.store.statements import PreparedSelect

_BY_REFERENCE = PreparedSelect(
    (),
    select(calls.c.provider_reference, calls.c.campaign_key, calls.c.position, calls.c.number),
    calls.c.provider_reference,
)


def named_attempt(receipt: CallReceipt) -> AttemptId | None:
    """Return the attempt that a webhook names; None when it names none of ours."""
    try:
        return AttemptId.parse(receipt.attempt or "")
    except BadInput:
        return None


def referred_attempts(connection: Connection, receipts: Collection[CallReceipt]) -> dict[str, AttemptId]:
    """Find the attempts behind references of the provider, of calls about which it has told something before."""
    wanted = {reference_of(receipt) for receipt in receipts} - {""}
    found = _BY_REFERENCE.fetch(connection, (), sorted(wanted))
    return {reference: AttemptId(*attempt) for reference, *attempt in found}


def reference_of(receipt: CallReceipt) -> str:
    """The provider's reference, as attempts keep it."""
    return clipped(receipt.provider_reference, 64) or ""


def apply_call(posting: Posting, attempt: AttemptRow | None, receipt: CallReceipt) -> str:
    """Apply a webhook to its attempt; returns what it came to."""
    if attempt is None or not posting.is_of_calls(attempt.campaign_key):
        return "unmatched"
    if receipt.word is None:
        # Whoever sent it cannot prove who they are: whoever waits for the call asks the provider.
        attempt.receipt_at, attempt.changed = posting.now, True
        return "noted"
    verdict = receipt.word.verdict
    if verdict.provider_reference is None:
        verdict = replace(verdict, provider_reference=receipt.provider_reference or None)
    return "applied" if posting.judge(attempt, verdict, receipt=True, facts=receipt.word.facts) else "known"
