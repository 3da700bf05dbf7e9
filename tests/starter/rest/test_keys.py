"""API keys over REST: an admin manages those of the own tenant, and no others."""

from __future__ import annotations

import httpx
import pytest

from clarion.domain.rights import Rights
from tests.starter.rest.doorway import NORTH, Doorway


async def test_a_key_is_told_once_and_opens_what_its_rights_allow(door: Doorway, admin: httpx.AsyncClient) -> None:
    made = await admin.post("/keys", json={"name": "reports", "rights": "read", "days": 1})
    assert made.status_code == 201
    key = made.json()
    assert (key["tenant"], key["rights"], key["expires_at"] - key["created_at"]) == (NORTH, "read", 86_400.0)
    fresh = door.client_with(key["key"])
    assert (await fresh.get("/do-not-contact")).status_code == 200
    assert (await fresh.get("/keys")).status_code == 403
    listed = (await admin.get("/keys")).json()["items"]
    assert [line["name"] for line in listed if line["id"] == key["id"]] == ["reports"]
    assert all("key" not in line and "hash" not in line for line in listed)


async def test_a_key_that_was_ended_opens_nothing(door: Doorway, admin: httpx.AsyncClient) -> None:
    key = (await admin.post("/keys", json={"name": "x", "rights": "read"})).json()
    assert (await admin.delete(f"/keys/{key['id']}")).status_code == 204
    assert (await admin.delete(f"/keys/{key['id']}")).status_code == 404
    refused = await door.client_with(key["key"]).get("/do-not-contact")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")


async def test_keys_of_another_tenant_cannot_be_seen_or_ended(
    admin: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    key = (await admin.post("/keys", json={"name": "x", "rights": "read"})).json()
    assert {line["tenant"] for line in (await south.get("/keys")).json()["items"]} == {"south"}
    assert (await south.delete(f"/keys/{key['id']}")).status_code == 404
    assert (await south.post("/keys", json={"name": "x", "rights": "read", "tenant": NORTH})).status_code == 422


@pytest.mark.parametrize("rights", [Rights.READ, Rights.OPERATE])
async def test_only_an_admin_manages_keys(door: Doorway, rights: Rights) -> None:
    client = door.client(NORTH, rights)
    assert (await client.get("/keys")).status_code == 403
    assert (await client.post("/keys", json={"name": "x", "rights": "read"})).status_code == 403
    assert (await client.delete("/keys/abc")).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {}, {"name": "x"}, {"name": " ", "rights": "read"}, {"name": "x", "rights": "all"},
        {"name": "x", "rights": "read", "days": 0}, {"name": "x", "rights": "read", "days": 1e300},
        {"name": "x" * 101, "rights": "read"},
    ],
)  # fmt: skip
async def test_a_key_needs_a_name_and_rights(admin: httpx.AsyncClient, body: object) -> None:
    assert (await admin.post("/keys", json=body)).status_code == 422
