"""The drill of calls: numbers whose endings are known, so that the rules say how often each is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from clarion.domain.books import Books
from clarion.domain.call import CALLERS
from clarion.domain.errors import BadInput, did_you_mean
from clarion.store.store import Store
from starter.local.drill_channel import ANSWER_WITHIN, Seen, Terms
from starter.local.rehearsal import TENANT, ask, dig, write_meant_audience
from starter.local.stack import CALLING, FAST_CALLS, sandbox_environment

ATTEMPTS = 3
"""Calls that the campaign's rules allow for one target."""

CALLS_BY_ENDING: Mapping[str, int] = {
    "9101": 1,  # a voicemail answers, and is not tried again
    "9102": 2,  # nobody answers at first, then a person does
    "9103": ATTEMPTS,  # nobody ever answers
    "9104": 2,  # busy at first, then a person answers
    "9105": ATTEMPTS,  # always busy
    "9106": ATTEMPTS,  # the call can never be completed
    "9107": 0,  # refused as no number
    "9108": 1,  # a slow greeting
    "9109": 1,  # no webhook ever tells of the call
    "9110": 1,  # webhooks come before the create's own answer
    "9111": 1,  # the create's answer is lost
    "9112": 1,  # the person wants no more calls
    "9113": 1,  # talks until the longest time is up
    "9114": ATTEMPTS,  # declined, which counts as busy
}
"""By the last four digits of a number, as the sandbox understands them: how often the rules below call it."""

CALL_MIX: Mapping[str, float] = {
    "rate_limited": 0.03,
    "server_error": 0.02,
    "dropped": 0.02,
    "lost_callbacks": 0.2,
    "late_callbacks": 0.1,
    "late_seconds": 3.0,
    "repeated_callbacks": 0.2,
    "shuffled_callbacks": 0.1,
}
"""``--faults mix``: shares of requests refused before their effect, of answers lost after it, and of webhooks."""

TIME_SCALE = 0.05
"""A call of a minute lasts three seconds."""
MAX_MINUTES: Mapping[str, float] = {"exotel": 0.5}
USUAL_MINUTES = 2.0
SLOW_LOOKUP: Mapping[str, float] = {"exotel": 250.0}
"""Seconds that a lookup of a call in doubt may take: Exotel lists a call when it is over, and some time later."""
SECONDS_PER_TARGET = 7.0
"""Of a lane: all calls to a number together, on average."""
POLL_AFTER = "1"
"""Seconds without a webhook after which the provider is asked how a call stands."""


DEFAULT_PROVIDER = "retell"
LANES = 8


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls through one of the vendors."""

    provider: str = DEFAULT_PROVIDER

    @property
    def terms(self) -> Terms:
        return Terms(
            channel="call",
            provider=self.provider,
            targets=60,
            kill=("worker", "web"),
            lanes=LANES,
            mix=CALL_MIX,
            # The provider takes its time, so that kills also fall between an effect and its answer.
            sandbox_options=("--latency", "200", "--time-scale", f"{TIME_SCALE:g}"),
            done="ended",
        )

    @classmethod
    def through(cls, provider: str) -> Self:
        """Choose the vendor. Raises BadInput for one that places no calls."""
        if provider not in CALLERS:
            near = did_you_mean(provider, CALLERS)
            raise BadInput(f'"{provider}" is not a provider of calls{near}; give {", ".join(CALLERS)}')
        return cls(provider)

    def write_audience(self, path: Path, rows: int, seed: int) -> Mapping[str, int]:
        return write_meant_audience(path, rows, seed, CALLS_BY_ENDING)

    def environment(self, sandbox: str, web: str) -> Mapping[str, str]:
        told = {**FAST_CALLS, "POLL_AFTER": POLL_AFTER, "TIMEOUT": ANSWER_WITHIN}
        base = {"CLARION_PUBLIC_URL": web}
        if self.provider in CALLING:
            told |= {"PROVIDER": self.provider, "BASE_URL": sandbox, **CALLING[self.provider]}
        else:
            base = sandbox_environment(sandbox, web, TENANT)
        return base | {f"CLARION_ACCOUNTS__{TENANT.upper()}__{name}": value for name, value in told.items()}

    def sandbox_settings(self, web: str) -> Mapping[str, object]:
        # Numbers without a meaning are answered, by a person, at the first call.
        return {
            "mix": {"calls": {}},
            "webhook_urls": {self.provider: f"{web}/webhooks/{self.provider}/{TENANT}/call"},
        }

    def spec(self, audience: Path, seed: int, rows: int) -> Mapping[str, object]:
        del rows
        return {
            "name": f"Drill {seed}",
            "channel": "call",
            "account": TENANT,
            "audience": {"file": str(audience), "address": "phone"},
            "call": {
                "provider": self.provider,
                "first_message": "Hello {{ first_name }}, this is a drill.",
                "max_minutes": MAX_MINUTES.get(self.provider, USUAL_MINUTES),
            },
            # Nothing but the retry rules keeps anybody from being called again, so that a call too many shows.
            "limits": {"concurrency": LANES, "per_person_per_day": 20},
            "retry": {"attempts": ATTEMPTS, "delay": 1, "backoff": 1, "on": ["no_answer", "busy", "failed"]},
            # Numbers that always fail are part of the drill.
            "breaker": {"share": 1.0, "of": 20, "at_least": 20},
            "chunk": {"size": 5, "seconds": 10},
        }

    def lasts(self, rows: int) -> float:
        return rows * SECONDS_PER_TARGET / LANES + SLOW_LOOKUP.get(self.provider, 0.0)

    def share(self, books: Books) -> float:
        return 1 - (books.open + books.unknown) / books.total if books.total else 0.0

    def seen(self, sandbox: str, store: Store, key: int) -> Seen:
        del store, key
        calls = dig(ask(f"{sandbox}/_sandbox/effects?detail=1"), self.provider, "calls")
        targets, overlapping, peak = dig(calls, "targets"), dig(calls, "duplicates"), dig(calls, "peak")
        return Seen(
            {str(to): n for to, n in targets.items() if isinstance(n, int)} if isinstance(targets, dict) else {},
            frozenset(str(dig(one, "target")) for one in overlapping) if isinstance(overlapping, list) else frozenset(),
            peak if isinstance(peak, int) else None,
        )
