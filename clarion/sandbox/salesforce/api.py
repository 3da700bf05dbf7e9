"""Salesforce's login and the part of its REST API that reads and writes leads: routes, sessions, allowances.

Read from Salesforce's REST and SOAP guides on its own; shares no code with the client's side.
"""

from __future__ import annotations

import dataclasses
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence

from clarion.sandbox.salesforce.errors import (
    TOO_MANY_AT_ONCE,
    TOO_MANY_REQUESTS,
    Problem,
    oauth_error,
    problem,
    soap_fault,
)
from clarion.sandbox.salesforce.fields import Fields
from clarion.sandbox.salesforce.leads import Leads
from clarion.sandbox.salesforce.login import soap_login, token
from clarion.sandbox.salesforce.reading import Reading
from clarion.sandbox.salesforce.records import Records
from clarion.sandbox.salesforce.sessions import ORGANIZATION, Sessions
from clarion.sandbox.salesforce.tally import Tally
from clarion.sandbox.salesforce.writing import update
from clarion.sandbox.vendor import Answer, Call, ControlError, Json, Refusal, World

SOAP = "/services/Soap/u/"
OAUTH = "/services/oauth2/token"
VERSION = re.compile(r"v[2-6][0-9]\.0")
LONGEST = 16_384
"""Bytes of an address, and of address and headers together."""
NOT_FOUND = "The requested resource does not exist"
DOWN = "Server is temporarily unavailable. Please try again later."
BROKEN = "An unexpected error occurred. Please include this ErrorId if you contact support: 31337-1 (-1)"


class SalesforceApi:
    """The vendor ``salesforce``: one organization, whoever logs in."""

    name = "salesforce"
    prefixes: tuple[str, ...] = ("/services/",)

    def __init__(self, world: World) -> None:
        self._world = world
        self._begin()

    async def answer(self, call: Call) -> Answer:
        """Route, look at the session, and count."""
        if call.path.startswith(SOAP) or call.path.rstrip("/") == OAUTH:
            return self._login(call)
        too_long = _too_long(call)
        if too_long is not None:
            return too_long
        if (call.method, call.path.rstrip("/")) == ("GET", "/services/data"):
            return _versions()
        answer = self._shut_out(call) or await self._let_in(call)
        if answer.status >= 400:
            self._tally.refused(str(json.loads(answer.body)[0]["errorCode"]))
        return dataclasses.replace(answer, headers={"Sforce-Limit-Info": f"api-usage={self._usage}"})

    def account_of(self, call: Call) -> str:  # noqa: ARG002 -- there is one organization
        """Return the organization: its limits count everybody's requests together."""
        return ORGANIZATION

    def refuse(self, refusal: Refusal, call: Call) -> Answer:
        """Word a fault as Salesforce does."""
        code, message, status = _REFUSALS[refusal]
        if call.path.startswith(SOAP):
            return soap_fault("ORG_LOCKED" if refusal is Refusal.SUSPENDED else code, message, max(status, 500))
        if call.path.rstrip("/") == OAUTH:
            error, description, status = _OAUTH_REFUSALS[refusal]
            return oauth_error(error, description, status)
        self._tally.refused(code)
        return problem(status, code, message)

    def inbound(self, sender: str, to: str, body: str) -> str:  # noqa: ARG002 -- none is taken
        """Raise ControlError: nobody writes to Salesforce."""
        message = f'nobody can write to {to} from {sender}: "{self.name}" takes no texts in this sandbox'
        raise ControlError(message)

    def settle(self) -> None:
        """Take over the mix of leads and the fields that are missing. Raises ControlError for a mix that cannot be."""
        settings = self._world.settings
        self._records.leads = Leads(self._world.decisions, settings.mix.get(self.name))
        self._records.fields = Fields(settings.salesforce.missing_fields)

    def reset(self) -> None:
        """Forget what was written, counted and begun. Everybody has to log in again."""
        self._begin()

    def tally(self, *, detail: bool) -> Mapping[str, Json]:
        """Tell how often Salesforce was asked, and what was written."""
        return self._tally.view(self._world.settings.salesforce.daily_requests, detail=detail)

    @property
    def commands(self) -> Mapping[str, Callable[[], Json]]:
        """``expire``: end all sessions at once."""
        return {"expire": lambda: {"expired": self._sessions.expire()}}

    def _begin(self) -> None:
        settings = self._world.settings
        self._sessions = Sessions()
        self._tally = Tally()
        leads = Leads(self._world.decisions, settings.mix.get(self.name))
        self._records = Records(leads, Fields(settings.salesforce.missing_fields))
        self._reading = Reading(self._records, self._tally)

    @property
    def _usage(self) -> str:
        return f"{self._tally.used}/{self._world.settings.salesforce.daily_requests}"

    def _login(self, call: Call) -> Answer:
        refused, now = self._world.settings.refused_tokens, time.time()
        if call.method != "POST":
            return problem(405, "METHOD_NOT_ALLOWED", f"HTTP Method '{call.method}' not allowed. Allowed are POST")
        found = soap_login(call, refused) if call.path.startswith(SOAP) else token(call, refused, now)
        if isinstance(found, Answer):
            self._tally.failed_logins += 1
            return found
        self._tally.logins += 1
        return found.answer(self._sessions.open(now))

    def _shut_out(self, call: Call) -> Answer | None:
        """Return why a request is not let in, if it is not."""
        settings = self._world.settings
        scheme, _, session = call.headers.get("Authorization", "").partition(" ")
        if scheme.lower() not in {"bearer", "oauth"}:
            return problem(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE")
        session = session.strip()
        known = session not in settings.refused_tokens
        if not known or not self._sessions.use(session, time.time(), settings.salesforce):
            self._tally.expired_sessions += 1
            return problem(401, "INVALID_SESSION_ID", "Session expired or invalid")
        if self._tally.used >= settings.salesforce.daily_requests:
            return problem(403, "REQUEST_LIMIT_EXCEEDED", TOO_MANY_REQUESTS)
        return None

    async def _let_in(self, call: Call) -> Answer:
        version, _, path = call.path.removeprefix("/services/data/").strip("/").partition("/")
        kind = _KINDS.get(path.partition("/")[0], "other")
        self._tally.request("update" if (kind, call.method) == ("retrieve", "PATCH") else kind)
        try:
            return await self._route(call, path, version)
        except Problem as refused:
            return refused.answer

    async def _route(self, call: Call, path: str, version: str) -> Answer:
        parts = path.split("/") if VERSION.fullmatch(version) else []
        match (call.method, *parts):
            case ("POST" | "GET", "composite", "sobjects", "Lead"):
                return await self._reading.retrieve(call, version)
            case ("PATCH", "composite", "sobjects"):
                return update(call, self._records, self._tally, time.time())
            case ("GET", "query" | "queryAll" as word):
                return await self._reading.query(call, version, deleted=word == "queryAll")
            case ("GET", "query" | "queryAll", place):
                return await self._reading.page(place, version)
            case ("GET", *_):
                return self._plain(parts, call, version)
        raise Problem(404, "NOT_FOUND", NOT_FOUND)

    def _plain(self, parts: Sequence[str], call: Call, version: str) -> Answer:
        match parts:
            case ["limits"]:
                return self._limits()
            case ["sobjects", "Lead", "describe"]:
                return self._reading.describe()
            case ["sobjects", "Lead", lead]:
                return self._reading.one(lead, call, version)
        raise Problem(404, "NOT_FOUND", NOT_FOUND)

    def _limits(self) -> Answer:
        allowed = self._world.settings.salesforce.daily_requests
        left = {"Max": allowed, "Remaining": max(0, allowed - self._tally.used)}
        return Answer(200, json.dumps({"DailyApiRequests": left}).encode())


_KINDS = {"composite": "retrieve", "query": "query", "queryAll": "query", "limits": "limits", "sobjects": "record"}
_REFUSALS: Mapping[Refusal, tuple[str, str, int]] = {
    Refusal.RATE_LIMITED: ("REQUEST_LIMIT_EXCEEDED", TOO_MANY_AT_ONCE, 403),
    Refusal.TOO_MANY_AT_ONCE: ("REQUEST_LIMIT_EXCEEDED", TOO_MANY_AT_ONCE, 403),
    Refusal.SUSPENDED: ("API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.", 403),
    Refusal.OUTAGE: ("SERVER_UNAVAILABLE", DOWN, 503),
    Refusal.SERVER_ERROR: ("UNKNOWN_EXCEPTION", BROKEN, 500),
}
_OAUTH_REFUSALS: Mapping[Refusal, tuple[str, str, int]] = {
    Refusal.RATE_LIMITED: ("invalid_grant", "login rate exceeded", 400),
    Refusal.TOO_MANY_AT_ONCE: ("invalid_grant", "login rate exceeded", 400),
    Refusal.SUSPENDED: ("inactive_org", "organization has been locked or closed", 400),
    Refusal.OUTAGE: ("temporarily_unavailable", DOWN, 503),
    Refusal.SERVER_ERROR: ("unknown_error", "retry your request", 500),
}


def _too_long(call: Call) -> Answer | None:
    """Return the answer to an address or headers beyond what Salesforce reads."""
    address = len(call.path) + (len(call.query) + 1 if call.query else 0)
    if address > LONGEST:
        return problem(414, "URI_TOO_LONG", "URI Too Long")
    if address + sum(len(name) + len(value) + 4 for name, value in call.headers.items()) > LONGEST:
        return problem(431, "REQUEST_HEADER_FIELDS_TOO_LARGE", "Request Header Fields Too Large")
    return None


def _versions() -> Answer:
    told = [
        {"label": f"Release {number}", "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
        for number in range(31, 66)
    ]
    return Answer(200, json.dumps(told).encode())
