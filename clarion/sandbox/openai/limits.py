"""Limits of requests and tokens per minute of one API key and model, and the headers that tell of them.

As the guide to rate limits has it: a request weighs the larger of its estimated input and its ``max_output_tokens``,
and one that is refused counts as a request all the same, so that only waiting helps. A limit refills steadily.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from clarion.sandbox.openai.errors import problem
from clarion.sandbox.openai.settings import OpenAiSettings
from clarion.sandbox.vendor import Answer, Json

MINUTE = 60.0
LEARN = "Visit https://platform.openai.com/account/rate-limits to learn more."
SHORT = {"requests": "RPM", "tokens": "TPM"}


@dataclass(slots=True)
class Bucket:
    """What is left of one limit; full at first. Times are seconds of a clock that never goes back."""

    limit: int
    level: float
    at: float

    def refill(self, now: float) -> None:
        """Take in what has come since the last look."""
        self.level = min(self.limit, self.level + (now - self.at) * self.limit / MINUTE)
        self.at = now

    def wait(self, amount: float) -> float:
        """Seconds until there is so much."""
        return max(0.0, (amount - self.level) * MINUTE / self.limit)

    def headers(self, name: str) -> dict[str, str]:
        """Tell how it stands."""
        return {
            f"x-ratelimit-limit-{name}": str(self.limit),
            f"x-ratelimit-remaining-{name}": str(int(self.level)),
            f"x-ratelimit-reset-{name}": go_duration(self.wait(self.limit)),
        }


@dataclass(slots=True)
class Meter:
    """The limits of one API key and model, and what has been counted against them."""

    model: str
    buckets: Mapping[str, Bucket]
    begun: float
    last: float
    admitted: int = 0
    tokens: int = 0
    refused: dict[str, int] = field(default_factory=lambda: {"requests": 0, "tokens": 0})

    def admit(self, tokens: int, now: float) -> Answer | None:
        """Charge a request, or word why it has to wait."""
        for bucket in self.buckets.values():
            bucket.refill(now)
        wanted = {"requests": 1.0, "tokens": float(tokens)}
        lacking = [name for name, bucket in self.buckets.items() if bucket.level < wanted[name]]
        if lacking:
            return self._refuse(lacking[0], wanted[lacking[0]])
        for name, bucket in self.buckets.items():
            bucket.level -= wanted[name]
        self.admitted += 1
        self.tokens += tokens
        self.last = now
        return None

    def headers(self) -> dict[str, str]:
        """Tell how the limits stand."""
        return {name: value for kind, bucket in self.buckets.items() for name, value in bucket.headers(kind).items()}

    def _refuse(self, name: str, wanted: float) -> Answer:
        bucket = self.buckets[name]
        self.refused[name] += 1
        asked = self.buckets.get("requests")
        if asked is not None:
            asked.level = max(0.0, asked.level - 1)
        of = f"{self.model} in organization org-sandbox on {name} per min ({SHORT[name]}): Limit {bucket.limit}"
        if wanted > bucket.limit:
            message = f"Request too large for {of}, Requested {int(wanted)}. {LEARN}"
            return problem(429, message, name, code="rate_limit_exceeded", headers=self.headers())
        wait, used = bucket.wait(wanted), int(bucket.limit - bucket.level)
        message = (
            f"Rate limit reached for {of}, Used {used}, Requested {int(wanted)}. "
            f"Please try again in {go_duration(wait)}. {LEARN}"
        )
        headers = self.headers() | waiting(wait)
        return problem(429, message, name, code="rate_limit_exceeded", headers=headers)

    def view(self) -> dict[str, Json]:
        """Tell what was counted, and for each limit which share of what it permits was used.

        Permitted is a full limit at first and what has come until the last request that was let through.
        """
        seconds = self.last - self.begun
        used = {"requests": self.admitted, "tokens": self.tokens}
        shares = {
            name: round(used[name] / (bucket.limit * (1 + seconds / MINUTE)), 4)
            for name, bucket in self.buckets.items()
        }
        return {
            "model": self.model,
            "admitted": self.admitted,
            "refused_requests": self.refused["requests"],
            "refused_tokens": self.refused["tokens"],
            "charged_tokens": self.tokens,
            "seconds": round(seconds, 3),
            "limits": {name: bucket.limit for name, bucket in self.buckets.items()},
            "used": shares,
        }


class Limits:
    """The meters of all API keys and models."""

    def __init__(self, settings: OpenAiSettings) -> None:
        self.settings = settings
        self._meters: dict[tuple[str, str], Meter] = {}

    def meter(self, account: str, model: str, now: float) -> Meter:
        """Find the meter of one API key and model."""
        meter = self._meters.get((account, model))
        if meter is None:
            limits = {"requests": self.settings.requests_per_minute, "tokens": self.settings.tokens_per_minute}
            buckets = {name: Bucket(limit, limit, now) for name, limit in limits.items() if limit is not None}
            meter = self._meters[account, model] = Meter(model, buckets, now, now)
        return meter

    def view(self) -> list[Json]:
        """Tell of each meter."""
        return [meter.view() for meter in self._meters.values()]


def waiting(seconds: float) -> dict[str, str]:
    """Tell how long to wait."""
    return {"retry-after": str(math.ceil(seconds)), "retry-after-ms": str(math.ceil(seconds * 1000))}


def go_duration(seconds: float) -> str:
    """Word a length of time as Go does, to the millisecond: ``120ms``, ``1.5s``, ``6m0s``."""
    milliseconds = math.ceil(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    words = f"{f'{rest / 1000:.3f}'.rstrip('0').rstrip('.')}s"
    if hours:
        return f"{hours}h{minutes}m{words}"
    return f"{minutes}m{words}" if minutes else words
