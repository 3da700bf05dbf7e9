"""Live events over HTTP: server-sent events and WebSockets, who is let in, and how they end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import httpx
import pytest
from pydantic import SecretStr

from clarion.domain.campaign import CampaignStatus, parse_spec
from clarion.domain.rights import Rights
from clarion.settings import Account, Settings
from starter.live import watcher as live_watcher
from starter.live.broadcast import Live
from starter.rest import events as events_door
from starter.rest.app import rest_app
from starter.web import create_app
from tests.starter.rest.doorway import NORTH, PREFIX, SOUTH, Doorway
from tests.starter.web_door import Shelf, healthy, served

PATIENCE = 60.0


@dataclass
class Stream:
    """A stream of server-sent events as a browser reads it."""

    answer: aiohttp.ClientResponse
    comments: list[str] = field(default_factory=list)
    broken: bool = False
    """Whether it ended in the middle."""

    async def __aiter__(self) -> AsyncIterator[dict[str, str]]:
        event: dict[str, str] = {}
        async for raw in self.answer.content:
            name, _, value = raw.decode().rstrip("\n").partition(": ")
            if name:
                event[name] = value
            elif raw.startswith(b":"):
                self.comments.append(value)
            elif event:
                yield event
                event = {}

    async def ids(self) -> list[int]:
        """Take all there is to its end, be it a good one or not; return the ids."""
        found: list[int] = []
        try:
            async for event in self:
                found += [int(event["id"])] if "id" in event else []
        except aiohttp.ClientPayloadError:
            self.broken = True
        return found

    async def until(self, kind: str) -> list[dict[str, str]]:
        """Take events up to the first with this word of the log."""
        found = []
        async with asyncio.timeout(PATIENCE):
            async for event in self:
                found.append(event)
                if json.loads(event["data"]).get("kind") == kind:
                    return found
        raise AssertionError(found)


@dataclass
class Street:
    """The web door on a port, and campaigns of two tenants."""

    url: str
    door: Doorway
    http: aiohttp.ClientSession
    key: int
    """North's campaign in the store."""

    def note(self, kind: str, position: int | None = None) -> int:
        self.door.store.events.append(self.key, time.time(), kind, "", position)
        return self.door.store.events.newest(self.key)

    def headers(self, tenant: str = NORTH, rights: Rights = Rights.READ, *, last: object = None) -> dict[str, str]:
        """What a caller sends; ``last`` as the id it has seen."""
        seen = {} if last is None else {"Last-Event-ID": str(last)}
        return {"Authorization": f"Bearer {self.door.tokens[tenant, rights]}", **seen}

    @asynccontextmanager
    async def watch(
        self, path: str = "/campaigns/spring/events", headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Stream]:
        given = self.headers() if headers is None else headers
        async with self.http.get(self.url + PREFIX + path, headers=given) as answer:
            assert (answer.status, answer.content_type) == (200, "text/event-stream"), await answer.text()
            yield Stream(answer)

    @asynccontextmanager
    async def socket(
        self, path: str = "/campaigns/spring/events", headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        given = self.headers() if headers is None else headers
        async with self.http.ws_connect(self.url + PREFIX + path, headers=given) as socket:
            yield socket


@pytest.fixture
async def street(door: Doorway) -> AsyncIterator[Street]:
    spec = parse_spec(
        {"name": "Spring", "channel": "sms", "audience": {"file": "x.csv", "address": "phone"}, "message": "Hi."}
    )
    ref = door.store.campaigns.create(NORTH, "spring", spec, time.time())
    secret = SecretStr("secret-token")
    account = Account(sid="AC" + "0" * 32, auth_token=secret, from_number="+15005550006")
    app = create_app(Settings(accounts={"main": account}), Shelf(), healthy)
    live = Live(door.store, look_every=0.02)
    app.state.on_shutdown.append(live.close)
    app.mount(PREFIX, rest_app(door.installation, live))
    async with served(app) as url, aiohttp.ClientSession() as http:
        yield Street(url, door, http, ref.key)
    await live.aclose()


async def heard(socket: aiohttp.ClientWebSocketResponse, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE):
        while not found or found[-1].get("kind") != kind:
            found.append(await socket.receive_json())
    return found


async def test_a_campaign_is_watched_as_server_sent_events(street: Street) -> None:
    async with street.watch() as stream:
        assert stream.answer.headers["X-Accel-Buffering"] == "no"
        assert stream.answer.headers["Cache-Control"] == "no-store"
        event_id = street.note("delivered", 7)
        progress, outcome = (await stream.until("delivered"))[:2]
    assert (progress["event"], progress.get("id")) == ("progress", None)
    assert json.loads(progress["data"])["progress"]["status"] == "draft"
    assert (outcome["event"], outcome["id"]) == ("outcome", str(event_id))
    told = json.loads(outcome["data"])
    assert (told["id"], told["type"], told["position"], told["outcome"]) == (event_id, "outcome", 7, "delivered")


async def test_goes_on_after_the_last_id_of_the_header_or_of_the_address(street: Street) -> None:
    first = street.note("first")
    street.note("second")
    paths = {
        "/campaigns/spring/events": first,
        f"/campaigns/spring/events?last_event_id={first}": None,
        "/campaigns/spring/events?last_event_id=0": first,
        f"/events?last_event_id={first}": None,
    }
    for path, last in paths.items():
        async with street.watch(path, street.headers(last=last)) as stream:
            kinds = [json.loads(event["data"]).get("kind") for event in await stream.until("second")]
            assert kinds == [None, "second"], path
    async with street.watch("/campaigns/spring/events?from=start") as stream:
        kinds = [json.loads(event["data"]).get("kind") for event in await stream.until("second")]
    assert kinds == [None, "created", "first", "second"]


async def test_a_websocket_gets_the_same(street: Street) -> None:
    async with street.socket() as socket, street.watch() as stream:
        street.note("delivered", 7)
        by_socket = await heard(socket, "delivered")
        by_stream = [json.loads(event["data"]) for event in await stream.until("delivered")]
    assert [one for one in by_socket if "id" in one] == [one for one in by_stream if "id" in one]
    assert by_socket[0]["type"] == "progress"
    async with street.socket(f"/events?last_event_id={by_socket[-1]['id'] - 1}") as socket:
        assert (await heard(socket, "delivered"))[-1] == by_socket[-1]
    async with street.socket("/campaigns/spring/events?from=start") as socket:
        assert [one["kind"] for one in (await heard(socket, "delivered"))[1:]] == ["created", "delivered"]


async def test_the_stream_of_a_campaign_that_is_over_ends(street: Street) -> None:
    street.door.store.campaigns.set_status(street.key, CampaignStatus.CANCELLED, "", time.time())
    async with street.watch("/campaigns/spring/events?from=start") as stream, asyncio.timeout(PATIENCE):
        assert [event["event"] async for event in stream] == ["progress", "log", "status", "end"]
    async with street.socket() as socket, asyncio.timeout(PATIENCE):
        assert [json.loads(message.data)["type"] async for message in socket] == ["progress", "end"]
        assert socket.close_code == 1000


async def test_browsers_watch_with_a_ticket(street: Street) -> None:
    async with street.http.post(f"{street.url}{PREFIX}/tickets", headers=street.headers()) as answer:
        assert answer.status == 201
        made = await answer.json()
    assert 0 < made["expires_at"] - time.time() <= 30
    async with street.watch(f"/campaigns/spring/events?ticket={made['ticket']}", {}) as stream:
        street.note("note")
        assert await stream.until("note")
    async with street.socket(f"/events?ticket={made['ticket']}", {}) as socket:
        assert (await socket.receive_json())["type"] == "progress"


Refusal = tuple[int, str, Callable[[Street], Mapping[str, str]], str]
REFUSALS: Mapping[str, Refusal] = {
    "no key": (401, "/campaigns/spring/events", lambda _: {}, "send an API key"),
    "a key in the address": (401, "/events?ticket=clk_1_2", lambda _: {}, "none of ours"),
    "a ticket somebody made up": (401, "/events?ticket=WyJhIiwgMV0.AAAA", lambda _: {}, "none of ours"),
    "another key": (401, "/events", lambda _: {"Authorization": "Bearer clk_1_2"}, "not known here"),
    "no campaign": (404, "/campaigns/none/events", lambda s: s.headers(), "no campaign"),
    "another tenant": (404, "/campaigns/spring/events", lambda s: s.headers(SOUTH, Rights.ADMIN), "no campaign"),
    "no number": (422, "/events?last_event_id=x", lambda s: s.headers(), "last_event_id"),
    "no number in the header": (422, "/events", lambda s: s.headers(last="x"), "ast"),
    "below zero": (422, "/events?last_event_id=-1", lambda s: s.headers(), "last_event_id"),
    "too large": (422, f"/events?last_event_id={2**63}", lambda s: s.headers(), "last_event_id"),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_is_refused_before_the_stream_begins(street: Street, name: str) -> None:
    status, path, headers, says = REFUSALS[name]
    async with street.http.get(street.url + PREFIX + path, headers=headers(street)) as answer:
        told = await answer.json(content_type="application/problem+json")
        assert (answer.status, told["status"]) == (status, status)
        assert says in told["detail"]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with street.socket(path, headers(street)):
            pass
    assert refused.value.status == status


async def test_a_ticket_does_not_outlive_its_time_or_its_key(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    north = street.door.client(NORTH, Rights.READ)
    ticket = (await north.post("/tickets")).json()["ticket"]
    (mine,) = [key for key in street.door.store.keys.list(NORTH) if key.rights == Rights.READ]
    street.door.store.keys.revoke(NORTH, mine.id, time.time())
    async with street.http.get(f"{street.url}{PREFIX}/events?ticket={ticket}") as answer:
        assert "has ended" in (await answer.json(content_type=None))["detail"]
    monkeypatch.setattr("starter.live.tickets.LASTS", -1.0)
    ticket = (await street.door.client(SOUTH).post("/tickets")).json()["ticket"]
    async with street.http.get(f"{street.url}{PREFIX}/events?ticket={ticket}") as answer:
        assert "seconds only" in (await answer.json(content_type=None))["detail"]


async def test_hearts_beat_while_nothing_happens(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_watcher, "HEARTBEAT_SECONDS", 0.05)
    async with street.watch() as stream, asyncio.timeout(PATIENCE):
        reading = asyncio.create_task(stream.until("never"))
        while len(stream.comments) < 3:
            await asyncio.sleep(0.02)
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
    assert set(stream.comments) == {"still here"}


async def test_one_who_takes_nothing_is_cut_off_and_goes_on_later(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_door, "LONGEST_WRITE", 0.3)
    store = street.door.store
    async with street.watch() as stream:
        assert (await anext(aiter(stream)))["event"] == "progress"
        for _ in range(40):  # more than what the buffers between the two hold
            for _ in range(8):
                await asyncio.to_thread(store.events.append, street.key, time.time(), "note", "x" * 50_000)
            await asyncio.sleep(0.05)
        everything = [line.id for line in store.events.after(street.key, 0, 1_000) if line.kind == "note"]
        seen = await stream.ids()
        assert stream.broken
    assert seen == everything[: len(seen)]
    street.note("done")
    monkeypatch.setattr(events_door, "LONGEST_WRITE", PATIENCE)
    begin = street.headers(last=seen[-1])
    async with street.watch(headers=begin) as stream:
        rest = [int(event["id"]) for event in await stream.until("done") if "id" in event]
    assert rest[:-1] == everything[len(seen) :]


async def test_streams_end_at_once_when_the_process_does(door: Doorway) -> None:
    app = create_app(Settings(), Shelf(), healthy)
    live = Live(door.store, look_every=0.02)
    app.state.on_shutdown.append(live.close)
    app.mount(PREFIX, rest_app(door.installation, live))
    headers = {"Authorization": f"Bearer {door.tokens[NORTH, Rights.READ]}"}
    async with aiohttp.ClientSession() as http:
        async with served(app) as url:
            answer = await http.get(f"{url}{PREFIX}/events", headers=headers)
            socket = await http.ws_connect(f"{url}{PREFIX}/events", headers=headers)
        # Leaving waits for the server to end, which waits for all that is under way.
        async with asyncio.timeout(PATIENCE):
            assert await answer.content.read() == b""
            assert (await socket.receive()).type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
    await live.aclose()


async def test_is_described_as_it_is(stranger: httpx.AsyncClient) -> None:
    description = (await stranger.get("/openapi.json")).json()
    for path in ("/campaigns/{campaign_id}/events", "/events"):
        route = description["paths"][path]["get"]
        assert list(route["responses"]["200"]["content"]) == ["text/event-stream"]
        assert {tuple(one) for one in route["security"]} == {("HTTPBearer",), ("APIKeyQuery",)}
        assert {one["name"] for one in route["parameters"]} - {"campaign_id"} == {
            "last_event_id",
            "Last-Event-ID",
            "from",
        }
    for name in ("progress", "end", "Last-Event-ID"):
        assert name in description["paths"]["/campaigns/{campaign_id}/events"]["get"]["description"]
