"""A hook without a store or a receiver: the workflow that looks after it, and an activity that does as it is told."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import SandboxImportNotificationPolicy

from clarion.hook_contracts import HookInput, HookOrder, HookRef, HookReport, HookTally, hook_queue
from tests.workflows.stage import PATIENCE, Stage
from workflows.hooks import HookWorkflow
from workflows.shield import Shield


@dataclass
class Line:
    """A hook's workflow, and what the activity does: ``reports`` one after another, then it waits to be let go."""

    stage: Stage
    hook: HookRef
    reports: list[HookReport] = field(default_factory=list)
    failures: list[ApplicationError] = field(default_factory=list)
    looks: list[HookOrder] = field(default_factory=list)
    looking: int = 0
    lets_go: asyncio.Event = field(default_factory=asyncio.Event)

    @activity.defn(name="watch_hook")
    async def watch_hook(self, order: HookOrder) -> HookReport:
        self.looks.append(order)
        self.looking += 1
        try:
            if self.failures:
                raise self.failures.pop()
            if self.reports:
                return self.reports.pop(0)
            while not self.lets_go.is_set():
                activity.heartbeat()
                await asyncio.sleep(0.02)
            return HookReport(ended=True)
        finally:
            self.looking -= 1

    @property
    def handle(self) -> WorkflowHandle[HookWorkflow, HookTally]:
        return self.stage.client.get_workflow_handle_for(HookWorkflow.run, self.hook.workflow_id)

    async def until_looking(self, looks: int) -> None:
        """Wait until the activity runs for the so-many-eth time."""
        while not (self.looking and len(self.looks) == looks):
            await asyncio.sleep(0.01)

    async def end(self) -> HookTally:
        """Let the hook be gone, and wait for the end."""
        self.lets_go.set()
        return await self.handle.result()


@asynccontextmanager
async def hooked(stage: Stage, *reports: HookReport, hook_id: str = "") -> AsyncIterator[Line]:
    """Start a hook's workflow."""
    line = Line(stage, HookRef(tenant="acme", hook_id=hook_id or uuid.uuid4().hex[:8], key=7), list(reports))
    strict = SandboxRestrictions.default.with_import_notification_policy(
        SandboxImportNotificationPolicy.RAISE_ON_UNINTENTIONAL_PASSTHROUGH
    )
    works = Worker(
        stage.client,
        task_queue=stage.queue,
        workflows=[HookWorkflow],
        interceptors=[Shield()],
        workflow_runner=SandboxedWorkflowRunner(restrictions=strict),
        max_cached_workflows=stage.cached_workflows,
    )
    sends = Worker(
        stage.client,
        task_queue=hook_queue(stage.queue),
        activities=[line.watch_hook],
        max_heartbeat_throttle_interval=timedelta(seconds=0.1),
    )
    async with works, sends, asyncio.timeout(PATIENCE):
        await stage.client.start_workflow(
            HookWorkflow.run, HookInput(hook=line.hook), id=line.hook.workflow_id, task_queue=stage.queue
        )
        yield line
