"""Every use case of schedules, once: templates of which Temporal starts a campaign again and again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import temporalio.client as temporal
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from clarion.contracts import Firing, FiringReport
from clarion.domain.campaign import CampaignSpec, check_start
from clarion.domain.errors import BadInput, Conflict, NotFound, Unreachable
from clarion.domain.schedule import Schedule, comes_again, next_firings
from clarion.settings import Settings
from clarion.store.campaigns import Campaign
from clarion.store.store import Store
from starter.schedule_form import attributes, in_temporal, temporal_id
from starter.schedule_views import FiringView, ScheduleView, State, orphan
from workflows.scheduled import ScheduledCampaign

ANSWER_WITHIN = 15.0
"""Seconds to wait for what comes of a firing by hand."""

LONGEST_ID = 47
"""Characters; the ids of its campaigns begin with it, and go on with the moment."""

SHOWN = 5
"""Moments that are told, before and behind."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """What Temporal says of a schedule."""

    state: State
    reason: str = ""
    next: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Schedules:
    """Begins, steers and shows the schedules of one tenant."""

    settings: Settings
    store: Store
    connect: Callable[[], asyncio.Future[temporal.Client]]
    """Gives the one connection to Temporal, made when it is first needed."""

    async def begin(self, campaign: Campaign) -> None:
        """Turn a draft with a schedule into the template of its campaigns, and have Temporal start them.

        Raises BadInput, Conflict for what was started already, and Unreachable; then it stays a draft.
        """
        schedule, key = _schedule_of(campaign), campaign.ref.key
        _check_id(campaign.ref.campaign_id)
        check_start(campaign.spec, time.time())
        await self._require_contacts(campaign)
        client = await self.connect()
        await asyncio.to_thread(self.store.templates.make, key, time.time())
        try:
            await self._create(client, campaign, schedule)
        except BaseException:
            if not campaign.template:
                await asyncio.to_thread(self.store.templates.unmake, key, time.time())
            raise

    async def create(self, template_id: str, schedule: Schedule) -> ScheduleView:
        """Give a template a schedule. Raises NotFound, BadInput, Unreachable, Conflict where it has one already."""
        campaign = await self._template(template_id)
        if campaign.spec.schedule is not None:
            message = (
                f'"{template_id}" has a schedule already; remove that with `clarion schedule remove {template_id}`'
            )
            raise Conflict(message)
        try:
            words = CampaignSpec.model_validate(
                {**campaign.spec.model_dump(), "start_at": None, "schedule": schedule.model_dump()}
            )
        except ValueError as error:
            raise BadInput(str(error)) from None
        await asyncio.to_thread(self.store.templates.rewrite, campaign.ref.key, words, time.time())
        try:
            await self.begin(await self._template(template_id))
        except BaseException:
            await asyncio.to_thread(self.store.templates.rewrite, campaign.ref.key, campaign.spec, time.time())
            raise
        return await self.show(template_id)

    async def list(self) -> Sequence[ScheduleView]:
        """All schedules, in the order of their ids; those whose template is gone come last."""
        keys = await asyncio.to_thread(self.store.templates.keys, self.settings.tenant)
        templates = [await asyncio.to_thread(self.store.campaigns.get, key) for key in keys]
        views = [await self._view(campaign) for campaign in templates if campaign.spec.schedule is not None]
        known = {view.schedule_id for view in views}
        return views + [orphan(name) for name in await self._in_temporal() if name not in known]

    async def show(self, schedule_id: str) -> ScheduleView:
        """One schedule. Raises NotFound."""
        return await self._view(await self._scheduled(schedule_id))

    async def pause(self, schedule_id: str, reason: str = "") -> ScheduleView:
        """Begin no campaigns until it is resumed. Raises NotFound, Conflict, Unreachable."""
        campaign = await self._scheduled(schedule_id)
        handle = await self._handle(schedule_id)
        try:
            await handle.pause(note=reason or "paused by hand")
        except RPCError as error:
            raise _refused(error, schedule_id) from None
        return await self._view(campaign)

    async def resume(self, schedule_id: str) -> ScheduleView:
        """Begin campaigns again; moments that have passed are not made up for. Raises NotFound, Unreachable."""
        campaign = await self._scheduled(schedule_id)
        handle = await self._handle(schedule_id)
        try:
            await handle.unpause(note="")
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise _refused(error, schedule_id) from None
            await self._create(await self.connect(), campaign, _schedule_of(campaign))
        return await self._view(campaign)

    async def trigger(self, schedule_id: str) -> FiringView:
        """Begin a campaign now, by the same rules as at any moment of the schedule; also while it is paused.

        Raises NotFound, Conflict, and Unreachable when no worker says what came of it.
        """
        campaign = await self._scheduled(schedule_id)
        client = await self.connect()
        at = float(int(time.time()))
        report = await self._fire(client, campaign, at)
        return FiringView(at=at, campaign_id=report.campaign_id or None, reason=report.reason)

    async def remove(self, schedule_id: str) -> None:
        """Begin no more campaigns; the template and the campaigns stay. Raises NotFound, Unreachable."""
        known = await self._known(schedule_id)
        scheduled = known is not None and known.spec.schedule is not None
        handle = await self._handle(schedule_id)
        try:
            await handle.delete()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise _refused(error, schedule_id) from None
            if not scheduled:
                raise _no_schedule(schedule_id) from None
        if known is not None and scheduled:
            words = known.spec.model_copy(update={"schedule": None})
            await asyncio.to_thread(self.store.templates.rewrite, known.ref.key, words, time.time())

    async def _fire(self, client: temporal.Client, campaign: Campaign, at: float) -> FiringReport:
        moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            handle = await client.start_workflow(
                ScheduledCampaign.run,
                Firing(template=campaign.ref, at=at),
                id=f"{temporal_id(campaign.ref)}-{moment}",
                task_queue=self.settings.task_queue,
                static_summary=f"{campaign.name} · by hand",
                search_attributes=attributes(campaign.ref, campaign.name),
            )
            async with asyncio.timeout(ANSWER_WITHIN):
                return await handle.result()
        except WorkflowAlreadyStartedError:
            raise Conflict(f'"{campaign.ref.campaign_id}" has fired in this very second already; try again') from None
        except TimeoutError:
            message = (
                f"no worker answered within {ANSWER_WITHIN:g} s; the campaign begins as soon as one does "
                "(`clarion up` or `clarion-worker` starts one)"
            )
            raise Unreachable(message) from None
        except temporal.WorkflowFailureError as error:
            cause = error.cause.__cause__ or error.cause
            raise Conflict(cause.message if isinstance(cause, ApplicationError) else str(cause)) from None
        except RPCError as error:
            raise _refused(error, campaign.ref.campaign_id) from None

    async def _create(self, client: temporal.Client, campaign: Campaign, schedule: Schedule) -> None:
        name = campaign.ref.campaign_id
        try:
            await client.create_schedule(
                temporal_id(campaign.ref),
                in_temporal(campaign.ref, campaign.name, schedule, self.settings.task_queue),
                search_attributes=attributes(campaign.ref, campaign.name),
            )
        except temporal.ScheduleAlreadyRunningError:
            message = f'Temporal has a schedule "{name}" already; remove it with `clarion schedule remove {name}`'
            raise Conflict(message) from None
        except RPCError as error:
            raise _refused(error, name) from None

    async def _view(self, campaign: Campaign) -> ScheduleView:
        schedule, name = _schedule_of(campaign), campaign.ref.campaign_id
        firings = await asyncio.to_thread(self.store.templates.firings, campaign.ref.key, SHOWN)
        standing = await self._standing(name, schedule)
        return ScheduleView(
            schedule_id=name,
            name=campaign.name,
            state=standing.state,
            reason=standing.reason,
            cron=schedule.cron,
            time_zone=schedule.time_zone,
            until=schedule.until,
            overlap=schedule.overlap,
            catch_up=schedule.catch_up,
            next=standing.next,
            firings=tuple(FiringView.of(firing) for firing in firings),
        )

    async def _standing(self, name: str, schedule: Schedule) -> _Standing:
        try:
            found = await (await self._handle(name)).describe(rpc_timeout=timedelta(seconds=5))
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return _Standing(State.MISSING, f"Temporal does not know it; `clarion schedule resume {name}` helps")
            return _Standing(
                State.UNKNOWN, str(_refused(error, name)), tuple(next_firings(schedule, time.time(), SHOWN))
            )
        except Unreachable as error:
            return _Standing(State.UNKNOWN, str(error), tuple(next_firings(schedule, time.time(), SHOWN)))
        state = found.schedule.state
        named = (at.timestamp() for at in found.info.next_action_times)
        coming = tuple(at for at in named if not comes_again(schedule, at))[:SHOWN]
        if state.paused:
            return _Standing(State.PAUSED, state.note or "", coming)
        return _Standing(State.ACTIVE if coming else State.ENDED, next=coming)

    async def _in_temporal(self) -> Sequence[str]:
        """Name the schedules of this tenant that Temporal has; none while it cannot be asked."""
        prefix = f"schedule/{self.settings.tenant}/"
        try:
            client = await self.connect()
            found = [listed.id async for listed in await client.list_schedules()]
        except (RPCError, Unreachable):
            return []
        return sorted(name.removeprefix(prefix) for name in found if name.startswith(prefix))

    async def _handle(self, schedule_id: str) -> temporal.ScheduleHandle:
        client = await self.connect()
        return client.get_schedule_handle(f"schedule/{self.settings.tenant}/{schedule_id}")

    async def _known(self, template_id: str) -> Campaign | None:
        try:
            found = await asyncio.to_thread(self.store.campaigns.find, self.settings.tenant, template_id)
        except NotFound:
            return None
        return found if found.template else None

    async def _template(self, template_id: str) -> Campaign:
        found = await self._known(template_id)
        if found is None:
            message = f'there is no template "{template_id}"; `clarion template list` shows the ones there are'
            raise NotFound(message)
        return found

    async def _scheduled(self, schedule_id: str) -> Campaign:
        found = await self._known(schedule_id)
        if found is None or found.spec.schedule is None:
            raise _no_schedule(schedule_id)
        return found

    async def _require_contacts(self, campaign: Campaign) -> None:
        if not await asyncio.to_thread(self.store.files.of_campaign, campaign.ref.key):
            message = (
                f'"{campaign.ref.campaign_id}" has no contacts, so nobody would be there at its moments; add some first'
            )
            raise Conflict(message)


def _schedule_of(campaign: Campaign) -> Schedule:
    if campaign.spec.schedule is None:
        raise _no_schedule(campaign.ref.campaign_id)
    return campaign.spec.schedule


def _check_id(name: str) -> None:
    if len(name) > LONGEST_ID:
        message = (
            f'"{name}" has {len(name)} characters, and the id of a schedule may have {LONGEST_ID} at most, as its '
            "campaigns' ids begin with it; take a shorter one"
        )
        raise BadInput(message)


def _no_schedule(name: str) -> NotFound:
    return NotFound(f'there is no schedule "{name}"; `clarion schedule list` shows the ones there are')


def _refused(error: RPCError, name: str) -> Exception:
    if error.status is RPCStatusCode.NOT_FOUND:
        return Conflict(
            f'Temporal does not know schedule "{name}"; `clarion schedule resume {name}` puts it there again'
        )
    if "search attribute" in str(error).lower():
        return Conflict("Temporal does not know Clarion's search attributes yet; run `clarion setup`")
    return Unreachable(f"Temporal did not take it: {error.message}")
