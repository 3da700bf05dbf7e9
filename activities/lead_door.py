"""Where questions to an account's AI start: one after the other, in their order, when there is room."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from activities.pacing import sleep_unless
from clarion.domain.throttle import Report, Throttle, Ticket
from clarion.providers.lead_ports import Allowance, Quota

WATCH = 0.5
"""Seconds after which whoever waits looks whether the question is still wanted."""


class Door:
    """Keeps the questions of one account in one worker process within what its throttle allows."""

    def __init__(self, throttle: Throttle, monotonic: Callable[[], float]) -> None:
        """``monotonic`` gives seconds that never jump."""
        self._throttle = throttle
        self._monotonic = monotonic
        self._waiting: deque[asyncio.Event] = deque()

    async def enter(self, tokens: float, called_off: asyncio.Event) -> Ticket | None:
        """Return when a question of about so many tokens may start; None when it is ``called_off`` meanwhile.

        A ticket is to be handed back: `answered`, `refused` or `failed`.
        """
        turn = asyncio.Event()
        self._waiting.append(turn)
        try:
            while not called_off.is_set():
                now, is_first = self._monotonic(), self._waiting[0] is turn
                wait = self._throttle.room(now, tokens) if is_first else WATCH
                if wait <= 0.0:
                    return self._throttle.started(now, tokens)
                turn.clear()
                await sleep_unless(turn, min(wait, WATCH))
            return None
        finally:
            self._waiting.remove(turn)
            self._wake_first()

    def answered(self, ticket: Ticket, quota: Quota) -> None:
        """Note an answer, of whatever content."""
        self._throttle.answered(ticket, self._monotonic(), _report(quota.requests), _report(quota.tokens))
        self._wake_first()

    def refused(self, ticket: Ticket, retry_after: float, quota: Quota) -> None:
        """Note that the provider wants nobody to start for so many seconds."""
        reports = _report(quota.requests), _report(quota.tokens)
        self._throttle.refused(ticket, self._monotonic(), retry_after, *reports)
        self._wake_first()

    def failed(self) -> None:
        """Note that no answer came, or that the question was not asked after all."""
        self._throttle.failed(self._monotonic())
        self._wake_first()

    def _wake_first(self) -> None:
        if self._waiting:
            self._waiting[0].set()


def _report(allowance: Allowance | None) -> Report | None:
    return None if allowance is None else (allowance.limit, allowance.remaining, allowance.reset)
