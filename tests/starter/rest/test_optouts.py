"""The do-not-contact list over REST: each tenant has its own, and only an admin takes people off."""

from __future__ import annotations

import httpx
import pytest

from tests.starter.rest.doorway import Doorway
from tests.starter.rest.leafing import everything

PATH = "/do-not-contact"
ANN, BOB = "+14155552000", "+14155552001"


async def test_people_are_put_on_the_list_once(operator: httpx.AsyncClient) -> None:
    told = await operator.post(PATH, json={"numbers": ["(415) 555-2000", ANN, BOB], "region": "US", "reason": "asked"})
    assert (told.status_code, told.json()["items"]) == (
        200,
        [{"address": ANN, "new": True}, {"address": BOB, "new": True}],
    )
    again = await operator.post(PATH, json={"numbers": [ANN], "reason": "again"})
    assert again.json()["items"] == [{"address": ANN, "new": False}]
    (line,) = (await operator.get(PATH, params={"number": ANN})).json()["items"]
    assert (line["source"], line["detail"]) == ("person", "asked")


async def test_one_wrong_number_leaves_everybody_off(operator: httpx.AsyncClient) -> None:
    refused = await operator.post(PATH, json={"numbers": [ANN, "12"]})
    assert refused.status_code == 422
    assert "12" in refused.json()["detail"]
    assert await everything(operator, PATH) == []


async def test_a_long_list_is_added_and_leafed_through(operator: httpx.AsyncClient) -> None:
    numbers = [f"+1415555{n}" for n in range(2_000, 3_200)]
    assert (await operator.post(PATH, json={"numbers": numbers})).status_code == 200
    assert [line["address"] for line in await everything(operator, PATH, limit=500)] == numbers


async def test_only_an_admin_takes_somebody_off(
    door: Doorway, admin: httpx.AsyncClient, operator: httpx.AsyncClient, reader: httpx.AsyncClient
) -> None:
    assert (await reader.post(PATH, json={"numbers": [ANN]})).status_code == 403
    await operator.post(PATH, json={"numbers": [ANN]})
    assert (await operator.delete(f"{PATH}/{ANN}")).status_code == 403
    assert (await admin.delete(f"{PATH}/%2B1 415 555 2000")).status_code == 204
    assert (await admin.delete(f"{PATH}/{ANN}")).status_code == 404
    assert await everything(reader, PATH) == []


async def test_another_tenant_has_a_list_of_its_own(admin: httpx.AsyncClient, south: httpx.AsyncClient) -> None:
    await admin.post(PATH, json={"numbers": [ANN]})
    assert await everything(south, PATH) == []
    assert (await south.delete(f"{PATH}/{ANN}")).status_code == 404
    assert [line["address"] for line in await everything(admin, PATH)] == [ANN]


@pytest.mark.parametrize(
    "body",
    [
        {}, {"numbers": []}, {"numbers": [1]}, {"numbers": [""]}, {"numbers": [ANN], "region": "XX"},
        {"numbers": [ANN], "reason": "x" * 501}, {"numbers": [ANN], "more": 1}, {"numbers": ["1" * 65]}, [],
    ],
)  # fmt: skip
async def test_what_is_no_list_of_numbers_is_refused(operator: httpx.AsyncClient, body: object) -> None:
    assert (await operator.post(PATH, json=body)).status_code == 422


@pytest.mark.parametrize("number", ["%00", "nobody", "%F0%9F%92%A9", "1" * 65])
async def test_what_is_no_number_is_refused(admin: httpx.AsyncClient, number: str) -> None:
    assert (await admin.delete(f"{PATH}/{number}")).status_code == 422
    assert (await admin.get(f"{PATH}?number={number}")).status_code == 422
