"""Tenants do not see each other: every address of every door, asked by one tenant for what belongs to another.

North has one of everything, with words that occur nowhere else. South, with every right, asks for it by its ids through
each route, tool and page there is: the test lists them itself, and one that nobody has decided about fails it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse

from clarion.domain.rights import Rights
from starter.dashboard.door import ROUTERS as PAGES
from starter.drafts import parse_uploaded
from starter.live.broadcast import Live
from starter.mcp.confirming import Confirming
from starter.mcp.content import resuming
from starter.mcp.tools import offers
from starter.older.routes import router as older
from starter.rest.app import ROUTERS as ROUTES
from starter.rest.app import rest_app
from tests.starter.mcp_clients import assistant
from tests.starter.rest.doorway import NORTH, PREFIX, SOUTH
from tests.starter.town import (
    ACCOUNT,
    CALLED,
    CAMPAIGN_NAME,
    DRAFT,
    HOOK,
    IDS,
    NOW,
    ONE_CALL,
    ONE_TEXT,
    STOPPED,
    TEMPLATE,
    TEXT,
    TEXTS,
    Ask,
    Town,
    built,
    send,
)


@pytest.fixture
async def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: int) -> AsyncIterator[Town]:
    """All doors; nothing listens where Temporal should be."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{free_port}")
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "no-temporal.toml"))
    monkeypatch.chdir(tmp_path)
    async with built(tmp_path) as opened:
        yield opened


# What south asks for

NEW_SMS = {"name": "Mine", "channel": "sms", "message": "Hi.", "account": "south"}
CSV = ("people.csv", b"phone,first_name\n+14155550100,Al\n")

BODIES: Mapping[str, object] = {
    "PATCH /campaigns/{campaign_id}": {"name": "Taken over"},
    "POST /campaigns/{campaign_id}/limits": {"per_second": 1},
    "POST /campaigns/{campaign_id}/contacts": {"contacts": [{"phone": "+14155550100", "first_name": "Al"}]},
    "PATCH /accounts/{name}/limits": {"concurrency": 1},
    "PATCH /hooks/{hook_id}": {"active": False},
}
"""Bodies that would be taken, where one is needed."""

LISTS: Mapping[str, str] = {
    "GET /campaigns": "search=zk&limit=10",
    "GET /events": "",
    "GET /analytics": "account=voice",
    "GET /do-not-contact": f"number=%2B{STOPPED[1:]}",
    "GET /accounts": "",
    "GET /templates": "",
    "GET /schedules": "",
    "GET /keys": "",
    "GET /hooks": "",
}
"""Routes that list, each with a query that would find something of north's."""

REFERRING: Mapping[str, Ask] = {
    "POST /campaigns": Ask("POST", "/campaigns", {**NEW_SMS, "account": "main"}),
    "POST /calls": Ask("POST", "/calls", {"number": "+14155550100", "account": ACCOUNT, "prompt": "Be kind."}),
    "POST /messages": Ask("POST", "/messages", {"number": "+14155550100", "account": "main", "message": "Hi."}),
    "POST /lead-analyses": Ask("POST", "/lead-analyses", file=("leads.csv", b"lead_id\n00QB000000JxN7pMAF\n")),
    "POST /templates": Ask("POST", "/templates", {"campaign_id": DRAFT}),
    "POST /schedules": Ask("POST", "/schedules", {"template_id": TEMPLATE, "cron": "0 9 * * mon", "time_zone": "UTC"}),
    "POST /hooks": Ask("POST", "/hooks", {"url": "https://example.com/in", "campaign_id": TEXTS}),
}
"""Routes that make something out of, or with, what may be another's: refused, as if it did not exist."""

OF_ONESELF = {"POST /tickets", "POST /keys", "POST /do-not-contact"}
"""Routes that name nothing that there is."""

STREAMS = {"GET /events"}
"""Without an end: looked at in a test of its own."""

AWAY = {"DELETE /schedules/{campaign_id}": 503}
"""Only Temporal knows whether there is such a schedule, and a schedule's id there begins with the tenant."""


def operations(town: Town) -> list[str]:
    """Every operation of the REST interface."""
    paths = rest_app(town.installation).openapi()["paths"]
    return sorted(f"{method.upper()} {path}" for path, methods in paths.items() for method in methods)


def rest_path(operation: str, town: Town) -> str:
    """Put north's ids into a path. A parameter that nobody has thought of is a KeyError."""
    path = operation.partition(" ")[2]
    ids = {"campaign_id": TEXTS, "contact": "1", "hook_id": HOOK, "number": str(town.hook), "name": ACCOUNT}
    ids["key_id"] = town.key_id
    if path.startswith(("/templates", "/schedules")):
        ids["campaign_id"] = TEMPLATE
    elif path.startswith("/calls"):
        ids["campaign_id"] = ONE_CALL
    elif path.startswith("/messages"):
        ids["campaign_id"] = ONE_TEXT
    elif path.startswith("/do-not-contact"):
        ids["number"] = f"%2B{STOPPED[1:]}"
    return path.format_map(ids)


async def test_every_route_answers_404_for_what_is_another_tenants(town: Town) -> None:
    found = [operation for operation in operations(town) if "{" in operation]
    assert len(found) >= 45
    async with town.client(SOUTH) as south, town.client(NORTH) as north:
        for operation in found:
            ask = Ask(operation.split(" ")[0], PREFIX + rest_path(operation, town), BODIES.get(operation))
            with town.unchanged():
                answer = await town.ask(south, ask)
            assert answer.status_code == AWAY.get(operation, 404), (operation, answer.text)
        # The same requests find something where they are north's: south was refused for being south.
        for operation in sorted(found, key=lambda one: (one.startswith("DELETE"), one)):
            if operation.endswith(("/events", "DELETE /campaigns/{campaign_id}")):
                continue
            ask = Ask(operation.split(" ")[0], PREFIX + rest_path(operation, town), BODIES.get(operation))
            status = (await send(north, ask)).status_code
            assert status in {200, 201, 202, 204, 409, 422, 503}, (operation, status)


async def test_every_list_is_silent_about_other_tenants_and_full_for_ones_own(town: Town) -> None:
    found = {one for one in operations(town) if "{" not in one}
    assert found == LISTS.keys() | REFERRING.keys() | OF_ONESELF, "a new route: say what it could tell"
    async with town.client(SOUTH) as south, town.client(NORTH) as north:
        for operation, query in LISTS.items():
            if operation in STREAMS:
                continue
            path = PREFIX + operation.split(" ")[1]
            for ask in (Ask("GET", path), Ask("GET", f"{path}?{query}")):
                assert (await town.ask(south, ask)).status_code == 200, ask
            told = (await send(north, Ask("GET", path))).text
            assert any(word in told for word in town.secrets), path


async def test_nothing_is_made_with_what_is_another_tenants(town: Town) -> None:
    async with town.client(SOUTH) as south:
        for operation, ask in REFERRING.items():
            with town.unchanged():
                answer = await town.ask(south, Ask(ask.method, PREFIX + ask.path, ask.json, file=ask.file))
            assert answer.status_code in {404, 422}, (operation, answer.text)


async def test_cursors_keys_of_requests_and_ids_are_each_tenants_own(town: Town) -> None:
    async with town.client(SOUTH) as south, town.client(NORTH) as north:
        first = (await north.get(f"{PREFIX}/campaigns?limit=1")).json()
        answer = await town.ask(south, Ask("GET", f"{PREFIX}/campaigns?cursor={first['next']}"))
        assert (answer.status_code, answer.json()["items"]) == (200, [])
        once = {"Idempotency-Key": "the-same"}
        body = {"name": CAMPAIGN_NAME, "channel": "sms", "message": TEXT}
        theirs = await north.post(f"{PREFIX}/campaigns", json=body, headers=once)
        mine = await town.ask(south, Ask("POST", f"{PREFIX}/campaigns", {**body, "account": "south"}, headers=once))
        assert (theirs.status_code, mine.status_code) == (201, 201)
        assert "Idempotency-Replayed" not in mine.headers
        assert theirs.json()["campaign_id"] != mine.json()["campaign_id"]
        # An id that is taken elsewhere is free here: nobody learns by trying what others have.
        for name in IDS:
            made = await town.ask(south, Ask("POST", f"{PREFIX}/campaigns", {**NEW_SMS, "id": name}))
            assert made.status_code == 201, made.text


async def test_streams_tell_only_ones_own(town: Town) -> None:
    store = town.installation.store
    own = store.campaigns.create(SOUTH, "mine", parse_uploaded(NEW_SMS), NOW)
    live = Live(store, look_every=0.02)
    seen = ""
    try:
        async with asyncio.timeout(10), live.watching(SOUTH, None, 0) as watcher:
            store.events.append(own.key, NOW, "status", "the last of all")
            async for batch in watcher.batches():
                seen += "" if batch is None else batch.sse.decode()
                if "the last of all" in seen:
                    break
    finally:
        await live.aclose()
    town.require_silence(seen, "")
    sockets = [route.path for router in ROUTES for route in router.routes if isinstance(route, WebSocketRoute)]
    assert sorted(sockets) == ["/campaigns/{campaign_id}/events", "/events"]
    client = TestClient(town.app)
    headers = {"Authorization": f"Bearer {town.tokens[SOUTH]}"}
    with pytest.raises(WebSocketDenialResponse) as refused:
        await asyncio.to_thread(_knock, client, f"{PREFIX}/campaigns/{TEXTS}/events", headers)
    assert refused.value.status_code == 404


def _knock(client: TestClient, path: str, headers: dict[str, str]) -> None:
    with client.websocket_connect(path, headers=headers):
        raise AssertionError(path)


# The other doors

TOOLS: Mapping[str, Mapping[str, object]] = {
    "list_campaigns": {},
    "check_campaign": {"campaign_id": DRAFT},
    "get-batch-status": {"campaign_id": TEXTS},
    "get-batch-transcripts": {"campaign_id": CALLED},
    "why": {"campaign_id": TEXTS, "target": "1"},
    "trigger-batch-sms": {"campaign_id": DRAFT},
    "trigger-batch-calls": {"campaign_id": CALLED},
    "start_lead_analysis": {"campaign_id": DRAFT},
    "resume_campaign": {"campaign_id": TEXTS},
    "pause_campaign": {"campaign_id": TEXTS},
    "cancel_campaign": {"campaign_id": TEXTS},
}


async def test_no_tool_of_assistants_knows_what_is_another_tenants(town: Town) -> None:
    assert {offer.name for offer in offers()} == TOOLS.keys(), "a new tool: say how it could be asked"
    south = assistant(town.installation.for_tenant(SOUTH), Rights.ADMIN)

    def resume(tenant: str) -> str:
        return Confirming(town.installation.store, tenant).token(resuming(TEXTS), time.time())[0]

    listed = await south.ask("list_campaigns")
    assert listed["campaigns"] == []
    for tool, arguments in TOOLS.items():
        confirm = {"confirm": resume(SOUTH)} if tool == "resume_campaign" else {}
        if tool != "list_campaigns":
            with town.unchanged():
                said = await south.refused(tool, **arguments, **confirm)
            assert "no campaign" in said, (tool, said)
            town.require_silence(said, f"{arguments}")
    stolen = await south.refused("resume_campaign", campaign_id=TEXTS, confirm=resume(NORTH))
    assert "was not returned by check_campaign" in stolen


OLDER_BODIES: Mapping[str, object] = {
    "POST /api/retell-mcp/campaigns/start": {"campaign_id": DRAFT},
    "PATCH /older/api/v1/campaigns/{campaign_id}": {"name": "Taken over"},
    "POST /older/api/v1/campaigns/{campaign_id}/contacts": {"contacts": [{"phoneNumber": "+14155550100"}]},
}
OLDER_MAKING = {
    "POST /api/batch",
    "POST /older/api/v1/campaigns",
    "POST /batch/calls",
    "POST /batch/sms",
    "POST /excel/analyze",
    "POST /excel/analyze-batch-optimized",
}
"""They name nothing that there is but accounts, which they look up as all campaigns do."""


async def test_no_older_route_knows_what_is_another_tenants(town: Town) -> None:
    routes = [route for route in older.routes if isinstance(route, APIRoute)]
    async with town.client(SOUTH) as south:
        assert (await town.ask(south, Ask("GET", "/older/api/v1/campaigns"))).json() == []
        asked = 1
        for route in routes:
            for method in sorted(route.methods or ()):
                operation = f"{method} {route.path}"
                if operation in OLDER_MAKING | {"GET /older/api/v1/campaigns"}:
                    continue
                assert "{" in operation or operation in OLDER_BODIES, f"a new route: {operation}"
                path = route.path.format_map({"campaign_id": CALLED, "wish": "pause"})
                with town.unchanged():
                    answer = await town.ask(south, Ask(method, path, OLDER_BODIES.get(operation)))
                assert answer.status_code == 404, (operation, answer.text)
                asked += 1
    assert asked >= 20


FORMS: Mapping[str, Mapping[str, str]] = {"/campaigns/{campaign_id}/limits": {"concurrency": "1"}}
FREE_PAGES = {"/sign-in", "/sign-out", "/theme", "/", "/campaigns.rows", "/new", "/analytics", "/accounts"} | {
    "/single",
    "/hooks",
    "/keys",
    "/templates",
    "/schedules",
    "/schedules/new",
    "/do-not-contact",
    "/do-not-contact/add",
    "/do-not-contact/remove",
}
"""Pages that name nothing; those that can be read are."""


async def test_no_page_shows_or_changes_what_is_another_tenants(town: Town) -> None:
    routes = [route for router in PAGES for route in router.routes if isinstance(route, APIRoute)]
    ids = {"campaign_id": TEXTS, "position": "1", "kind": "csv", "name": ACCOUNT, "hook_id": HOOK}
    ids |= {"number": str(town.hook), "key_id": town.key_id}
    async with town.client(SOUTH) as south:
        entered = await south.post("/dashboard/sign-in", data={"key": town.tokens[SOUTH]})
        assert entered.status_code == 303, entered.text
        for route in routes:
            if "{" in route.path:
                upload = CSV if route.path.endswith("/audience") else None
                own = {"campaign_id": TEMPLATE} if route.path.startswith(("/templates", "/schedules")) else {}
                path = "/dashboard" + route.path.format_map(ids | own)
                (method,) = route.methods or {""}
                with town.unchanged():
                    answer = await town.ask(south, Ask(method, path, form=FORMS.get(route.path, {}), file=upload))
                assert await _is_not_there(south, answer), (method, path, answer.status_code, answer.text)
            else:
                assert route.path in FREE_PAGES, f"a new page: {route.path}"
                if "GET" in (route.methods or ()):
                    answer = await town.ask(south, Ask("GET", f"/dashboard{route.path}?q=zk&account=voice"))
                    assert answer.status_code == 200, route.path
        wish = {"template_id": TEMPLATE, "cron": "0 9 * * mon", "time_zone": "UTC"}
        with town.unchanged():
            refused = await town.ask(south, Ask("POST", "/dashboard/schedules/new", form=wish))
        assert "scheduled" not in refused.headers.get("Location", ""), refused.headers
        town.require_silence((await south.get(f"/dashboard/do-not-contact?q={STOPPED}")).text, STOPPED)


async def _is_not_there(client: httpx.AsyncClient, answer: httpx.Response) -> bool:
    """A form that is refused leads back to its page, which is not there either, or to a list that says so."""
    if answer.status_code != 303:
        return answer.status_code == 404
    told = await client.get(answer.headers["Location"])
    away = "does not answer" in told.text  # Temporal, which alone knows of some schedules, each by its tenant
    return told.status_code == 404 or "there is no" in told.text or away
