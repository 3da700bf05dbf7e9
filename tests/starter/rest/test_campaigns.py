"""Campaigns over REST: made, listed, looked at, changed, deleted."""

from __future__ import annotations

import time

import httpx
import pytest

from clarion.domain.campaign import CampaignStatus
from tests.starter.rest.doorway import NORTH, Doorway, people, sms


async def made(client: httpx.AsyncClient, **keys: object) -> str:
    answer = await client.post("/campaigns", json=sms(**keys))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["campaign_id"])


def set_status(door: Doorway, name: str, status: CampaignStatus) -> None:
    store = door.store
    store.campaigns.set_status(store.campaigns.find(NORTH, name).ref.key, status, "", time.time())


async def test_a_draft_is_made_with_its_contacts(operator: httpx.AsyncClient, reader: httpx.AsyncClient) -> None:
    answer = await operator.post("/campaigns", json=sms(id="spring", contacts=people(3)))
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == "/api/v1/campaigns/spring"
    shown = (await reader.get("/campaigns/spring")).json()
    assert shown == answer.json() | {"progress": shown["progress"]}
    assert (shown["status"], shown["account"], shown["spec"]["audience"]["address"]) == ("draft", "main", "phone")
    assert [file["name"] for file in shown["files"]] == ["contacts.jsonl"]
    assert shown["links"]["contacts"] == "/api/v1/campaigns/spring/contacts"


async def test_lead_ids_are_the_address_where_leads_are_analysed(operator: httpx.AsyncClient) -> None:
    body = {"name": "Leads", "channel": "lead_analysis", "id": "leads", "contacts": [{"lead_id": "00Q000000000001"}]}
    answer = await operator.post("/campaigns", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["spec"]["audience"]["address"] == "lead_id"


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"message": None}, "message", "message is missing"),
        ({"nmae": "x"}, "", "unknown key"),
        ({"name": 2026}, "name", "2026"),
        ({"account": "nobody"}, "", "not set up"),
        ({"account": "south"}, "", "not set up"),
        ({"id": "no spaces"}, "id", "letters, digits"),
        ({"start": "yes"}, "start", "true or false"),
        ({"start": True}, "contacts", "contacts is missing"),
        ({"contacts": [{"first_name": "Ada"}]}, "", "phone"),
        ({"contacts": [{"phone": {"number": 1}}]}, "contacts", "contacts"),
        ({"contacts": [{}] * 10_001}, "contacts", "10,000"),
        ({"audience": {"file": "/etc/passwd", "address": "phone"}}, "audience.file", "file of the server"),
        ({"audience": []}, "audience", "group of keys"),
        ({"budget": 1e300}, "budget", "budget"),
        ({"budget": 10**400}, "budget", "budget"),
        ({"limits": {"per_second": 1e-320}}, "limits.per_second", "per_second"),
        ({"limits": {"concurrency": 10**30}}, "limits.concurrency", "concurrency"),
        ({"chunk": {"size": "50"}}, "chunk.size", "50"),
        ({"feed": {"campaign": "x", "outcomes": ["failed"]}}, "feed", "feed"),
        ({"start_at": "2020-01-01T00:00:00Z"}, "start_at", "has passed"),
    ],
)
async def test_what_cannot_work_is_refused_and_leaves_nothing(
    operator: httpx.AsyncClient, change: dict[str, object], field: str, says: str
) -> None:
    answer = await operator.post("/campaigns", json=sms(**change))
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert says in problem["detail"]
    assert not field or field in problem["detail"]
    assert (await operator.get("/campaigns")).json()["items"] == []


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'"x"', b"1", b"{}", b'{"channel": []}', b'{"name": {}}'])
async def test_a_body_that_is_no_campaign_is_refused(operator: httpx.AsyncClient, body: bytes) -> None:
    answer = await operator.post("/campaigns", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text


async def test_an_id_is_taken_once_by_each_tenant(operator: httpx.AsyncClient, south: httpx.AsyncClient) -> None:
    await made(operator, id="spring")
    assert (await operator.post("/campaigns", json=sms(id="spring"))).status_code == 409
    await made(south, id="spring", account="south")


async def test_a_campaign_is_not_stored_where_temporal_cannot_start_it(operator: httpx.AsyncClient) -> None:
    answer = await operator.post("/campaigns", json=sms(contacts=people(1), start=True))
    assert answer.status_code == 503
    assert (await operator.get("/campaigns")).json()["items"] == []


async def test_another_tenants_campaign_is_not_there(operator: httpx.AsyncClient, south: httpx.AsyncClient) -> None:
    await made(operator, id="spring", contacts=people(1))
    for method, path in (
        ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/check"), ("POST", "/start"), ("POST", "/pause"),
        ("POST", "/resume"), ("POST", "/cancel"), ("POST", "/retry"), ("POST", "/limits"), ("POST", "/clone"),
    ):  # fmt: skip
        body = {"name": "Mine"} if method == "PATCH" else {"concurrency": 1} if path == "/limits" else None
        answer = await south.request(method, f"/campaigns/spring{path}", json=body)
        assert answer.status_code == 404, (method, path, answer.text)
    assert (await south.get("/campaigns")).json() == {"items": [], "next": None}
    assert (await operator.get("/campaigns/spring")).json()["name"] == "Spring reminder"


async def test_who_may_only_read_changes_nothing(reader: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    assert (await reader.post("/campaigns", json=sms())).status_code == 403
    assert (await reader.patch("/campaigns/x", json={})).status_code == 403
    assert (await reader.delete("/campaigns/x")).status_code == 403
    assert (await stranger.get("/campaigns")).status_code == 401


async def test_lists_a_page_at_a_time_the_newest_first(reader: httpx.AsyncClient, operator: httpx.AsyncClient) -> None:
    for n in range(5):
        await made(operator, id=f"c{n}")
    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        answer = (await reader.get("/campaigns", params=query)).json()
        seen.append([item["campaign_id"] for item in answer["items"]])
        if (cursor := answer["next"]) is None:
            break
    assert seen == [["c4", "c3"], ["c2", "c1"], ["c0"]]


async def test_lists_what_fits(door: Doorway, operator: httpx.AsyncClient) -> None:
    await made(operator, id="a", name="Winter 100%")
    await made(operator, id="b_x", name="Spring")
    calls = {"channel": "call", "message": None, "account": "voice", "call": {"prompt": "Be kind."}}
    await made(operator, id="c", name="Spring calls", **calls)
    set_status(door, "a", CampaignStatus.RUNNING)

    async def listed(**query: object) -> list[str]:
        answer = await operator.get("/campaigns", params=query)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        return [item["campaign_id"] for item in answer.json()["items"]]

    assert await listed(status="processing") == ["a"]
    assert await listed(status=["draft", "running"]) == ["c", "b_x", "a"]
    assert await listed(channel="call") == ["c"]
    assert await listed(account="voice") == ["c"]
    assert await listed(search="SPRING") == ["c", "b_x"]
    assert await listed(search="0%") == ["a"]
    assert await listed(search="_") == ["b_x"]
    assert await listed(created_after=time.time() + 60) == []
    assert await listed(created_before=time.time() + 60, channel="sms") == ["b_x", "a"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "cursor=!", "cursor=AAAA", "status=gone", "channel=fax", "created_after=nan",
              "search=%00", "account=%00", "created_before=1e300"]
)  # fmt: skip
async def test_a_wrong_question_is_refused(reader: httpx.AsyncClient, query: str) -> None:
    assert (await reader.get(f"/campaigns?{query}")).status_code == 422


@pytest.mark.parametrize("name", ["%00", "a%00b", "%F0%9F%98%80", "x" * 101, "a%2Fb", "..%2f"])
async def test_an_id_that_cannot_be_one_is_refused(reader: httpx.AsyncClient, name: str) -> None:
    assert (await reader.get(f"/campaigns/{name}")).status_code in {404, 422}


async def test_a_draft_is_changed_by_a_merge_patch(operator: httpx.AsyncClient) -> None:
    await made(operator, id="spring", contacts=people(2), budget=5, window={"from": "09:00", "to": "20:00"})
    change = {
        "name": "Summer",
        "limits": {"per_second": 2},
        "budget": None,
        "window": None,
        "message": "Hello {{ first_name }}",
    }
    answer = await operator.patch("/campaigns/spring", json=change)
    assert answer.status_code == 200, answer.text
    spec = answer.json()["spec"]
    assert (answer.json()["name"], spec["message"], spec["budget"]) == ("Summer", "Hello {{ first_name }}", None)
    assert (spec["limits"]["per_second"], spec["limits"]["concurrency"], spec["window"]) == (2, 5, None)


async def test_a_draft_takes_the_defaults_of_its_new_channel(operator: httpx.AsyncClient) -> None:
    await made(operator, id="spring", contacts=people(2))
    change = {
        "channel": "call",
        "account": "voice",
        "message": None,
        "call": {"prompt": "Be kind to {{ first_name }}."},
    }
    answer = await operator.patch("/campaigns/spring", json=change)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["channel"], answer.json()["spec"]["limits"]["concurrency"]) == ("call", 3)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"message": "Hi {{ nick_name }}"}, "nick_name"),
        ({"audience": {"address": "mobile"}}, "contacts.jsonl, which the draft has already"),
        ({"audience": {"file": "/etc/passwd"}}, "file of the server"),
        ({"message": None}, "message is missing"),
        ({"id": "other"}, "unknown key"),
        ({"account": "south"}, "not set up"),
    ],
)
async def test_a_change_that_does_not_fit_leaves_the_draft_as_it_was(
    operator: httpx.AsyncClient, change: dict[str, object], says: str
) -> None:
    await made(operator, id="spring", contacts=people(2))
    before = (await operator.get("/campaigns/spring")).json()["spec"]
    answer = await operator.patch("/campaigns/spring", json=change)
    assert answer.status_code == 422, answer.text
    assert says in answer.json()["detail"]
    assert (await operator.get("/campaigns/spring")).json()["spec"] == before


async def test_of_what_runs_only_name_and_limits_change(door: Doorway, operator: httpx.AsyncClient) -> None:
    await made(operator, id="spring", contacts=people(1))
    set_status(door, "spring", CampaignStatus.RUNNING)
    renamed = await operator.patch("/campaigns/spring", json={"name": " Summer "})
    assert (renamed.status_code, renamed.json()["name"], renamed.json()["spec"]["name"]) == (200, "Summer", "Summer")
    refused = await operator.patch("/campaigns/spring", json={"message": "Other"})
    assert (refused.status_code, "clone it" in refused.json()["detail"]) == (409, True)
    assert (await operator.patch("/campaigns/spring", json={"name": ""})).status_code == 422
    assert (await operator.patch("/campaigns/spring", json={"limits": {"concurrency": 51}})).status_code == 422
    assert (await operator.patch("/campaigns/spring", json={"limits": {"per_person_per_day": 1}})).status_code == 422
    assert (await operator.patch("/campaigns/spring", json={"limits": {"concurrency": 2}})).status_code == 503


async def test_a_draft_is_deleted_with_all_it_has(door: Doorway, operator: httpx.AsyncClient) -> None:
    await made(operator, id="spring", contacts=people(2))
    assert (await operator.delete("/campaigns/spring")).status_code == 204
    assert (await operator.get("/campaigns/spring")).status_code == 404
    assert (await operator.delete("/campaigns/spring")).status_code == 404
    await made(operator, id="spring")


async def test_what_runs_is_not_deleted(door: Doorway, operator: httpx.AsyncClient) -> None:
    await made(operator, id="spring", contacts=people(2))
    set_status(door, "spring", CampaignStatus.RUNNING)
    answer = await operator.delete("/campaigns/spring")
    assert (answer.status_code, "cancel it" in answer.json()["detail"]) == (409, True)
    set_status(door, "spring", CampaignStatus.CANCELLED)
    assert (await operator.delete("/campaigns/spring")).status_code == 204
