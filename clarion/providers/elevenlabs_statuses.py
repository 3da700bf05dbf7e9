"""What the ends of an ElevenLabs conversation mean, as data: our verdict by its status and the result of its call.

Facts: ElevenLabs' SDK and API reference, and its page "Post-call webhooks". Texts here name no phone number: they may
be shown anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clarion.domain.attempt import Verdict
from clarion.domain.call import AnsweredBy, Stage
from clarion.domain.target import Outcome

UNDERWAY: Mapping[str, Stage] = {
    "initiated": Stage.PLACED,
    "in-progress": Stage.ANSWERED,
    "processing": Stage.ENDED,
}
"""Statuses of a conversation that has not come to its last word; while it is processed, its analysis is outstanding."""

DONE = "done"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class End:
    """What one end means; see Verdict for the fields."""

    outcome: Outcome
    meaning: str
    retryable: bool = False


NOT_COMPLETED = End(Outcome.FAILED, "the call could not be completed", retryable=True)
BROKE_OFF = End(Outcome.FAILED, "the conversation broke off with an error", retryable=True)
CANCELLED = End(Outcome.CANCELLED, "the call was cancelled before anybody answered")

RESULTS: Mapping[str, End] = {
    "answered": End(Outcome.ANSWERED, "the call was answered"),
    "voicemail": End(Outcome.VOICEMAIL, "a voicemail answered", retryable=True),
    "busy": End(Outcome.BUSY, "the line was busy, or the call was declined", retryable=True),
    "no_answer": End(Outcome.NO_ANSWER, "nobody answered", retryable=True),
    "failed": NOT_COMPLETED,
}
"""By the result of the phone call."""

FAILURES: Mapping[str, End] = {
    "busy": RESULTS["busy"],
    "no-answer": RESULTS["no_answer"],
    "canceled": CANCELLED,
    "failed": NOT_COMPLETED,
}
"""By the reason of a call that never began, which is the telephony provider's status."""

MACHINES: Mapping[str, AnsweredBy] = {
    "human": AnsweredBy.HUMAN,
    "unknown": AnsweredBy.UNKNOWN,
    "fax": AnsweredBy.MACHINE,
    "machine_start": AnsweredBy.MACHINE,
    "machine_end_beep": AnsweredBy.MACHINE,
    "machine_end_silence": AnsweredBy.MACHINE,
    "machine_end_other": AnsweredBy.MACHINE,
}
"""By the word of Twilio's answering machine detection."""


def verdict_on(
    status: str, result: str | None, reference: str, *, detected_voicemail: bool = False, error: str | None = None
) -> Verdict:
    """Return our verdict on a conversation with this status and call result; an unknown status decides nothing.

    ``detected_voicemail``: the agent's own tool found one. ``error``: ElevenLabs' code of what went wrong.
    """
    if status not in {DONE, FAILED}:
        return Verdict(Outcome.PLACED, final=False, provider_reference=reference, provider_status=status)
    return _verdict(_end(status, result, detected_voicemail=detected_voicemail), reference, status, error or result)


def verdict_on_failure(reason: str, telephony_status: str | None, reference: str) -> Verdict:
    """Return our verdict on a call that never began: by its reason, or by the telephony provider's status."""
    end = FAILURES.get(reason) or FAILURES.get(telephony_status or "", NOT_COMPLETED)
    return _verdict(end, reference, "call_initiation_failure", reason)


def _end(status: str, result: str | None, *, detected_voicemail: bool) -> End:
    if status == FAILED:
        return BROKE_OFF if result == "answered" else RESULTS.get(result or "", NOT_COMPLETED)
    if detected_voicemail and result in {None, "answered"}:
        return RESULTS["voicemail"]
    return RESULTS.get(result or "answered", RESULTS["answered"])


def _verdict(end: End, reference: str, status: str, code: str | None) -> Verdict:
    return Verdict(
        end.outcome,
        final=True,
        retryable=end.retryable,
        provider_reference=reference,
        provider_status=status,
        provider_code=code,
        detail=end.meaning,
    )
