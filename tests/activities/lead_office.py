"""A worker's office for leads: the real store and ledger, a CRM and an AI at the other end that do as they are told."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from temporalio.testing import ActivityEnvironment

from activities.lead_questions import Analysing
from activities.leads import LeadActivities
from activities.pacing import Gate, Turnstile
from activities.tools import Timing, Tools
from clarion.audience.checks import CheckedRow
from clarion.contracts import ChunkReport, LeadOrder, LeadReport
from clarion.domain.attempt import Verdict
from clarion.domain.campaign import CampaignStatus, parse_spec
from clarion.domain.errors import NotFound
from clarion.domain.lead import Lead, LeadValue
from clarion.domain.target import Outcome
from clarion.domain.throttle import Throttle
from clarion.providers.lead_ports import (
    Analyst,
    ApiUsage,
    BatchLine,
    BatchStage,
    BatchWord,
    Crm,
    Question,
    Reply,
    WriteResult,
)
from clarion.sandbox.server import Sandbox
from clarion.store.ledger import Ledger, LedgerPage
from clarion.store.migrate import migrate
from clarion.store.phases import Phase, PhaseLine
from clarion.store.store import Store
from tests.activities.office import GRACE, TENANT, Clock, Office, run

INPUT, OUTPUT = 300, 40
"""Tokens of every question and answer."""
PRICE_INPUT, PRICE_OUTPUT = 1.0, 10.0
COST = INPUT * 1 + OUTPUT * 10
"""What every answer costs, in millionths."""
GOOD: Mapping[str, object] = {"score": 80, "tier": "A", "reasons": ["is big"], "risks": [], "next_step": "Call."}


def lead_id(n: int) -> str:
    return f"00Q{n:012}EAA"


def good(**parts: object) -> Reply:
    return Reply(json.dumps({**GOOD, **parts}), None, INPUT, OUTPUT, "resp_1")


def bad(outcome: Outcome, *, retryable: bool) -> Reply:
    verdict = Verdict(outcome, final=True, retryable=retryable, detail="so it is")
    return Reply(None, verdict, INPUT, OUTPUT, "resp_2")


@dataclass
class Registry(Crm):
    """A CRM in memory."""

    leads: dict[str, Lead] = field(default_factory=dict)
    binned: set[str] = field(default_factory=set)
    mishaps: list[Exception] = field(default_factory=list)
    """What the next calls fail with."""
    fetched: list[list[str]] = field(default_factory=list)
    looked: list[list[str]] = field(default_factory=list)
    written: dict[str, Mapping[str, LeadValue]] = field(default_factory=dict)
    writes: list[int] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)
    """By id why it cannot be written."""
    used: int | None = None
    before_answer: Callable[[], None] = field(default=lambda: None)

    def know(self, *numbers: int, converted: bool = False, **fields: LeadValue) -> None:
        for n in numbers:
            told: dict[str, LeadValue] = {"Name": f"Lead {n}", "City": "Bonn", **fields}
            self.leads[lead_id(n)] = Lead(lead_id(n), told, converted)

    @property
    def usage(self) -> ApiUsage | None:
        return None if self.used is None else ApiUsage(self.used, 100)

    def fetch(self, ids: Sequence[str], fields: Sequence[str]) -> list[Lead | None]:
        self._mishap()
        self.fetched.append(list(ids))
        self.before_answer()
        return [self.leads.get(one) for one in ids]

    def deleted(self, ids: Sequence[str]) -> set[str]:
        self._mishap()
        self.looked.append(list(ids))
        return self.binned & set(ids)

    def write(self, answers: Mapping[str, Mapping[str, LeadValue]]) -> list[WriteResult]:
        self._mishap()
        self.writes.append(len(answers))
        self.written |= {one: values for one, values in answers.items() if one not in self.refuses}
        return [WriteResult(one, self.refuses.get(one)) for one in answers]

    def check(self) -> None:
        return

    def close(self) -> None:
        return

    def _mishap(self) -> None:
        if self.mishaps:
            raise self.mishaps.pop(0)


@dataclass
class FakeBatch:
    """A batch as the AI's provider has it."""

    name: str
    lines: list[Question]
    begun_at: float
    word: BatchWord


@dataclass
class Oracle(Analyst):
    """An AI that answers what it is told to."""

    clock: Callable[[], float]
    says: Callable[[Question], Reply] = field(default=lambda _: good())
    mishaps: list[BaseException] = field(default_factory=list)
    """What the next questions come to; each is taken once."""
    asked: list[Question] = field(default_factory=list)
    slowness: float = 0.0
    in_flight: int = 0
    most: int = 0
    files: dict[str, list[Question]] = field(default_factory=dict)
    batches: dict[str, FakeBatch] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    """Calls about batches, in order."""
    dies_at: str = ""
    """The call about batches that takes effect, and whose answer never comes."""
    skips: set[str] = field(default_factory=set)
    """Attempts that batches do not come to."""
    gone: str = ""
    """The call about batches that finds no file any more."""
    ends_at_once: bool = True
    no_room: int = 0
    """Batches that are refused for now."""

    @property
    def timeout(self) -> float:
        return 5.0

    async def ask(self, question: Question) -> Reply:
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            await asyncio.sleep(self.slowness)
            if self.mishaps:
                raise self.mishaps.pop(0)
            self.asked.append(question)
            return self.says(question)
        finally:
            self.in_flight -= 1

    async def upload(self, name: str, questions: Iterable[Question]) -> str:
        self.steps.append("upload")
        file = f"file-{len(self.files) + 1}"
        self.files[file] = await asyncio.to_thread(list, questions)
        self._die_at("upload")
        return file

    async def submit(self, name: str, file: str) -> BatchWord:
        self.steps.append("submit")
        if self.gone == "submit":
            raise NotFound(file)
        reference = f"batch-{len(self.batches) + 1}"
        word = BatchWord(reference, BatchStage.ENDED if self.ends_at_once else BatchStage.WORKING, "validating")
        if self.no_room:
            self.no_room -= 1
            word = BatchWord(reference, BatchStage.FAILED, "failed", detail="too much is waiting", too_much=True)
        self.batches[reference] = FakeBatch(name, self.files[file], self.clock(), word)
        self._die_at("submit")
        return word

    async def find(self, name: str, since: float) -> BatchWord | None:
        self.steps.append("find")
        mine = [batch for batch in self.batches.values() if batch.name == name and batch.begun_at >= since]
        return mine[-1].word if mine else None

    async def look(self, reference: str) -> BatchWord:
        self.steps.append("look")
        if reference not in self.batches:
            raise NotFound(reference)
        return self.batches[reference].word

    async def cancel(self, reference: str) -> None:
        self.steps.append("cancel")
        self.end(reference, "cancelled")

    async def results(self, reference: str) -> AsyncIterator[BatchLine]:
        self.steps.append("results")
        if self.gone == "results":
            raise NotFound(reference)
        for n, question in enumerate(self.batches[reference].lines):
            if n == len(self.batches[reference].lines) // 2:
                self._die_at("results")
            if question.attempt in self.skips:
                yield BatchLine(question.attempt, None, "batch_expired")
            else:
                yield BatchLine(question.attempt, self.says(question))

    async def check(self) -> None:
        return

    async def close(self) -> None:
        return

    def end(self, reference: str, status: str = "completed") -> None:
        self.batches[reference].word = BatchWord(reference, BatchStage.ENDED, status)

    def _die_at(self, step: str) -> None:
        if self.dies_at == step:
            self.dies_at = ""
            raise ConnectionResetError


@dataclass
class LeadOffice(Office):
    """What a worker has that assesses leads."""

    crm: Registry = field(default_factory=Registry)
    oracle: Oracle = field(default_factory=lambda: Oracle(time.time))
    throttle: Throttle = field(default_factory=lambda: Throttle(start=500))

    def new_analysis(self, leads: int, *, known: bool = True, **spec: object) -> None:
        """Make a running campaign over so many leads, all of which the CRM knows; ``spec`` as in a campaign file."""
        file = {
            "name": "Test",
            "channel": "lead_analysis",
            "audience": {"file": "leads.csv", "address": "Lead ID"},
            "retry": {"attempts": 2, "delay": 10},
        } | spec
        name = f"a{len(self.store.campaigns.list(TENANT))}"
        self.campaign = self.store.campaigns.create(TENANT, name, parse_spec(file), self.clock())
        self.set_status(CampaignStatus.RUNNING, open_=True)
        self.add([CheckedRow(n, lead_id(n), {"Lead ID": lead_id(n)}, None, None, 1) for n in range(1, leads + 1)])
        if known:
            self.crm.know(*range(1, leads + 1))

    def analyst(self, oracle: Analyst | None = None, crm: Crm | None = None) -> LeadActivities:
        """Hire a worker, with other connections than those to our fakes where some are given."""
        tools = Tools(
            self.store,
            self.ledger,
            Gate(self.store.campaigns, time.monotonic),
            Turnstile(self.clock),
            Timing(intent_slack=3.0, unknown_deadline=3600.0),
            self.clock,
            "worker",
        )
        analysing = Analysing(oracle or self.oracle, PRICE_INPUT, PRICE_OUTPUT, self.throttle)
        return LeadActivities(tools, {"openai": analysing}, {"salesforce": crm or self.crm})

    async def fetch(self, seconds: float = 20.0, environment: ActivityEnvironment | None = None) -> LeadReport:
        return await run(self.analyst().fetch_leads, self.errand(seconds), environment)

    async def ask(self, number: int = 1, *, size: int = 50, lanes: int = 5) -> ChunkReport:
        return await run(self.analyst().dispatch_assessment_chunk, self.order(number, size=size, lanes=lanes))

    async def in_batches(self, seconds: float = 20.0, environment: ActivityEnvironment | None = None) -> LeadReport:
        return await run(self.analyst().run_batches, self.errand(seconds), environment)

    async def write(self, seconds: float = 20.0) -> LeadReport:
        return await run(self.analyst().write_back, self.errand(seconds))

    def errand(self, seconds: float = 20.0) -> LeadOrder:
        return LeadOrder(campaign=self.campaign, seconds=seconds)

    def phase(self, phase: Phase) -> PhaseLine:
        return next(line for line in self.store.leads.phases(self.key) if line.phase is phase)

    def live(self, n: int) -> bool:
        return self.store.leads.questions(self.key, [n])[n].live

    @property
    def spent(self) -> int:
        """In millionths."""
        return round(self.store.campaigns.get(self.key).spent * 1e6)


@asynccontextmanager
async def open_lead_office(folder: Path) -> AsyncIterator[LeadOffice]:
    """Open an office over a new database; its sandbox stays shut."""
    store = Store(f"sqlite:///{folder / 'clarion.db'}", tenant=TENANT, grace=GRACE)
    migrate(store.database)
    clock = Clock()
    async with AsyncExitStack() as stack:
        stack.callback(store.close)
        page = LedgerPage(store.database, {}, GRACE)
        ledger: Ledger = await stack.enter_async_context(Ledger(page.commit, clock))
        yield LeadOffice(store, ledger, Sandbox(), stack, clock, oracle=Oracle(clock))
