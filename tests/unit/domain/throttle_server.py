"""A provider with limits by requests and by tokens, and workers that ask it, in simulated time."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from clarion.domain.throttle import Report, Throttle, Ticket


@dataclass
class Limit:
    """A bucket of one minute's worth that refills all the time, full at first."""

    limit: int
    level: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        self.level = float(self.limit)

    def refill(self, now: float) -> None:
        self.level = min(self.level + self.limit / 60 * (now - self.at), self.limit)
        self.at = now

    def report(self) -> Report:
        return self.limit, int(self.level), (self.limit - self.level) / self.limit * 60


@dataclass(frozen=True, slots=True)
class Said:
    """What comes back for a question: whether it was answered, and the headers."""

    status: int
    retry_after: float = 0.0
    requests: Report | None = None
    tokens: Report | None = None


@dataclass
class Server:
    """Charges a question when it arrives; an answer carries what was left then, and comes when it comes."""

    requests: Limit
    tokens: Limit
    charged: float = 100.0
    weather: Callable[[float, random.Random], Said | None] = lambda _now, _chance: None
    """May answer in the provider's place."""
    headers: bool = True
    at_once: int | None = None
    """Questions worked on at the same time; further ones are refused."""
    working: int = 0
    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def take(self, now: float, chance: random.Random) -> Said:
        self.requests.refill(now)
        self.tokens.refill(now)
        said = self.weather(now, chance) or self._judge(now)
        {200: self.answered, 429: self.refused}.get(said.status, []).append(now)
        return said

    def _judge(self, now: float) -> Said:
        missing = max(
            (1 - self.requests.level) / self.requests.limit, (self.charged - self.tokens.level) / self.tokens.limit
        )
        if missing > 0:
            return Said(429, retry_after=missing * 60)
        if self.at_once is not None and self.working >= self.at_once:
            return Said(429, retry_after=0.5)
        self.requests.level -= 1
        self.tokens.level -= self.charged
        if not self.headers:
            return Said(200)
        return Said(200, requests=self.requests.report(), tokens=self.tokens.report())


def simulate(
    server: Server,
    seconds: float,
    *,
    workers: int = 1,
    latency: tuple[float, float] = (0.3, 3.0),
    expected: float = 100.0,
    seed: int = 7,
    watch: Callable[[float, Throttle], None] = lambda _now, _throttle: None,
) -> list[Throttle]:
    """Let workers that never run out of questions ask for so many seconds."""
    chance = random.Random(seed)
    throttles = [Throttle() for _ in range(workers)]
    asks = [(0.0, n) for n in range(workers)]
    answers: list[tuple[float, int, int, Ticket, Said]] = []
    number = 0
    while True:
        if answers and answers[0][0] <= asks[0][0]:
            now, _, n, ticket, said = heapq.heappop(answers)
            server.working -= said.status == 200
            _tell(throttles[n], ticket, now, said)
        else:
            now, n = heapq.heappop(asks)
            wait = throttles[n].room(now, expected)
            if wait == 0:
                said = server.take(now, chance)
                server.working += said.status == 200
                number += 1
                took = chance.uniform(*latency) if said.status == 200 else 0.1
                heapq.heappush(answers, (now + took, number, n, throttles[n].started(now, expected), said))
            heapq.heappush(asks, (now + wait, n))
        if now > seconds:
            return throttles
        watch(now, throttles[n])


def _tell(throttle: Throttle, ticket: Ticket, now: float, said: Said) -> None:
    if said.status == 200:
        throttle.answered(ticket, now, said.requests, said.tokens)
    elif said.status == 429:
        throttle.refused(ticket, now, said.retry_after, said.requests, said.tokens)
    else:
        throttle.failed(now)


def per_minute(moments: list[float], since: float, until: float) -> float:
    """How many of these a minute."""
    return sum(since <= moment < until for moment in moments) / (until - since) * 60
