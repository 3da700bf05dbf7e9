"""The drill of texts: every number gets exactly one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from clarion.domain.books import Books
from clarion.store.store import Store
from starter.local.drill_channel import ANSWER_WITHIN, Seen, Terms
from starter.local.rehearsal import MIX, TENANT, effects_by_target, write_audience
from starter.local.stack import sandbox_environment

RECEIPT_WAIT = 8.0
"""Seconds until ``sent`` is the last word where a callback was lost."""
SLOWEST, LASTS = 10.0, 20.0
"""The campaign is paced to last LASTS seconds without kills, at SLOWEST texts a second or more."""


TERMS = Terms(
    channel="sms",
    provider="twilio",
    targets=300,
    kill=("worker",),
    lanes=30,
    mix=MIX,
    # The provider takes its time, so that kills also fall between an effect and its answer.
    sandbox_options=("--latency", "150"),
    done="contacted",
)


class Texts:
    """Texts through Twilio."""

    terms = TERMS

    def write_audience(self, path: Path, rows: int, seed: int) -> Mapping[str, int]:
        return dict.fromkeys(write_audience(path, rows, seed), 1)

    def environment(self, sandbox: str, web: str) -> Mapping[str, str]:
        timeout = {f"CLARION_ACCOUNTS__{TENANT.upper()}__TIMEOUT": ANSWER_WITHIN}
        return sandbox_environment(sandbox, web, TENANT) | timeout

    def sandbox_settings(self, web: str) -> Mapping[str, object]:
        del web
        # All numbers end well, so that every target has exactly one effect when all goes right.
        return {"mix": {"twilio": {}}}

    def spec(self, audience: Path, seed: int, rows: int) -> Mapping[str, object]:
        return {
            "name": f"Drill {seed}",
            "channel": "sms",
            "account": TENANT,
            "audience": {"file": str(audience), "address": "phone"},
            "message": "Drill for {{ first_name }}",
            "limits": {"concurrency": self.terms.lanes, "per_second": _rate(rows)},
            "retry": {"attempts": 3, "delay": 1},
            "receipts": {"wait": RECEIPT_WAIT},
            "chunk": {"size": 5, "seconds": 10},
        }

    def lasts(self, rows: int) -> float:
        return rows / _rate(rows)

    def share(self, books: Books) -> float:
        return 1 - (books.pending + books.waiting) / books.total if books.total else 0.0

    def seen(self, sandbox: str, store: Store, key: int) -> Seen:
        del store, key
        return Seen(effects_by_target(sandbox))


def _rate(rows: int) -> float:
    """Texts a second."""
    return max(SLOWEST, rows / LASTS)
