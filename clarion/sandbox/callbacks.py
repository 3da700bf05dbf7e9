"""Posts webhooks when their time has come, with the faults that were asked for, over a bounded number of connections.

A delivery that fails (no connection, no answer in time, 5xx) is tried again after each of RETRY_DELAYS, then it is
lost. That is the sandbox's own doing, so that a web door that was killed and came back still hears most of it: Twilio
itself, unless told otherwise, retries a failed connection once (``rc`` on its "connection overrides" page).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import aiohttp
from yarl import URL

from clarion.sandbox.faults import VendorFaults
from clarion.sandbox.vendor import Json

CONNECTIONS = 20
"""Deliveries under way at once; a slow receiver holds these and nothing else."""
ANSWER_WITHIN = 5.0
"""Seconds; Twilio waits 15."""
RETRY_DELAYS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
REPEAT_AFTER = 0.15
KEPT = 200


@dataclass(frozen=True, slots=True)
class Post:
    """A webhook ready to go: ``url`` is used byte for byte, because its signature covers it."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    told: asyncio.Event | None = None
    """Set once the receiver has answered, or could not be reached: for those who must not speak before it."""


Render = Callable[[], Post | None]
"""Makes the webhook at the moment it is due; None when it has become pointless."""


@dataclass(slots=True)
class _Letter:
    render: Render
    round: int
    post: Post | None = None


@dataclass(slots=True)
class CallbackCounts:
    """Deliveries since the last reset; ``waiting`` are due later, queued or under way."""

    waiting: int = 0
    delivered: int = 0
    refused: int = 0
    """Answered with something other than 2xx or 5xx; not repeated."""
    retried: int = 0
    lost: int = 0
    """Given up after the last retry, or never sent because a fault said so."""


class Callbacks:
    """The outgoing post of all vendors."""

    def __init__(self) -> None:
        self.counts = CallbackCounts()
        self._due: deque[tuple[_Letter, int]] = deque()
        self._latest: deque[tuple[Post, int | None]] = deque(maxlen=KEPT)
        self._carriers: set[asyncio.Task[None]] = set()
        self._round = 0
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Get ready to deliver; needs the running loop."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=ANSWER_WITHIN),
        )

    async def close(self) -> None:
        """Stop delivering; what is still waiting is dropped."""
        self.reset()
        carriers = list(self._carriers)
        for carrier in carriers:
            carrier.cancel()
        await asyncio.gather(*carriers, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def reset(self) -> None:
        """Drop what is waiting and forget what was delivered."""
        self._round += 1
        self._due.clear()
        self._latest.clear()
        self.counts = CallbackCounts()

    def schedule(self, faults: VendorFaults, plan: Sequence[tuple[float, Render]], *, may_be_lost: bool = True) -> None:
        """Post each callback of one effect after its delay (seconds), subject to the faults in force now."""
        now = faults.now
        last = plan[-1][0] if plan else 0.0
        shuffled = len(plan) > 1 and faults.strikes(now.shuffled_callbacks)
        for delay, render in plan:
            if may_be_lost and faults.strikes(now.lost_callbacks):
                self.counts.lost += 1
                continue
            # Order is only ever turned round by delay: a callback must not run ahead of what it reports.
            due = last + (last - delay) if shuffled else delay
            if faults.strikes(now.late_callbacks):
                due += now.late_seconds
            letter = _Letter(render, self._round)
            self._arm(due, letter, 0)
            if faults.strikes(now.repeated_callbacks):
                self._arm(due + REPEAT_AFTER, letter, 0)

    def later(self, delay: float, happening: Callable[[], None]) -> None:
        """Let something happen in the sandbox's world after ``delay`` seconds, unless a reset comes first."""
        asyncio.get_running_loop().call_later(delay, self._happen, self._round, happening)

    def latest(self) -> list[Json]:
        """The latest deliveries, oldest first; ``status`` is null where nobody answered."""
        return [
            {"url": post.url, "headers": dict(post.headers), "body": post.body.decode(), "status": status}
            for post, status in self._latest
        ]

    def _arm(self, delay: float, letter: _Letter, failures: int) -> None:
        self.counts.waiting += 1
        asyncio.get_running_loop().call_later(delay, self._fall_due, letter, failures)

    def _happen(self, round_: int, happening: Callable[[], None]) -> None:
        if round_ == self._round:
            happening()

    def _fall_due(self, letter: _Letter, failures: int) -> None:
        if letter.round != self._round or self._session is None:
            return
        self._due.append((letter, failures))
        if len(self._carriers) < CONNECTIONS:
            carrier = asyncio.create_task(self._carry(self._session))
            self._carriers.add(carrier)

    async def _carry(self, session: aiohttp.ClientSession) -> None:
        try:
            while self._due:
                letter, failures = self._due.popleft()
                letter.post = letter.post or letter.render()
                status = await _deliver(session, letter.post) if letter.post else None
                if letter.round == self._round:
                    self._settle(letter, failures, status)
        finally:
            # Here and not in a done callback: what falls due in between would find all carriers taken and none working.
            if (carrier := asyncio.current_task()) is not None:
                self._carriers.discard(carrier)

    def _settle(self, letter: _Letter, failures: int, status: int | None) -> None:
        counts = self.counts
        counts.waiting -= 1
        if letter.post is None:
            return
        self._latest.append((letter.post, status))
        if letter.post.told is not None:
            letter.post.told.set()
        if status is None or status >= 500:
            if failures < len(RETRY_DELAYS):
                counts.retried += 1
                self._arm(RETRY_DELAYS[failures], letter, failures + 1)
            else:
                counts.lost += 1
        elif 200 <= status < 300:
            counts.delivered += 1
        else:
            counts.refused += 1


async def until_told(told: asyncio.Event, patience: float) -> None:
    """Wait until somebody was told, at most ``patience`` seconds: a fault may see to it that nobody ever is."""
    try:
        await asyncio.wait_for(told.wait(), patience)
    except TimeoutError:
        return


async def _deliver(session: aiohttp.ClientSession, post: Post) -> int | None:
    """Post it; returns the status, None when there was no answer."""
    try:
        async with session.post(
            URL(post.url, encoded=True), data=post.body, headers=post.headers, allow_redirects=False
        ) as response:
            await response.read()
            return response.status
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None
