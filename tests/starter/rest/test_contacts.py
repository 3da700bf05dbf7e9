"""Contacts over REST: how they come in, what is refused at the door, and how they are listed and explained."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping

import httpx
import pytest
from openpyxl import Workbook

from clarion.domain.rights import Rights
from tests.starter.installation import DELIVERED
from tests.starter.rest.doorway import NORTH, Doorway, people
from tests.starter.rest.leafing import everything
from tests.starter.rest.stage import ANN, HEAD, draft, imported, mixed, rows

CSV = "first_name,phone\nAnn,+14155552000\nBob,12\n"


def workbook(*lines: list[str]) -> bytes:
    book = Workbook()
    for line in lines:
        book.active.append(line)  # type: ignore[union-attr]
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def form(content: bytes | str, name: str = "people.csv") -> Mapping[str, tuple[str, bytes]]:
    return {"file": (name, content.encode() if isinstance(content, str) else content)}


async def test_json_contacts_of_a_draft_are_kept_and_shown_with_what_is_wrong(
    door: Doorway, operator: httpx.AsyncClient
) -> None:
    await draft(door)
    sent = [*people(2), {"first_name": "Bob", "phone": 12}, {"first_name": "Cy"}]
    answer = await operator.post("/campaigns/spring/contacts", json={"contacts": sent})
    assert (answer.status_code, answer.json()) == (201, {"accepted": 4, "file": 1})
    shown = (await operator.get("/campaigns/spring/contacts")).json()
    assert shown["next"] is None
    assert [(c["position"], c["row"], c["state"], c["outcome"], c["address"]) for c in shown["items"]] == [
        (1, 1, "pending", None, ANN),
        (2, 2, "pending", None, "+14155552001"),
        (3, 3, "skipped", "invalid_phone", None),
        (4, 4, "skipped", "missing_phone", None),
    ]
    assert shown["items"][0]["variables"] == {"first_name": "Ann0"}


async def test_a_first_contact_without_a_phone_is_data_like_any_other(
    door: Doorway, operator: httpx.AsyncClient
) -> None:
    await draft(door)
    sent = [{"first_name": "Cy"}, *people(1)]
    assert (await operator.post("/campaigns/spring/contacts", json={"contacts": sent})).status_code == 201
    shown = await everything(operator, "/campaigns/spring/contacts")
    assert [c["outcome"] for c in shown] == ["missing_phone", None]


async def test_contacts_without_the_column_that_the_campaign_names_are_refused(
    door: Doorway, operator: httpx.AsyncClient
) -> None:
    await draft(door)
    answer = await operator.post("/campaigns/spring/contacts", json={"contacts": [{"name": "Ann", "mobile": "1"}]})
    assert answer.status_code == 422
    assert 'no column "phone"' in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"contacts": [{"phone": ["+14155552000"]}]}, "contacts.0.phone"),
        ({"contacts": ["+14155552000"]}, "contacts.0"),
        ({"contacts": []}, "contacts"),
        ({"contacts": people(10_001)}, "contacts"),
        ({"contacts": people(1), "more": 1}, "more"),
        ({}, "contacts"),
        ([], ""),
    ],
)
async def test_what_is_no_list_of_flat_contacts_is_refused_with_its_place(
    door: Doorway, operator: httpx.AsyncClient, body: object, field: str
) -> None:
    await draft(door)
    answer = await operator.post("/campaigns/spring/contacts", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"].startswith(field)


async def test_too_many_contacts_name_the_limit(door: Doorway, operator: httpx.AsyncClient) -> None:
    await draft(door)
    answer = await operator.post("/campaigns/spring/contacts", json={"contacts": people(10_001)})
    assert "10000" in answer.json()["detail"]
    assert (await operator.post("/campaigns/spring/contacts", json={"contacts": people(10_000)})).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"", b"\xff\xfe", b'{"contacts": [{"phone": "\\u0000"}]}', b'{"contacts": [{"phone": "\\ud800"}]}',
        b'{"contacts": [{"\\ud800": "1"}]}', b'{"contacts": [{"phone": NaN}]}', b'{"contacts": [{"phone": 1e999}]}',
        b'{"contacts": [{"phone": ' + b"1" * 5_000 + b"}]}", b"[" * 100_000,
    ],
)  # fmt: skip
async def test_json_that_nobody_could_store_is_refused(door: Doorway, operator: httpx.AsyncClient, body: bytes) -> None:
    await draft(door)
    headers = {"Content-Type": "application/json"}
    answer = await operator.post("/campaigns/spring/contacts", content=body, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["detail"]


async def test_a_draft_shows_who_opted_out_and_is_searched_and_leafed_through(
    door: Doorway, operator: httpx.AsyncClient
) -> None:
    await draft(door)
    door.store.suppressions.add(NORTH, "+14155552001", "stop", "", 1.0)
    for n in range(3):
        await operator.post("/campaigns/spring/contacts", json={"contacts": people(5, first=5 * n)})
    path = "/campaigns/spring/contacts"
    shown = await everything(operator, path, limit=2)
    assert [c["position"] for c in shown] == list(range(1, 16))
    assert [c["row"] for c in shown] == [1, 2, 3, 4, 5] * 3
    assert [c["position"] for c in await everything(operator, path, outcome="opted_out")] == [2]
    assert [c["position"] for c in await everything(operator, path, state="pending", limit=3)] == [1, *range(3, 16)]
    assert [c["position"] for c in await everything(operator, path, search="(415) 555-2007".replace("(", "+1 ("))] == [
        8
    ]
    assert [c["position"] for c in await everything(operator, path, search="12")] == [12]
    assert [c["position"] for c in await everything(operator, path, search="row:2")] == [2, 7, 12]


@pytest.mark.parametrize("name", ["people.csv", "PEOPLE.CSV", "../../etc/people.csv", "C:\\people\u202e.csv"])
async def test_a_file_is_taken_under_a_name_that_is_safe(door: Doorway, operator: httpx.AsyncClient, name: str) -> None:
    await draft(door)
    answer = await operator.post("/campaigns/spring/contacts", files=form(CSV, name))
    assert (answer.status_code, answer.json()) == (201, {"accepted": None, "file": 1})
    assert door.store.files.get(1).name.lower() == "people.csv"
    assert [c["outcome"] for c in await everything(operator, "/campaigns/spring/contacts")] == [None, "invalid_phone"]


async def test_a_workbook_and_json_lines_are_taken(door: Doorway, operator: httpx.AsyncClient) -> None:
    await draft(door)
    lines = "".join(json.dumps(person) + "\n" for person in people(2, first=5))
    for content, name in ((workbook(HEAD, ["Ann", ANN]), "a.xlsx"), (lines.encode(), "b.jsonl")):
        assert (await operator.post("/campaigns/spring/contacts", files=form(content, name))).status_code == 201
    shown = await everything(operator, "/campaigns/spring/contacts", limit=1)
    assert [c["address"] for c in shown] == [ANN, "+14155552005", "+14155552006"]


def zip_of(**parts: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (b"%PDF-1.7 ", "people.csv", "PDF"),
        (b"PK\x03\x04 not text", "people.csv", "zip archive"),
        (b"first_name,phone\n", "people.xlsx", "not an Excel workbook"),
        (zip_of(readme=b"hello"), "people.xlsx", "not an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 locked", "people.xlsx", "without a password"),
        (b"MZ", "people.exe", "does not end like a table"),
        (b"a,b\n1,2\n", "people", "does not end like a table"),
        (b"a,b\n1,2\n", "people.csv\u202e.exe", "does not end like a table"),
        (b"", "people.csv", "empty"),
        (b"first_name,phone\n", "people.csv", "no rows"),
    ],
)
async def test_a_file_that_is_no_audience_is_refused(
    door: Doorway, operator: httpx.AsyncClient, content: bytes, name: str, told: str
) -> None:
    await draft(door)
    answer = await operator.post("/campaigns/spring/contacts", files=form(content, name))
    assert answer.status_code == 422
    assert told in answer.json()["detail"]
    assert door.store.files.of_campaign(1) == []


async def test_a_form_without_a_file_and_other_kinds_of_bodies_are_refused(
    door: Doorway, operator: httpx.AsyncClient
) -> None:
    await draft(door)
    path = "/campaigns/spring/contacts"
    assert (await operator.post(path, files={"table": ("a.csv", CSV)})).status_code == 422
    assert (await operator.post(path, files=[("file", ("a.csv", CSV)), ("file", ("b.csv", CSV))])).status_code == 422
    assert (await operator.post(path, data={"file": "a.csv"})).status_code == 422
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert (await operator.post(path, content=b"nothing", headers=broken)).status_code == 422
    unbound = {"Content-Type": "multipart/form-data"}
    assert (await operator.post(path, content=b"nothing", headers=unbound)).status_code == 422
    assert (await operator.post(path, content=CSV, headers={"Content-Type": "text/csv"})).status_code == 422


async def test_a_campaign_that_runs_shows_each_contact_and_is_filtered(
    door: Doorway, reader: httpx.AsyncClient
) -> None:
    mixed(door)
    path = "/campaigns/spring/contacts"
    shown = await everything(reader, path, limit=3)
    assert [(c["position"], c["state"]) for c in shown] == [
        (1, "succeeded"), (2, "active"), (3, "waiting"), (4, "failed"), (5, "unknown"), (6, "pending"),
        (7, "skipped"), (8, "skipped"),
    ]  # fmt: skip
    assert (shown[3]["provider_code"], shown[0]["variables"]) == ("21614", {"first_name": "Ann0"})
    assert [c["position"] for c in await everything(reader, path, state="skipped")] == [7, 8]
    assert [c["position"] for c in await everything(reader, path, outcome="duplicate")] == [8]
    assert [c["position"] for c in await everything(reader, path, search=ANN, limit=1)] == [1, 8]
    assert [c["position"] for c in await everything(reader, path, search=ANN, state="skipped")] == [8]
    assert [c["position"] for c in await everything(reader, path, search="4")] == [4]
    assert await everything(reader, path, search="99") == []


async def test_why_is_answered_for_a_position_a_row_and_a_number(door: Doorway, reader: httpx.AsyncClient) -> None:
    mixed(door)
    for named in ("1", "row:2", "%2B14155552000", "+1 415 555 2000"):
        answer = await reader.get(f"/campaigns/spring/contacts/{named}/why")
        assert (answer.status_code, answer.json()["target"]["position"]) == (200, 1), named
        assert "delivered" in answer.json()["answer"]
    assert (await reader.get("/campaigns/spring/contacts/99/why")).status_code == 404
    assert (await reader.get("/campaigns/spring/contacts/nobody/why")).status_code == 422


async def test_a_draft_has_no_why_yet(door: Doorway, operator: httpx.AsyncClient) -> None:
    await draft(door)
    await operator.post("/campaigns/spring/contacts", json={"contacts": people(1)})
    assert (await operator.get("/campaigns/spring/contacts/1/why")).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0}, {"limit": 1_001}, {"limit": 10**30}, {"cursor": "!"}, {"cursor": "MQ"}, {"cursor": "IjEuMiI"},
        {"state": "sleeping"}, {"outcome": "x"}, {"search": ""}, {"search": "a\0b"}, {"search": "1" * 65},
    ],
)  # fmt: skip
async def test_questions_that_make_no_sense_are_refused(
    door: Doorway, reader: httpx.AsyncClient, query: dict[str, str | int]
) -> None:
    imported(door, rows(1))
    assert (await reader.get("/campaigns/spring/contacts", params=query)).status_code == 422


async def test_contacts_belong_to_one_tenant_and_adding_them_needs_the_right_to(
    door: Doorway, operator: httpx.AsyncClient, reader: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    await draft(door)
    path = "/campaigns/spring/contacts"
    assert (await reader.post(path, json={"contacts": people(1)})).status_code == 403
    await operator.post(path, json={"contacts": people(1)})
    assert (await south.get(path)).status_code == 404
    assert (await south.post(path, json={"contacts": people(1)})).status_code == 404
    assert (await south.post(path, files=form(CSV))).status_code == 404
    assert (await south.get(f"{path}/1/why")).status_code == 404
    assert (await door.client_with(None).get(path)).status_code == 401


async def test_contacts_cannot_be_added_to_what_is_over(door: Doorway, operator: httpx.AsyncClient) -> None:
    from clarion.domain.campaign import CampaignStatus

    one = imported(door, rows(1))
    one.contact(DELIVERED)
    one.status(CampaignStatus.COMPLETED)
    answer = await operator.post("/campaigns/spring/contacts", json={"contacts": people(1)})
    assert (answer.status_code, answer.json()["status"]) == (409, 409)


def test_the_description_says_both_kinds_of_bodies(door: Doorway) -> None:
    from starter.rest.app import rest_app

    described = rest_app(door.installation).openapi()["paths"]["/campaigns/{campaign_id}/contacts"]["post"]
    assert set(described["requestBody"]["content"]) == {"application/json", "multipart/form-data"}
    assert described["responses"]["201"]["content"]["application/json"]["schema"]["$ref"].endswith("/Added")


async def test_an_upload_over_the_limit_is_refused(door: Doorway, monkeypatch: pytest.MonkeyPatch) -> None:
    from starter.rest.app import rest_app

    settings = door.installation.settings.model_copy(update={"max_upload_mb": 0.001})
    small = type(door.installation).of(settings, door.store, door.installation.connection)
    await draft(door)
    token = door.tokens[NORTH, Rights.OPERATE]
    transport = httpx.ASGITransport(rest_app(small), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://clarion") as client:
        client.headers["Authorization"] = f"Bearer {token}"
        answer = await client.post("/campaigns/spring/contacts", files=form("a" * 2_000))
        assert answer.status_code == 413
