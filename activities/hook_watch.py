"""One pair of eyes for all hooks that a worker process looks after: sees new lines of the log, and what falls due."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from activities.failures import in_thread
from activities.watching import Watching
from clarion.domain.errors import ClarionError
from clarion.store.deliveries import HookStanding

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two looks: a receiver hears of an event as much later, at most, than it could."""


class HookLooks(Protocol):
    """Where it looks. Blocking."""

    def look(self, keys: Collection[int]) -> Mapping[int, HookStanding]:
        """Look at many hooks at once."""
        ...


@dataclass(slots=True, eq=False)
class Watch:
    """What is known of one hook that somebody looks after."""

    key: int
    _standing: HookStanding | None = None
    _looked: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, standing: HookStanding | None) -> None:
        """Take in a look."""
        self._standing = standing
        self._looked.set()

    async def until(self, holds: Callable[[HookStanding | None], bool]) -> None:
        """Return when it holds of a look that was taken in from now on; None: it could not be looked."""
        while True:
            self._looked.clear()
            await self._looked.wait()
            if holds(self._standing):
                return


class HookWatch:
    """Looks at all hooks together; made once for each worker process."""

    def __init__(self, hooks: HookLooks, *, every: float = EVERY) -> None:
        """``every`` is in seconds."""
        self._hooks = hooks
        self._watching: Watching[Watch] = Watching(self._look, every=every, name="watch hooks")

    def on(self, key: int) -> AbstractAsyncContextManager[Watch]:
        """Watch a hook, by its number, while the block runs."""
        return self._watching.on(Watch(key))

    async def _look(self, watches: Collection[Watch]) -> None:
        seen: Mapping[int, HookStanding] = {}
        try:
            seen = await in_thread(self._hooks.look, {watch.key for watch in watches})
        except ClarionError as error:
            log.warning("hooks cannot be looked at for the moment: %s", error)
        except Exception:
            # Whoever waits looks for itself then; without this loop nobody would hear of anything again.
            log.exception("looking at the hooks failed in an unexpected way")
        for watch in watches:
            watch.tell(seen.get(watch.key))
