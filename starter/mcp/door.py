"""The MCP server on the web door: streamable HTTP at /mcp, an API key with every request, and no session to lose."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from mcp.server.context import ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from clarion.domain.errors import Unreachable
from clarion.domain.rights import Rights
from clarion.settings import Settings
from starter.keys import Refused
from starter.mcp.server import McpTools
from starter.rest.callers import Caller, caller_of
from starter.rest.problems import NotAllowed, problem
from starter.wiring import Installation

PATH = "/mcp"
LARGEST = 4 * 1024 * 1024
"""Bytes of one request: a thousand contacts with long prompts."""
LOCAL = ("127.0.0.1", "localhost", "[::1]")
CALLER = "clarion.caller"


class McpDoor:
    """The application at /mcp. Every request stands for itself, so any web door of several may answer it."""

    def __init__(self, installation: Installation) -> None:
        """Serve an installation."""
        self._installation = installation
        self._manager = StreamableHTTPSessionManager(
            McpTools(_caller).server(),
            json_response=True,
            stateless=True,
            security_settings=security(installation.settings),
            max_request_body_size=LARGEST,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while the block runs; once."""
        async with self._manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope)
        try:
            scope[CALLER] = await self._recognise(request)
        except Refused as error:
            await problem(HTTPStatus.UNAUTHORIZED, str(error))(scope, receive, send)
        except NotAllowed as error:
            await problem(HTTPStatus.FORBIDDEN, str(error))(scope, receive, send)
        except Unreachable as error:
            await problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error))(scope, receive, send)
        else:
            if request.method == "POST":
                await self._manager.handle_request(scope, receive, send)
                return
            # Without sessions there is nothing to listen to and nothing to end.
            answer = problem(HTTPStatus.METHOD_NOT_ALLOWED, "there are no sessions here; POST each message to /mcp")
            answer.headers["Allow"] = "POST"
            await answer(scope, receive, send)

    async def _recognise(self, request: Request) -> Caller:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Refused("send an API key as `Authorization: Bearer …`; `clarion keys create` makes one")
        return await caller_of(self._installation, token.strip(), Rights.READ)


def security(settings: Settings) -> TransportSecuritySettings:
    """Return which Host and Origin headers are ours: this machine's, and those of CLARION_PUBLIC_URL.

    So no page of somebody else's in a browser can reach a door on its user's machine by renaming itself to it.
    """
    hosts = list(LOCAL)
    if settings.public_url and (own := urlsplit(settings.public_url).netloc):
        hosts.append(own)
    named = [name for host in hosts for name in (host, f"{host}:*")]
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=named,
        allowed_origins=[f"{scheme}://{name}" for scheme in ("http", "https") for name in named],
    )


def _caller(context: ServerRequestContext[Any, Any]) -> Caller:
    """Tell who has sent the request in which a tool is called."""
    found = context.request.scope[CALLER] if isinstance(context.request, Request) else None
    assert isinstance(found, Caller)  # noqa: S101 - set by McpDoor before anything else
    return found
