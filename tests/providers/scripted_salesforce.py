"""A loopback server in place of Salesforce, which answers as a test tells it, and accounts that lead to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from aiohttp import web

from clarion.providers.salesforce import SalesforceCrm, open_salesforce
from clarion.settings import Account, Provider
from tests.providers.scripted import Scripted, Step, says

T = TypeVar("T")

LONGEST_LINE = 16_384
"""Bytes of an address and its headers that Salesforce takes."""
INSTANCE = "acme.my.salesforce.com"
TOKEN = "00Dxx!the-session-of-ours"
ANN, BOB, CEO = "00Q5800000Aaaa1EAC", "00Q5800000Bbbb2EAC", "00Q5800000Cccc3EAC"

GIVEN: Mapping[str, object] = {"session_id": TOKEN, "instance_url": f"https://{INSTANCE}"}
SOAP: Mapping[str, object] = {"username": "ann@example.com", "password": "pass<&>word", "security_token": "sectoken"}
PASSWORD: Mapping[str, object] = {
    "username": "ann@example.com", "password": "pass<&>word", "client_id": "key", "client_secret": "conceal",
}  # fmt: skip
CLIENT: Mapping[str, object] = {"client_id": "key", "client_secret": "conceal", "domain": "acme.my"}


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: Mapping[str, str]
    text: str
    headers: Mapping[str, str]

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.text, keep_blank_values=True))


@dataclass
class ScriptedSalesforce(Scripted):
    asked: list[Asked] = field(default_factory=list)

    async def hear(self, request: web.Request) -> None:
        text = await request.text()
        self.asked.append(Asked(request.method, request.path, dict(request.query), text, dict(request.headers)))

    @property
    def paths(self) -> list[str]:
        """What was asked for, without the version of the API."""
        return [asked.path.removeprefix("/services/").removeprefix("data/v59.0/") for asked in self.asked]


def scripted_salesforce(*script: Step) -> AbstractAsyncContextManager[ScriptedSalesforce]:
    return ScriptedSalesforce(list(script)).serve(most=2**24, longest_line=LONGEST_LINE)


def account(base_url: str | None, login: Mapping[str, object] = GIVEN, *, patience: float = 5.0) -> Account:
    told = {"provider": Provider.SALESFORCE, "base_url": base_url, "timeout": patience}
    return Account.model_validate(told | dict(login))


@asynccontextmanager
async def crm_to(
    *script: Step, login: Mapping[str, object] = GIVEN, patience: float = 5.0
) -> AsyncIterator[tuple[SalesforceCrm, ScriptedSalesforce]]:
    async with scripted_salesforce(*script) as salesforce:
        crm = open_salesforce(account(salesforce.url, login, patience=patience))
        try:
            yield crm, salesforce
        finally:
            crm.close()


def refuses(status: int, code: str, words: str = "no", **headers: str) -> Step:
    return says(status, [{"message": words, "errorCode": code}], **headers)


def record(id18: str, **fields: object) -> dict[str, object]:
    attributes = {"type": "Lead", "url": f"/services/data/v59.0/sobjects/Lead/{id18}"}
    return {"attributes": attributes, "Id": id18, "IsConverted": False, **fields}


def grants(token: str = TOKEN) -> Step:
    """Answer an OAuth login."""
    return says(200, {"access_token": token, "instance_url": f"https://{INSTANCE}", "token_type": "Bearer"})


def grants_over_soap(token: str = TOKEN) -> Step:
    result = f"<serverUrl>https://{INSTANCE}/services/Soap/u/59.0/00Dxx</serverUrl><sessionId>{token}</sessionId>"
    return says(200, f"<Envelope><Body><loginResponse><result>{result}</result></loginResponse></Body></Envelope>")


ENDED = refuses(401, "INVALID_SESSION_ID", "Session expired or invalid")


async def in_threads(threads: int, asks: Callable[[], T]) -> list[T | BaseException]:
    """Ask from so many threads at once."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(threads) as executor:
        asking = [loop.run_in_executor(executor, asks) for _ in range(threads)]
        return await asyncio.gather(*asking, return_exceptions=True)
