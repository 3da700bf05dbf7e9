"""Somebody's system that takes webhooks of ours: a real HTTP server that checks signatures and answers as told."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from starter.web import WebServer

SECRET = "whsec_" + "c2VjcmV0" * 4

Behaviour = Callable[[int], Awaitable[Response]]
"""Given how many came before, what is answered."""


async def taken(_: int) -> Response:
    return Response(status_code=204)


def always(status: int, **headers: str) -> Behaviour:
    async def answer(_: int) -> Response:
        return Response(status_code=status, headers={name.replace("_", "-"): text for name, text in headers.items()})

    return answer


@dataclass
class Receiver:
    """What has come in."""

    port: int
    behave: Behaviour = taken
    secret: str = SECRET
    got: list[Mapping[str, Any]] = field(default_factory=list)
    """Bodies whose signatures were right, whatever was answered."""
    forged: int = 0
    hosts: set[str] = field(default_factory=set)
    now: int = 0
    most: int = 0
    """Requests at once."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [body["id"] for body in self.got]

    @property
    def types(self) -> list[str]:
        return [body["type"] for body in self.got]

    async def take(self, request: Request) -> Response:
        body, before = await request.body(), len(self.got)
        self.hosts.add(request.headers["host"])
        try:
            Webhook(self.secret).verify(body, dict(request.headers))
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is not ours
            self.forged += 1
            return Response(status_code=400)
        told = json.loads(body)
        assert told["id"] == request.headers["webhook-id"]
        self.got.append(told)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await self.behave(before)
        finally:
            self.now -= 1


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Listen on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        receiver = Receiver(door.getsockname()[1])
        app = Starlette(routes=[Route("/hook", receiver.take, methods=["POST"])])
        server = WebServer(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
        serving = asyncio.create_task(server.serve(sockets=[door]))
        try:
            yield receiver
        finally:
            server.should_exit = True
            await serving
