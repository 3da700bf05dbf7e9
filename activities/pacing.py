"""The last look before a contact: is the campaign still open, and is it really this contact's turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from activities.failures import in_thread
from clarion.store.campaigns import Campaigns

GATE_SECONDS = 0.3
"""How old a look at a campaign's gate may be when a contact starts; so long after closing, nothing new starts."""


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
            if self._monotonic() - looked_at < GATE_SECONDS / 2:
                return open_
            began = self._monotonic()
            open_ = await in_thread(self._campaigns.is_open, campaign_key)
            self._looks[campaign_key] = (began, open_)
            return open_


class Turnstile:
    """Keeps contacts of one worker process apart by their spacing, however late the event loop wakes a lane."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` gives epoch seconds."""
        self._clock = clock
        self._last: dict[str, float] = {}

    async def pass_at(self, slot_at: float, spacings: Mapping[str, float]) -> None:
        """Return at ``slot_at`` (epoch seconds), or later when the contact before was late."""
        limited = {key: spacing for key, spacing in spacings.items() if spacing > 0}
        while True:
            now = self._clock()
            turn = max([slot_at, *(self._last.get(key, 0.0) + spacing for key, spacing in limited.items())])
            if turn <= now:
                break
            # A clock that was set back must not stop the lane.
            await asyncio.sleep(min(turn - now, 3600.0))
        for key in limited:
            self._last[key] = now
