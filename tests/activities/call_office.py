"""A worker's office for calls: the real store and ledger, and a carrier at the other end that does as it is told."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from temporalio.testing import ActivityEnvironment

from activities.call_lane import Calling, Patience
from activities.call_watch import CallWatch
from activities.calls import CallActivities
from activities.pacing import Gate, Turnstile
from activities.tools import Timing, Tools
from clarion.audience.checks import CheckedRow
from clarion.contracts import ChunkOrder, ChunkReport
from clarion.domain.attempt import Verdict
from clarion.domain.call import AnsweredBy, CallFacts, CallWord, MachineRule, Script, Stage
from clarion.domain.campaign import CampaignStatus, parse_spec
from clarion.domain.errors import BadInput, NotFound
from clarion.domain.target import Outcome
from clarion.providers.ports import CallReader, CallReceipt, Dialer, OutcomeUnknown, OutgoingCall, Webhook
from clarion.providers.raw import RawReceipt
from clarion.providers.vendors import call_readers
from clarion.sandbox.server import Sandbox
from clarion.store.claims import Execution
from clarion.store.entries import Granted, Intend, Record
from clarion.store.ledger import Ledger, LedgerPage
from clarion.store.migrate import migrate
from clarion.store.store import Store
from tests.activities.office import GRACE, TENANT, Clock, Office, person, run, temporal

PRICE = 0.6
"""Per minute."""
SOON = 0.05
"""Seconds of poll_after: short enough that a test does not wait for it."""
SCHEDULED_AT = 1_000_000.0
"""When Temporal ordered chunk 1, epoch seconds."""
FAR = 3600.0
"""Seconds of poll_after with which a provider is asked for nothing during a test."""


@dataclass
class Line:
    """A call as the carrier knows it."""

    attempt: str
    to: str
    reference: str
    verdict: Verdict
    facts: CallFacts = field(default_factory=CallFacts)

    @property
    def goes_on(self) -> bool:
        return self.verdict.outcome is Outcome.PLACED


@dataclass(frozen=True)
class Mishap:
    """What goes wrong over the next call: an error, before or after the call was put through."""

    error: Exception
    put_through: bool = False


@dataclass
class Carrier(Dialer):
    """A provider of calls. Each call goes on until it is told how it ends, or ends at once with ``always``."""

    always: Outcome | None = None
    lines: list[Line] = field(default_factory=list)
    mishaps: list[Mishap] = field(default_factory=list)
    fails: Exception | None = None
    """Raised by whatever is asked about a call."""
    forgets: bool = False
    """It cannot find any call any more."""
    can_hang_up: bool = True
    looks: int = 0
    finds: int = 0
    hang_ups: list[str] = field(default_factory=list)
    slowness: float = 0.0

    @property
    def timeout(self) -> float:
        return 5.0

    async def place(self, call: OutgoingCall) -> CallWord:
        await asyncio.sleep(self.slowness)
        mishap = self.mishaps.pop(0) if self.mishaps else None
        if mishap is not None and not mishap.put_through:
            raise mishap.error
        line = self._put_through(call)
        if mishap is not None:
            raise mishap.error
        return CallWord(Verdict(Outcome.PLACED, final=False, provider_reference=line.reference))

    async def look(self, reference: str) -> CallWord:
        self.looks += 1
        if self.fails is not None:
            raise self.fails
        line = self._line(reference)
        return CallWord(line.verdict, line.facts)

    async def find(self, call: OutgoingCall, since: float, known: Collection[str]) -> CallWord | None:
        self.finds += 1
        if self.fails is not None:
            raise self.fails
        mine = [line for line in self.lines if line.attempt == call.attempt and line.reference not in known]
        return CallWord(mine[0].verdict, mine[0].facts) if mine and not self.forgets else None

    async def hang_up(self, reference: str) -> bool:
        self.hang_ups.append(reference)
        if self.fails is not None:
            raise self.fails
        line = self._line(reference)
        if self.can_hang_up and line.goes_on:
            by_machine = line.facts.answered_by is AnsweredBy.MACHINE
            self._end(line, Outcome.VOICEMAIL if by_machine else Outcome.CANCELLED)
        return self.can_hang_up

    async def check(self) -> None:
        return

    async def close(self) -> None:
        return

    @property
    def going(self) -> int:
        return sum(line.goes_on for line in self.lines)

    def calls_to(self, n: int) -> int:
        return sum(line.to == person(n) for line in self.lines)

    def to(self, n: int) -> Line:
        """The latest call to a person."""
        return next(line for line in reversed(self.lines) if line.to == person(n))

    def answers(self, n: int, by: AnsweredBy = AnsweredBy.HUMAN) -> Line:
        line = self.to(n)
        line.facts = replace(line.facts, stage=Stage.ANSWERED, answered_by=by)
        return line

    def ends(
        self, n: int, outcome: Outcome = Outcome.ANSWERED, *, duration: float | None = None, cost: float | None = None
    ) -> Line:
        line = self.to(n)
        line.facts = replace(line.facts, duration=duration, cost=cost)
        self._end(line, outcome)
        return line

    def _put_through(self, call: OutgoingCall) -> Line:
        assert call.attempt not in {line.attempt for line in self.lines}, "one attempt was placed twice"
        assert not any(line.to == call.to and line.goes_on for line in self.lines), "called while on the phone"
        reference = f"ref-{len(self.lines)}"
        verdict = Verdict(Outcome.PLACED, final=False, provider_reference=reference)
        self.lines.append(Line(call.attempt, call.to, reference, verdict))
        if self.always is not None:
            self._end(self.lines[-1], self.always)
        return self.lines[-1]

    def _end(self, line: Line, outcome: Outcome) -> None:
        retryable = outcome not in {Outcome.ANSWERED, Outcome.CANCELLED}
        line.facts = replace(line.facts, stage=Stage.ENDED)
        line.verdict = Verdict(outcome, final=True, retryable=retryable, provider_reference=line.reference)

    def _line(self, reference: str) -> Line:
        found = [line for line in self.lines if line.reference == reference]
        if not found:
            message = "there is no such call"
            raise NotFound(message)
        return found[0]


class Hearsay(CallReader):
    """Reads the carrier's webhooks: JSON with a reference and, where they are signed, an outcome and facts."""

    def verify(self, webhook: Webhook, now: float) -> bool:
        return True

    def receipt(self, payload: str, attempt: str | None) -> CallReceipt:
        said = json.loads(payload)
        if "reference" not in said:
            message = "no webhook of this carrier"
            raise BadInput(message)
        word = None
        if "outcome" in said:
            verdict = Verdict(Outcome(said["outcome"]), final=said["final"], provider_reference=said["reference"])
            word = CallWord(verdict, CallFacts(Stage(said["stage"]), AnsweredBy(said["by"]) if said["by"] else None))
        return CallReceipt(attempt, said["reference"], word)


@dataclass
class CallOffice(Office):
    """What a worker has, for one campaign of calls at a time."""

    folder: Path = Path()
    carrier: Carrier = field(default_factory=Carrier)

    def new_campaign(self, rows: Sequence[CheckedRow] = (), *, receipts: bool = False, **spec: object) -> None:
        """Make a running campaign over some rows; ``spec`` as in a campaign file."""
        file = {
            "name": "Test",
            "channel": "call",
            "audience": {"file": "people.csv", "address": "phone"},
            "call": {"prompt": "Remind {{ name }}", "max_minutes": 2},
            "limits": {"concurrency": 5, "per_second": 1000},
            "retry": {"attempts": 3, "delay": 60, "on": ["no_answer", "busy", "failed"]},
            "breaker": {"share": 1, "at_least": 100, "of": 100},
        } | spec
        name = f"c{len(self.store.campaigns.list(TENANT))}"
        self.campaign = self.store.campaigns.create(TENANT, name, parse_spec(file), self.clock())
        self.set_status(CampaignStatus.RUNNING, open_=True)
        if rows:
            self.add(rows)

    def add(self, rows: Sequence[CheckedRow]) -> None:
        path = self.folder / "people.csv"
        path.write_text("phone,name\n")
        file_id = self.store.files.keep(self.key, path)
        self.store.importing.add(self.key, file_id, rows, 0, self.clock())

    def caller(
        self, *, poll_after: float = SOON, grace: float = GRACE, margin: float = 60.0, dialer: Dialer | None = None
    ) -> CallActivities:
        """Hire a worker with its own eyes on the store."""
        tools = Tools(
            self.store,
            self.ledger,
            Gate(self.store.campaigns, time.monotonic),
            Turnstile(self.clock),
            Timing(intent_slack=3.0, unknown_deadline=3600.0),
            self.clock,
            "worker",
        )
        calling = Calling(dialer or self.carrier, PRICE, poll_after)
        return CallActivities(
            tools, {"main": calling}, CallWatch(self.store, self.clock, every=0.02), Patience(grace, margin)
        )

    def call_order(self, number: int = 1, *, size: int = 50, seconds: float = 20.0) -> ChunkOrder:
        return self.order(number, size=size, lanes=1, seconds=seconds)

    def start(
        self,
        worker: CallActivities | None = None,
        environment: ActivityEnvironment | None = None,
        number: int = 1,
        *,
        size: int = 50,
    ) -> asyncio.Task[ChunkReport]:
        """Have a worker begin a chunk."""
        order = self.call_order(number, size=size)
        activity = (worker or self.caller()).dispatch_call_chunk
        return asyncio.create_task(run(activity, order, environment or temporal()))

    async def call(self, number: int = 1, *, size: int = 50, worker: CallActivities | None = None) -> ChunkReport:
        """Have a worker do one chunk."""
        return await self.start(worker, number=number, size=size)

    async def dies(self, *, put_through: bool, told: bool = False) -> None:
        """Leave behind what a killed worker does in the middle of chunk 1: an intent, perhaps a call, perhaps known."""
        claims, now = self.store.claims, self.clock()
        opened = claims.open_chunk(self.key, 1, Execution(SCHEDULED_AT, 1, "killed"), now)
        (target,) = claims.claim(self.key, 1, opened.fence, 1, now)
        granted = await self.ledger.submit(Intend(target.key, opened.fence, 0))
        assert isinstance(granted, Granted)
        if put_through:
            call = OutgoingCall(str(granted.attempt), target.address, None, Script(), 120.0, MachineRule.HANG_UP)
            word = await self.carrier.place(call)
            if told:
                await self.ledger.submit(Record(granted.attempt, word.verdict, word.facts))

    def retry(self, worker: CallActivities | None = None) -> asyncio.Task[ChunkReport]:
        """Have Temporal give chunk 1 to another worker."""
        return self.start(worker, temporal(attempt=2))

    async def hears(self, line: Line, *, signed: bool = True, attempt: bool = True, stage: Stage | None = None) -> None:
        """Let a webhook about a call come in as it stands, or as it stood at an earlier ``stage``."""
        said: dict[str, object] = {"reference": line.reference}
        if signed:
            by = line.facts.answered_by
            said |= {"outcome": line.verdict.outcome, "final": line.verdict.final, "by": by and by.value}
            said |= {"stage": stage or line.facts.stage}
        about = line.attempt if attempt else None
        receipt = RawReceipt("carrier", "main", "call", json.dumps(said), about, self.clock())
        await asyncio.to_thread(self.store.inbox.keep, [receipt], self.clock())

    def outcome(self, n: int, number: int = 1) -> str | None:
        """How an attempt at a person ended."""
        found = self.store.calls.of_target(self.key, n)
        return next((call.outcome for call in found if call.attempt.number == number), None)


def lost() -> OutcomeUnknown:
    return OutcomeUnknown("the answer was lost")


@asynccontextmanager
async def open_call_office(url: str, folder: Path) -> AsyncIterator[CallOffice]:
    """Open an office over the database at ``url``."""
    store = Store(url, tenant=TENANT, grace=GRACE, call_readers={"carrier": Hearsay(), **call_readers()})
    migrate(store.database)
    clock = Clock()
    async with AsyncExitStack() as stack:
        stack.callback(store.close)
        page = LedgerPage(store.database, {}, GRACE)
        ledger: Ledger = await stack.enter_async_context(Ledger(page.commit, clock))
        yield CallOffice(store, ledger, Sandbox(), stack, clock, folder=folder)
