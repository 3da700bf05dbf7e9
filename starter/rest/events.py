"""Live events of one campaign or of all: server-sent events and WebSockets, and tickets for browsers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Security, WebSocket
from fastapi.responses import StreamingResponse
from fastapi.security import APIKeyQuery, HTTPAuthorizationCredentials
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.requests import HTTPConnection
from starlette.types import Message, Send
from starlette.websockets import WebSocketDisconnect

from clarion.domain.errors import BadInput, ClarionError
from clarion.domain.rights import Rights
from starter.keys import Refused
from starter.live.broadcast import Live
from starter.live.events import HEARTBEAT, Batch
from starter.live.tickets import Tickets
from starter.live.watcher import Watcher
from starter.rest.bodies import CampaignId
from starter.rest.callers import Caller, Reader, bearer, caller_of
from starter.rest.paging import LARGEST
from starter.rest.problems import problem_of
from starter.wiring import Installation

router = APIRouter(tags=["events"])

LONGEST_WRITE = 30.0
"""Seconds that a watcher may take no byte before it is cut off; it goes on later where it was."""
MEDIA_TYPE = "text/event-stream"
EXAMPLE = (
    "id: 4711\nevent: outcome\n"
    'data: {"id":4711,"type":"outcome","campaign_id":"spring","at":1796200000.0,"kind":"delivered","position":12,'
    '"outcome":"delivered","detail":""}\n\n'
)

EventId = Annotated[int, Field(ge=0, le=LARGEST)]
EVENT_ID: TypeAdapter[int] = TypeAdapter(EventId)

ticket_scheme = APIKeyQuery(
    name="ticket", auto_error=False, description="For browsers: a ticket of `POST /tickets`, never a key."
)


class EventStream(StreamingResponse):
    """A stream that proxies leave alone, and that ends when nobody takes what is sent."""

    media_type = MEDIA_TYPE

    def __init__(self, watcher: Watcher) -> None:
        """Send what a watcher is told."""
        super().__init__(_bytes_for(watcher), headers={"X-Accel-Buffering": "no"})

    async def stream_response(self, send: Send) -> None:
        """Send everything."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(LONGEST_WRITE):
                await send(message)

        # There is nobody to tell that this is the end; whoever it was comes back with the id of the last event.
        with suppress(TimeoutError):
            await super().stream_response(send_in_time)


async def _bytes_for(watcher: Watcher) -> AsyncIterator[bytes]:
    async for batch in watcher.batches():
        yield HEARTBEAT if batch is None else batch.sse


class Ticket(BaseModel):
    """What a browser opens a stream with."""

    model_config = ConfigDict(frozen=True)

    ticket: str
    expires_at: float
    """Epoch seconds."""


def live_of(connection: HTTPConnection) -> Live:
    """Return what tells the events."""
    found = connection.app.state.live
    assert isinstance(found, Live)  # noqa: S101 - set by rest_app
    return found


async def _caller(installation: Installation, token: str | None, ticket: str | None) -> Caller:
    """Recognise who wants to watch. Raises Refused."""
    if token is not None:
        return await caller_of(installation, token, Rights.READ)
    if ticket is None:
        raise Refused("send an API key as `Authorization: Bearer …`, or `?ticket=` with one of POST /api/v1/tickets")
    key = await Tickets(installation.store).recognise(ticket, time.time())
    return Caller(key.id, Rights.READ, installation.for_tenant(key.tenant))


async def _watching(
    request: Request,
    given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
    ticket: Annotated[str | None, Security(ticket_scheme)],
) -> Caller:
    return await _caller(request.app.state.installation, given.credentials if given else None, ticket)


class Place:
    """Where in the log to begin."""

    def __init__(
        self,
        last_event_id: Annotated[
            EventId | None, Query(description="The same as the header, for what cannot send it; the header counts.")
        ] = None,
        header: Annotated[
            EventId | None,
            Header(alias="Last-Event-ID", description="The last id that was seen: goes on right after it."),
        ] = None,
        begin: Annotated[
            Literal["now", "start"],
            Query(alias="from", description="Where to begin without an id: with what comes, or with all there is."),
        ] = "now",
    ) -> None:
        """Take the header before the query; browsers repeat the query when they connect again."""
        given = last_event_id if header is None else header
        self.after = 0 if given is None and begin == "start" else given


Watching = Annotated[Caller, Depends(_watching)]
Begin = Annotated[Place, Depends()]

STREAM: dict[str, Any] = {
    "status_code": 200,
    "response_class": EventStream,
    "responses": {
        200: {
            "description": "Events, until the caller goes; the stream of one campaign ends with its `end`.",
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": EXAMPLE}},
        }
    },
}


async def _watch_one(
    request: Request, caller: Watching, campaign_id: CampaignId, place: Begin
) -> AsyncIterator[Watcher]:
    async with live_of(request).watching(caller.tenant, campaign_id, place.after, caller.key_id) as watcher:
        yield watcher


async def _watch_all(request: Request, caller: Watching, place: Begin) -> AsyncIterator[Watcher]:
    async with live_of(request).watching(caller.tenant, None, place.after, caller.key_id) as watcher:
        yield watcher


@router.post("/tickets", status_code=201, summary="Get a ticket for a browser")
async def make_ticket(caller: Reader) -> Ticket:
    """Make a ticket with which `GET …/events` lets in who cannot send a header; good for 30 seconds."""
    ticket, until = await Tickets(caller.clarion.store).make(caller.key_id, time.time())
    return Ticket(ticket=ticket, expires_at=until)


@router.get("/campaigns/{campaign_id}/events", summary="Watch a campaign", **STREAM)
async def watch_campaign(watcher: Annotated[Watcher, Depends(_watch_one)]) -> EventStream:
    """Stream what happens in a campaign as server-sent events, after how it stands; a WebSocket gets the same.

    Types: `status`, `outcome`, `skipped`, `error`, `limits`, `log`, each with the `id` it has in the log; `progress`,
    at most once a second and without an id; `end`, after which the stream is over. A `Last-Event-ID` goes on right
    after that event, with no event left out and none told twice.
    """
    return EventStream(watcher)


@router.get("/events", summary="Watch all campaigns", **STREAM)
async def watch_all(watcher: Annotated[Watcher, Depends(_watch_all)]) -> EventStream:
    """Stream what happens in all campaigns; the same events as those of one campaign, without an end."""
    return EventStream(watcher)


@router.websocket("/campaigns/{campaign_id}/events")
async def campaign_socket(socket: WebSocket, campaign_id: str) -> None:
    """Send what happens in a campaign, each event as a JSON text."""
    await _serve(socket, campaign_id)


@router.websocket("/events")
async def socket_of_all(socket: WebSocket) -> None:
    """Send what happens in all campaigns, each event as a JSON text."""
    await _serve(socket, None)


async def _serve(socket: WebSocket, campaign_id: str | None) -> None:
    try:
        caller = await _caller(socket.app.state.installation, _token(socket), socket.query_params.get("ticket"))
        after = _place(socket)
        async with live_of(socket).watching(caller.tenant, campaign_id, after, caller.key_id) as watcher:
            await socket.accept()
            await _converse(socket, watcher)
    except ClarionError as error:
        await socket.send_denial_response(problem_of(error))


def _token(socket: WebSocket) -> str | None:
    scheme, _, token = socket.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _place(socket: WebSocket) -> int | None:
    """Read where to begin. Raises BadInput."""
    given = socket.headers.get("last-event-id", socket.query_params.get("last_event_id"))
    if given is None:
        return 0 if socket.query_params.get("from") == "start" else None
    try:
        return Place(last_event_id=EVENT_ID.validate_python(given)).after
    except ValidationError:
        raise BadInput(f'last_event_id "{given[:40]}" is no id of an event; send the last id that was seen') from None


async def _converse(socket: WebSocket, watcher: Watcher) -> None:
    """Send until the end, or until the other side goes; what it says is not listened to."""
    listening = asyncio.create_task(_listen(socket, watcher))
    try:
        with suppress(WebSocketDisconnect, TimeoutError):
            async for batch in watcher.batches():
                await _send(socket, batch)
            await socket.close(1000)
    finally:
        listening.cancel()


async def _send(socket: WebSocket, batch: Batch | None) -> None:
    if batch is None:
        return  # the server's pings are the heartbeat
    async with asyncio.timeout(LONGEST_WRITE):
        for frame in batch.frames:
            await socket.send_text(frame.text)


async def _listen(socket: WebSocket, watcher: Watcher) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
    watcher.close()
