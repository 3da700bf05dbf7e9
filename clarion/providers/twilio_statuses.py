"""What the statuses of a Twilio message mean, as data: their order in a message's life and our verdict on each."""

from __future__ import annotations

from collections.abc import Mapping

from clarion.domain.attempt import Verdict
from clarion.domain.target import Outcome
from clarion.providers.twilio_errors import HOUR, OUTCOMES, RULES, Kind, Rule

RANKS: Mapping[str, int] = {
    "accepted": 0,
    "scheduled": 0,
    "queued": 1,
    "sending": 2,
    "sent": 3,
    "partially_delivered": 3,
    "delivered": 4,
    "undelivered": 4,
    "failed": 4,
    "canceled": 4,
    "read": 4,
}
"""Receipts come in any order; one of a lower rank than the last is old news. Statuses not listed rank 0."""

UNDERWAY = frozenset({"accepted", "scheduled", "queued", "sending", "sent", "partially_delivered"})
"""Twilio has the message: sent, until a later status says more; `sent` may stay the last one for ever."""
ARRIVED = frozenset({"delivered", "read"})
BAD_ENDS: Mapping[str, Outcome] = {
    "undelivered": Outcome.UNDELIVERED,
    "failed": Outcome.FAILED,
    "canceled": Outcome.FAILED,
}

PASSING = frozenset({Kind.RETRY, Kind.LATER})
NO_REASON = Rule(Kind.RETRY, "no reason was given")
CANCELED = Rule(Kind.REFUSED, "the message was cancelled at Twilio before it was sent")


def verdict_on(status: str, code: int | None, reference: str, *, receipts: bool = True) -> Verdict | None:
    """Return our verdict on a message of which Twilio says ``status``, and ``code`` where it went wrong.

    Without ``receipts`` no later word will come, so that `sent` is final. None: a status that we do not know, which
    decides nothing.
    """
    if status in UNDERWAY:
        return underway(status, reference, receipts=receipts)
    if status in ARRIVED:
        return Verdict(Outcome.DELIVERED, final=True, provider_reference=reference, provider_status=status)
    if status in BAD_ENDS:
        return _bad_end(status, code, reference)
    return None


def underway(status: str, reference: str, *, receipts: bool) -> Verdict:
    """Return the verdict on a message that Twilio has accepted, and that may still come to something else."""
    return Verdict(Outcome.SENT, final=not receipts, provider_reference=reference, provider_status=status)


def _bad_end(status: str, code: int | None, reference: str) -> Verdict:
    rule = CANCELED if status == "canceled" else _rule(code)
    account_fault = rule.kind in {Kind.ACCOUNT, Kind.CONFIGURATION}
    outcome = OUTCOMES[rule.kind] if rule.kind in {Kind.OPTED_OUT, Kind.CONTENT} else BAD_ENDS[status]
    return Verdict(
        outcome,
        final=True,
        retryable=rule.kind in PASSING or account_fault,  # once a person has mended the account
        at_least=rule.wait if rule.wait >= HOUR else 0.0,  # the campaign's own delay covers the short ones
        account_fault=account_fault,
        suppress=rule.kind is Kind.OPTED_OUT,
        provider_reference=reference,
        provider_status=status,
        provider_code=None if code is None else str(code),
        detail=rule.meaning,
    )


def _rule(code: int | None) -> Rule:
    """An unlisted code may pass by itself, as far as anybody knows: the campaign's retry rules bound the tries."""
    if code is None:
        return NO_REASON
    return RULES.get(code) or Rule(Kind.RETRY, f"Twilio error {code}, explained at twilio.com/docs/api/errors/{code}")
