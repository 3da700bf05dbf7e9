"""The last look before a contact: is the campaign still open, and is it really this contact's turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from activities.failures import in_thread
from clarion.store.campaigns import Campaigns

GATE_SECONDS = 0.3
"""How old a look at a campaign's gate may be when a contact starts; so long after closing, nothing new starts."""

MOST_LOOKS = 3
"""Looks in a row while each takes so long that it is old news when it comes back."""

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


class Turnstile:
    """Keeps contacts of one worker process apart by their spacing, however late the event loop wakes a lane."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` gives epoch seconds."""
        self._clock = clock
        self._last: dict[str, float] = {}

    async def pass_at(self, slot_at: float, spacings: Mapping[str, float], called_off: asyncio.Event) -> bool:
        """Return True at ``slot_at`` (epoch seconds), or later when the contact before was late.

        False, and at once, when it is ``called_off`` meanwhile.
        """
        limited = {key: spacing for key, spacing in spacings.items() if spacing > 0}
        while not called_off.is_set():
            now = self._clock()
            turn = max([slot_at, *(self._last.get(key, 0.0) + spacing for key, spacing in limited.items())])
            if turn <= now:
                for key in limited:
                    self._last[key] = now
                return True
            await sleep_unless(called_off, turn - now)
        return False


async def sleep_unless(called_off: asyncio.Event, seconds: float) -> None:
    """Sleep, and wake at once when it is ``called_off``."""
    with suppress(TimeoutError):
        async with asyncio.timeout(min(seconds, LONGEST_SLEEP)):
            await called_off.wait()
