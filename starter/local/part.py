"""One part of the stack: a child process that can be started, killed and started again."""

from __future__ import annotations

import asyncio
import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clarion.domain.errors import Unreachable

STARTS_WITHIN = 30.0
"""Seconds a part may take until it answers."""

STOPS_WITHIN = 25.0
"""Seconds a part may take to end by itself before it is killed; workers let running chunks end."""

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
"""Loaded before any fork, so that a new child only makes a system call with it."""


@dataclass(slots=True)
class Part:
    """One child process and how to start it again."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    ready: Callable[[], Awaitable[bool]]
    process: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self.process.pid if self.process is not None and self.alive else None

    @property
    def last_words(self) -> str:
        """The end of its log."""
        return _tail(self.log)

    async def start(self) -> None:
        """Start and wait until it answers. Raises Unreachable with the end of its log."""
        self._spawn()
        until = time.monotonic() + STARTS_WITHIN
        while not await self.ready():
            if not self.alive or time.monotonic() > until:
                await self.stop()
                message = f"{self.name} did not start; the end of {self.log}:\n{_tail(self.log)}"
                raise Unreachable(message)
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Ask it to end, and kill it when it does not."""
        if self.process is None:
            return
        if self.alive:
            self.process.terminate()
        until = time.monotonic() + STOPS_WITHIN
        while self.alive and time.monotonic() < until:  # noqa: ASYNC110 - a process that ends sets no event
            await asyncio.sleep(0.02)
        self.kill()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self.process is not None:
            if self.alive:
                self.process.kill()
            self.process.wait()

    def _spawn(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; we stop the parts in order
                preexec_fn=_die_with_parent if LIBC else None,  # noqa: PLW1509 - one system call, nothing that locks
            )


def _die_with_parent() -> None:
    # Even kill -9 of the demo leaves nothing running: Linux sends this signal when the parent is gone.
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _tail(path: Path, lines: int = 12) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
