"""An installation that is used over REST: encrypted, measured, and with a gate between the web door and Temporal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from clarion.codec import new_key
from clarion.domain.rights import Rights
from clarion.settings import Settings
from clarion.store.migrate import migrate
from starter.campaigns import Campaigns
from starter.keys import Keys
from starter.local.stack import (
    HOST,
    Stack,
    analysing_environment,
    calling_environment,
    free_port,
    sandbox_environment,
    webhook_settings,
)
from starter.wiring import Connection, new_store
from tests.e2e.site import PATIENCE, QUICK, Run, Site, own_environment

Json = dict[str, Any]
TENANT = "rest"


@dataclass
class Gate:
    """A way to Temporal on which requests can be held up, and lost."""

    target: str
    address: str = ""
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _pumps: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Gate]:
        """Listen."""
        self._open.set()
        server = await asyncio.start_server(self._pass, HOST, 0)
        self.address = f"{HOST}:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            self.lose()
            server.close()

    def hold(self) -> None:
        """Let nothing more through to Temporal."""
        self._open.clear()

    def lose(self) -> None:
        """Forget what was held up, with its connections, and be open for new ones."""
        for pump in self._pumps:
            pump.cancel()
        self._open.set()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self.target.rpartition(":")
        back, there = await asyncio.open_connection(host, int(port))
        for pump in (self._pump(reader, there, self._open), self._pump(back, writer, None)):
            task = asyncio.create_task(pump)
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    @staticmethod
    async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, gate: asyncio.Event | None) -> None:
        try:
            while data := await source.read(65_536):
                if gate is not None:
                    await gate.wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            sink.close()


@dataclass
class Rest:
    """The installation as a program sees it that has a key."""

    site: Site
    gate: Gate
    http: httpx.AsyncClient
    keys: list[str]
    """Of the encryption: the first of them is in use at the beginning."""
    ports: tuple[int, int]
    """Of the metrics: the web door's, the worker's."""

    async def ask(self, method: str, path: str, status: int = 200, **how: Any) -> Json:  # noqa: ANN401 - as httpx has it
        """Send a request that must be answered with a status."""
        answer = await self.http.request(method, path, **how)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        found: Json = answer.json() if answer.content else {}
        return found

    async def make(self, wanted: Mapping[str, object], key: str | None = None) -> Run:
        """Make a campaign."""
        headers = {} if key is None else {"Idempotency-Key": key}
        made = await self.ask("POST", "/campaigns", 201, json=wanted, headers=headers)
        return self.run(made["campaign_id"])

    def run(self, campaign_id: str) -> Run:
        """Look at a campaign."""
        self.site.started.append(f"campaign/{TENANT}/{campaign_id}")
        return Run(self.site, campaign_id)

    async def until(self, path: str, holds: Callable[[Json], bool]) -> Json:
        """Ask until it holds."""
        async with asyncio.timeout(PATIENCE):
            while not holds(seen := await self.ask("GET", path)):
                await asyncio.sleep(0.05)
        return seen

    async def until_worked_on(self) -> None:
        """Wait for the worker that was started: on a busy machine that takes longer than a request may."""
        async with asyncio.timeout(PATIENCE), httpx.AsyncClient() as http:
            while True:
                with suppress(httpx.TransportError):
                    await http.get(f"http://{HOST}:{self.ports[1]}/metrics")
                    return
                await asyncio.sleep(0.1)


@asynccontextmanager
async def open_rest(stack: Stack) -> AsyncIterator[Rest]:
    """Start everything but Temporal, whose address is in the environment of ``stack``."""
    sandbox = await stack.start_sandbox(seed=1, options=["--time-scale", "0.02"])
    stack.environment |= calling_environment(sandbox) | analysing_environment(sandbox)
    port, ports, keys = free_port(), (free_port(), free_port()), [new_key("k1"), new_key("k2")]
    stack.environment |= sandbox_environment(sandbox, f"http://{HOST}:{port}") | QUICK
    stack.environment |= {
        "CLARION_PAYLOAD_KEYS": keys[0],
        "CLARION_METRICS_PORT": str(ports[0]),
        "CLARION_WORKER_METRICS_PORT": str(ports[1]),
    }
    async with Gate(stack.environment["TEMPORAL_ADDRESS"]).running() as gate:
        with own_environment():
            await asyncio.to_thread(_prepare, stack.settings())
            await stack.start_worker()
            stack.environment["CLARION_PAYLOAD_KEYS"] = ",".join(keys)  # whoever asks can read the next key already
            settings = stack.settings()
            store = new_store(settings)
            direct = {name: stack.environment[name] for name in ("TEMPORAL_ADDRESS", "CLARION_TEMPORAL_ADDRESS")}
            stack.environment |= dict.fromkeys(direct, gate.address)
            await stack.start_web(port)
            stack.environment |= direct
        _, token = await asyncio.to_thread(Keys(store).make, TENANT, "a program", Rights.ADMIN, 0.0)
        connection = Connection(settings)
        site = Site(stack, settings, store, Campaigns(settings, store, connection), await connection(), sandbox)
        await site.tell_sandbox("settings", webhook_settings(settings.public_url or ""))
        await site.tell_sandbox("settings", {"mix": {"twilio": {"delivered": 1.0}, "calls": {}}})
        base, key = f"http://{HOST}:{port}/api/v1", {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=base, headers=key, timeout=40) as http:
            try:
                yield Rest(site, gate, http, keys, ports)
            finally:
                store.close()


def _prepare(settings: Settings) -> None:
    store = new_store(settings)
    migrate(store.database)
    store.close()


async def sent_again_until_answered(rest: Rest, path: str, wanted: object, key: str) -> httpx.Response:
    """Send a request again and again, as a program does whose last try nobody answered."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(httpx.TransportError):
                answer = await rest.http.post(path, json=wanted, headers={"Idempotency-Key": key})
                if answer.status_code not in {409, 503}:
                    return answer
            await asyncio.sleep(0.2)
