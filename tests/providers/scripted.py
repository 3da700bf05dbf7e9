"""A loopback server that answers as a test tells it, also in ways that no vendor and no sandbox does; or nobody."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Self

from aiohttp import web

Step = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Scripted:
    """Takes one step of its script per request; the last step repeats."""

    script: list[Step]
    url: str = ""

    async def hear(self, request: web.Request) -> None:
        """Keep what was asked, in the form that suits the vendor."""
        raise NotImplementedError

    async def answer(self, request: web.Request) -> web.StreamResponse:
        await self.hear(request)
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return await step(request)

    @asynccontextmanager
    async def serve(self, *, most: int = 2**20, longest_line: int = 8190) -> AsyncIterator[Self]:
        """Serve every address; takes bodies of ``most`` bytes and headers of ``longest_line``."""
        async with serving(self.answer, most=most, longest_line=longest_line) as self.url:
            yield self


@asynccontextmanager
async def serving(
    answer: Step, *, method: str = "*", most: int = 2**20, longest_line: int = 8190
) -> AsyncIterator[str]:
    """Answer every path; gives the server's address."""
    app = web.Application(client_max_size=most)
    app.router.add_route(method, "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, max_line_size=longest_line)
    await runner.setup()
    # Room for all who connect at once: those who find none wait a second or more before they try again.
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@contextmanager
def nobody_listening() -> Iterator[str]:
    """Give an address at which connections are refused."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}"


@contextmanager
def nobody_accepting() -> Iterator[str]:
    """Give an address at which no connection is ever made: as many as there is room for wait already."""
    with ExitStack() as open_sockets:
        full = open_sockets.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            filler = open_sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        yield f"http://127.0.0.1:{full.getsockname()[1]}"


def says(status: int, body: object, **headers: str) -> Step:
    text = body if isinstance(body, str) else json.dumps(body)

    async def step(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return step


def once_there_are(number: int, step: Step) -> Step:
    """Answer nobody before so many wait for an answer."""
    together = asyncio.Barrier(number)

    async def waits(request: web.Request) -> web.StreamResponse:
        await together.wait()
        return await step(request)

    return waits


async def hangs(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def drops(request: web.Request) -> web.StreamResponse:
    """Close the connection after the request was read: it may have taken effect."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def cuts_the_body(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(status=201, headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"sid": "SM')
    assert request.transport is not None
    request.transport.close()
    return response
