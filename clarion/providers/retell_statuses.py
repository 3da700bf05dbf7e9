"""What the ends of a Retell call mean, as data: our verdict by its disconnection reason, else by its status.

Facts: Retell's SDK (the values) and its page "Debug call disconnection" (what they mean). Texts here name no phone
number: they may be shown anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clarion.domain.attempt import Verdict
from clarion.domain.call import Stage
from clarion.domain.target import Outcome

UNDERWAY: Mapping[str, Stage] = {"registered": Stage.PLACED, "ongoing": Stage.ANSWERED}
"""Statuses of a call that goes on."""

A_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class End:
    """What one end means; see Verdict for the fields."""

    outcome: Outcome
    meaning: str
    retryable: bool = False
    at_least: float = 0.0
    account_fault: bool = False
    suppress: bool = False


def _passing(outcome: Outcome, meaning: str, at_least: float = 0.0) -> End:
    return End(outcome, meaning, retryable=True, at_least=at_least)


def _account(meaning: str) -> End:
    """Return an end that every call would meet, until a person has mended the account."""
    return End(Outcome.FAILED, meaning, retryable=True, account_fault=True)


CANCELLED = End(Outcome.CANCELLED, "the call was stopped before anybody answered")

ENDS: Mapping[str, End] = {
    "user_hangup": End(Outcome.ANSWERED, "the person hung up"),
    "agent_hangup": End(Outcome.ANSWERED, "the agent hung up"),
    "call_transfer": End(Outcome.ANSWERED, "the call was transferred"),
    "transfer_bridged": End(Outcome.ANSWERED, "the call was transferred"),
    "transfer_cancelled": End(Outcome.ANSWERED, "a transfer was cancelled"),
    "call_take_over": End(Outcome.ANSWERED, "somebody took over the call"),
    "inactivity": End(Outcome.ANSWERED, "nobody said anything any more"),
    "max_duration_reached": End(Outcome.ANSWERED, "the longest time was reached"),
    "manual_stopped": End(Outcome.ANSWERED, "the call was stopped"),
    "user_requested_callback": End(Outcome.ANSWERED, "the person asked to be called back"),
    "user_requested_dnc": End(Outcome.ANSWERED, "the person asked not to be called any more", suppress=True),
    "voicemail_reached": _passing(Outcome.VOICEMAIL, "a voicemail answered"),
    "ivr_reached": _passing(Outcome.VOICEMAIL, "a phone menu answered"),
    "dial_busy": _passing(Outcome.BUSY, "the line was busy"),
    "user_declined": _passing(Outcome.BUSY, "the call was declined"),
    "dial_no_answer": _passing(Outcome.NO_ANSWER, "nobody answered"),
    "invalid_destination": End(Outcome.INVALID_NUMBER, "this is not a number that can be called"),
    "dial_failed": _passing(Outcome.FAILED, "the call could not be completed"),
    "telephony_provider_unavailable": _passing(Outcome.FAILED, "the telephony provider was not available"),
    "network_blocked": _passing(Outcome.FAILED, "the network did not let the call through"),
    "sip_routing_error": _passing(Outcome.FAILED, "the call was not routed; check the number's SIP trunk"),
    "marked_as_spam": End(Outcome.FAILED, "the carrier marks the sender as spam; register it, or take another"),
    "concurrency_limit_reached": _passing(Outcome.FAILED, "Retell had too many calls at once", A_MINUTE),
    "no_concurrency_fallback": _passing(Outcome.FAILED, "Retell had too many calls at once", A_MINUTE),
    "telephony_provider_permission_denied": _account(
        "the telephony provider refuses the account's calls; check the SIP trunk's credentials"
    ),
    "no_valid_payment": _account("Retell has no valid means of payment; add one"),
    "credit_exhausted": _account("the credit at Retell is used up; add some"),
    "budget_reached": _account("the budget set at Retell is used up; raise it"),
    "scam_detected": _account("Retell takes the calls for fraud; write to its support"),
    "registered_call_timeout": _passing(Outcome.FAILED, "the call was registered and never begun"),
    "error_user_not_joined": _passing(Outcome.FAILED, "the person's side never joined the call"),
    "error_llm_websocket_open": _passing(Outcome.FAILED, "the agent's language model could not be reached"),
    "error_llm_websocket_lost_connection": _passing(Outcome.FAILED, "the agent's language model was lost"),
    "error_llm_websocket_runtime": _passing(Outcome.FAILED, "the agent's language model had an error"),
    "error_llm_websocket_corrupt_payload": _passing(Outcome.FAILED, "the agent's language model sent nonsense"),
    "error_no_audio_received": _passing(Outcome.FAILED, "no sound came from the person's side"),
    "error_asr": _passing(Outcome.FAILED, "speech recognition had an error"),
    "error_retell": _passing(Outcome.FAILED, "Retell had an internal error"),
    "error_unknown": _passing(Outcome.FAILED, "Retell had an error it cannot name"),
}
"""By disconnection reason."""

BY_STATUS: Mapping[str, End] = {
    "ended": End(Outcome.ANSWERED, "the call ended"),
    "not_connected": _passing(Outcome.FAILED, "the call was not connected"),
    "error": _passing(Outcome.FAILED, "the call had an error"),
}
"""By status, for reasons that are not in ENDS; they may pass by themselves: the campaign's rules bound the tries."""


def verdict_on(
    status: str, reason: str | None, reference: str, *, talked: bool = False, in_voicemail: bool = False
) -> Verdict:
    """Return our verdict on a call with this status and disconnection reason; a status we do not know decides nothing.

    ``talked``: somebody or something had answered. ``in_voicemail``: Retell's analysis says that it was a voicemail.
    """
    if status in UNDERWAY or status not in BY_STATUS:
        return Verdict(Outcome.PLACED, final=False, provider_reference=reference, provider_status=status)
    end = ENDS.get(reason or "", BY_STATUS[status])
    if reason == "manual_stopped" and not talked:
        end = CANCELLED
    elif in_voicemail and end.outcome is Outcome.ANSWERED and not end.suppress:
        end = ENDS["voicemail_reached"]
    return Verdict(
        end.outcome,
        final=True,
        retryable=end.retryable,
        at_least=end.at_least,
        account_fault=end.account_fault,
        suppress=end.suppress,
        provider_reference=reference,
        provider_status=status,
        provider_code=reason,
        detail=end.meaning,
    )
