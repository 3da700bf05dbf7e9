"""What Exotel's refusals mean, as data; only HTTP statuses decide, as its errors have no codes to go by.

Facts: Exotel's error code dictionary (developer.exotel.com/docs/references/error-codes). Texts here name no phone
number: they may be shown anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from clarion.domain.attempt import Verdict
from clarion.domain.target import Outcome
from clarion.providers.ports import AccountBroken, OutcomeUnknown, ProviderError, RateLimited, Rejected

PATIENCE = 5.0
"""Seconds to wait when Exotel asks for patience and names no time; it takes about 200 requests a minute."""

ACCOUNT: Mapping[int, str] = {
    401: "Exotel does not accept the credentials; check api_key and auth_token",
    402: "the Exotel account has no credit, or its plan does not allow this; see the Exotel dashboard",
    404: "Exotel does not know the account or the address asked for; check sid and base_url",
    405: "the address does not take calls; check base_url",
    407: "a proxy on the way asks for credentials; check the network and base_url",
    410: "the address no longer exists; check base_url",
}
"""By HTTP status: the same for every call."""

REFUSED: Mapping[int, str] = {
    400: "Exotel refused the call as not valid: the number called, the sender number or the flow",
    403: "Exotel does not allow this call: the number is on a do-not-disturb list, or the account may not call it",
    409: "Exotel is busy with this call already",
}
"""By HTTP status: the fault may lie with this one call; where it lies with all, the circuit breaker stops them."""
FORBIDDEN = 403
"""Says the same of a number that may not be called and of an account that was suspended."""
SUSPENDED = "Exotel denies this account access; see its status in the Exotel dashboard"

TOO_SLOW = 408
TOO_MANY = 429
FIRST_CLIENT_ERROR = 400
FIRST_SERVER_ERROR = 500


def refusal(http_status: int, *, retry_after: float | None = None, vendor_text: str | None = None) -> ProviderError:
    """Return the error to raise for an answer that is not a 2xx.

    ``retry_after`` is what the answer asked for, in seconds. ``vendor_text`` may name a phone number: it goes into the
    verdict's detail and into no message.
    """
    source = f"(HTTP {http_status})"
    if not FIRST_CLIENT_ERROR <= http_status < FIRST_SERVER_ERROR or http_status == TOO_SLOW:
        return OutcomeUnknown(f"Exotel gave no clear answer {source}.", http_status=http_status)
    if http_status == TOO_MANY:
        message = f"Exotel asks for a slower pace or fewer calls at once {source}."
        return RateLimited(message, retry_after=retry_after or PATIENCE, code=str(http_status))
    if http_status in ACCOUNT:
        return account_broken(ACCOUNT[http_status], http_status)
    meaning = REFUSED.get(http_status, "Exotel refused the call")
    verdict = Verdict(
        Outcome.FAILED,
        final=True,
        provider_code=str(http_status),
        detail=f"{meaning}: {vendor_text}" if vendor_text else meaning,
    )
    return Rejected(f"{meaning} {source}.", verdict, code=str(http_status))


def account_broken(meaning: str, http_status: int) -> AccountBroken:
    """Return the error that stops a campaign."""
    message = f"{meaning[0].upper()}{meaning[1:]} (HTTP {http_status})."
    return AccountBroken(message, code=str(http_status), http_status=http_status)


def read_error(text: str) -> tuple[int | None, str | None] | None:
    """Return the HTTP status and the words inside an error of Exotel's; None for any other answer."""
    try:
        payload = json.loads(text)
    except ValueError:
        return None
    error = payload.get("RestException") if isinstance(payload, dict) else None
    if not isinstance(error, dict):
        return None
    digits, words = str(error.get("Status")), error.get("Message")
    status = int(digits) if digits.isascii() and digits.isdigit() and len(digits) == 3 else None
    return status, (str(words) if words else None)
