"""The REST interface over a fresh store with two tenants, and callers with a key of every right."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from clarion.domain.rights import Rights
from clarion.settings import Account, Provider, Settings
from clarion.store.store import Store
from starter.keys import Keys
from starter.rest.app import rest_app
from starter.wiring import Connection, Installation

NORTH, SOUTH = "north", "south"
"""The tenants; north is the installation's own."""
TENANTS = (NORTH, SOUTH)
PREFIX = "/api/v1"


def accounts() -> dict[str, Account]:
    """North has one account for each channel, south one for texts; both may have campaigns of the same ids."""
    secret = SecretStr("secret-token")
    texts = {"sid": "AC" + "0" * 32, "auth_token": secret}
    return {
        "main": Account(**texts, from_number="+15005550006", tenant=NORTH),  # type: ignore[arg-type]
        "voice": Account(
            provider=Provider.RETELL, auth_token=secret, from_number="+15005550007", agent="agent_1", tenant=NORTH
        ),
        "openai": Account(provider=Provider.OPENAI, auth_token=secret, tenant=NORTH),
        "salesforce": Account(
            provider=Provider.SALESFORCE,
            session_id=secret,
            instance_url="https://example.my.salesforce.com",
            tenant=NORTH,
        ),
        "south": Account(**texts, from_number="+15005550008", tenant=SOUTH),  # type: ignore[arg-type]
    }


@dataclass
class Doorway:
    """Everything a test of the REST interface knocks on; nothing listens where Temporal should be."""

    app: FastAPI
    installation: Installation
    tokens: Mapping[tuple[str, Rights], str]
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        return self.installation.store

    def of(self, tenant: str) -> Installation:
        """The installation as a tenant uses it."""
        return self.installation.for_tenant(tenant)

    def client(self, tenant: str = NORTH, rights: Rights = Rights.ADMIN) -> httpx.AsyncClient:
        """A client that sends the key of a tenant with these rights; its addresses begin below /api/v1."""
        return self.client_with(self.tokens[tenant, rights])

    def client_with(self, token: str | None) -> httpx.AsyncClient:
        """A client that sends this key, or none."""
        if (token or "") not in self.clients:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            self.clients[token or ""] = httpx.AsyncClient(
                transport=transport, base_url=f"http://clarion{PREFIX}", headers=headers
            )
        return self.clients[token or ""]

    async def close(self) -> None:
        for client in self.clients.values():
            await client.aclose()


def doorway(folder: Path) -> Doorway:
    """Open the interface on the migrated database that lies in this folder."""
    settings = Settings(home=folder, tenant=NORTH, accounts=accounts())
    store = Store(settings.database, tenant=NORTH, grace=15.0, tenants=settings.tenants)
    keys = Keys(store)
    tokens = {
        (tenant, rights): keys.make(tenant, f"{rights} of {tenant}", rights, time.time())[1]
        for tenant in TENANTS
        for rights in Rights
    }
    installation = Installation.of(settings, store, Connection(settings))
    outside = FastAPI(openapi_url=None)
    outside.mount(PREFIX, rest_app(installation))
    return Doorway(outside, installation, tokens)


def sms(**keys: object) -> dict[str, object]:
    """A campaign of texts as a program sends it; ``keys`` replace or add."""
    usual: dict[str, object] = {
        "name": "Spring reminder",
        "channel": "sms",
        "message": "Hi {{ first_name }}, your service is due.",
    }
    return {**usual, **keys}


def people(count: int, first: int = 0) -> list[dict[str, object]]:
    """Contacts that are all in order."""
    return [{"first_name": f"Ann{n}", "phone": f"+1415555{2_000 + n}"} for n in range(first, first + count)]
