"""How the web door starts, says how it is, and ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from fastapi import FastAPI

from clarion.domain.errors import BadInput, Unreachable
from clarion.settings import Settings
from starter.web import create_app, listen, serve
from starter.webdoor import temporal_health
from starter.wiring import Connection
from tests.starter.web_door import (
    Shelf,
    healthy,
    opened,
    served,
    settings,
)


async def test_lives_and_is_ready() -> None:
    async with opened() as door:
        async with door.http.get(door.url + "/healthz") as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "alive"})
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cache-Control"] == "no-store"
            assert "server" not in answer.headers
        async with door.http.get(door.url + "/readyz") as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ready", "parts": {"database": "ok"}})


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (Unreachable("The database at x does not answer."), "The database at x does not answer."),
        (
            ValueError("password=secret"),
            "A service that Clarion needs is not in order; the log of the web door says which.",
        ),
    ],
)
async def test_says_why_it_is_not_ready(trouble: Exception, reason: str) -> None:
    async def ill() -> dict[str, str]:
        raise trouble

    async with opened(health=ill) as door:
        async with door.http.get(door.url + "/readyz") as answer:
            assert answer.status == 503
            assert (await answer.json())["reason"] == reason
        async with door.http.get(door.url + "/healthz") as answer:
            assert answer.status == 200


async def test_what_runs_beside_the_requests_is_started_and_stopped() -> None:
    events: list[str] = []

    @contextlib.asynccontextmanager
    async def beside(_: FastAPI) -> AsyncIterator[None]:
        events.append("started")
        yield
        events.append("stopped")

    app = create_app(settings(), Shelf(), healthy, beside)
    async with served(app) as url, aiohttp.ClientSession() as http, http.get(f"{url}/healthz"):
        assert events == ["started"]
    assert events == ["started", "stopped"]


async def answering(url: str) -> None:
    async with aiohttp.ClientSession() as http, asyncio.timeout(20):
        while True:
            with contextlib.suppress(aiohttp.ClientConnectorError):
                async with http.get(f"{url}/healthz") as answer:
                    assert answer.status == 200
                    return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("by_signal", [True, False])
async def test_serving_ends_gracefully(free_port: int, by_signal: bool) -> None:
    events: list[str] = []

    @contextlib.asynccontextmanager
    async def beside(_: FastAPI) -> AsyncIterator[None]:
        yield
        events.append("stopped")

    serving = asyncio.create_task(serve(create_app(settings(), Shelf(), healthy, beside), "127.0.0.1", free_port))
    await answering(f"http://127.0.0.1:{free_port}")
    if by_signal:
        os.kill(os.getpid(), signal.SIGTERM)
        await serving
    else:
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
    assert events == ["stopped"]


async def test_serving_says_so_when_it_cannot_start(free_port: int) -> None:
    @contextlib.asynccontextmanager
    async def beside(_: FastAPI) -> AsyncIterator[None]:
        raise OSError("no disk")
        yield

    with pytest.raises(Unreachable, match="could not start"):
        await serve(create_app(settings(), Shelf(), healthy, beside), "127.0.0.1", free_port)


async def test_a_port_in_use_is_said_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match=f"cannot listen on 127.0.0.1 port {port}: Address already in use"):
            listen("127.0.0.1", port)
    with pytest.raises(BadInput, match="CLARION_WEB_HOST"):
        listen("no-such-host.invalid", 0)


async def test_temporal_may_be_away_without_providers_being_turned_away(tmp_path: Path) -> None:
    away = Settings(home=tmp_path, temporal_address="127.0.0.1:1")
    assert (await temporal_health(Connection(away))).startswith("away; receipts are kept")
