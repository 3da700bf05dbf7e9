"""One pair of eyes for all that the executions of a worker process wait for: it looks as long as anybody watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from activities.pacing import sleep_unless

Watch = TypeVar("Watch")


class Watching(Generic[Watch]):
    """Looks again and again for all who watch, together. Belongs to one event loop."""

    def __init__(self, look: Callable[[Collection[Watch]], Awaitable[None]], *, every: float, name: str) -> None:
        """``look`` looks for some watches and tells them, and never raises; ``every`` is in seconds."""
        self._look = look
        self._every = every
        self._name = name
        self._watches: set[Watch] = set()
        self._unwatched = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def on(self, watch: Watch) -> AsyncIterator[Watch]:
        """Watch while the block runs."""
        self._watches.add(watch)
        self._unwatched.clear()
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_on(), name=self._name)
        try:
            yield watch
        finally:
            self._watches.discard(watch)
            if not self._watches:
                self._unwatched.set()

    async def _look_on(self) -> None:
        while self._watches:
            await self._look(tuple(self._watches))
            await sleep_unless(self._unwatched, self._every)
