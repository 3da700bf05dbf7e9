"""What Retell's refusals mean, as data; only HTTP statuses decide, as its errors have no codes.

Facts: Retell's API reference. Texts here name no phone number: they may be shown anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from clarion.domain.attempt import Verdict
from clarion.domain.target import Outcome
from clarion.providers.ports import AccountBroken, OutcomeUnknown, ProviderError, RateLimited, Rejected

PATIENCE = 5.0
"""Seconds to wait when Retell asks for patience and names no time: it may have to wait for a call to end."""

ACCOUNT: Mapping[int, str] = {
    401: "Retell does not accept the API key; check auth_token",
    402: "Retell asks for payment; add a means of payment or credit",
    403: "Retell denies this API key access; check its permissions",
    404: "the address asked for does not exist at Retell; check base_url",
    405: "the address does not take calls; check base_url",
    407: "a proxy on the way asks for credentials; check the network and base_url",
    410: "the address no longer exists; check base_url",
}
"""By HTTP status: the same for every call."""

REFUSED: Mapping[int, str] = {
    400: "Retell refused the call as not valid",
    422: "Retell does not know the agent or the sender number",
}
"""By HTTP status: the fault lies with this one call."""

NO_SUCH_CALL = frozenset({404, 422})
"""Statuses with which Retell answers a call id that it does not know."""
OVER = frozenset({400, 404, 409, 422})
"""Statuses with which it refuses to stop a call: there is nothing to be stopped."""

FIRST_CLIENT_ERROR = 400
FIRST_SERVER_ERROR = 500
TOO_MANY = 429
TOO_SLOW = 408
UNKNOWN_ASSET = 422


def refusal(
    http_status: int, *, ours: bool = False, retry_after: float | None = None, vendor_text: str | None = None
) -> ProviderError:
    """Return the error to raise for an answer that is not a 2xx.

    ``ours``: agent and sender are the account's, so that not to know them is the account's fault.
    ``retry_after`` is what the answer asked for, in seconds. ``vendor_text`` may name a phone number: it goes into the
    verdict's detail and into no message.
    """
    source = f"(HTTP {http_status})"
    if not FIRST_CLIENT_ERROR <= http_status < FIRST_SERVER_ERROR or http_status == TOO_SLOW:
        return OutcomeUnknown(f"Retell gave no clear answer {source}.", http_status=http_status)
    if http_status == TOO_MANY:
        message = f"Retell asks for a slower pace or fewer calls at once {source}."
        return RateLimited(message, retry_after=retry_after or PATIENCE, code=str(http_status))
    account = ACCOUNT.get(http_status)
    if ours and http_status == UNKNOWN_ASSET:
        account = "Retell does not know the account's agent or from_number; check both"
    if account is not None:
        message = f"{account[0].upper()}{account[1:]} {source}."
        return AccountBroken(message, code=str(http_status), http_status=http_status)
    meaning = REFUSED.get(http_status, "Retell refused the call")
    verdict = Verdict(
        Outcome.FAILED,
        final=True,
        provider_code=str(http_status),
        detail=f"{meaning}: {vendor_text}" if vendor_text else meaning,
    )
    return Rejected(f"{meaning} {source}.", verdict, code=str(http_status))
