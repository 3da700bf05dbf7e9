"""The web application: the doors that are reached over HTTP, and how it is served."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clarion.domain.errors import BadInput, ClarionError, Unreachable
from clarion.settings import Settings
from starter.webhooks import Inbox, webhook_routes

log = logging.getLogger(__name__)

LONGEST_HEALTH = 5.0
"""Seconds in which the services we need have to answer."""
LONGEST_SHUTDOWN = 10
"""Seconds for requests under way to end when the process is asked to stop."""
BACKLOG = 1024
STOPPING = (signal.SIGINT, signal.SIGTERM)

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""On every answer that does not set them itself."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
Health = Callable[[], Awaitable[Mapping[str, str]]]
"""Says by part how it is; raises, with a sentence for a person, when one is away without which nothing can be done."""


def create_app(settings: Settings, inbox: Inbox, health: Health, lifespan: Lifespan | None = None) -> FastAPI:
    """Build the application. ``lifespan`` starts and stops what runs beside the requests."""
    app = FastAPI(title="Clarion", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.on_shutdown = []
    app.add_middleware(SafeHeaders)
    app.include_router(webhook_routes(settings, inbox))

    @app.get("/healthz")
    async def alive() -> JSONResponse:
        return JSONResponse({"status": "alive"})

    @app.get("/readyz")
    async def ready() -> JSONResponse:
        found = await _look_at(health)
        if isinstance(found, str):
            return JSONResponse({"status": "not ready", "reason": found}, status_code=503)
        return JSONResponse({"status": "ready", "parts": dict(found)})

    return app


async def _look_at(health: Health) -> Mapping[str, str] | str:
    """How the parts are, or why nothing can be done without one of them."""
    try:
        async with asyncio.timeout(LONGEST_HEALTH):
            return await health()
    except ClarionError as error:
        return str(error)
    except TimeoutError:
        return f"A service that Clarion needs did not answer within {LONGEST_HEALTH:g} seconds."
    except Exception:
        log.exception("The health check failed")
        return "A service that Clarion needs is not in order; the log of the web door says which."


class SafeHeaders:
    """Adds headers that keep browsers from guessing, framing and caching."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def listen(host: str, port: int) -> socket.socket:
    """Open the port; 0 takes any free one. Raises BadInput when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(
            f"The web door cannot listen on {host} port {port}: {reason}; choose others with CLARION_WEB_HOST and "
            f"CLARION_WEB_PORT."
        ) from None


class WebServer(uvicorn.Server):
    """Uvicorn without its hold on the process: neither signals nor a failed start end it before our own parts end."""

    on_shutdown: Sequence[Callable[[], None]] = ()
    """Called before it waits for requests under way."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs the process."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start. Raises Unreachable when what runs beside the requests does not start."""
        try:
            await super().startup(sockets=sockets)
        except SystemExit:
            raise Unreachable("The web door could not start; its log says why.") from None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End gracefully."""
        for close in self.on_shutdown:
            close()
        await super().shutdown(sockets=sockets)


def web_server(app: FastAPI) -> WebServer:
    """Return the server for an application; ``should_exit`` stops it once the requests under way have ended."""
    # An address may hold an account's secret (Exotel's webhooks), whoever listens to this log.
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # it tells the addresses of WebSockets
    server = WebServer(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=LONGEST_SHUTDOWN,
            ws="websockets-sansio",
        )
    )
    server.on_shutdown = getattr(app.state, "on_shutdown", ())
    return server


async def serve(app: FastAPI, host: str, port: int) -> None:
    """Serve until SIGINT, SIGTERM or cancellation, and end gracefully.

    Raises BadInput when the port cannot be had, Unreachable when what runs beside the requests does not start.
    """
    server = web_server(app)
    loop = asyncio.get_running_loop()
    with listen(host, port) as door:
        for number in STOPPING:
            loop.add_signal_handler(number, server.handle_exit, number, None)
        running = asyncio.ensure_future(server.serve(sockets=[door]))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            server.should_exit = True
            await running
            raise
        finally:
            for number in STOPPING:
                loop.remove_signal_handler(number)
