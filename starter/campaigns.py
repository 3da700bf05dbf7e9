"""Every use case of campaigns, once: the CLI and all other front doors call these and nothing else."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from clarion.contracts import Addition, CampaignInput, CampaignState, Pacing, Reply, Retry
from clarion.domain.campaign import MOST_LANES, CampaignSpec, CampaignStatus, check_start
from clarion.domain.errors import BadInput, Conflict, Unreachable
from clarion.settings import Settings
from clarion.store.campaigns import Campaign
from clarion.store.launching import input_for
from clarion.store.store import Store
from starter.checking.startable import check_audience, check_startable
from starter.progress import Progress, progress_now
from starter.schedules import Schedules
from workflows.campaign import CampaignWorkflow
from workflows.policies import priority_of
from workflows.showing import HOW_TO, first_search_attributes, static_summary

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

CLOSES_WITHIN = 5.0
"""Seconds to wait for the workflow of a campaign that has ended before it is opened again."""

ANSWER_WITHIN = 15.0
"""Seconds to wait for a worker's answer to an update."""

Changed = TypeVar("Changed", Pacing, Retry, Addition)


@dataclass(frozen=True, slots=True)
class Campaigns:
    """Starts, steers and watches the campaigns of one tenant."""

    settings: Settings
    store: Store
    connect: Callable[[], asyncio.Future[Client]]
    """Gives the one connection to Temporal, made when it is first needed."""

    async def start(self, spec: CampaignSpec, *, campaign_id: str | None = None, draft: bool = False) -> Campaign:
        """Check a campaign, store it with its audience file, and start it unless it is to be a draft.

        Raises BadInput for what cannot work, Conflict for an id that is taken, Unreachable.
        """
        now = time.time()
        check_startable(spec, self.settings, now)
        name = checked_id(campaign_id or new_id(spec.name))
        if not draft:
            await self.connect()
        ref = await asyncio.to_thread(self.store.campaigns.create, self.settings.tenant, name, spec, now)
        await asyncio.to_thread(self.store.files.keep, ref.key, Path(spec.audience.file))
        return await self.find(name) if draft else await self.launch(name)

    async def launch(self, campaign_id: str) -> Campaign:
        """Start a draft, or its schedule if it has one: then it is the template of its campaigns from now on.

        Raises NotFound, BadInput, Unreachable, or Conflict when it is no draft.
        """
        campaign = await self.find(campaign_id)
        if campaign.status is not CampaignStatus.DRAFT:
            message = f'campaign "{campaign_id}" is {campaign.status} already; only a draft can be started'
            raise Conflict(message)
        if campaign.template:
            message = (
                f'"{campaign_id}" is a template; start a campaign of it with `clarion template start {campaign_id}`'
            )
            raise Conflict(message)
        check_start(campaign.spec, time.time())
        if campaign.spec.schedule is not None:
            await Schedules(self.settings, self.store, self.connect).begin(campaign)
            return await self.find(campaign_id)
        await self._run(campaign, WorkflowIDReusePolicy.REJECT_DUPLICATE)
        return await self.find(campaign_id)

    async def pause(self, campaign_id: str, reason: str = "") -> Reply:
        """Pause, and return when nothing new can start."""
        handle = await self._handle(campaign_id, "paused")
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                return await self._update(handle, CampaignWorkflow.pause_now, reason)
        except TimeoutError:
            await self._signal(handle, CampaignWorkflow.pause_soon, reason)
            return Reply(status=CampaignStatus.PAUSING, message="no worker answers; the pause waits for the next one")

    async def resume(self, campaign_id: str) -> Reply:
        """Go on where it stopped, with a new workflow when somebody terminated the one it had."""
        handle = await self._handle(campaign_id, "resumed")
        if ended := await self.ended_in_temporal(campaign_id):
            await self._run(await self.find(campaign_id), WorkflowIDReusePolicy.ALLOW_DUPLICATE)
            return Reply(status=CampaignStatus.PREPARING, message=f"{ended}; a new workflow goes on where it stopped")
        await self._signal(handle, CampaignWorkflow.resume)
        return Reply(status=CampaignStatus.RUNNING, message="goes on")

    async def cancel(self, campaign_id: str, reason: str = "", *, hang_up: bool = False) -> None:
        """Cancel what is not under way; ``hang_up`` ends calls that are."""
        campaign = await self.find(campaign_id)
        if campaign.template:
            raise Conflict(f'"{campaign_id}" is a template; remove it with `clarion template remove {campaign_id}`')
        if campaign.status is CampaignStatus.DRAFT:
            now = time.time()
            await asyncio.to_thread(
                self.store.campaigns.set_status, campaign.ref.key, CampaignStatus.CANCELLED, reason, now
            )
            return
        handle = await self._handle(campaign_id, "cancelled")
        await self._signal(handle, CampaignWorkflow.hang_up if hang_up else CampaignWorkflow.cancel_soon, reason)

    async def set_limits(self, campaign_id: str, pacing: Pacing) -> Reply:
        """Change limits of a running campaign. Raises BadInput when there is nothing to change, or too much."""
        if pacing == Pacing():
            raise BadInput("say which limit to change: concurrency, per_second, per_minute, per_hour or budget")
        channel = (await self.find(campaign_id)).spec.channel
        if pacing.concurrency is not None and pacing.concurrency > MOST_LANES[channel]:
            most = MOST_LANES[channel]
            raise BadInput(f"concurrency {pacing.concurrency} is not possible; give a whole number from 1 to {most}")
        handle = await self._handle(campaign_id, "changed")
        return await self._answered(handle, CampaignWorkflow.set_limits, pacing)

    async def retry(self, campaign_id: str, outcomes: tuple[str, ...] = ()) -> Reply:
        """Try failed targets again; a campaign that has ended is opened again for it."""
        campaign = await self.find(campaign_id)
        again = Retry(outcomes=outcomes)
        if not campaign.status.is_final:
            handle = await self._handle(campaign_id, "retried")
            return await self._answered(handle, CampaignWorkflow.retry_failed, again)
        await self._run(campaign, WorkflowIDReusePolicy.ALLOW_DUPLICATE, reopen=again)
        return Reply(status=CampaignStatus.PREPARING, message="opened again to try the failed targets")

    async def add(self, campaign_id: str, file: Path, *, name: str | None = None) -> Reply:
        """Add one more audience file to a running campaign; ``name`` is what the person calls it."""
        handle, file_id = await self._kept(campaign_id, file, name)
        return await self._answered(handle, CampaignWorkflow.add_targets, Addition(file_id=file_id))

    async def add_file(self, campaign_id: str, file: Path, name: str) -> int:
        """Do the same, and return the file's number in the store."""
        handle, file_id = await self._kept(campaign_id, file, name)
        await self._answered(handle, CampaignWorkflow.add_targets, Addition(file_id=file_id))
        return file_id

    async def _kept(
        self, campaign_id: str, file: Path, name: str | None
    ) -> tuple[WorkflowHandle[CampaignWorkflow, CampaignState], int]:
        handle = await self._handle(campaign_id, "added to")
        campaign = await self.find(campaign_id)
        audience = campaign.spec.audience.model_copy(update={"file": str(file)})
        spec = campaign.spec.model_copy(update={"audience": audience})
        await asyncio.to_thread(check_audience, spec, time.time(), name)
        return handle, await asyncio.to_thread(self.store.files.keep, campaign.ref.key, file, name)

    async def find(self, campaign_id: str) -> Campaign:
        """Find a campaign. Raises NotFound with the nearest id."""
        return await asyncio.to_thread(self.store.campaigns.find, self.settings.tenant, campaign_id)

    async def progress(self, campaign_id: str) -> Progress:
        """How a campaign stands now, from the store."""
        campaign = await self.find(campaign_id)
        return await asyncio.to_thread(progress_now, self.store, campaign, time.time())

    async def ended_in_temporal(self, campaign_id: str) -> str:
        """Say how Temporal ended a campaign that the store still takes for alive, or nothing.

        Somebody terminated the workflow, or it timed out: no code of ours ran that could have written it down.
        """
        campaign = await self.find(campaign_id)
        if campaign.status.is_final or campaign.status is CampaignStatus.DRAFT:
            return ""
        try:
            described = await (await self._handle_of(campaign)).describe(rpc_timeout=timedelta(seconds=5))
        except RPCError as error:
            return "Temporal does not know this campaign" if error.status is RPCStatusCode.NOT_FOUND else ""
        dead = {WorkflowExecutionStatus.TERMINATED, WorkflowExecutionStatus.TIMED_OUT, WorkflowExecutionStatus.FAILED}
        return f"{described.status.name.lower()} in Temporal" if described.status in dead and described.status else ""

    async def _run(self, campaign: Campaign, reuse: WorkflowIDReusePolicy, reopen: Retry | None = None) -> None:
        client = await self.connect()
        given = await asyncio.to_thread(self._input_of, campaign, reopen)
        if not campaign.total and not given.file_ids and campaign.spec.feed is None:
            message = f'campaign "{campaign.ref.campaign_id}" has no contacts yet; add some before you start it'
            raise Conflict(message)
        was = campaign.status
        key = campaign.ref.key
        await asyncio.to_thread(self.store.campaigns.set_status, key, CampaignStatus.PREPARING, "", time.time())
        try:
            await self._start_workflow(client, campaign, given, reuse)
        except (RPCError, WorkflowAlreadyStartedError) as error:
            await asyncio.to_thread(self.store.campaigns.set_status, key, was, "", time.time())
            raise _not_started(campaign, error) from None

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
                if reuse is WorkflowIDReusePolicy.REJECT_DUPLICATE or time.monotonic() > until:
                    raise
                await asyncio.sleep(0.2)
            else:
                return

    def _input_of(self, campaign: Campaign, reopen: Retry | None) -> CampaignInput:
        # Rows that a cancel kept from being imported stay out: nobody asked for them again.
        cancelled = campaign.status is CampaignStatus.CANCELLED
        files = [] if cancelled else self.store.files.of_campaign(campaign.ref.key)
        return input_for(
            campaign,
            heartbeat_timeout=self.settings.heartbeat_timeout,
            file_ids=tuple(file.id for file in files if file.imported_at is None),
            reopen=reopen,
        )

    async def _handle_of(self, campaign: Campaign) -> WorkflowHandle[CampaignWorkflow, CampaignState]:
        client = await self.connect()
        return client.get_workflow_handle_for(CampaignWorkflow.run, workflow_id(campaign))

    async def _handle(self, campaign_id: str, verb: str) -> WorkflowHandle[CampaignWorkflow, CampaignState]:
        campaign = await self.find(campaign_id)
        if campaign.status is CampaignStatus.DRAFT:
            message = (
                f'campaign "{campaign_id}" is a draft and cannot be {verb}; start it with `clarion start {campaign_id}`'
            )
            raise Conflict(message)
        if campaign.status.is_final:
            message = (
                f'campaign "{campaign_id}" is {campaign.status} and cannot be {verb}; its failures can be tried again '
                f"with `clarion retry {campaign_id}`"
            )
            raise Conflict(message)
        return await self._handle_of(campaign)

    async def _answered(
        self,
        handle: WorkflowHandle[CampaignWorkflow, CampaignState],
        update: Callable[[CampaignWorkflow, Changed | None], object],
        change: Changed,
    ) -> Reply:
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                return await self._update(handle, update, change)
        except TimeoutError:
            message = f"no worker answered within {ANSWER_WITHIN:g} s; start one with `clarion up` or `clarion-worker`"
            raise Unreachable(message) from None

    async def _update(
        self, handle: WorkflowHandle[CampaignWorkflow, CampaignState], update: Callable[..., object], change: object
    ) -> Reply:
        try:
            reply: Reply = await handle.execute_update(update, change)  # type: ignore[call-overload]
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            raise Conflict(cause.message if isinstance(cause, ApplicationError) else str(cause)) from None
        except RPCError as error:
            raise _not_steered(error) from None
        return reply

    async def _signal(
        self, handle: WorkflowHandle[CampaignWorkflow, CampaignState], signal: Callable[..., None], *given: str
    ) -> None:
        try:
            await handle.signal(signal, args=given)
        except RPCError as error:
            raise _not_steered(error) from None


def workflow_id(campaign: Campaign) -> str:
    """The id of a campaign in Temporal."""
    return f"campaign/{campaign.ref.tenant}/{campaign.ref.campaign_id}"


def checked_id(name: str) -> str:
    """Return a campaign id that somebody has chosen. Raises BadInput."""
    if not ID.fullmatch(name):
        message = f'"{name}" cannot be a campaign id; use letters, digits, dots, dashes and underscores, 64 at most'
        raise BadInput(message)
    return name


def new_id(name: str) -> str:
    """Make an id from a campaign's name: readable, and unique enough."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "campaign"
    return f"{slug}-{secrets.token_hex(3)}"


def _not_steered(error: RPCError) -> Exception:
    if error.status is RPCStatusCode.NOT_FOUND:
        return Conflict("Temporal runs no workflow of this campaign any more; `clarion resume` starts it again")
    return Unreachable(f"Temporal did not take it: {error.message}")


def _not_started(campaign: Campaign, error: Exception) -> Exception:
    if isinstance(error, WorkflowAlreadyStartedError):
        return Conflict(f'campaign "{campaign.ref.campaign_id}" exists in Temporal already; give another --id')
    if isinstance(error, RPCError) and "search attribute" in str(error).lower():
        return Conflict("Temporal does not know Clarion's search attributes yet; run `clarion setup`")
    return Unreachable(f"Temporal did not start the campaign: {error}")
