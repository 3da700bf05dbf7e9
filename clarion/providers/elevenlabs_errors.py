"""What ElevenLabs' refusals mean, as data: its status word decides where it is known, else the HTTP status.

Facts: ElevenLabs' API reference (errors carry ``detail.status``). Texts here name no phone number: they may be shown
anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from clarion.domain.attempt import Verdict
from clarion.domain.target import Outcome
from clarion.providers.ports import AccountBroken, OutcomeUnknown, ProviderError, RateLimited, Rejected

PATIENCE = 5.0
"""Seconds to wait when ElevenLabs asks for patience and names no time: it may have to wait for a call to end."""

ACCOUNT_WORDS: Mapping[str, str] = {
    "invalid_api_key": "ElevenLabs does not accept the API key; check auth_token",
    "needs_authorization": "ElevenLabs does not accept the API key; check auth_token",
    "missing_permissions": "the API key may not do this at ElevenLabs; give it the permissions for agents",
    "quota_exceeded": "the credits at ElevenLabs are used up; add some",
    "detected_unusual_activity": "ElevenLabs has blocked the account over unusual activity; write to its support",
}
"""By status word: the same for every call."""

ACCOUNT: Mapping[int, str] = {
    401: "ElevenLabs does not accept the API key; check auth_token",
    402: "ElevenLabs asks for payment; check the subscription",
    403: "ElevenLabs denies this API key access; check its permissions",
    405: "the address does not take calls; check base_url",
    407: "a proxy on the way asks for credentials; check the network and base_url",
    410: "the address no longer exists; check base_url",
}
"""By HTTP status: the same for every call."""

REFUSED: Mapping[int, str] = {
    400: "ElevenLabs refused the call as not valid",
    404: "ElevenLabs does not know the agent or the phone number id",
    422: "ElevenLabs refused the call as not valid",
}
"""By HTTP status: the fault lies with this one call."""

NOT_FOUND = 404
FIRST_CLIENT_ERROR = 400
FIRST_SERVER_ERROR = 500
TOO_MANY = 429
TOO_SLOW = 408


def refusal(
    http_status: int,
    word: str | None = None,
    *,
    ours: bool = False,
    retry_after: float | None = None,
    vendor_text: str | None = None,
) -> ProviderError:
    """Return the error to raise for an answer that is not a 2xx; ``word`` is its ``detail.status``.

    ``ours``: the agent asked for is the account's, so that not to know it is the account's fault.
    ``retry_after`` is what the answer asked for, in seconds. ``vendor_text`` may name a phone number: it goes into the
    verdict's detail and into no message.
    """
    source = f"(HTTP {http_status})"
    code = word or str(http_status)
    if not FIRST_CLIENT_ERROR <= http_status < FIRST_SERVER_ERROR or http_status == TOO_SLOW:
        return OutcomeUnknown(f"ElevenLabs gave no clear answer {source}.", http_status=http_status)
    if http_status == TOO_MANY:
        message = f"ElevenLabs asks for a slower pace or fewer calls at once {source}."
        return RateLimited(message, retry_after=retry_after or PATIENCE, code=code)
    account = ACCOUNT_WORDS.get(word or "") or ACCOUNT.get(http_status)
    if ours and http_status == NOT_FOUND:
        account = "ElevenLabs does not know the account's agent or phone_number_id; check both"
    if account is not None:
        return AccountBroken(f"{account[0].upper()}{account[1:]} {source}.", code=code, http_status=http_status)
    meaning = REFUSED.get(http_status, "ElevenLabs refused the call")
    return Rejected(f"{meaning} {source}.", refused(meaning, code, vendor_text), code=code)


def refused(meaning: str, code: str | None, vendor_text: str | None) -> Verdict:
    """Return the verdict on a call that was refused for itself."""
    detail = f"{meaning}: {vendor_text}" if vendor_text else meaning
    return Verdict(Outcome.FAILED, final=True, provider_code=code, detail=detail)
