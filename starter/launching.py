"""Starts the workflow of a campaign, the first time or again, so that a start that died on its way is made good."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from clarion.contracts import CampaignInput, CampaignState, Retry
from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import Conflict, Unreachable
from clarion.settings import Settings
from clarion.store.campaigns import Campaign
from clarion.store.launching import input_for
from clarion.store.store import Store
from workflows.campaign import CampaignWorkflow
from workflows.policies import priority_of
from workflows.showing import HOW_TO, first_search_attributes, static_summary

CLOSES_WITHIN = 5.0
"""Seconds to wait for the workflow of a campaign that has ended before it is opened again."""

ANSWERS_WITHIN = timedelta(seconds=5)
"""For Temporal to say how a workflow is."""

CLOCKS = 5.0
"""Seconds by which the clocks of Temporal and of the store's machine may differ."""

DEAD = frozenset(
    {WorkflowExecutionStatus.TERMINATED, WorkflowExecutionStatus.TIMED_OUT, WorkflowExecutionStatus.FAILED}
)
CLOSED = frozenset({WorkflowExecutionStatus.COMPLETED, WorkflowExecutionStatus.CANCELED})
UNKNOWN = "Temporal does not know this campaign"
CLOSED_BY_ITSELF = "its workflow has ended, and it was to be opened again"


@dataclass(frozen=True, slots=True)
class Launching:
    """Starts the workflows of one tenant's campaigns."""

    settings: Settings
    store: Store
    connect: Callable[[], asyncio.Future[Client]]
    """Gives the one connection to Temporal, made when it is first needed."""

    async def first(self, campaign: Campaign) -> bool:
        """Start the workflow of a draft, or of a campaign whose start never reached Temporal.

        Returns whether it was this call that did. Raises Unreachable, and Conflict for an id that Temporal knows from
        another campaign, or a campaign without contacts; then it is a draft again.
        """
        otherwise = CampaignStatus.PREPARING if campaign.total else CampaignStatus.DRAFT
        return await self._run(campaign, WorkflowIDReusePolicy.REJECT_DUPLICATE, otherwise)

    async def again(self, campaign: Campaign, reopen: Retry | None = None, *, finished: bool = False) -> bool:
        """Start another workflow for a campaign that has none any more; ``finished``: the last one ended by itself.

        Returns whether it was this call that did. Raises as ``first`` does; then it has the status it had.
        """
        reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE
        return await self._run(campaign, reuse, campaign.status, reopen, finished=finished)

    async def ended(self, campaign: Campaign) -> str:
        """Say how Temporal ended a campaign that the store still takes for alive, or nothing.

        Somebody terminated the workflow, or it timed out, or whoever wanted to start it died before that: no code of
        ours ran that could have written it down.
        """
        if campaign.status.is_final or campaign.status is CampaignStatus.DRAFT:
            return ""
        try:
            described = await self._described(campaign)
        except RPCError as error:
            return UNKNOWN if error.status is RPCStatusCode.NOT_FOUND else ""
        if described.status in DEAD:
            return f"{described.status.name.lower()} in Temporal" if described.status else ""
        if described.status not in CLOSED:
            return ""
        # A workflow writes its end into the store before it closes: what is read only now is later than both.
        now = await asyncio.to_thread(self.store.campaigns.get, campaign.ref.key)
        return "" if now.status.is_final else CLOSED_BY_ITSELF

    async def _described(self, campaign: Campaign) -> WorkflowExecutionDescription:
        return await (await handle_of(self.connect, campaign)).describe(rpc_timeout=ANSWERS_WITHIN)

    async def _run(
        self,
        campaign: Campaign,
        reuse: WorkflowIDReusePolicy,
        otherwise: CampaignStatus,
        reopen: Retry | None = None,
        *,
        finished: bool = False,
    ) -> bool:
        client, key, store = await self.connect(), campaign.ref.key, self.store.campaigns
        preparing = CampaignStatus.PREPARING
        # Whoever gets this through is the one who starts; a file that comes later belongs to a campaign that runs.
        if not await asyncio.to_thread(store.move, key, campaign.status, preparing, time.time()):
            return False
        try:
            given = await asyncio.to_thread(self._input_of, campaign, reopen, finished=finished)
            await self._start_workflow(client, campaign, given, reuse)
        except (RPCError, WorkflowAlreadyStartedError, Conflict) as error:
            if reopen is None and not isinstance(error, Conflict) and await self._runs(campaign):
                return isinstance(error, RPCError)  # its answer was lost; else somebody else was quicker
            await asyncio.to_thread(store.move, key, preparing, otherwise, time.time(), back=True)
            raise _not_started(campaign, error) from None
        return True

    async def _runs(self, campaign: Campaign) -> bool:
        """Whether Temporal runs a workflow of this very campaign."""
        try:
            described = await self._described(campaign)
        except RPCError:
            return False
        # An older one is of a campaign that had this id in another database, or before it was deleted.
        ours = described.start_time.timestamp() > campaign.created_at - CLOCKS
        return ours and described.status is WorkflowExecutionStatus.RUNNING

    async def _start_workflow(
        self, client: Client, campaign: Campaign, given: CampaignInput, reuse: WorkflowIDReusePolicy
    ) -> None:
        until = time.monotonic() + CLOSES_WITHIN
        while True:
            try:
                await client.start_workflow(
                    CampaignWorkflow.run,
                    given,
                    id=workflow_id(campaign),
                    task_queue=self.settings.task_queue,
                    id_reuse_policy=reuse,
                    static_summary=static_summary(given),
                    static_details=HOW_TO,
                    search_attributes=first_search_attributes(given),
                    priority=priority_of(given),
                )
            except WorkflowAlreadyStartedError:
                # The store learns of a campaign's end a moment before its workflow has closed.
                if given.reopen is None or time.monotonic() > until:
                    raise
                await asyncio.sleep(0.2)
            else:
                return

    def _input_of(self, campaign: Campaign, reopen: Retry | None, *, finished: bool) -> CampaignInput:
        # Rows that a cancel kept from being imported stay out: nobody asked for them again.
        left_out = finished or campaign.status is CampaignStatus.CANCELLED
        campaign = self.store.campaigns.get(campaign.ref.key)  # a draft may have been changed until a moment ago
        files = [] if left_out else self.store.files.of_campaign(campaign.ref.key)
        waiting = tuple(file.id for file in files if file.imported_at is None)
        if not campaign.total and not waiting and campaign.spec.feed is None:
            message = f'campaign "{campaign.ref.campaign_id}" has no contacts yet; add some before you start it'
            raise Conflict(message)
        return input_for(campaign, heartbeat_timeout=self.settings.heartbeat_timeout, file_ids=waiting, reopen=reopen)


async def handle_of(
    connect: Callable[[], asyncio.Future[Client]], campaign: Campaign
) -> WorkflowHandle[CampaignWorkflow, CampaignState]:
    """Return the handle of a campaign's workflow. Raises Unreachable."""
    client = await connect()
    return client.get_workflow_handle_for(CampaignWorkflow.run, workflow_id(campaign))


def workflow_id(campaign: Campaign) -> str:
    """The id of a campaign in Temporal."""
    return f"campaign/{campaign.ref.tenant}/{campaign.ref.campaign_id}"


def _not_started(campaign: Campaign, error: Exception) -> Exception:
    if isinstance(error, Conflict):
        return error
    if isinstance(error, WorkflowAlreadyStartedError):
        return Conflict(f'campaign "{campaign.ref.campaign_id}" exists in Temporal already; give another --id')
    if isinstance(error, RPCError) and "search attribute" in str(error).lower():
        return Conflict("Temporal does not know Clarion's search attributes yet; run `clarion setup`")
    return Unreachable(f"Temporal did not start the campaign: {error}")


def web_ui(settings: Settings, campaign: Campaign, namespace: str) -> str | None:
    """Return the address of a campaign's page in Temporal's Web UI, if the UI's address is known."""
    if settings.temporal_ui_url is None:
        return None
    # The UI wants the slashes of the id escaped.
    name = workflow_id(campaign).replace("/", "%2F")
    return f"{settings.temporal_ui_url.rstrip('/')}/namespaces/{namespace}/workflows/{name}"
