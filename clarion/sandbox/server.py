"""The loopback server: takes every vendor's requests, applies faults, lets the vendor answer, keeps the exchange."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from clarion.sandbox.callbacks import Callbacks
from clarion.sandbox.calls import Switchboard
from clarion.sandbox.control import Control
from clarion.sandbox.decisions import Decisions
from clarion.sandbox.effects import Effects
from clarion.sandbox.exchanges import Exchanges
from clarion.sandbox.faults import Mishap, VendorFaults
from clarion.sandbox.vendor import Answer, Call, Refusal, Settings, Vendor, World
from clarion.sandbox.vendors import VENDORS

SHUTDOWN_SECONDS = 1.0
KEEPALIVE_SECONDS = 75.0
SLOW_METHODS = frozenset({"POST", "PATCH"})
LONGEST_LINE = 65_536
"""Bytes of an address or a header; a vendor that takes less says so itself."""
LARGEST_BODY = 256 * 1024 * 1024
"""Bytes; the largest file that any vendor takes has 200 MB."""


class Sandbox:
    """All vendors behind one address. ``await start()``, talk to ``url``, ``await stop()``; one start per instance.

    ``host`` is the loopback address unless told otherwise: the sandbox accepts any credentials. ``port`` 0 takes a
    free one. ``seed`` fixes how numbers end and when faults strike.
    """

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, seed: int = 0, settings: Settings | None = None
    ) -> None:
        self.host = host
        self.port = port
        self.callbacks = Callbacks()
        self.exchanges = Exchanges()
        decisions = Decisions(seed)
        self.worlds = {
            name: World(
                settings or Settings(),
                decisions,
                Effects(),
                VendorFaults(seed, name),
                self.callbacks,
                Switchboard(decisions, settings or Settings()),
            )
            for name in VENDORS
        }
        self.vendors = {name: build(self.worlds[name]) for name, build in VENDORS.items()}
        self._prefixes = tuple((prefix, vendor) for vendor in self.vendors.values() for prefix in vendor.prefixes)
        self._control = Control(self.worlds, self.vendors, self.callbacks, self.exchanges)
        self._runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        """Where the sandbox listens, without a slash at the end; the port is known once it is started."""
        return f"http://{self.host}:{self.port}"

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        # The bare server instead of an Application: routing and middlewares would cost more than the answer itself.
        server = web.Server(
            self._serve,
            access_log=None,
            keepalive_timeout=KEEPALIVE_SECONDS,
            request_factory=_request,
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_LINE,
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_SECONDS)
        await self._runner.setup()
        await self.callbacks.open()
        try:
            await web.TCPSite(self._runner, self.host, self.port, backlog=1024).start()
        except OSError:
            await self.stop()
            raise
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and drop the callbacks that are still waiting."""
        await self.callbacks.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        if path.startswith("/_sandbox/"):
            return await self._control.answer(request, path)
        vendor = self._vendor_of(path)
        if vendor is None:
            return web.json_response({"error": f"no vendor of this sandbox owns the path {path}"}, status=404)
        call = Call(request.method, path, query, request.headers, await request.read())
        faults = self.worlds[vendor.name].faults
        account = vendor.account_of(call)
        running = faults.enter(account)
        try:
            answer = await self._answer(vendor, call, running)
        finally:
            faults.leave(account)
        if answer.cut:
            if request.transport is not None:
                request.transport.abort()
        else:
            self.exchanges.record(vendor.name, call, answer)
        return web.Response(
            status=answer.status, body=answer.body, headers=answer.headers, content_type=answer.content_type
        )

    def _vendor_of(self, path: str) -> Vendor | None:
        for prefix, vendor in self._prefixes:
            if path.startswith(prefix):
                return vendor
        return None

    async def _answer(self, vendor: Vendor, call: Call, running: int) -> Answer:
        """Let the request through the faults. An effect happens at arrival; the rest delays or loses the answer."""
        world = self.worlds[vendor.name]
        faults = world.faults
        refusal = faults.refusal(running, world.settings.max_concurrent)
        answer = vendor.refuse(refusal, call) if refusal else await vendor.answer(call)
        if refusal is Refusal.OUTAGE and faults.strikes(0.5):
            return Answer(answer.status, b"", cut=True)
        delay = world.settings.latency_ms / 1000 if call.method in SLOW_METHODS and not refusal else 0.0
        if not refusal and faults.strikes(faults.now.slow):
            delay += faults.now.slow_seconds
        if delay:
            await asyncio.sleep(delay)
        mishap = faults.mishap() if answer.effect else None
        if mishap is Mishap.CUT:
            return Answer(answer.status, b"", cut=True)
        return vendor.refuse(Refusal.SERVER_ERROR, call) if mishap else answer


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    """Make a request whose body may be as large as any vendor allows; aiohttp alone would stop at one megabyte."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=LARGEST_BODY)
