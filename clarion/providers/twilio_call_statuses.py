"""What the statuses of a Twilio call mean, as data: how far it has come, who answered, and our verdict on each end.

Facts: Twilio's Call resource and its answering machine detection (twilio.com/docs/voice); SIP codes as carriers use
them, which is not everywhere the same: they only explain a call that Twilio itself calls failed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from clarion.domain.attempt import Verdict
from clarion.domain.call import AnsweredBy, CallFacts, CallWord, Stage
from clarion.domain.target import Outcome
from clarion.providers.twilio_errors import HOUR, OUTCOMES, RULES, Kind

STAGES: Mapping[str, Stage] = {
    "queued": Stage.PLACED,
    "initiated": Stage.PLACED,
    "ringing": Stage.RINGING,
    "in-progress": Stage.ANSWERED,
    "completed": Stage.ENDED,
    "busy": Stage.ENDED,
    "no-answer": Stage.ENDED,
    "failed": Stage.ENDED,
    "canceled": Stage.ENDED,
}
"""A status that is not listed is one of a call under way, as far as anybody knows."""

ANSWERERS: Mapping[str, AnsweredBy] = {
    "human": AnsweredBy.HUMAN,
    "machine_start": AnsweredBy.MACHINE,
    "machine_end_beep": AnsweredBy.MACHINE,
    "machine_end_silence": AnsweredBy.MACHINE,
    "machine_end_other": AnsweredBy.MACHINE,
    "fax": AnsweredBy.MACHINE,
    "unknown": AnsweredBy.UNKNOWN,
}
WAITED_FOR_BEEP = "machine_end_"
"""Twilio says this only when it was told to wait until the machine listens: the call's text was left to it."""
FAX = "fax"


@dataclass(frozen=True, slots=True)
class End:
    """What a call's end means."""

    outcome: Outcome
    retryable: bool
    detail: str | None = None
    at_least: float = 0.0
    account_fault: bool = False


ENDS: Mapping[str, End] = {
    "completed": End(Outcome.ANSWERED, retryable=False),
    "busy": End(Outcome.BUSY, retryable=True),
    "no-answer": End(Outcome.NO_ANSWER, retryable=True),
    "canceled": End(Outcome.CANCELLED, retryable=False),
}
A_MACHINE = End(Outcome.VOICEMAIL, retryable=True)
A_FAX = End(Outcome.FAILED, retryable=False, detail="a fax machine answered")
NO_REASON = End(Outcome.FAILED, retryable=True, detail="Twilio could not connect the call and gave no reason")

_NOBODY = End(Outcome.NO_ANSWER, retryable=True)
_BUSY = End(Outcome.BUSY, retryable=True)
SIP_ENDS: Mapping[int, End] = {
    408: _NOBODY,
    480: _NOBODY,
    487: _NOBODY,
    486: _BUSY,
    600: _BUSY,
    603: End(Outcome.BUSY, retryable=True, detail="the call was declined"),
    403: End(Outcome.FAILED, retryable=False, detail="the carrier does not let this call through"),
    607: End(Outcome.FAILED, retryable=False, detail="the person or the carrier wants no calls from this number"),
    608: End(Outcome.FAILED, retryable=False, detail="the carrier blocked the call as spam"),
}
"""What a failed call means by its SIP code; one that is not listed may pass by itself."""


@dataclass(frozen=True, slots=True)
class Said:
    """What Twilio says of a call, in its own words; None and empty where it says nothing."""

    reference: str
    status: str
    answered_by: str | None = None
    sip_code: int | None = None
    error_code: int | None = None
    duration: str | None = None
    """Seconds."""
    price: str | None = None
    """Negative: it is taken off the account's balance."""
    recording_url: str | None = None


def word_on(said: Said) -> CallWord:
    """Return our word on a call of which Twilio says this."""
    stage = STAGES.get(said.status, Stage.PLACED)
    over = stage is Stage.ENDED
    price = _number(said.price)
    facts = CallFacts(
        stage=stage,
        answered_by=ANSWERERS.get(said.answered_by or ""),
        duration=_number(said.duration) if said.status == "completed" else None,
        cost=None if price is None else abs(price),
        disconnection_reason=_reason(said) if over and said.status != "completed" else None,
        recording_url=said.recording_url or None,
    )
    return CallWord(_verdict(said) if over else under_way(said.reference, said.status), facts)


def under_way(reference: str, status: str | None) -> Verdict:
    """Return the verdict on a call that goes on."""
    return Verdict(Outcome.PLACED, final=False, provider_reference=reference, provider_status=status)


def _verdict(said: Said) -> Verdict:
    end = _end(said)
    code = said.error_code if said.error_code is not None else said.sip_code
    return Verdict(
        end.outcome,
        final=True,
        retryable=end.retryable,
        at_least=end.at_least,
        account_fault=end.account_fault,
        succeeded=end.outcome is Outcome.VOICEMAIL and (said.answered_by or "").startswith(WAITED_FOR_BEEP),
        provider_reference=said.reference,
        provider_status=said.status,
        provider_code=None if code is None else str(code),
        detail=end.detail,
    )


def _end(said: Said) -> End:
    if said.status == "completed" and said.answered_by == FAX:
        return A_FAX
    if said.status == "completed" and ANSWERERS.get(said.answered_by or "") is AnsweredBy.MACHINE:
        return A_MACHINE
    return ENDS.get(said.status) or _failure(said)


def _failure(said: Said) -> End:
    if said.error_code is not None:
        return _by_error(said.error_code)
    if said.sip_code is None:
        return NO_REASON
    passing = End(Outcome.FAILED, retryable=True, detail=f"the call could not be connected (SIP {said.sip_code})")
    return SIP_ENDS.get(said.sip_code, passing)


def _by_error(code: int) -> End:
    rule = RULES.get(code)
    if rule is None:
        return End(Outcome.FAILED, retryable=True, detail=f"Twilio error {code}, see twilio.com/docs/api/errors/{code}")
    account_fault = rule.kind in {Kind.ACCOUNT, Kind.CONFIGURATION}
    return End(
        Outcome.INVALID_NUMBER if rule.kind is Kind.PERMANENT else Outcome.FAILED,
        # the account's fault: once a person has mended it
        retryable=account_fault or rule.kind not in OUTCOMES or rule.kind is Kind.UNKNOWN,
        detail=rule.meaning,
        at_least=rule.wait if rule.wait >= HOUR else 0.0,  # the campaign's own delay covers the short ones
        account_fault=account_fault,
    )


def _reason(said: Said) -> str:
    return said.status if said.sip_code is None else f"{said.status} (SIP {said.sip_code})"


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "nan")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
