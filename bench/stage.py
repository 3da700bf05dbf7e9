"""Where benches run: a stack of their own on the sandbox, campaigns on it, and what can be read off the processes."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

from clarion.domain.campaign import parse_spec
from clarion.temporal import connect
from starter.launching import workflow_id
from starter.local.part import Part
from starter.local.rehearsal import TENANT, ask, prepare_database, write_audience
from starter.local.stack import HOST, Stack, free_port, sandbox_environment
from starter.progress import Progress
from starter.wiring import Installation

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
UNLIMITED = 100_000.0
"""Contacts a second that no machine reaches; a campaign without limits would get those of its priority."""


@dataclass(slots=True)
class Stage:
    """A running stack and its front door."""

    stack: Stack
    sandbox: str
    installation: Installation
    seed: int = field(default=0)

    @property
    def workers(self) -> list[Part]:
        """The worker processes."""
        return [part for name, part in self.stack.parts.items() if name.startswith("worker")]

    async def start(
        self, rows: int, *, lanes: int = 50, per_second: float = UNLIMITED, receipt_wait: float = 0.0
    ) -> str:
        """Start a campaign over a new audience of ``rows`` people; return its id."""
        self.seed += 1
        audience = self.stack.home / f"audience-{self.seed}.csv"
        await asyncio.to_thread(write_audience, audience, rows, self.seed)
        spec = parse_spec(
            {
                "name": f"Bench {self.seed}",
                "channel": "sms",
                "account": TENANT,
                "audience": {"file": str(audience), "address": "phone"},
                "message": "Hi {{ first_name }}, your service is due. Reply STOP to opt out.",
                "limits": {"concurrency": lanes, "per_second": per_second},
                "receipts": {"wait": receipt_wait},
            }
        )
        campaign_id = f"bench-{self.seed}-{int(time.time())}"
        await self.installation.campaigns.start(spec, campaign_id=campaign_id)
        return campaign_id

    async def progress(self, campaign_id: str) -> Progress:
        """How a campaign stands."""
        return await self.installation.campaigns.progress(campaign_id)

    async def until_done(self, campaign_id: str, *, look_every: float = 0.5) -> Progress:
        """Wait for the end of a campaign. Raises RuntimeError when it is not a good one."""
        progress = await self.progress(campaign_id)
        while not progress.status.is_final:
            await asyncio.sleep(look_every)
            progress = await self.progress(campaign_id)
        if progress.status != "completed" or progress.books.succeeded != progress.books.total:
            raise RuntimeError(f"the campaign did not go well, so its figures say nothing: {progress!r}")
        return progress

    async def until_first_contact(self, campaign_id: str) -> None:
        """Wait until the campaign has contacted somebody."""
        while (books := (await self.progress(campaign_id)).books).total in {0, books.pending}:  # noqa: ASYNC110 - what a worker does can only be polled
            await asyncio.sleep(0.02)

    async def times(self, since: float = 0.0) -> list[float]:
        """When contacts arrived at the sandbox since then (epoch seconds), in order."""
        found = await asyncio.to_thread(ask, f"{self.sandbox}/_sandbox/effects/times?from_time={since:.6f}")
        return [float(at) for at in found] if isinstance(found, list) else []

    async def forget(self) -> None:
        """Let the sandbox forget all contacts."""
        await asyncio.to_thread(ask, f"{self.sandbox}/_sandbox/reset", {})

    async def history(self, campaign_id: str) -> tuple[int, int]:
        """Events and runs of a campaign in Temporal, over all its runs."""
        client = await self.installation.campaigns.connect()
        campaign = await self.installation.campaigns.find(campaign_id)
        run_id: str | None = (await client.get_workflow_handle(workflow_id(campaign)).describe()).run_id
        events = runs = 0
        while run_id:
            described = await client.get_workflow_handle(workflow_id(campaign), run_id=run_id).describe()
            events, runs = events + described.history_length, runs + 1
            first = (
                await client.get_workflow_handle(workflow_id(campaign), run_id=run_id)
                .fetch_history_events()
                .__anext__()
            )
            run_id = first.workflow_execution_started_event_attributes.continued_execution_run_id
        return events, runs


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a stage is set up with, once the addresses of its parts are known."""

    sandbox: Mapping[str, object]
    """Settings of the sandbox."""
    environment: Mapping[str, str]
    """Settings of ours."""


@asynccontextmanager
async def staged(
    *,
    latency_ms: float = 50.0,
    workers: int = 1,
    database_url: str | None = None,
    receipts: bool = False,
    account: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Stage]:
    """Start a stack for texts; ``account`` are settings of the account, such as ``PER_SECOND``."""

    def texts(sandbox: str, web: str) -> Surroundings:
        wanted = sandbox_environment(sandbox, web, TENANT) | of_account(account or {}) | dict(environment or {})
        if not receipts:
            del wanted["CLARION_PUBLIC_URL"]
        return Surroundings({"mix": {"twilio": {}}}, wanted)

    options = ["--latency", str(latency_ms)]
    async with raised(texts, options=options, workers=workers, database_url=database_url, web=receipts) as stage:
        yield stage


@asynccontextmanager
async def raised(
    surroundings: Callable[[str, str], Surroundings],
    *,
    options: Sequence[str],
    workers: int,
    database_url: str | None,
    web: bool,
) -> AsyncIterator[Stage]:
    """Start a stack in a temporary folder; ``surroundings`` gets the addresses of the sandbox and of the web door."""
    with tempfile.TemporaryDirectory(prefix="clarion-bench-", ignore_cleanup_errors=True) as folder:
        async with Stack(Path(folder)) as stack:
            url = database_url or f"sqlite:///{folder}/clarion.db"
            await asyncio.to_thread(prepare_database, url)
            stack.environment |= {"CLARION_DATABASE_URL": url, "CLARION_TENANT": TENANT, "CLARION_TASK_QUEUE": TENANT}
            await stack.start_temporal(free_port(), free_port())
            sandbox = await stack.start_sandbox(options=options)
            port = free_port()
            wanted = surroundings(sandbox, f"http://{HOST}:{port}")
            await asyncio.to_thread(ask, f"{sandbox}/_sandbox/settings", wanted.sandbox)
            stack.environment |= wanted.environment
            settings = stack.settings()
            if web:
                await stack.start_web(port)
            for number in range(1, workers + 1):
                await stack.start_worker(number)
            async with Installation.open(settings) as installation:
                await _until_workers_poll(workers)
                yield Stage(stack, sandbox, installation)


def of_account(settings: Mapping[str, str]) -> dict[str, str]:
    """Return settings of the stage's account, such as ``PER_SECOND``, as the environment names them."""
    return {f"CLARION_ACCOUNTS__{TENANT.upper()}__{name}": value for name, value in settings.items()}


async def _until_workers_poll(workers: int) -> None:
    """A worker takes a second or two to import and connect; that is no part of what is measured."""
    client = await connect()
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=TENANT),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    )
    while len((await client.workflow_service.describe_task_queue(request)).pollers) < workers:  # noqa: ASYNC110
        await asyncio.sleep(0.1)


def cpu_seconds(pid: int | None) -> float:
    """CPU time a process has used so far, in user and in system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def resident_mb(pid: int | None) -> tuple[float, float]:
    """Memory a process holds now, and the most it has held, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    found = {
        name: float(rest.split()[0]) / 1000
        for name, _, rest in (line.partition(":") for line in lines)
        if "VmRSS" in name or "VmHWM" in name
    }
    return round(found["VmRSS"], 1), round(found["VmHWM"], 1)


def steady_rate(times: Sequence[float]) -> float:
    """Contacts a second from the first to the last."""
    return round((len(times) - 1) / (times[-1] - times[0]), 1) if len(times) > 1 else 0.0
