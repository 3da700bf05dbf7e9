"""All parts of Clarion on one machine, as child processes: Temporal's dev server, sandbox, web door, workers.

What the demo, ``clarion up``, the drill, the benchmarks and the end-to-end tests stand on. Parts can be killed and
started again; whatever happens, leaving the stack leaves nothing running.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

from clarion.domain.errors import Conflict
from clarion.settings import Settings, process_environment, settings_with
from starter.local.part import Part
from workflows.showing import SEARCH_ATTRIBUTES

HOST = "127.0.0.1"

DYNAMIC_CONFIG = (
    "matching.enableFairness=true",
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
    "frontend.WorkerCommandsEnabled=true",
    "system.enableCancelActivityWorkerCommand=true",
)
"""Fairness between tenants, exact with one partition; and cancellation that reaches an activity in milliseconds."""


@dataclass(slots=True)
class Stack:
    """The parts of one installation on this machine."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)
    """What the parts are told, on top of this process's environment."""
    parts: dict[str, Part] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        """Prepare the folder for state and logs."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.home / "logs").mkdir(exist_ok=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything, the last started first."""
        await self.stop()

    def settings(self) -> Settings:
        """The settings that the parts run with."""
        return settings_with(CLARION_HOME=str(self.home), **self.environment)

    async def stop(self) -> None:
        """Stop every part; workers together, since each may take its time."""
        workers = [part for name, part in self.parts.items() if name.startswith("worker")]
        await asyncio.gather(*(part.stop() for part in workers))
        for part in reversed(self.parts.values()):
            await part.stop()

    async def start_temporal(self, port: int, ui_port: int) -> str:
        """Start the dev server with its Web UI, its state in a file; return its address."""
        for wanted in (port, ui_port):
            require_free(wanted)
        command = [_binary("temporal"), "server", "start-dev", "--ip", HOST, "--port", str(port)]
        command += ["--ui-port", str(ui_port), "--ui-disable-news-fetch", "--log-level", "error"]
        command += ["--db-filename", str(self.home / "temporal.db")]
        command += ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal"]
        for value in DYNAMIC_CONFIG:
            command += ["--dynamic-config-value", value]
        for key in SEARCH_ATTRIBUTES:
            kind = {"KEYWORD": "Keyword", "INT": "Int", "DOUBLE": "Double"}[key.indexed_value_type.name]
            command += ["--search-attribute", f"{key.name}={kind}"]
        address = f"{HOST}:{port}"
        # Both: a TEMPORAL_ADDRESS of the caller's must not lead our parts elsewhere.
        self.environment["TEMPORAL_ADDRESS"] = self.environment["CLARION_TEMPORAL_ADDRESS"] = address
        self.environment["TEMPORAL_NAMESPACE"] = "default"
        self.environment["CLARION_TEMPORAL_UI_URL"] = f"http://{HOST}:{ui_port}"
        await self._start("temporal", command, lambda: _frontend_answers(address))
        return address

    async def start_sandbox(self, *, port: int = 0, seed: int = 0, options: Sequence[str] = ()) -> str:
        """Start the sandbox; return its address. Accounts are pointed at it by ``use_sandbox``."""
        ready = self.home / "sandbox.json"
        ready.unlink(missing_ok=True)
        command = [*_python("clarion.sandbox"), "--port", str(port), "--seed", str(seed), "--ready-file", str(ready)]

        async def announced() -> bool:
            return ready.exists()

        await self._start("sandbox", [*command, *options], announced)
        return str(json.loads(ready.read_text())["url"])

    async def start_web(self, port: int) -> str:
        """Start the web door; return its address."""
        require_free(port)
        address = f"http://{HOST}:{port}"
        command = [*_python("starter"), "web", "--host", HOST, "--port", str(port)]
        await self._start("web", command, lambda: _page_answers(f"{address}/healthz"))
        return address

    async def start_worker(self, number: int = 1) -> Part:
        """Start a worker."""

        async def at_once() -> bool:
            return True

        return await self._start(f"worker-{number}", _python("worker"), at_once)

    async def _start(self, name: str, command: Sequence[str], ready: Callable[[], Awaitable[bool]]) -> Part:
        environment = process_environment(PYTHONUNBUFFERED="1", CLARION_HOME=str(self.home), **self.environment)
        part = Part(name, command, environment, self.home / "logs" / f"{name}.log", ready)
        self.parts[name] = part
        await part.start()
        return part


def sandbox_environment(sandbox_url: str, public_url: str, name: str = "main") -> dict[str, str]:
    """Return the settings of an account that talks to the sandbox."""
    prefix = f"CLARION_ACCOUNTS__{name.upper()}__"
    return {
        f"{prefix}SID": "AC" + "0" * 32,
        f"{prefix}AUTH_TOKEN": "sandbox",
        f"{prefix}FROM_NUMBER": "+15005550006",
        f"{prefix}BASE_URL": sandbox_url,
        "CLARION_PUBLIC_URL": public_url,
    }


FAST_CALLS = {
    "CALLS_PER_SECOND": "5",
    "CALLS_PER_MINUTE": "300",
    "CALLS_PER_HOUR": "18000",
    "POLL_AFTER": "2",
    "TIMEOUT": "3",
}
"""The sandbox's calls last seconds, so that more of them can begin, and be asked about, sooner."""

CALLING: Mapping[str, Mapping[str, str]] = {
    "retell": {"AUTH_TOKEN": "key_sandbox", "FROM_NUMBER": "+15005550006", "AGENT": "agent_demo"},
    "elevenlabs": {
        "AUTH_TOKEN": "sandbox",
        "PHONE_NUMBER_ID": "phnum_sandbox",
        "AGENT": "agent_demo",
        "WEBHOOK_SECRET": "sandbox-secret",
    },
    "exotel": {
        "SID": "sandbox",
        "API_KEY": "sandbox",
        "AUTH_TOKEN": "sandbox",
        "FROM_NUMBER": "+918047000000",
        "AGENT": "1000",
        "WEBHOOK_SECRET": "sandbox-secret",
    },
}
"""Per vendor the settings of an account of its name that calls through the sandbox."""


def calling_environment(sandbox_url: str, texts: str = "main") -> dict[str, str]:
    """Return the settings of accounts that call through the sandbox; ``texts`` is the account for texts."""
    found = {f"CLARION_ACCOUNTS__{texts.upper()}__{name}": value for name, value in FAST_CALLS.items()}
    for vendor, account in CALLING.items():
        told = {"PROVIDER": vendor, "BASE_URL": sandbox_url, **account, **FAST_CALLS}
        found |= {f"CLARION_ACCOUNTS__{vendor.upper()}__{name}": value for name, value in told.items()}
    return found


ANALYSING: Mapping[str, Mapping[str, str]] = {
    "openai": {"AUTH_TOKEN": "sk-sandbox"},
    "salesforce": {"USERNAME": "sandbox@example.com", "PASSWORD": "sandbox", "SECURITY_TOKEN": "sandbox"},
}
"""Per vendor the settings of an account of its name that knows or assesses leads on the sandbox."""


def analysing_environment(sandbox_url: str) -> dict[str, str]:
    """Return the settings of accounts that fetch and assess leads on the sandbox."""
    found: dict[str, str] = {}
    for vendor, account in ANALYSING.items():
        told = {"PROVIDER": vendor, "BASE_URL": sandbox_url, **account}
        found |= {f"CLARION_ACCOUNTS__{vendor.upper()}__{name}": value for name, value in told.items()}
    return found


def webhook_settings(public_url: str) -> dict[str, object]:
    """Return what the sandbox is told about webhooks whose address a vendor takes from its own console."""
    return {"webhook_urls": {vendor: f"{public_url}/webhooks/{vendor}/{vendor}/call" for vendor in CALLING}}


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.create_server((HOST, 0)) as door:
        return int(door.getsockname()[1])


def require_free(port: int) -> None:
    """Raise Conflict when somebody listens on a port already."""
    try:
        with socket.create_server((HOST, port)):
            pass
    except OSError:
        message = (
            f"port {port} on this machine is taken; stop what runs there, or choose others with CLARION_TEMPORAL_PORT, "
            "CLARION_TEMPORAL_UI_PORT and CLARION_WEB_PORT"
        )
        raise Conflict(message) from None


def _python(module: str) -> list[str]:
    # -P keeps a folder named like one of our modules, in whatever folder this was called from, out of the way.
    return [sys.executable, "-P", "-m", module]


def _binary(name: str) -> str:
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else name


async def _frontend_answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    return True


async def _page_answers(url: str) -> bool:
    def look() -> bool:
        try:
            with urlopen(url, timeout=1) as answer:  # noqa: S310 - an address of ours on this machine
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    return await asyncio.to_thread(look)
