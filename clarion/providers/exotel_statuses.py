"""What Exotel says of a call, as data: how far it has come, who answered, what it cost, and our verdict on each end.

Facts: Exotel's pages on call details and status callbacks (developer.exotel.com/docs/voice-v1/api-reference).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from clarion.domain.attempt import Verdict
from clarion.domain.call import AnsweredBy, CallFacts, CallWord, Stage
from clarion.domain.target import Outcome

IST = timezone(timedelta(hours=5, minutes=30))
"""Times come and go without a zone, in the account's: Indian Standard Time."""
TIME = "%Y-%m-%d %H:%M:%S"

STAGES: Mapping[str, Stage] = {
    "queued": Stage.PLACED,
    "ringing": Stage.RINGING,
    "in-progress": Stage.ANSWERED,
    "completed": Stage.ENDED,
    "failed": Stage.ENDED,
    "busy": Stage.ENDED,
    "no-answer": Stage.ENDED,
    "canceled": Stage.ENDED,
}
"""A status that is not listed is one of a call under way, as far as anybody knows."""

ANSWERERS: Mapping[str, AnsweredBy] = {
    "human": AnsweredBy.HUMAN,
    "machine": AnsweredBy.MACHINE,
    "notsure": AnsweredBy.UNKNOWN,
}
"""In small letters: Exotel writes them both ways. ``NA`` says nothing."""


@dataclass(frozen=True, slots=True)
class End:
    """What a call's end means."""

    outcome: Outcome
    retryable: bool
    detail: str | None = None


ENDS: Mapping[str, End] = {
    "completed": End(Outcome.ANSWERED, retryable=False),
    "busy": End(Outcome.BUSY, retryable=True),
    "no-answer": End(Outcome.NO_ANSWER, retryable=True),
    "canceled": End(Outcome.CANCELLED, retryable=False),
    "failed": End(Outcome.FAILED, retryable=True, detail="Exotel could not connect the call and gave no reason"),
}
A_MACHINE = End(Outcome.VOICEMAIL, retryable=True)


def word_on(call: Mapping[str, object]) -> CallWord | None:
    """Return our word on a call as Exotel's API shows it; None when it names no call."""
    reference, status = text_of(call, "Sid"), text_of(call, "Status") or ""
    if reference is None:
        return None
    stage = STAGES.get(status, Stage.PLACED)
    price = _number(call.get("Price"))
    answered_by = _answered_by(call)
    facts = CallFacts(
        stage=stage,
        answered_by=answered_by,
        duration=_duration(call) if status == "completed" else None,
        cost=None if price is None else abs(price),
        disconnection_reason=status if stage is Stage.ENDED and status != "completed" else None,
        recording_url=text_of(call, "RecordingUrl"),
    )
    if stage is not Stage.ENDED:
        return CallWord(under_way(reference, status), facts)
    end = A_MACHINE if status == "completed" and answered_by is AnsweredBy.MACHINE else ENDS[status]
    verdict = Verdict(
        end.outcome,
        final=True,
        retryable=end.retryable,
        provider_reference=reference,
        provider_status=status,
        detail=end.detail,
    )
    return CallWord(verdict, facts)


def under_way(reference: str, status: str) -> Verdict:
    """Return the verdict on a call that goes on."""
    return Verdict(Outcome.PLACED, final=False, provider_reference=reference, provider_status=status)


def text_of(call: Mapping[str, object], name: str) -> str | None:
    """Return a field that holds a text; None where it is empty or missing."""
    value = call.get(name)
    return value if isinstance(value, str) and value else None


def local_time(at: float) -> str:
    """Write epoch seconds as Exotel does."""
    return datetime.fromtimestamp(at, IST).strftime(TIME)


def epoch(text: str | None) -> float | None:
    """Read a time of Exotel's as epoch seconds; None for anything else."""
    try:
        return datetime.strptime(text or "", TIME).replace(tzinfo=IST).timestamp()
    except ValueError:
        return None


def _answered_by(call: Mapping[str, object]) -> AnsweredBy | None:
    said = [text_of(part, "AnsweredBy") for part in (call, *_legs(call))]
    return next((ANSWERERS[word.lower()] for word in said if word and word.lower() in ANSWERERS), None)


def _duration(call: Mapping[str, object]) -> float | None:
    """The first leg is the person: what the flow does beside it starts later or not at all."""
    details = call.get("Details")
    talked = details.get("ConversationDuration") if isinstance(details, dict) else None
    durations = [_number(leg.get("OnCallDuration")) for leg in _legs(call)][:1]
    return next((seconds for seconds in (*durations, _number(talked), _number(call.get("Duration"))) if seconds), None)


def _legs(call: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """Yield the legs, each of which stands in an object of its own: ``{"Leg": {…}}``."""
    details = call.get("Details")
    legs = details.get("Legs") if isinstance(details, dict) else None
    for wrapped in legs if isinstance(legs, list) else ():
        leg = wrapped.get("Leg", wrapped) if isinstance(wrapped, dict) else None
        if isinstance(leg, dict):
            yield leg


def _number(value: object) -> float | None:
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
