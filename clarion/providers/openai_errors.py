"""What OpenAI's refusals mean, as data; statuses and codes decide, never texts.

Facts: OpenAI's API reference, its guides to error codes, rate limits and batches. Messages here hold nothing of a lead:
they may be shown anywhere. OpenAI's own words go along only where they are about what is the same for every lead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clarion.domain.attempt import Verdict
from clarion.domain.target import Outcome
from clarion.providers.lead_ports import Quota, TooFast
from clarion.providers.lenient import Maybe, Read
from clarion.providers.ports import AccountBroken, ProviderError, Rejected, Unavailable

ACCOUNT_CODES: Mapping[str, str] = {
    "insufficient_quota": "the account has no credit or has reached its monthly limit; add credit at OpenAI",
    "billing_hard_limit_reached": "the account has reached its monthly limit; raise it at OpenAI",
    "billing_not_active": "the account's billing is not active; set it up at OpenAI",
    "account_deactivated": "OpenAI has deactivated the account",
    "access_terminated": "OpenAI has closed the account's access to its API",
    "invalid_api_key": "OpenAI does not accept the API key; check auth_token",
    "invalid_organization": "OpenAI does not know the API key's organization; check auth_token",
    "mismatched_organization": "the API key belongs to another organization; check auth_token",
    "ip_not_authorized": "OpenAI's settings do not allow requests from this address; allow it there",
    "model_not_found": "the model does not exist or the API key has no access to it; correct assess.model",
    "unsupported_country_region_territory": "OpenAI does not serve the country that the request comes from",
    "invalid_json_schema": "OpenAI refuses the schema of the answer; correct assess.fields",
}
"""By code: every lead would meet it."""

ACCOUNT_STATUSES: Mapping[int, str] = {
    401: "OpenAI does not accept the API key; check auth_token",
    402: "OpenAI asks for payment; add credit there",
    403: "OpenAI denies this API key access; check its permissions",
    404: "the address asked for does not exist at OpenAI; check base_url",
    405: "the address takes no questions; check base_url",
    407: "a proxy on the way asks for credentials; check the network and base_url",
    410: "the address no longer exists; check base_url",
}
"""By HTTP status, where the code says nothing."""

CONTENT_CODES: Mapping[str, tuple[Outcome, str]] = {
    "context_length_exceeded": (Outcome.REJECTED_CONTENT, "the question is longer than the model takes"),
    "string_above_max_length": (Outcome.REJECTED_CONTENT, "the question is longer than OpenAI takes"),
    "request_too_large": (Outcome.REJECTED_CONTENT, "the question is longer than OpenAI takes"),
    "invalid_prompt": (Outcome.FILTERED, "OpenAI found that the question breaks its usage policy"),
    "content_policy_violation": (Outcome.FILTERED, "OpenAI found that the question breaks its usage policy"),
    "content_filter": (Outcome.FILTERED, "OpenAI's content filter stopped the question"),
    "bio_policy": (Outcome.FILTERED, "OpenAI found that the question breaks its usage policy"),
    "cyber_policy": (Outcome.FILTERED, "OpenAI found that the question breaks its usage policy"),
}
"""By code: the fault lies with this one lead."""

TOO_MUCH_WAITING = frozenset({"token_limit_exceeded", "request_limit_exceeded", "batch_limit_exceeded"})
"""Codes with which a batch is not begun because too much is waiting already."""

ABOUT_ALL = (
    *("model", "reasoning", "text", "instructions", "max_output_tokens", "store", "metadata", "endpoint"),
    "completion_window",
)
"""Parameters that are the same for every lead: what OpenAI says about them holds nothing of one."""

FIRST_CLIENT_ERROR, FIRST_SERVER_ERROR = 400, 500
UNKNOWN, TOO_SLOW, CONFLICT, TOO_LARGE, TOO_EARLY, TOO_MANY = 404, 408, 409, 413, 425, 429


class ErrorBody(Read):
    """What OpenAI says is wrong."""

    message: Maybe[str] = None
    type: Maybe[str] = None
    param: Maybe[str] = None
    code: Maybe[str] = None


NOTHING_SAID = ErrorBody()
NO_QUOTA = Quota()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What beside the error decides what a refusal means."""

    retry_after: float = 1.0
    quota: Quota = NO_QUOTA
    tokens: int = 0
    """What the question weighs against the limit of tokens, at least."""
    one_only: bool = False
    """What was asked is about one batch or file: what is wrong with it is not wrong with all."""


USUAL = Circumstances()


def refusal(status: int, error: ErrorBody, around: Circumstances = USUAL) -> ProviderError:
    """Return the error to raise for an answer that is not a 2xx."""
    code = error.code or ""
    source = f"(HTTP {status}{f', {code}' if code else ''})"
    if (account := ACCOUNT_CODES.get(code) or ACCOUNT_CODES.get(error.type or "")) is not None:
        return _broken(account, status, error, source)
    if status == TOO_MANY:
        return _too_fast(error, around, source)
    if not FIRST_CLIENT_ERROR <= status < FIRST_SERVER_ERROR or status in {TOO_SLOW, CONFLICT, TOO_EARLY}:
        return Unavailable(f"OpenAI cannot answer at the moment {source}.", code=error.code, http_status=status)
    if code in CONTENT_CODES or status == TOO_LARGE:
        return _rejected(*CONTENT_CODES.get(code, CONTENT_CODES["request_too_large"]), error, source)
    return _by_status(status, error, around, source)


def _by_status(status: int, error: ErrorBody, around: Circumstances, source: str) -> ProviderError:
    account = None if around.one_only and status == UNKNOWN else ACCOUNT_STATUSES.get(status)
    if account is not None:
        return _broken(account, status, error, source)
    if around.one_only or _root(error) == "input":
        return _rejected(Outcome.FAILED, "OpenAI refused the question as not valid", error, source)
    return _broken("OpenAI refuses what is asked of every lead; check the group assess", status, error, source)


def _too_fast(error: ErrorBody, around: Circumstances, source: str) -> ProviderError:
    limit = around.quota.tokens
    if limit is not None and 0 < limit.limit < around.tokens:
        meaning = f"the question weighs more tokens than the account may use in a minute ({limit.limit})"
        return _rejected(Outcome.REJECTED_CONTENT, meaning, error, source)
    message = f"OpenAI asks for a slower pace {source}."
    return TooFast(message, retry_after=around.retry_after, quota=around.quota, code=error.code or str(TOO_MANY))


def _broken(meaning: str, status: int, error: ErrorBody, source: str) -> AccountBroken:
    words = f": {error.message.rstrip('.')}" if error.message and _root(error) in ABOUT_ALL else ""
    message = f"{meaning[0].upper()}{meaning[1:]} {source}{words}."
    return AccountBroken(message, code=error.code or str(status), http_status=status)


def _rejected(outcome: Outcome, meaning: str, error: ErrorBody, source: str) -> Rejected:
    detail = f"{meaning}: {error.message}" if error.message else meaning
    verdict = Verdict(outcome, final=True, provider_code=error.code, detail=detail)
    return Rejected(f"{meaning[0].upper()}{meaning[1:]} {source}.", verdict, code=error.code)


def _root(error: ErrorBody) -> str:
    return (error.param or "").partition(".")[0].partition("[")[0]
