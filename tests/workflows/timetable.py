"""Where schedules are rehearsed: a Temporal server, a worker, simulated campaigns, and a simulated store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import SandboxImportNotificationPolicy

from clarion.contracts import CampaignInput, CampaignRef, Firing, FiringReport
from clarion.domain.campaign import Priority
from tests.fakes import DELIVERED, SimulatedCampaign
from tests.workflows.stage import Stage
from workflows.campaign import CampaignWorkflow
from workflows.scheduled import ScheduledCampaign
from workflows.shield import Shield

TEMPLATE = CampaignRef(tenant="acme", campaign_id="weekly", key=1)


@dataclass
class Timetable:
    """Makes campaigns as the store would, or says why it does not."""

    stage: Stage
    campaign_id: str = "weekly.now"
    reason: str = ""
    moments: list[float | None] = field(default_factory=list)
    """Those for which a campaign was asked."""

    @activity.defn
    async def create_scheduled(self, firing: Firing) -> FiringReport:
        """Make the same campaign each time."""
        self.moments.append(firing.at)
        if self.reason:
            return FiringReport(reason=self.reason)
        ref = CampaignRef(tenant="acme", campaign_id=self.campaign_id, key=7)
        given = CampaignInput(campaign=ref, name="Weekly", file_ids=(1,), priority=Priority.HIGH)
        return FiringReport(campaign_id=self.campaign_id, campaign=given)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[SimulatedCampaign]:
        """Work on the stage's queue; yields the campaign that all moments make."""
        campaign = SimulatedCampaign(self.stage.clock, files={1: [[DELIVERED]] * 3})
        strict = SandboxRestrictions.default.with_import_notification_policy(
            SandboxImportNotificationPolicy.RAISE_ON_UNINTENTIONAL_PASSTHROUGH
        )
        async with Worker(
            self.stage.client,
            task_queue=self.stage.queue,
            workflows=[ScheduledCampaign, CampaignWorkflow],
            activities=[*campaign.activities, self.create_scheduled],
            interceptors=[Shield()],
            workflow_runner=SandboxedWorkflowRunner(restrictions=strict),
            max_cached_workflows=self.stage.cached_workflows,
        ):
            yield campaign

    async def fire(self, at: float | None, name: str) -> WorkflowHandle[ScheduledCampaign, FiringReport]:
        """Start what a schedule starts."""
        return await self.stage.client.start_workflow(
            ScheduledCampaign.run,
            Firing(template=TEMPLATE, at=at),
            id=f"schedule/acme/weekly-{name}",
            task_queue=self.stage.queue,
        )
