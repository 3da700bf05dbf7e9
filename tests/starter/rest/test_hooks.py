"""Webhooks of ours over REST: who may see and change which, and what is refused."""

from __future__ import annotations

import time

import httpx
import pytest

from clarion.domain.delivery import Answer, fate
from clarion.store.deliveries import Result
from clarion.store.hook_rows import Hook
from tests.starter.rest.doorway import NORTH, SOUTH, Doorway

HOOK = {"url": "https://example.com/clarion"}


def stored(door: Doorway, tenant: str = NORTH, name: str = "hook_1") -> Hook:
    """A hook as it stands in the store, whoever looks after it."""
    return door.store.hooks.add(
        tenant, name, url=HOOK["url"], secret="whsec_c2VjcmV0", types=["campaign"], campaign_id=None, now=time.time()
    )


def dead(door: Doorway, hook: Hook, number: int = 1) -> list[int]:
    """Deliveries that were given up; their numbers, the newest first."""
    hooks, now, answer = door.store.hooks, time.time(), Answer(410, "it answered 410")
    for n in range(number):
        sent = hooks.send(hook.ref, f"evt_{n}", "campaign.paused", f'{{"id":"evt_{n}"}}', now)
        door.store.deliveries.record(hook, [Result(sent, answer, fate(answer, 1, now, 0.0))], now)
    return [delivery.number for delivery in hooks.deliveries(hook.ref)]


async def test_a_hook_is_shown_without_its_secret(door: Doorway, reader: httpx.AsyncClient) -> None:
    stored(door)
    answer = await reader.get("/hooks/hook_1")
    shown = answer.json()
    assert answer.status_code == 200
    assert (shown["url"], shown["events"], shown["state"]) == (HOOK["url"], ["campaign"], "active")
    assert (await reader.get("/hooks")).json() == {"items": [shown], "next": None}
    assert "whsec" not in answer.text


async def test_hooks_come_a_page_at_a_time(door: Doorway, reader: httpx.AsyncClient) -> None:
    for n in range(3):
        stored(door, name=f"hook_{n}")
    first = (await reader.get("/hooks?limit=2")).json()
    second = (await reader.get("/hooks", params={"cursor": first["next"]})).json()
    assert [hook["id"] for hook in first["items"] + second["items"]] == ["hook_0", "hook_1", "hook_2"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({}, "url"),
        ({"url": "example.com"}, "url"),
        ({"url": "http://example.com/"}, "url"),
        ({"url": "https://user:secret@example.com/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://[::1]/"}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": "https://169.254.169.254/latest"}, "url"),
        ({"url": "https://2130706433/"}, "url"),
        ({"url": "https://localhost/"}, "url"),
        ({"url": "https://example.com:99999/"}, "url"),
        ({"url": "https://exa mple.com/"}, "url"),
        ({**HOOK, "events": []}, "events"),
        ({**HOOK, "events": ["campaign.compleated"]}, "events"),
        ({**HOOK, "secret": "mine"}, "secret"),
    ],
)
async def test_what_cannot_be_a_hook_is_refused(
    door: Doorway, admin: httpx.AsyncClient, body: dict[str, object], fault: str
) -> None:
    answer = await admin.post("/hooks", json=body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [fault]
    assert door.store.hooks.list(NORTH) == []


async def test_a_hook_of_no_campaign_is_refused(admin: httpx.AsyncClient) -> None:
    assert (await admin.post("/hooks", json={**HOOK, "campaign_id": "spring"})).status_code == 404


async def test_without_temporal_no_hook_is_left_behind(door: Doorway, admin: httpx.AsyncClient) -> None:
    answer = await admin.post("/hooks", json=HOOK)
    assert answer.status_code == 503
    assert door.store.hooks.list(NORTH) == []


async def test_a_hook_is_changed_and_switched_off(door: Doorway, admin: httpx.AsyncClient) -> None:
    stored(door)
    change = {"url": "https://example.com/new", "events": ["attempt.answered", "campaign"], "active": False}
    changed = (await admin.patch("/hooks/hook_1", json=change)).json()
    assert (changed["url"], changed["events"]) == (change["url"], change["events"])
    assert (changed["state"], changed["reason"]) == ("off", "switched off by hand")
    assert (await admin.patch("/hooks/hook_1", json={})).json() == changed
    assert (await admin.patch("/hooks/hook_1", json={"events": ["nothing"]})).status_code == 422
    assert (await admin.post("/hooks/hook_1/test")).status_code == 409


async def test_a_hook_is_removed(door: Doorway, admin: httpx.AsyncClient) -> None:
    dead(door, stored(door))
    assert (await admin.delete("/hooks/hook_1")).status_code == 204
    assert (await admin.delete("/hooks/hook_1")).status_code == 404


async def test_dead_deliveries_are_looked_at(door: Doorway, reader: httpx.AsyncClient) -> None:
    hook = stored(door)
    numbers = dead(door, hook, 3)
    door.store.hooks.send(hook.ref, "evt_9", "campaign.paused", "{}", time.time())
    first = (await reader.get("/hooks/hook_1/deliveries?state=dead&limit=2")).json()
    rest = (await reader.get("/hooks/hook_1/deliveries?state=dead", params={"cursor": first["next"]})).json()
    assert [one["number"] for one in first["items"] + rest["items"]] == numbers
    assert {(one["state"], one["status"], one["error"]) for one in first["items"]} == {("dead", 410, "it answered 410")}
    assert first["items"][0]["event"] == {"id": "evt_2"}
    assert len((await reader.get("/hooks/hook_1/deliveries")).json()["items"]) == 4
    assert (await reader.get("/hooks/hook_1/deliveries?state=lost")).status_code == 422


async def test_only_an_admin_changes_anything(door: Doorway, operator: httpx.AsyncClient) -> None:
    [number] = dead(door, stored(door))
    asked = [
        await operator.post("/hooks", json=HOOK),
        await operator.patch("/hooks/hook_1", json={"active": False}),
        await operator.delete("/hooks/hook_1"),
        await operator.post("/hooks/hook_1/resend"),
        await operator.post(f"/hooks/hook_1/deliveries/{number}/resend"),
        await operator.post("/hooks/hook_1/test"),
    ]
    assert {answer.status_code for answer in asked} == {403}


async def test_another_tenant_finds_no_hook(door: Doorway, south: httpx.AsyncClient) -> None:
    theirs = stored(door, SOUTH, "hook_2")
    [number] = dead(door, stored(door))
    asked = [
        await south.get("/hooks/hook_1"),
        await south.patch("/hooks/hook_1", json={"active": False}),
        await south.delete("/hooks/hook_1"),
        await south.get("/hooks/hook_1/deliveries"),
        await south.post("/hooks/hook_1/resend"),
        await south.post(f"/hooks/hook_1/deliveries/{number}/resend"),
        await south.post("/hooks/hook_1/test"),
    ]
    assert {answer.status_code for answer in asked} == {404}
    assert [hook["id"] for hook in (await south.get("/hooks")).json()["items"]] == [theirs.ref.hook_id]


async def test_what_nobody_looks_after_is_told(door: Doorway, reader: httpx.AsyncClient) -> None:
    door.store.hooks.add(
        NORTH, "old", url=HOOK["url"], secret="s", types=["campaign"], campaign_id=None, now=time.time() - 600
    )
    shown = (await reader.get("/hooks/old")).json()
    assert shown["state"] == "stopped"
    assert "resume it" in shown["reason"]
