"""The last look before a contact: is the campaign still open, and is it really this contact's turn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from activities.failures import in_thread
from clarion.domain.pace import earliest
from clarion.store.campaigns import Campaigns

GATE_SECONDS = 0.3
"""How old a look at a campaign's gate may be when a contact starts; so long after closing, nothing new starts."""

MOST_LOOKS = 3
"""Looks in a row while each takes so long that it is old news when it comes back."""

REMEMBERED = 300
"""Contacts looked back at; limits that allow more in their window are kept by their slots alone."""

UNNOTICED = 0.0005
"""Seconds; contacts that may follow each other this closely are not kept apart by anything slower than the clock."""

LONGEST_SLEEP = 3600.0
"""Seconds; a clock that was set back must not stop a lane for ever."""


class Gate:
    """Knows whether a campaign takes new contacts, from a look that is at most GATE_SECONDS old."""

    def __init__(self, campaigns: Campaigns, monotonic: Callable[[], float]) -> None:
        """``monotonic`` gives seconds that never jump."""
        self._campaigns = campaigns
        self._monotonic = monotonic
        self._looks: dict[int, tuple[float, bool]] = {}
        self._looking: dict[int, asyncio.Lock] = {}

    async def is_open(self, campaign_key: int) -> bool:
        """Whether new contacts may start."""
        async with self._looking.setdefault(campaign_key, asyncio.Lock()):
            looked_at, open_ = self._looks.get(campaign_key, (float("-inf"), False))
            for _ in range(MOST_LOOKS):
                if self._monotonic() - looked_at < GATE_SECONDS / 2:
                    break
                looked_at = self._monotonic()
                open_ = await in_thread(self._campaigns.is_open, campaign_key)
                self._looks[campaign_key] = looked_at, open_
            return open_


@dataclass(slots=True)
class _Passage:
    """One contact: first when it shall start, then when it did (epoch seconds)."""

    at: float


class Turnstile:
    """Keeps the contacts of one worker process within their windows, however late the event loop wakes a lane."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` gives epoch seconds."""
        self._clock = clock
        self._passages: dict[str, deque[_Passage]] = {}

    async def pass_at(self, slot_at: float, spacings: Mapping[str, float], called_off: asyncio.Event) -> bool:
        """Return True at ``slot_at`` (epoch seconds), or a little later when contacts before it were late.

        False, and at once, when it is ``called_off`` meanwhile.
        """
        if not await self._sleep_until(slot_at, called_off):
            return False
        limited = {key: spacing for key, spacing in spacings.items() if spacing > UNNOTICED}
        turn = max((self._free_at(key, spacing) for key, spacing in limited.items()), default=0.0)
        # Noted before it waits: a lane that comes meanwhile stands behind it and cannot overtake it again and again.
        passage = _Passage(max(turn, self._clock()))
        for key in limited:
            self._passages.setdefault(key, deque(maxlen=REMEMBERED)).append(passage)
        if not await self._sleep_until(passage.at, called_off):
            return False
        passage.at = self._clock()
        return True

    def _free_at(self, key: str, spacing: float) -> float:
        return earliest([passage.at for passage in self._passages.get(key, ())], spacing)

    async def _sleep_until(self, at: float, called_off: asyncio.Event) -> bool:
        while not called_off.is_set():
            wait = at - self._clock()
            if wait <= 0:
                return True
            await sleep_unless(called_off, wait)
        return False


async def sleep_unless(called_off: asyncio.Event, seconds: float) -> None:
    """Sleep, and wake at once when it is ``called_off``."""
    with suppress(TimeoutError):
        async with asyncio.timeout(min(seconds, LONGEST_SLEEP)):
            await called_off.wait()
