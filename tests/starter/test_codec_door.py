"""The codec server shows an execution's inputs in clear, to whoever may see those of all tenants."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from google.protobuf.json_format import MessageToDict
from pydantic import SecretStr

from clarion.codec import new_key
from clarion.contracts import CampaignRef
from clarion.domain.rights import Rights
from clarion.settings import Settings
from clarion.store.migrate import migrate
from clarion.store.store import Store
from clarion.temporal import data_converter
from starter.codec_door import add_codec
from starter.keys import Keys
from starter.wiring import Connection, Installation

UI = "http://127.0.0.1:8233"
KEY = new_key("k1")
REF = CampaignRef(tenant="acme", campaign_id="spring", key=7)


@pytest.fixture
async def knock(tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Keys]]:
    settings = Settings(home=tmp_path, payload_keys=SecretStr(KEY), temporal_ui_url=f"{UI}/")
    store = Store(settings.database, tenant=settings.tenant, grace=15.0)
    migrate(store.database)
    app = FastAPI()
    add_codec(app, Installation.of(settings, store, Connection(settings)))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://clarion") as client:
        yield client, Keys(store)
    store.close()


async def encrypted() -> dict[str, object]:
    return {"payloads": [MessageToDict(payload) for payload in await data_converter(KEY).encode([REF])]}


def bearer(keys: Keys, tenant: str, rights: Rights) -> dict[str, str]:
    return {"Authorization": "Bearer " + keys.make(tenant, "Ada", rights, time.time())[1]}


async def test_an_admin_of_the_installation_reads_what_temporal_keeps(knock: tuple[httpx.AsyncClient, Keys]) -> None:
    client, keys = knock
    key = bearer(keys, "default", Rights.ADMIN)
    answer = await client.post("/codec/decode", json=await encrypted(), headers=key)
    assert answer.status_code == 200
    again = await client.post("/codec/encode", json=answer.json(), headers=key)
    assert again.json()["payloads"][0]["metadata"].keys() == {"encoding", "clarion-key"}
    back = await client.post("/codec/decode", json=again.json(), headers=key)
    assert back.json() == answer.json()
    assert CampaignRef.model_validate_json(base64.b64decode(answer.json()["payloads"][0]["data"])) == REF


@pytest.mark.parametrize(
    ("tenant", "rights", "status"),
    [("default", Rights.OPERATE, 403), ("other", Rights.ADMIN, 403), (None, Rights.ADMIN, 401)],
)
async def test_nobody_else_does(
    knock: tuple[httpx.AsyncClient, Keys], tenant: str | None, rights: Rights, status: int
) -> None:
    client, keys = knock
    headers = {} if tenant is None else bearer(keys, tenant, rights)
    answer = await client.post("/codec/decode", json=await encrypted(), headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_what_cannot_be_read_is_refused_in_a_sentence(knock: tuple[httpx.AsyncClient, Keys]) -> None:
    client, keys = knock
    key = bearer(keys, "default", Rights.ADMIN)
    answer = await client.post("/codec/decode", json={"payloads": [{"data": "no base64!"}]}, headers=key)
    assert (answer.status_code, "no base64" in answer.json()["detail"]) == (422, True)
    foreign = {"payloads": [MessageToDict(p) for p in await data_converter(new_key("k9")).encode([REF])]}
    answer = await client.post("/codec/decode", json=foreign, headers=key)
    assert (answer.status_code, '"k9"' in answer.json()["detail"]) == (409, True)


async def test_browsers_may_ask_from_the_web_ui_and_from_nowhere_else(knock: tuple[httpx.AsyncClient, Keys]) -> None:
    client, _ = knock
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    allowed = await client.options("/codec/decode", headers={"Origin": UI, **asked})
    assert allowed.headers["access-control-allow-origin"] == UI
    refused = await client.options("/codec/decode", headers={"Origin": "http://evil.example", **asked})
    assert "access-control-allow-origin" not in refused.headers
