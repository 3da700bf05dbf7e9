"""What Salesforce's refusals mean, as data; its error code decides where it is known, else the HTTP status.

Facts: Salesforce's REST API and SOAP API developer guides (status codes, exception codes, OAuth errors). Salesforce's
own words may quote a value or a whole query, so no message repeats them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from clarion.providers.lead_ports import CrmError
from clarion.providers.ports import AccountBroken, ProviderError, RateLimited, Unavailable


class Kind(StrEnum):
    """What an error asks of us."""

    ACCOUNT = "account"
    """Credentials or account are refused; everything would fail the same way."""
    REQUEST = "request"
    """This request can never succeed as it is."""
    SLOWER = "slower"
    """Salesforce wants us to wait."""
    SERVER = "server"
    """Passes by itself; asking again is safe."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one error means; ``wait`` is in seconds, 0 where none is asked for."""

    kind: Kind
    meaning: str
    wait: float = 0.0


DAY_USED_UP = 300.0
"""Seconds to wait when the requests of the last 24 hours are used up: they come back little by little."""
A_MOMENT = 5.0
"""Seconds to wait when too many long requests run at once; Salesforce allows 25 of more than 20 s."""

LOGINS_USED_UP = 60.0
"""Seconds to wait when the user logs in too often; Salesforce allows 3,600 logins an hour."""

LIMIT = "REQUEST_LIMIT_EXCEEDED"
TOLD_BY_WORDS: Mapping[tuple[str, str], Rule] = {
    (LIMIT, "concurrent"): Rule(
        Kind.SLOWER, "Salesforce runs as many long requests for this organization as it may at once", A_MOMENT
    ),
    ("invalid_grant", "login rate exceeded"): Rule(
        Kind.SLOWER, "the Salesforce user logs in too often", LOGINS_USED_UP
    ),
}
"""By code and words, where the same code also means something that is worlds apart."""


def _rules(kind: Kind, meanings: Mapping[str, str]) -> dict[str, Rule]:
    return {code: Rule(kind, meaning) for code, meaning in meanings.items()}


RULES: Mapping[str, Rule] = {
    **_rules(
        Kind.ACCOUNT,
        {
            "INVALID_SESSION_ID": "Salesforce does not accept the session; log in anew, or check instance_url",
            "INVALID_AUTH_HEADER": "Salesforce does not accept the session; check session_id",
            "API_DISABLED_FOR_ORG": "this Salesforce edition or user has no API; give the user the permission "
            "API Enabled",
            "API_CURRENTLY_DISABLED": "the API of this Salesforce organization is switched off; ask its administrator",
            "CLIENT_NOT_ACCESSIBLE_FOR_USER": "the Salesforce user may not use the API; give it the permission "
            "API Enabled",
            "INACTIVE_OWNER_OR_USER": "the Salesforce user is not active; activate it, or give another one",
            "INVALID_OPERATION_WITH_EXPIRED_PASSWORD": "the Salesforce user's password has expired; set a new one",
            "ORG_LOCKED": "the Salesforce organization is locked; write to Salesforce's support",
            "TRIAL_EXPIRED": "the trial of this Salesforce organization is over",
            "NOT_FOUND": "the address asked for does not exist at Salesforce; check domain, instance_url and base_url",
            "UNSUPPORTED_API_VERSION": "Salesforce has retired the version of its API that this Clarion speaks; "
            "update Clarion",
        },
    ),
    **_rules(
        Kind.REQUEST,
        {
            "INVALID_FIELD": "Salesforce has no such field of a Lead, or its user may not see it; correct lead.fields "
            "or lead.write_back, or give the user the right to the field",
            "INVALID_FIELD_FOR_INSERT_UPDATE": "a field cannot be written, or the Salesforce user may not write it; "
            "correct lead.write_back",
            "INVALID_TYPE": "the Salesforce user may not see Leads; give it the right to read them",
            "INSUFFICIENT_ACCESS": "the Salesforce user lacks a right; give it the right to Leads and their fields",
            "INSUFFICIENT_ACCESS_OR_READONLY": "the Salesforce user may not do this to Leads; give it the right",
            "JSON_PARSER_ERROR": "an answer does not fit the type of the field that it is written to; correct "
            "lead.write_back",
            "MALFORMED_ID": "something that is no Lead ID was asked for",
            "MALFORMED_QUERY": "Salesforce cannot read the query",
            "QUERY_TOO_COMPLICATED": "the fields asked for are too much for one query; name fewer formulas in "
            "lead.fields",
            "EXCEEDED_ID_LIMIT": "too many leads were asked for at once; lower lead.chunk",
            "OPERATION_TOO_LARGE": "too many leads were asked for at once; lower lead.chunk",
            "FUNCTIONALITY_NOT_ENABLED": "this Salesforce organization cannot do this",
        },
    ),
    **_rules(
        Kind.SERVER,
        {
            "QUERY_TIMEOUT": "Salesforce took too long over the leads; a smaller lead.chunk is quicker",
            "REQUEST_RUNNING_TOO_LONG": "Salesforce took too long over the leads; a smaller lead.chunk is quicker",
            "SERVER_UNAVAILABLE": "Salesforce is not available",
            "UNKNOWN_EXCEPTION": "Salesforce had an internal error",
            "UNABLE_TO_LOCK_ROW": "somebody else is changing the same leads",
        },
    ),
    LIMIT: Rule(
        Kind.SLOWER, "the organization has used up its API requests of 24 hours at Salesforce", wait=DAY_USED_UP
    ),
}
"""By Salesforce's error code."""

TOO_MANY = 429
HTTP_RULES: Mapping[int, Rule] = {
    401: RULES["INVALID_SESSION_ID"],
    403: Rule(Kind.ACCOUNT, "Salesforce denies the user access; check its permissions, API Enabled among them"),
    404: RULES["NOT_FOUND"],
    405: Rule(Kind.ACCOUNT, "the address takes no such request; check instance_url and base_url"),
    407: Rule(Kind.ACCOUNT, "a proxy on the way asks for credentials; check the network and base_url"),
    408: Rule(Kind.SERVER, "the request took too long to arrive"),
    410: RULES["UNSUPPORTED_API_VERSION"],
    414: Rule(Kind.REQUEST, "the request is too long; name fewer fields"),
    TOO_MANY: Rule(Kind.SLOWER, "Salesforce asks for a slower pace", A_MOMENT),
    431: Rule(Kind.REQUEST, "the request is too long; name fewer fields"),
}
"""By HTTP status, for codes that are not in RULES."""

FIRST_CLIENT_ERROR = 400
FIRST_SERVER_ERROR = 500
OTHER_REFUSAL = Rule(Kind.REQUEST, "Salesforce refused the request")
ELSEWHERE = Rule(Kind.ACCOUNT, "Salesforce points to another address; check domain, instance_url and base_url")
NO_CLEAR_ANSWER = Rule(Kind.SERVER, "Salesforce gave no clear answer")


def refusal(
    http_status: int, content: object, *, fields: Sequence[str] = (), retry_after: float | None = None
) -> ProviderError:
    """Return the error to raise for an answer that is not a 2xx.

    ``content`` is its body, as JSON where it is some; ``fields`` are those asked for, of which the error names the
    culprits; ``retry_after`` is what the answer asked for, in seconds.
    """
    code, words = read_error(content)
    rule = _told_by_words(code, words) or rule_for(code, http_status)
    if rule.kind is Kind.REQUEST and (named := [field for field in fields if _mentions(words, field)]):
        rule = Rule(rule.kind, f"{rule.meaning} ({'field' if len(named) == 1 else 'fields'} {', '.join(named)})")
    return _error(rule, code, http_status, retry_after)


def rule_for(code: str | None, http_status: int) -> Rule:
    """Return what an answer with this code and HTTP status means."""
    if code is not None and code in RULES:
        return RULES[code]
    if http_status >= FIRST_SERVER_ERROR:
        return NO_CLEAR_ANSWER
    if http_status < FIRST_CLIENT_ERROR:
        return ELSEWHERE
    return HTTP_RULES.get(http_status, OTHER_REFUSAL)


def read_error(content: object) -> tuple[str | None, str]:
    """Return the code and the words of an error's body; usually a list of objects, but not from every door."""
    first = content[0] if isinstance(content, list) and content else content
    if not isinstance(first, dict):
        return None, ""
    code = first.get("errorCode") or first.get("error")
    return (code if isinstance(code, str) else None), str(first.get("message") or "")


def _told_by_words(code: str | None, words: str) -> Rule | None:
    fits = (rule for (known, part), rule in TOLD_BY_WORDS.items() if known == code and part in words.lower())
    return next(fits, None)


def _mentions(words: str, field: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(field)}(?![\w.])", words, re.IGNORECASE) is not None


def _error(rule: Rule, code: str | None, http_status: int | None, retry_after: float | None = None) -> ProviderError:
    """Return the error that a rule asks for, as one sentence."""
    source = code or f"HTTP {http_status}"
    message = f"{rule.meaning[0].upper()}{rule.meaning[1:]} ({source})."
    match rule.kind:
        case Kind.ACCOUNT:
            return AccountBroken(message, code=source, http_status=http_status)
        case Kind.REQUEST:
            return CrmError(message, code=source, http_status=http_status)
        case Kind.SLOWER:
            return RateLimited(message, retry_after=retry_after or rule.wait, code=source)
        case Kind.SERVER:
            return Unavailable(message, code=source, http_status=http_status)


LOGIN_MEANINGS: Mapping[str, str] = {
    "INVALID_LOGIN": "Salesforce does not accept the user name, password or security token; check them, and domain "
    "(test for a sandbox)",
    "LOGIN_MUST_USE_SECURITY_TOKEN": "Salesforce asks for a security token; set a valid security_token, or trust this "
    "network's address at Salesforce",
    "LOGIN_DURING_RESTRICTED_DOMAIN": "the Salesforce user may not log in from this network; allow its address",
    "LOGIN_DURING_RESTRICTED_TIME": "the Salesforce user may not log in at this hour; widen its login hours",
    "LOGIN_CHALLENGE_ISSUED": "Salesforce wants to verify the user; log in with client credentials or JWT instead",
    "PASSWORD_LOCKOUT": "the Salesforce user is locked after too many wrong passwords; unlock it at Salesforce",
    "UNSUPPORTED_API_VERSION": "Salesforce has retired the login by user name and security token; log in with client "
    "credentials or JWT instead",
    "INVALID_OPERATION": "SOAP login is switched off in this Salesforce organization; log in with client credentials "
    "or JWT instead",
    "invalid_grant": "Salesforce does not accept the login; check user name, password and domain, and that the app "
    "allows this user and this way to log in",
    "invalid_client": "Salesforce does not accept the app's key or secret; check client_id and client_secret",
    "invalid_client_id": "Salesforce does not know the app; check client_id and domain",
    "invalid_client_credentials": "Salesforce does not accept the app's secret; check client_secret",
    "invalid_app_access": "the app does not allow this Salesforce user; allow it in the app's policies",
    "invalid_assertion": "Salesforce does not accept the signed login; check private_key and the app's certificate",
    "inactive_user": "the Salesforce user is not active; activate it, or give another one",
    "inactive_org": "the Salesforce organization is not active",
    "unsupported_grant_type": "the app does not allow this way to log in; enable it in the app, or use another one",
    "unauthorized_client": "the app may not log in this way; enable it in the app, or use another one",
}
"""By the code with which a login is refused, over SOAP or OAuth; codes of RULES hold here, too."""

LOGIN_REFUSED = "Salesforce does not accept the login; check the account's credentials and domain"


def login_refusal(
    code: str | None, words: str, http_status: int | None, *, retry_after: float | None = None
) -> ProviderError:
    """Return the error to raise when a login is refused: AccountBroken, unless its server is at fault.

    SOAP refuses with a 500, so the code decides first; without one that is known only a 4xx is a refusal.
    """
    return _error(_login_rule(code, words, http_status), code, http_status, retry_after)


def _login_rule(code: str | None, words: str, http_status: int | None) -> Rule:
    told = _told_by_words(code, words)
    if told is not None:
        return told
    if code is not None and code in LOGIN_MEANINGS:
        return Rule(Kind.ACCOUNT, LOGIN_MEANINGS[code])
    if code is not None and code in RULES:
        return RULES[code]
    if http_status == TOO_MANY:
        return HTTP_RULES[TOO_MANY]
    if http_status is not None and FIRST_CLIENT_ERROR <= http_status < FIRST_SERVER_ERROR:
        return Rule(Kind.ACCOUNT, LOGIN_REFUSED)
    return NO_CLEAR_ANSWER
