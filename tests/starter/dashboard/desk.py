"""The dashboard over a real store, and browsers without a screen that send what real ones send."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from clarion.domain.rights import Rights
from clarion.settings import Account, Provider, Settings
from clarion.store.store import Store
from starter.dashboard.door import add_dashboard, dashboard_open
from starter.keys import Keys
from starter.wiring import Connection, Installation
from tests.starter.installation import TENANT, Place

OTHER = "other"
SAME_SITE = MappingProxyType({"Sec-Fetch-Site": "same-origin"})


@dataclass
class Desk:
    """An installation with a dashboard, and everybody who sits before it."""

    place: Place
    app: FastAPI
    installation: Installation
    browsers: list[httpx.AsyncClient] = field(default_factory=list)

    @property
    def store(self) -> Store:
        return self.place.store

    def key(self, rights: Rights, tenant: str = TENANT) -> tuple[str, str]:
        """Make a key: its public part and its text."""
        made, text = Keys(self.store).make(tenant, f"{rights} of {tenant}", rights, time.time())
        return made.id, text

    def browser(self) -> httpx.AsyncClient:
        """A browser in which nobody is signed in."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        opened = httpx.AsyncClient(transport=transport, base_url="http://clarion", headers=SAME_SITE)
        self.browsers.append(opened)
        return opened

    async def signed_in(self, rights: Rights, tenant: str = TENANT) -> httpx.AsyncClient:
        """A browser in which somebody has signed in with a key that has these rights."""
        opened = self.browser()
        answer = await opened.post("/dashboard/sign-in", data={"key": self.key(rights, tenant)[1]})
        assert answer.status_code == 303, answer.text
        return opened

    async def close(self) -> None:
        for browser in self.browsers:
            await browser.aclose()
        async with dashboard_open(self.app):
            pass
        self.store.close()


def desk(folder: Path, store: Store) -> Desk:
    """Put a dashboard on a store; the tenant has accounts for texts and for leads, and another tenant has its own."""
    given = {"sid": "AC" + "0" * 32, "auth_token": SecretStr("secret"), "from_number": "+15005550006"}
    accounts = {"main": Account(**given), "theirs": Account(**given, tenant=OTHER)}  # type: ignore[arg-type]
    accounts |= {
        "openai": Account(provider=Provider.OPENAI, auth_token=SecretStr("secret")),
        "salesforce": Account(
            provider=Provider.SALESFORCE,
            session_id=SecretStr("secret"),
            instance_url="https://example.my.salesforce.com",
        ),
    }
    settings = Settings(home=folder, tenant=TENANT, accounts=accounts, max_upload_mb=0.05)
    installation = Installation.of(settings, store, Connection(settings))
    app = FastAPI(openapi_url=None)
    add_dashboard(app, installation)
    return Desk(Place(folder, store), app, installation)
