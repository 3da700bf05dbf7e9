"""Every use case of campaigns, once: the CLI and all other front doors call these and nothing else."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from clarion.contracts import Addition, CampaignState, Pacing, Reply, Retry
from clarion.domain.campaign import MOST_LANES, CampaignSpec, CampaignStatus, check_start
from clarion.domain.errors import BadInput, Conflict, Unreachable
from clarion.settings import Settings
from clarion.store.campaigns import Campaign
from clarion.store.store import Store
from starter.checking.startable import check_audience, check_startable
from starter.launching import CLOSED_BY_ITSELF, UNKNOWN, Launching, handle_of
from starter.progress import Progress, progress_now
from starter.schedules import Schedules
from starter.updates import answer_of
from workflows.campaign import CampaignWorkflow

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

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

    async def launch(self, campaign_id: str, *, again: bool = False) -> Campaign:
        """Start a draft, or its schedule if it has one: then it is the template of its campaigns from now on.

        A campaign whose earlier start died before Temporal heard of it is started, too. ``again``: one that was
        started already is returned as it is. Raises NotFound, BadInput, Unreachable, or Conflict when it is no draft.
        """
        campaign = await self.find(campaign_id)
        if not await self.is_startable(campaign):
            if again:
                return campaign
            raise _no_draft(campaign)
        if campaign.template:
            message = (
                f'"{campaign_id}" is a template; start a campaign of it with `clarion template start {campaign_id}`'
            )
            raise Conflict(message)
        check_start(campaign.spec, time.time())
        if campaign.spec.schedule is not None:
            await Schedules(self.settings, self.store, self.connect).begin(campaign)
            return await self.find(campaign_id)
        did = await self._launching.first(campaign)
        campaign = await self.find(campaign_id)
        if not did and not again:
            raise _no_draft(campaign)
        return campaign

    async def is_startable(self, campaign: Campaign) -> bool:
        """Say whether a campaign has still to be started: it is a draft, or its start never reached Temporal."""
        if campaign.status is CampaignStatus.PREPARING:
            return await self._launching.ended(campaign) == UNKNOWN
        return campaign.status is CampaignStatus.DRAFT

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
        campaign = await self.find(campaign_id)
        if ended := await self._launching.ended(campaign):
            await self._launching.again(campaign, finished=ended == CLOSED_BY_ITSELF)
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
        again, ended = Retry(outcomes=outcomes), await self._launching.ended(campaign)
        if not campaign.status.is_final and not (ended and campaign.started_at is not None):
            handle = await self._handle(campaign_id, "retried")
            return await self._answered(handle, CampaignWorkflow.retry_failed, again)
        await self._launching.again(campaign, again, finished=ended == CLOSED_BY_ITSELF)
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
        """Say how Temporal ended a campaign that the store still takes for alive, or nothing."""
        return await self._launching.ended(await self.find(campaign_id))

    @property
    def _launching(self) -> Launching:
        return Launching(self.settings, self.store, self.connect)

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
        return await handle_of(self.connect, campaign)

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
            reply: Reply = await answer_of(handle.execute_update(update, change))  # type: ignore[call-overload]
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


def _no_draft(campaign: Campaign) -> Conflict:
    message = f'campaign "{campaign.ref.campaign_id}" is {campaign.status} already; only a draft can be started'
    return Conflict(message)
