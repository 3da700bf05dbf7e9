"""Where campaigns are rehearsed: a Temporal server, a worker with simulated activities, and a campaign to steer."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import SandboxImportNotificationPolicy

from clarion.contracts import CampaignInput, CampaignState, Reply
from clarion.domain.campaign import CampaignStatus
from tests.fakes import SimulatedCampaign
from tests.postgres import free_port
from workflows.campaign import CampaignWorkflow
from workflows.shield import Shield
from workflows.showing import SEARCH_ATTRIBUTES, first_search_attributes, static_summary

PATIENCE = 90.0
"""Seconds that a play may take; whoever waits for what does not come fails then."""

CHUNK = "dispatch_message_chunk"
IMPORT = "import_audience"

ONE_PARTITION = ("matching.numTaskqueueReadPartitions=1", "matching.numTaskqueueWritePartitions=1")
KINDS = {"KEYWORD": "Keyword", "INT": "Int", "DOUBLE": "Double"}

Handle = WorkflowHandle[CampaignWorkflow, CampaignState]


@dataclass
class Stage:
    """One server, and what it takes to run one simulated campaign on it."""

    environment: WorkflowEnvironment
    cached_workflows: int = 100
    """0 makes the worker replay the whole history at every step."""
    queue: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def client(self) -> Client:
        return self.environment.client

    async def clock(self) -> float:
        """Epoch seconds, as the server has them."""
        return (await self.environment.get_current_time()).timestamp()

    @asynccontextmanager
    async def play(self, *rows: Sequence[str], **given: object) -> AsyncIterator[Play]:
        """Start a campaign over ``rows``, each the words of one target; ``given`` as in CampaignInput."""
        campaign = SimulatedCampaign(self.clock, files={1: rows})
        play = Play(self, campaign, await self.start(**given))
        async with self.worker(campaign), asyncio.timeout(PATIENCE):
            yield play
        assert campaign.wrongs == []

    def worker(self, campaign: SimulatedCampaign, *more: Callable[..., Awaitable[object]], slots: int = 200) -> Worker:
        """Work on this stage's queue, with a sandbox that refuses imports nobody meant to pass through.

        ``more``: activities beside the simulated ones; ``slots``: activities at once.
        """
        strict = SandboxRestrictions.default.with_import_notification_policy(
            SandboxImportNotificationPolicy.RAISE_ON_UNINTENTIONAL_PASSTHROUGH
        )
        return Worker(
            self.client,
            task_queue=self.queue,
            workflows=[CampaignWorkflow],
            activities=[*campaign.activities, *more],
            max_concurrent_activities=slots,
            interceptors=[Shield()],
            workflow_runner=SandboxedWorkflowRunner(restrictions=strict),
            max_cached_workflows=self.cached_workflows,
            max_heartbeat_throttle_interval=timedelta(seconds=0.1),
        )

    async def start(self, **given: object) -> Handle:
        """Start the workflow as the starter does."""
        name = uuid.uuid4().hex[:8]
        wanted: dict[str, object] = {
            "campaign": {"tenant": "acme", "campaign_id": name, "key": 7},
            "name": "Spring reminder",
            "file_ids": (1,),
            **given,
        }
        whole = CampaignInput.model_validate(wanted)
        name = whole.campaign.campaign_id
        return await self.client.start_workflow(
            CampaignWorkflow.run,
            whole,
            id=f"campaign/acme/{name}",
            task_queue=self.queue,
            static_summary=static_summary(whole),
            search_attributes=first_search_attributes(whole),
        )


@dataclass
class Play:
    """A running campaign: what is simulated, and the handle to steer it."""

    stage: Stage
    campaign: SimulatedCampaign
    handle: Handle

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds."""
        while not holds():
            await asyncio.sleep(0.005)

    async def until_written(self, status: CampaignStatus) -> None:
        """Wait until this status is the last one written."""
        await self.until(lambda: bool(self.campaign.statuses) and self.campaign.statuses[-1].status is status)

    async def into_a_chunk(self, contacts: int = 0) -> None:
        """Stop a chunk after so many contacts, and wait until it stands there."""
        self.campaign.hold(CHUNK, contacts)
        await self.until(lambda: self.campaign.running[CHUNK] > 0 and self.campaign.contacts == contacts)

    async def into_the_import(self) -> None:
        """Stop the import half-way, and wait until it stands there."""
        self.campaign.hold(IMPORT)
        await self.until(lambda: self.campaign.running[IMPORT] > 0)

    async def ask(self, update: Callable[..., object], argument: object = None) -> Reply:
        """Send an update and wait for its answer."""
        reply: Reply = await self.handle.execute_update(update, argument)  # type: ignore[call-overload]
        return reply

    async def end(self) -> CampaignState:
        """Wait for the end; the server skips time meanwhile. Asserts that the books are closed and balance."""
        state = await self.handle.result()
        self.assert_closed(state.status)
        return state

    def assert_closed(self, status: CampaignStatus) -> None:
        """The last word is ``status``, the gate is shut, the books balance and hold nothing open."""
        last, books = self.campaign.statuses[-1], self.campaign.books
        assert (last.status, last.open) == (status, False)
        assert books.balanced
        assert books.open == 0, books

    @property
    def words(self) -> list[str]:
        """The statuses in the order they were written."""
        return [change.status.value for change in self.campaign.statuses]

    async def events(self) -> list[HistoryEvent]:
        """The history so far."""
        return list((await self.handle.fetch_history()).events)


@asynccontextmanager
async def time_skipping_server() -> AsyncIterator[WorkflowEnvironment]:
    """A server on which a day passes in milliseconds while somebody waits for a result."""
    beside = Path(sys.executable).parent / "temporal-test-server"
    async with await WorkflowEnvironment.start_time_skipping(
        data_converter=pydantic_data_converter, test_server_existing_path=str(beside)
    ) as environment:
        kinds = {key.name: IndexedValueType.ValueType(int(key.indexed_value_type)) for key in SEARCH_ATTRIBUTES}
        wanted = AddSearchAttributesRequest(namespace="default", search_attributes=kinds)
        await environment.client.operator_service.add_search_attributes(wanted)
        yield environment


@contextmanager
def real_server(*dynamic_config: str) -> Iterator[str]:
    """Temporal's dev server, with server settings as ``key=value``; yields its address."""
    port = free_port()
    command = [str(Path(sys.executable).parent / "temporal"), "server", "start-dev", "--headless", "--port", str(port)]
    command += ["--ip", "127.0.0.1", "--log-level", "never"]
    for value in (*ONE_PARTITION, *dynamic_config):
        command += ["--dynamic-config-value", value]
    for key in SEARCH_ATTRIBUTES:
        command += ["--search-attribute", f"{key.name}={KINDS[key.indexed_value_type.name]}"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


async def join_server(address: str) -> WorkflowEnvironment:
    """Connect to a server that may only just have been started."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(RuntimeError, RPCError):
                client = await Client.connect(address, data_converter=pydantic_data_converter)
                await client.count_workflows()
                return WorkflowEnvironment.from_client(client)
            await asyncio.sleep(0.05)
