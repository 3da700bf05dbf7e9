"""Analyses of leads: how much of the AI's limits is used, what the CRM is asked, and the worker's memory.

The sandbox's AI has true limits of requests and tokens in a minute; what it permits is a full limit at first and what
comes back until its last answer. Every row of the input is looked for in the report afterwards.
"""

from __future__ import annotations

import asyncio
import csv
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.stage import Stage, Surroundings, raised, resident_mb
from clarion.domain.campaign import CampaignStatus, parse_spec
from starter.local.example_leads import USELESS, write_example
from starter.local.rehearsal import ask, dig
from starter.local.stack import analysing_environment
from starter.looking import Looking
from starter.reports.report import write_report

REACH = 0.9
"""Of what the limits permit."""
MOST_CALLS = 30
"""Requests to the CRM for 50,000 leads."""
LANES = 500


@dataclass(frozen=True, slots=True)
class Scene:
    """What a bench runs on."""

    requests_per_minute: int | None = 10_000
    tokens_per_minute: int | None = 10_000_000
    latency: tuple[float, float] = (0.3, 1.5)
    """Seconds that the AI takes to answer, at least and at most."""
    workers: int = 1
    faults: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """By vendor."""
    database_url: str | None = None


@asynccontextmanager
async def analysing(scene: Scene) -> AsyncIterator[Stage]:
    """Start a stack with accounts at the sandbox's Salesforce and OpenAI."""

    def surroundings(sandbox: str, web: str) -> Surroundings:
        del web
        limits = {"requests_per_minute": scene.requests_per_minute, "tokens_per_minute": scene.tokens_per_minute}
        ask(f"{sandbox}/_sandbox/faults", scene.faults)
        return Surroundings({"openai": {**limits, "latency": scene.latency}}, analysing_environment(sandbox))

    url, options = scene.database_url, ["--latency", "50"]
    async with raised(surroundings, options=options, workers=scene.workers, database_url=url, web=False) as stage:
        yield stage


async def leads(
    scene: Scene, *, sizes: Sequence[int] = (10_000,), bad: float = 0.02, kills: int = 0, again: bool = True
) -> dict[str, object]:
    """Analyse one workbook per size, each on a new stack; ``kills`` workers meanwhile, and the same file ``again``."""
    found: dict[str, object] = {}
    promised: dict[str, bool] = {}
    reached: dict[str, bool] = {}
    for rows in sizes:
        async with analysing(scene) as stage:
            run = _Run(stage, rows, bad)
            figures = await run.first(kills)
            calls = figures["crm_requests"]
            promised |= {f"{rows:,} rows: {what}": held for what, held in run.promised.items()}
            if isinstance(calls, int) and rows <= 50_000 and not scene.faults:
                promised[f"{rows:,} rows: at most {MOST_CALLS} requests to the CRM"] = calls <= MOST_CALLS
            share = figures["share_of_the_limit"]
            if isinstance(share, float) and not kills and not scene.faults:
                reached[f"{rows:,} rows: {REACH:.0%} or more of what the limits permit"] = share >= REACH
            if again:
                asked = await run.second()
                figures["questions_when_run_again"] = asked
                promised[f"{rows:,} rows: run again, nothing is asked anew"] = asked == 0 or bool(scene.faults)
            found[f"rows_{rows}"] = figures
    return {**found, "promised": promised, "reached": reached}


class _Run:
    """One workbook on one stage."""

    def __init__(self, stage: Stage, rows: int, bad: float) -> None:
        self._stage, self._rows = stage, rows
        self._file = stage.stack.home / "leads.xlsx"
        kinds = write_example(self._file, rows, bad, seed=1)
        self._useless = sum(kinds.get(kind, 0) for kind in USELESS)
        self.promised: dict[str, bool] = {}

    async def first(self, kills: int) -> dict[str, object]:
        """Analyse it for the first time."""
        stage, began = self._stage, time.monotonic()
        campaign_id = await self._start("bench-1")
        samples: list[float] = []
        left = kills
        while not (progress := await stage.progress(campaign_id)).status.is_final:
            await asyncio.sleep(1.0)
            samples += [resident_mb(worker.pid)[0] for worker in stage.workers if worker.alive]
            books = progress.books
            if left and books.total and (books.total - books.open) / books.total > (kills - left + 1) / (kills + 1):
                await self._kill(left)
                left -= 1
        seconds = time.monotonic() - began
        effects = await asyncio.to_thread(ask, f"{stage.sandbox}/_sandbox/effects")
        limits = dig(effects, "openai", "limits")
        meter = limits[0] if isinstance(limits, list) and limits else {}
        used = dig(meter, "used")
        events, runs = await stage.history(campaign_id)
        written = await asyncio.to_thread(self._report, campaign_id)
        asked = dig(effects, "openai", "questions", "distinct")
        self.promised = {
            "completed, and the books balance": progress.status is CampaignStatus.COMPLETED and progress.books.balanced,
            "every row of the input stands in the report once, in its order": written == self._rows,
            "rows that no lead can be made of are left out, and nothing is spent on them": (
                isinstance(asked, int) and asked <= self._rows - self._useless
            ),
        }
        requests = dig(effects, "salesforce", "requests")
        return {
            "seconds": round(seconds, 1),
            "leads_per_second": round(progress.books.succeeded / seconds, 1),
            "share_of_the_limit": max(used.values()) if isinstance(used, dict) and used else None,
            "shares": used,
            "refused_by_the_limits": [dig(meter, "refused_requests"), dig(meter, "refused_tokens")],
            "crm_requests": sum(requests.values()) if isinstance(requests, dict) else None,
            "crm_requests_by_kind": requests,
            "answers": self._answered(effects),
            "asked_again": dig(effects, "openai", "questions", "asked_again"),
            "books": {state: n for state, n in progress.books.model_dump().items() if n},
            "outcomes": progress.outcomes,
            "worker_first_quarter_mb": _most(samples[: max(1, len(samples) // 4)]),
            "worker_last_quarter_mb": _most(samples[-max(1, len(samples) // 4) :]),
            "worker_peak_mb": _most(samples),
            "events_per_lead": round(events / self._rows, 4),
            "runs": runs,
            "kills": kills - left,
        }

    async def second(self) -> int:
        """Analyse the same file again; return how many questions that cost."""
        before = self._answered(await asyncio.to_thread(ask, f"{self._stage.sandbox}/_sandbox/effects"))
        campaign_id = await self._start("bench-2")
        while not (await self._stage.progress(campaign_id)).status.is_final:  # noqa: ASYNC110 - can only be polled
            await asyncio.sleep(1.0)
        return self._answered(await asyncio.to_thread(ask, f"{self._stage.sandbox}/_sandbox/effects")) - before

    async def _start(self, campaign_id: str) -> str:
        spec = parse_spec(
            {
                "name": campaign_id,
                "channel": "lead_analysis",
                "audience": {"file": str(self._file), "lead_id": "Lead ID"},
                "limits": {"concurrency": LANES},
                "retry": {"attempts": 5, "delay": 1, "backoff": 2},
            }
        )
        await self._stage.installation.campaigns.start(spec, campaign_id=campaign_id)
        return campaign_id

    async def _kill(self, number: int) -> None:
        workers = [worker for worker in self._stage.workers if worker.alive]
        victim = workers[number % len(workers)]
        victim.kill()
        await asyncio.sleep(1.0)
        await victim.start()

    @staticmethod
    def _answered(effects: object) -> int:
        accepted = dig(effects, "openai", "accepted")
        return accepted if isinstance(accepted, int) else 0

    def _report(self, campaign_id: str) -> int:
        """Write the report; return how many rows it has, or -1 when they are not the input's, each once, in order."""
        campaigns = self._stage.installation.campaigns
        looking = Looking(campaigns.store, campaigns.settings.tenant)
        out = Path(self._file.parent) / "report.csv"
        write_report(looking, campaign_id, out)
        with out.open(encoding="utf-8-sig", newline="") as file:
            rows = [int(line["row"]) for line in csv.DictReader(file)]
        expected = range(2, self._rows + 2)
        return len(rows) if rows == list(expected) and max(Counter(rows).values()) == 1 else -1


def _most(samples: Sequence[float]) -> float:
    return round(max(samples, default=0.0), 1)
