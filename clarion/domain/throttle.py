"""How many questions may be on their way at once, and when the next may start, so that a provider hardly ever refuses.

Two rules work together. A window bounds the questions in flight: it grows while answers come and is cut when one is
refused. Buckets, kept by what the provider's answers say is left, space out the starts. Time is passed in, monotonic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Report = tuple[int, int, float]
"""What an answer says about one limit: what it allows, what was left of it, seconds until it is whole again."""

MINUTE = 60.0
DAY = 86_400.0
LATENCIES = 4.0
"""What is left of a limit is spread over so many times the time that an answer usually takes, while it refills. So a
limit settles with that much of a reserve, and workers that see the same remainder settle at equal parts of it without
knowing of each other. With less, what they see comes too late to steer by when they are several."""
LEAST_RESERVE = 3.0
"""Seconds."""
FEWEST = 8.0
"""Questions for which the reserve is enough at least: below, several workers all see room for the same last one."""
LARGEST_RESERVE = 0.25
"""Share of a limit that the reserve is at most."""
SHARE_OF_ONE = 0.05
"""What one answer's time counts in the usual time."""
CATCH_UP = 0.25
"""Seconds of starts missed that may be made up for at once: who waits is woken late."""
LOOK_AGAIN = 1.0
"""Seconds; by then answers may have said more than is known now."""
EPSILON = 1e-6
"""Seconds that are no wait: sums of fractions come out a little short."""
CUT = 0.7
"""What a refusal leaves of the window."""
STEPS = 16
"""Rounds in which the window grows by as much as the largest of late was."""
SMALLEST_STEP = 4.0
"""Questions by which it grows at least: fewer, and it never comes back from refusals that come by chance."""
FORGET = 0.98
"""What a refusal leaves of the memory of the largest window."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One question on its way; hand it back with what came of it."""

    start: float
    requests: float
    """Spent by all up to this one and with it."""
    tokens: float


class _Bucket:
    """Our idea of one limit at the provider. It knows nothing, and holds nobody back, before the first report."""

    __slots__ = ("_at", "_cost", "_last", "_level", "_limit", "_newest", "_rate", "spent")

    def __init__(self) -> None:
        self.spent = 0.0
        self._limit = 0
        self._rate = 0.0
        self._level = 0.0
        self._at = 0.0
        self._newest = -math.inf
        self._last = -math.inf
        self._cost = 0.0

    @property
    def fullness(self) -> float:
        return self._level / self._limit if self._limit else 1.0

    def wait(self, now: float, cost: float, reserve: float) -> float:
        """Seconds until ``cost`` is there and its turn has come; 0 when it is now."""
        if not self._limit:
            return 0.0
        self._refill(now)
        cost = min(cost, self._limit)
        missing = (cost - self._level) / self._rate if self._level < cost else 0.0
        wait = max(missing, self._turn(cost, reserve) - now)
        return wait if wait > EPSILON else 0.0

    def spend(self, now: float, cost: float, reserve: float) -> None:
        self.spent += cost
        if self._limit:
            self._refill(now)
            self._last = max(self._turn(min(cost, self._limit), reserve), now - CATCH_UP)
            self._cost = cost
            self._level = max(self._level - cost, -self._limit)

    def learn(self, now: float, start: float, spent: float, report: Report) -> None:
        """Take over what an answer says of the moment its question arrived, when ``spent`` had been spent by us.

        What we have started since is taken off. What has come in since is not added beyond that: others, of whom we
        know nothing, may have taken it.
        """
        limit, remaining, reset = report
        if limit <= 0 or start < self._newest:  # answers overtake each other, and an older one is old news
            return
        used = limit - remaining
        # The time in which all of it comes in again tells limits a day from those a minute, which look the same.
        self._rate = limit / (DAY if used > 0 and reset / used * limit > DAY / 2 else MINUTE)
        since = self.spent - spent - self._rate * (now - start)
        self._limit, self._newest, self._at = limit, start, now
        # However wrong our idea of a question's tokens is, its debt is paid within one more whole limit.
        self._level = max(min(float(remaining), limit) - max(since, 0.0), -limit)

    def empty(self, now: float, start: float) -> None:
        """Take over that there was not enough left."""
        if self._limit and start >= self._newest:
            self._newest, self._at, self._level = start, now, min(self._level, 0.0)

    def _refill(self, now: float) -> None:
        if now > self._at:
            self._level = min(self._level + self._rate * (now - self._at), self._limit)
            self._at = now

    def _turn(self, cost: float, reserve: float) -> float:
        """When the next may start: the fuller the bucket the sooner, and at once while it is full.

        With as much left as comes in within ``reserve`` seconds, exactly what comes in passes. Where more tokens are
        expected than the provider counts, the bucket just settles fuller.
        """
        if self._level >= self._limit:
            return self._last
        usual = min(max(reserve * self._rate, FEWEST * cost), self._limit * LARGEST_RESERVE)
        emptiness = (1.0 - self._level / self._limit) / (1.0 - usual / self._limit)
        return self._last + self._cost / self._rate * usual / max(self._level, cost, 1.0) * emptiness


class Throttle:
    """Paces one account's questions in one process. It does not wait: ask for `room`, then say what has happened.

    Let one waiter at a time ask for room, the others queue behind it: all see the same wait.
    """

    def __init__(self, start: int = 8, most: int = 500) -> None:
        self._first = min(start, most)
        self._most = most
        self._window = float(self._first)
        self._in_flight = 0
        self._climbing = True
        self._largest = self._window
        self._cut_at = -math.inf
        self._full_at = -math.inf
        self._closed_until = -math.inf
        self._failures = 0
        self._latency = 1.0
        self._requests = _Bucket()
        self._tokens = _Bucket()

    @property
    def window(self) -> int:
        """Questions that may be in flight at once, from 1 on."""
        return int(self._window)

    @property
    def in_flight(self) -> int:
        """Questions started and not ended."""
        return self._in_flight

    @property
    def _reserve(self) -> float:
        return max(LEAST_RESERVE, LATENCIES * self._latency)

    def room(self, now: float, tokens: float) -> float:
        """Return 0.0 when a question of about so many tokens may start now, else seconds to wait before asking anew."""
        if now < self._closed_until:
            return self._closed_until - now
        wait = max(self._requests.wait(now, 1.0, self._reserve), self._tokens.wait(now, tokens, self._reserve))
        if self._in_flight >= self.window:
            wait = max(wait, 1.0 / self._window)
        return min(wait, LOOK_AGAIN)

    def started(self, now: float, tokens: float) -> Ticket:
        """Note that a question starts."""
        self._in_flight += 1
        if self._in_flight >= self.window:
            self._full_at = now
        self._requests.spend(now, 1.0, self._reserve)
        self._tokens.spend(now, tokens, self._reserve)
        return Ticket(now, self._requests.spent, self._tokens.spent)

    def answered(
        self, ticket: Ticket, now: float, requests: Report | None = None, tokens: Report | None = None
    ) -> None:
        """Note an answer, of whatever content, and what it says is left of the limits."""
        self._failures = 0
        self._latency += (now - ticket.start - self._latency) * SHARE_OF_ONE
        self._learn(ticket, now, requests, tokens)
        if self._full_at >= ticket.start:  # a window that was not used proves nothing
            # While climbing the window doubles every round; later it grows by the same step each round.
            step = self._window if self._climbing else max(SMALLEST_STEP, self._largest / STEPS)
            self._window = min(self._window + min(step / self._window, 1.0), self._most)
            self._largest = max(self._largest, self._window)
        self._end()

    def refused(
        self,
        ticket: Ticket,
        now: float,
        retry_after: float,
        requests: Report | None = None,
        tokens: Report | None = None,
    ) -> None:
        """Note that the provider wants nobody to start for ``retry_after`` seconds; the window is cut once a round."""
        self._closed_until = max(self._closed_until, now + retry_after)
        if requests is None and tokens is None:
            min(self._requests, self._tokens, key=lambda bucket: bucket.fullness).empty(now, ticket.start)
        self._learn(ticket, now, requests, tokens)
        self._climbing = False
        if ticket.start >= self._cut_at:  # those that were on their way at the last cut tell nothing new
            self._cut_at = now
            self._largest = max(self._window, self._largest * FORGET)
            self._window = max(self._window * CUT, 1.0)
        self._end()

    def failed(self, now: float) -> None:  # noqa: ARG002 -- all that happens is told with its time
        """Note that no answer came. When none comes for a whole window, it begins small again, as at the start."""
        self._failures += 1
        if self._failures >= self._window:
            self._failures = 0
            self._window = float(min(self.window, self._first))
            self._climbing = True
        self._end()

    def _learn(self, ticket: Ticket, now: float, requests: Report | None, tokens: Report | None) -> None:
        if requests is not None:
            self._requests.learn(now, ticket.start, ticket.requests, requests)
        if tokens is not None:
            self._tokens.learn(now, ticket.start, ticket.tokens, tokens)

    def _end(self) -> None:
        self._in_flight = max(self._in_flight - 1, 0)
