"""The drill of analyses: leads whose nature is known, each of which must be asked about until there is one answer.

Asking an AI again is allowed where the answer died with its worker, and nowhere else. So an answer that the sandbox
gave counts as an effect unless the store says of its attempt that it was taken back, or tried again by the rules.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from clarion.domain.attempt import AttemptId
from clarion.domain.books import Books
from clarion.domain.lead_id import checksum
from clarion.domain.target import Outcome
from clarion.store.schema import attempts, targets
from clarion.store.store import Store
from starter.local.drill_channel import ANSWER_WITHIN, Seen, Terms
from starter.local.rehearsal import TENANT, ask, dig
from starter.local.stack import analysing_environment

ANSWERS_BY_ENDING: Mapping[str, int] = {
    "9401": 0,  # the CRM knows no such lead
    "9404": 1,  # neither phone nor e-mail
    "9405": 1,  # hardly any data
    "9406": 1,  # notes of 32,000 characters
    "9411": 1,  # hides instructions to the AI
    "9414": 1,
}
"""By the last four of an id's 15 characters, as the sandbox understands them: how many answers such a lead has."""

MAGIC = range(9401, 9430)
"""Endings that mean something to the sandbox; a lead whose nature is not known here has none of them."""

LEAD_MIX: Mapping[str, float] = {
    "rate_limited": 0.05,
    "retry_after": 0.5,
    "server_error": 0.05,
    "dropped": 0.03,
    "truncated": 0.01,
    "refused": 0.01,
    "filtered": 0.005,
    "garbled": 0.01,
}
"""``--faults mix``: shares of questions refused before they are answered, of answers lost, and of useless ones."""

LATENCY = (0.3, 1.5)
"""Seconds the sandbox's AI takes, so that kills fall between a question and its answer."""
LANES = 20
LASTS = 20.0
"""Seconds that a drill takes without kills, about."""

TRIED_AGAIN = frozenset({Outcome.NOT_SENT, Outcome.TRUNCATED, Outcome.INVALID_ANSWER, Outcome.FAILED, Outcome.UNKNOWN})
"""Outcomes of an attempt after which the same lead may be asked about again."""

TERMS = Terms(
    channel="lead_analysis",
    provider="openai",
    targets=300,
    kill=("worker",),
    lanes=LANES,
    mix=LEAD_MIX,
    sandbox_options=(),
    done="assessed",
)


class Leads:
    """Leads from Salesforce, assessed by OpenAI."""

    terms = TERMS

    def write_audience(self, path: Path, rows: int, seed: int) -> Mapping[str, int]:
        worth = _leads(rows, seed)
        with path.open("w", newline="", encoding="utf-8") as file:
            lines = csv.writer(file)
            lines.writerow(["Lead ID", "Region"])
            lines.writerows([lead, f"Region {n % 7}"] for n, lead in enumerate(worth, 1))
        return worth

    def environment(self, sandbox: str, web: str) -> Mapping[str, str]:
        del web
        told = {"PROVIDER": "openai", "BASE_URL": sandbox, "AUTH_TOKEN": "sk-sandbox", "TIMEOUT": ANSWER_WITHIN}
        account = {f"CLARION_ACCOUNTS__{TENANT.upper()}__{name}": value for name, value in told.items()}
        return analysing_environment(sandbox) | account

    def sandbox_settings(self, web: str) -> Mapping[str, object]:
        del web
        return {"openai": {"latency": LATENCY}}

    def spec(self, audience: Path, seed: int, rows: int) -> Mapping[str, object]:
        return {
            "name": f"Drill {seed}",
            "channel": "lead_analysis",
            "account": TENANT,
            "audience": {"file": str(audience), "lead_id": "Lead ID"},
            "lead": {"chunk": max(20, rows // 10)},
            "limits": {"concurrency": LANES, "per_second": _rate(rows)},
            "retry": {"attempts": 5, "delay": 1, "backoff": 1},
            "chunk": {"size": 5, "seconds": 10},
        }

    def lasts(self, rows: int) -> float:
        return rows / _rate(rows)

    def share(self, books: Books) -> float:
        return 1 - (books.open + books.unknown) / books.total if books.total else 0.0

    def seen(self, sandbox: str, store: Store, key: int) -> Seen:
        answered = dig(ask(f"{sandbox}/_sandbox/effects?detail=1"), "openai", "targets")
        kept = _attempts(store, key)
        effects: Counter[str] = Counter()
        twice: set[str] = set()
        for text, times in answered.items() if isinstance(answered, dict) else ():
            attempt = AttemptId.parse(text)
            lead, outcome, latest = kept[attempt]
            if times > 1:
                twice.add(lead)  # an attempt is one question: whoever asks again takes another one
            if latest or outcome not in TRIED_AGAIN:
                effects[lead] += 1
        return Seen(effects, frozenset(twice))


def _rate(rows: int) -> float:
    """Questions a second."""
    return max(10.0, rows / LASTS)


def _leads(rows: int, seed: int) -> dict[str, int]:
    """Make up ids; of the first ones, in turn, the nature is known. Returns how many answers each has."""
    worth: dict[str, int] = {}
    known = list(ANSWERS_BY_ENDING)[: rows // 2]
    for number in count():
        if len(worth) == rows:
            break
        serial = (seed % 1000) * 10_000 + number
        ending = known[number] if number < len(known) else f"{serial % 10_000:04d}"
        if number >= len(known) and int(ending) in MAGIC:
            continue
        id15 = f"00Q5g00{serial // 10_000:04d}{ending}"
        worth[id15 + checksum(id15)] = ANSWERS_BY_ENDING.get(ending, 1)
    return worth


def _attempts(store: Store, key: int) -> dict[AttemptId, tuple[str, str | None, bool]]:
    """Return every attempt's lead and outcome, and whether it is the last one."""
    of_target = (targets.c.campaign_key == attempts.c.campaign_key) & (targets.c.position == attempts.c.position)
    wanted = attempts.c.position, attempts.c.number, attempts.c.outcome, targets.c.address, targets.c.attempts
    query = attempts.join(targets, of_target).select().with_only_columns(*wanted).where(attempts.c.campaign_key == key)
    with store.database.read() as connection:
        return {
            AttemptId(key, position, number): (address, outcome, number == last)
            for position, number, outcome, address, last in connection.execute(query)
        }
