"""Those who deal with Salesforce in the sandbox's tests: the real client, and somebody who talks to it by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import requests
from requests.adapters import HTTPAdapter

from clarion.sandbox.salesforce.lead_ids import suffix
from clarion.sandbox.server import Sandbox

TOKEN = "a-session-from-elsewhere"
DATA = "/services/data/v59.0"
RETRIEVE = f"{DATA}/composite/sobjects/Lead"
UPDATE = f"{DATA}/composite/sobjects"


class ToSandbox(HTTPAdapter):
    """Sends every request to the sandbox, whatever host it names."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = urlsplit(base)

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:  # noqa: ANN401
        asked = urlsplit(str(request.url))
        request.url = urlunsplit((self.base.scheme, self.base.netloc, str(asked.path), str(asked.query), ""))
        return super().send(request, *args, **more)


def session_to(sandbox: Sandbox) -> requests.Session:
    """Return what the real client is given as its session."""
    session = requests.Session()
    session.mount("https://", ToSandbox(sandbox.url))
    session.trust_env = False
    return session


def lead(ending: str, begin: str = "00Q5e00000A") -> str:
    """Return the id, of 18 characters, of a lead whose 15 end so."""
    id15 = (begin + "0" * 15)[: 15 - len(ending)] + ending
    return id15 + suffix(id15)


class Visitor:
    """Talks to the sandbox's Salesforce by hand."""

    def __init__(self, sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.http = http
        self.headers: Mapping[str, str] = {}
        """Of the last answer."""

    async def ask(
        self, method: str, path: str, body: object = None, *, token: str | None = TOKEN, headers: Mapping[str, str] = {}
    ) -> tuple[int, Any]:
        """Send one request; returns status and parsed body."""
        authorization = {"Authorization": f"Bearer {token}"} if token is not None else {}
        url = self.sandbox.url + path
        async with self.http.request(method, url, json=body, headers={**authorization, **headers}) as answer:
            self.headers = dict(answer.headers)
            return answer.status, await answer.json(content_type=None)

    async def fetch(self, ids: Sequence[str], *fields: str) -> list[Any]:
        """Fetch leads; asserts that it worked."""
        status, told = await self.ask("POST", RETRIEVE, {"ids": list(ids), "fields": list(fields or ("Id", "Name"))})
        assert status == 200, told
        assert isinstance(told, list)
        return told

    async def query(self, soql: str, word: str = "query", **headers: str) -> tuple[int, Any]:
        """Send a query."""
        url = f"{self.sandbox.url}{DATA}/{word}/"
        sent = {"Authorization": f"Bearer {TOKEN}", **headers}
        async with self.http.get(url, params={"q": soql}, headers=sent) as answer:
            return answer.status, await answer.json()

    async def write(self, *records: Mapping[str, object], all_or_none: bool = False) -> list[Any]:
        """Write to leads; asserts that there is a result for each."""
        given = [{"attributes": {"type": "Lead"}, **record} for record in records]
        status, told = await self.ask("PATCH", UPDATE, {"allOrNone": all_or_none, "records": given})
        assert status == 200, told
        assert len(told) == len(records)
        return list(told)

    async def control(self, method: str, path: str, payload: object = None) -> Any:  # noqa: ANN401 -- any JSON
        """Use the sandbox's own doors; asserts that it worked."""
        async with self.http.request(method, f"{self.sandbox.url}/_sandbox/{path}", json=payload) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def counted(self, query: str = "") -> Any:  # noqa: ANN401 -- any JSON
        """Tell what the sandbox has counted at Salesforce."""
        return (await self.control("GET", f"effects{query}"))["salesforce"]


def code(answer: tuple[int, Any]) -> tuple[int, str]:
    """Return status and code of an error."""
    status, body = answer
    assert isinstance(body, list), body
    assert set(body[0]) == {"message", "errorCode"}
    return status, body[0]["errorCode"]
