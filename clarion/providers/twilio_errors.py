"""What Twilio's error codes mean and what follows from them, as data; only codes and HTTP statuses decide, never texts.

Facts: Twilio's error dictionary (twilio.com/docs/api/errors). Twilio splits and renames codes now and then, so every
code that is not listed falls back on its HTTP status. Texts here name no phone number: they may be shown anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from clarion.domain.attempt import Verdict
from clarion.domain.target import Outcome
from clarion.providers.ports import AccountBroken, OutcomeUnknown, ProviderError, RateLimited, Rejected, Scope


class Kind(StrEnum):
    """What an error asks of us."""

    ACCOUNT = "account"
    """Credentials or account are refused; every further contact would fail the same way."""
    CONFIGURATION = "configuration"
    """Sender, messaging service or an address of ours is wrong; the same for every target."""
    PERMANENT = "permanent"
    """This number can never be reached this way."""
    OPTED_OUT = "opted_out"
    CONTENT = "content"
    """The text of the message is refused."""
    REFUSED = "refused"
    """Refused for this target, for a reason that trying again does not change."""
    RETRY = "retry"
    """Passes by itself, soon."""
    LATER = "later"
    """Passes by itself, after a queue has drained or a quota was renewed."""
    UNKNOWN = "unknown"
    """Nobody can say whether the request took effect."""


OUTCOMES: Mapping[Kind, Outcome] = {
    Kind.PERMANENT: Outcome.INVALID_NUMBER,
    Kind.OPTED_OUT: Outcome.OPTED_OUT,
    Kind.CONTENT: Outcome.REJECTED_CONTENT,
    Kind.REFUSED: Outcome.FAILED,
    Kind.UNKNOWN: Outcome.UNKNOWN,
}
"""How an attempt ended that was refused at once; kinds that are missing here say nothing about the target."""

HOUR = 3600.0
DAY = 24 * HOUR
A_MOMENT = 1.0
"""Seconds to wait when Twilio asks for patience and names no time."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one error means; ``wait`` is in seconds, 0 where none is asked for."""

    kind: Kind
    meaning: str
    wait: float = 0.0
    scope: Scope = Scope.ACCOUNT


def _rules(kind: Kind, meanings: Mapping[int, str]) -> dict[int, Rule]:
    return {code: Rule(kind, meaning) for code, meaning in meanings.items()}


RULES: Mapping[int, Rule] = {
    **_rules(
        Kind.ACCOUNT,
        {
            10001: "Twilio has disabled this account; see its status in the Twilio console",
            10002: "a trial account may not do this; upgrade the Twilio account",
            10005: "calling is switched off for this account; see its status in the Twilio console",
            20003: "Twilio does not accept the credentials; check the account SID and the auth token",
            20005: "this Twilio account is not active; see its status in the Twilio console",
            20006: "Twilio denies this account access; check the permissions of its credentials",
            21219: "a trial account may only call verified numbers; upgrade the Twilio account",
            21608: "a trial account may only text verified numbers; upgrade the Twilio account",
            30002: "Twilio has suspended this account; see its status in the Twilio console",
        },
    ),
    **_rules(
        Kind.CONFIGURATION,
        {
            13214: "the caller's number is not one of this account; check from_number",
            20404: "Twilio does not know the account or the address asked for; check the account SID and base_url",
            21205: "Twilio does not accept an address; check public_url, and the agent's address of calls",
            21210: "the sender number is not verified for this account; check from_number",
            21212: "the sender is not a valid number; check from_number",
            21213: "no number to call from was given; set from_number",
            21218: "Twilio does not know the application given; check the account's settings",
            21601: "the sender number cannot send texts; check from_number",
            21603: "no sender was given; set from_number or messaging_service",
            21606: "the sender number does not belong to this account or cannot send texts; check from_number",
            21609: "Twilio does not accept the callback address; public_url needs a public host without underscores",
            21659: "the sender is not a number of this account; check from_number",
            21660: "the sender number belongs to another account; check from_number",
            21661: "the sender number cannot send texts; check from_number",
            21701: "Twilio does not know this messaging service; check messaging_service",
            21703: "the messaging service has no sender that fits; add one to its sender pool",
            21704: "the messaging service has no sender at all; add one to its sender pool",
            21705: "the messaging service cannot be used; check messaging_service",
            21711: "the sender pool of the messaging service is misconfigured; check it in the Twilio console",
            21712: "the sender is not in the messaging service; check it in the Twilio console",
            30010: "the price is above the limit set for this account; raise the limit in the Twilio console",
            30018: "the destination requires a sender id that is registered; register it with Twilio",
            30024: "the sender id is not registered for this destination; register it with Twilio",
            30032: "the toll-free sender is not verified; verify it with Twilio",
            30033: "the sender's 10DLC campaign is suspended; see it in the Twilio console",
            30034: "the sender is not registered for 10DLC; register it with Twilio",
            30035: "the sender's 10DLC registration is still pending; wait until Twilio confirms it",
        },
    ),
    **_rules(
        Kind.PERMANENT,
        {
            13223: "this is not a number that can be dialled",
            13224: "this number cannot be called: it is invalid, unreachable or a premium number",
            13225: "Twilio blocks calls to this number",
            21202: "this number cannot be called: it is a premium number",
            21211: "this is not a valid phone number",
            21214: "this number cannot be reached",
            21216: "Twilio blocks calls to this number",
            21217: "this is not a valid phone number",
            21612: "this number cannot be reached from the sender used",
            21614: "this is not a mobile number",
            21635: "this is a landline and cannot receive texts",
            30004: "texts to this number are blocked by its owner or carrier",
            30005: "this number is unknown or no longer in service",
            30006: "this is a landline, or its carrier cannot be reached",
        },
    ),
    **_rules(Kind.OPTED_OUT, {21610: "the person has opted out by answering STOP"}),
    **_rules(
        Kind.CONTENT,
        {
            21602: "the message has no text",
            21605: "the text is longer than 1,600 characters",
            21617: "the text is longer than 1,600 characters",
            21619: "the message has neither text nor media",
            30007: "the carrier or Twilio filtered the message; its text or the sender's registration looks like spam",
            30019: "the message is larger than the carrier accepts",
        },
    ),
    **_rules(
        Kind.REFUSED,
        {
            13227: "calls to this country are not permitted for the account; allow it in Twilio's geo permissions",
            21201: "no number to call was given",
            21203: "calls abroad are not permitted for the account; allow them in Twilio's geo permissions",
            21215: "calls to this country are not permitted for the account; allow it in Twilio's geo permissions",
            21220: "the call is no longer in progress",
            21408: "texts to this country are not permitted for the account; allow it in Twilio's geo permissions",
            21266: "the number to send to is the sender itself",
            21604: "no number to send to was given",
        },
    ),
    **_rules(
        Kind.RETRY,
        {
            30003: "the phone is switched off or out of reach",
            30008: "the carrier gave no reason",
            30017: "the carrier's network is congested",
            30410: "the carrier did not answer Twilio in time",
        },
    ),
    10004: Rule(Kind.RETRY, "the account has as many calls as it may have at once", wait=5.0),
    20429: Rule(Kind.RETRY, "the account sends more requests at once than Twilio allows", wait=A_MOMENT),
    30022: Rule(Kind.RETRY, "the sender's 10DLC rate is exceeded", wait=60.0, scope=Scope.SENDER),
    14107: Rule(Kind.LATER, "too many messages between the same two numbers", wait=60.0, scope=Scope.TARGET),
    21611: Rule(Kind.LATER, "the sender's queue at Twilio is full", wait=60.0, scope=Scope.SENDER),
    30001: Rule(Kind.LATER, "the sender's queue at Twilio is full", wait=60.0, scope=Scope.SENDER),
    30023: Rule(Kind.LATER, "the sender's daily limit at the carrier is reached", wait=DAY, scope=Scope.SENDER),
    30027: Rule(Kind.LATER, "the brand's daily limit at the carrier is reached", wait=DAY, scope=Scope.SENDER),
    30036: Rule(Kind.LATER, "the message waited in Twilio's queue until it expired", wait=HOUR, scope=Scope.SENDER),
    30450: Rule(Kind.LATER, "texts to this number are blocked for a while", wait=HOUR, scope=Scope.TARGET),
    63038: Rule(Kind.LATER, "the account's daily message limit is reached", wait=HOUR),
    20500: Rule(Kind.UNKNOWN, "Twilio had an internal error"),
    20503: Rule(Kind.UNKNOWN, "Twilio was not available"),
}
"""By Twilio's error code."""

HTTP_RULES: Mapping[int, Rule] = {
    401: Rule(Kind.ACCOUNT, "Twilio does not accept the credentials; check the account SID and the auth token"),
    403: Rule(Kind.ACCOUNT, "Twilio denies this account access; check the permissions of its credentials"),
    404: Rule(Kind.CONFIGURATION, "the address asked for does not exist; check the account SID and base_url"),
    405: Rule(Kind.CONFIGURATION, "the address does not take messages; check base_url"),
    407: Rule(Kind.CONFIGURATION, "a proxy on the way asks for credentials; check the network and base_url"),
    408: Rule(Kind.UNKNOWN, "the request took too long to arrive"),
    410: Rule(Kind.CONFIGURATION, "the address no longer exists; check base_url"),
    429: Rule(Kind.RETRY, "Twilio asks for a slower pace", wait=A_MOMENT),
}
"""By HTTP status, for codes that are not in RULES."""

FIRST_SERVER_ERROR = 500
FIRST_CLIENT_ERROR = 400
OTHER_REFUSAL = Rule(Kind.REFUSED, "Twilio refused the request")
NO_CLEAR_ANSWER = Rule(Kind.UNKNOWN, "Twilio gave no clear answer")


def rule_for(code: int | None, http_status: int) -> Rule:
    """Return what an answer with this code and HTTP status means.

    A 5xx, or anything else that is not a clear refusal, is unknown whatever its code says: the request may have taken
    effect before the fault.
    """
    if not FIRST_CLIENT_ERROR <= http_status < FIRST_SERVER_ERROR:
        return NO_CLEAR_ANSWER
    if code is not None and code in RULES:
        return RULES[code]
    return HTTP_RULES.get(http_status, OTHER_REFUSAL)


def _source(code: int | None, http_status: int) -> str:
    if code is None:
        return f"HTTP {http_status}"
    return f"Twilio error {code}" if code in RULES else f"Twilio error {code}, see twilio.com/docs/api/errors/{code}"


def refusal(
    code: int | None, http_status: int, *, retry_after: float | None = None, vendor_text: str | None = None
) -> ProviderError:
    """Return the error to raise for an answer that is not a 2xx.

    ``retry_after`` is what the answer asked for, in seconds. ``vendor_text`` may name a phone number: it goes into the
    verdict's detail, for codes that we cannot explain ourselves, and into no message.
    """
    rule = rule_for(code, http_status)
    message = f"{rule.meaning[0].upper()}{rule.meaning[1:]} ({_source(code, http_status)})."
    label = None if code is None else str(code)
    match rule.kind:
        case Kind.ACCOUNT | Kind.CONFIGURATION:
            return AccountBroken(message, code=label, http_status=http_status)
        case Kind.UNKNOWN:
            return OutcomeUnknown(message, code=label, http_status=http_status)
        case Kind.RETRY | Kind.LATER:
            wait = max(retry_after or 0.0, rule.wait) or A_MOMENT
            return RateLimited(message, retry_after=wait, scope=rule.scope, code=label)
        case _:
            known = code in RULES
            verdict = Verdict(
                OUTCOMES[rule.kind],
                final=True,
                suppress=rule.kind is Kind.OPTED_OUT,
                provider_code=label,
                detail=rule.meaning if known or not vendor_text else f"{rule.meaning}: {vendor_text}",
            )
            return Rejected(message, verdict, code=label)
