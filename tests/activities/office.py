"""One worker's office: the real store, the real ledger, the Twilio adapter, and the sandbox at the other end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr
from temporalio.testing import ActivityEnvironment

from activities.message_chunk import Sending
from activities.messages import MessageActivities
from activities.pacing import Gate, Turnstile
from activities.tools import Timing, Tools
from clarion.audience.checks import CheckedRow
from clarion.contracts import CampaignRef, ChunkOrder, ChunkReport
from clarion.domain.attempt import Verdict
from clarion.domain.books import Books
from clarion.domain.campaign import CampaignStatus, parse_spec
from clarion.domain.target import Outcome
from clarion.providers.ports import Messenger
from clarion.providers.twilio import open_twilio
from clarion.sandbox.faults import Faults
from clarion.sandbox.server import Sandbox
from clarion.sandbox.vendor import Settings as SandboxSettings
from clarion.settings import Account
from clarion.store.claims import ClaimedTarget, Execution, OpenChunk
from clarion.store.entries import Granted, Intend, Record
from clarion.store.ledger import Ledger, LedgerPage
from clarion.store.migrate import migrate
from clarion.store.store import Store

GRACE = 10.0
TENANT = "default"
NO_CAMPAIGN = CampaignRef(tenant=TENANT, campaign_id="", key=0)
PRICE = 0.01
PATIENCE = 90.0
"""Seconds after which something that should have happened has not."""

Given = TypeVar("Given")
Result = TypeVar("Result")


def person(n: int) -> str:
    """The number of the n-th person, whom the sandbox always reaches."""
    return f"+1415555{n:04}"


def row(n: int, text: str | None = None, name: str = "Ann") -> CheckedRow:
    return CheckedRow(n, person(n), {"name": name}, text, None, 1)


@dataclass
class Clock:
    """The time of day, which can be moved forward."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Office:
    """What a worker has, for one campaign at a time."""

    store: Store
    ledger: Ledger
    sandbox: Sandbox
    stack: AsyncExitStack
    clock: Clock = field(default_factory=Clock)
    campaign: CampaignRef = NO_CAMPAIGN

    @property
    def key(self) -> int:
        return self.campaign.key

    def new_campaign(self, rows: Sequence[CheckedRow] = (), *, receipts: bool = False, **spec: object) -> None:
        """Make a running campaign over some rows; ``spec`` as in a campaign file."""
        file = {
            "name": "Test",
            "channel": "sms",
            "audience": {"file": "people.csv", "address": "phone"},
            "message": "Hello {{ name }}",
            "limits": {"concurrency": 50, "per_second": 1000},
            "retry": {"attempts": 3, "delay": 60},
            "receipts": {"wait": 60 if receipts else 0},
        } | spec
        name = f"c{len(self.store.campaigns.list(TENANT))}"
        self.campaign = self.store.campaigns.create(TENANT, name, parse_spec(file), self.clock())
        self.set_status(CampaignStatus.RUNNING, open_=True)
        if rows:
            self.add(rows)

    def add(self, rows: Sequence[CheckedRow]) -> None:
        path = Path(str(self.store.database.engine.url.database)).with_name("people.csv")
        path.write_text("phone,name\n")
        file_id = self.store.files.keep(self.key, path)
        self.store.importing.add(self.key, file_id, rows, 0, self.clock())

    def set_status(self, status: CampaignStatus, *, open_: bool) -> None:
        self.store.campaigns.set_status(self.key, status, "", self.clock(), open_=open_)

    async def messenger(self, token: str) -> Messenger:
        """Connect to the sandbox; it refuses the token "wrong" and takes every other."""
        account = Account(
            sid="AC" + "b2" * 16,
            auth_token=SecretStr(token),
            from_number="+14155550100",
            base_url=self.sandbox.url,
            timeout=5.0,
        )
        messenger = await open_twilio(account, None)
        self.stack.push_async_callback(messenger.close)
        return messenger

    async def worker(self, messenger: Messenger | None = None) -> MessageActivities:
        """Hire a worker with its own connection to the provider."""
        tools = Tools(
            self.store,
            self.ledger,
            Gate(self.store.campaigns, time.monotonic),
            Turnstile(self.clock),
            Timing(intent_slack=3.0, unknown_deadline=3600.0),
            self.clock,
            "worker",
        )
        return MessageActivities(tools, {"main": Sending(messenger or await self.messenger("right"), PRICE)})

    def order(self, number: int = 1, *, size: int = 50, lanes: int = 5, seconds: float = 20.0) -> ChunkOrder:
        return ChunkOrder(campaign=self.campaign, number=number, lanes=lanes, size=size, seconds=seconds)

    async def dispatch(self, number: int = 1, *, size: int = 50, lanes: int = 5, seconds: float = 20.0) -> ChunkReport:
        """Have a new worker do one chunk."""
        worker = await self.worker()
        order = self.order(number, size=size, lanes=lanes, seconds=seconds)
        return await run(worker.dispatch_message_chunk, order)

    async def send_all(self) -> None:
        """Have everybody texted through a provider that will tell later what became of it."""
        opened = self.open_chunk()
        for target in self.claim(opened):
            granted = await self.ledger.submit(Intend(target.key, opened.fence, 0))
            assert isinstance(granted, Granted)
            await self.ledger.submit(Record(granted.attempt, Verdict(Outcome.SENT, final=False)))
        self.store.claims.close_chunk(self.key, 1, opened.fence, self.clock())

    def open_chunk(self) -> OpenChunk:
        return self.store.claims.open_chunk(self.key, 1, Execution(1.0, 1, "worker"), self.clock())

    def claim(self, opened: OpenChunk) -> list[ClaimedTarget]:
        return self.store.claims.claim(self.key, 1, opened.fence, 50, self.clock())

    def breaks(self, **faults: float | bool) -> None:
        self.sandbox.worlds["twilio"].faults.set(Faults.model_validate(faults))

    def answers_after(self, *, milliseconds: float) -> None:
        world = self.sandbox.worlds["twilio"]
        world.settings = world.settings.model_copy(update={"latency_ms": milliseconds})

    @property
    def effects(self) -> int:
        """How many texts really reached somebody; fails when anybody got one twice."""
        view = self.sandbox.worlds["twilio"].effects.view()
        assert view["duplicates"] == []
        assert isinstance(view["accepted"], int)
        return view["accepted"]

    def reached(self, n: int) -> int:
        return self.sandbox.worlds["twilio"].effects.count(person(n))

    def state(self, position: int) -> tuple[str, str | None]:
        found = self.store.targets.get(self.key, position)
        assert found is not None
        return found.state, found.outcome

    def states(self) -> list[str]:
        return [target.state for target in self.store.targets.page(self.key)]

    def told(self, position: int) -> list[str]:
        """What the log says about a target."""
        return [event.detail for event in self.store.events.of_target(self.key, position)]

    def claimed(self) -> int:
        return sum(target.chunk is not None for target in self.store.targets.page(self.key, limit=1_000))

    @property
    def books(self) -> Books:
        audit = self.store.targets.audit(self.key)
        assert audit.balanced, audit
        return audit.booked

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not happened():
                await asyncio.sleep(0.01)


def temporal(attempt: int = 1, scheduled_at: float = 1_000_000.0) -> ActivityEnvironment:
    """Stand in for Temporal at one execution of an activity."""
    environment = ActivityEnvironment()
    scheduled = datetime.fromtimestamp(scheduled_at, UTC)
    environment.info = replace(environment.info, attempt=attempt, scheduled_time=scheduled)
    return environment


async def run(
    activity: Callable[[Given], Awaitable[Result]], given: Given, environment: ActivityEnvironment | None = None
) -> Result:
    """Run an activity to its end."""
    async with asyncio.timeout(PATIENCE):
        return await (environment or temporal()).run(activity, given)


@asynccontextmanager
async def open_office(folder: Path) -> AsyncIterator[Office]:
    """Open an office over a new database."""
    store = Store(f"sqlite:///{folder / 'clarion.db'}", tenant=TENANT, grace=GRACE)
    migrate(store.database)
    clock = Clock()
    sandbox = Sandbox(settings=SandboxSettings(latency_ms=5, time_scale=0.01, mix={"twilio": {"delivered": 1.0}}))
    async with AsyncExitStack() as stack:
        stack.callback(store.close)
        await sandbox.start()
        stack.push_async_callback(sandbox.stop)
        page = LedgerPage(store.database, {}, GRACE)
        ledger: Ledger = await stack.enter_async_context(Ledger(page.commit, clock))
        yield Office(store, ledger, sandbox, stack, clock)
