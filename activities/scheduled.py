"""The activity that makes the campaign of one moment of a schedule."""

from __future__ import annotations

from collections.abc import Callable, Collection

from temporalio import activity

from activities.failures import as_failures, in_thread
from clarion.contracts import CampaignInput, CampaignRef, Firing, FiringReport
from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import BadInput
from clarion.store.launching import input_for
from clarion.store.store import Store


class ScheduledActivities:
    """Makes campaigns out of templates."""

    def __init__(
        self, store: Store, clock: Callable[[], float], heartbeat_timeout: float, accounts: Collection[str]
    ) -> None:
        """``clock`` gives epoch seconds; ``heartbeat_timeout`` is in seconds; ``accounts`` are those set up."""
        self._store = store
        self._clock = clock
        self._heartbeat_timeout = heartbeat_timeout
        self._accounts = accounts

    @activity.defn
    async def create_scheduled(self, firing: Firing) -> FiringReport:
        """Make the campaign, with copies of the template's contacts; again and again, it is the same one."""
        async with as_failures():
            if firing.at is None:
                raise BadInput("at is missing: without it, a second try would make a second campaign")
            fired = await in_thread(
                self._store.templates.fire, firing.template, firing.at, self._accounts, self._clock()
            )
            if fired.ref is None:
                return FiringReport(reason=fired.reason)
            given = await in_thread(self._input_of, fired.ref)
            return FiringReport(campaign_id=fired.ref.campaign_id, campaign=given)

    def _input_of(self, ref: CampaignRef) -> CampaignInput | None:
        campaign = self._store.campaigns.get(ref.key)
        if campaign.status is not CampaignStatus.DRAFT:
            return None
        files = self._store.files.of_campaign(ref.key)
        return input_for(campaign, heartbeat_timeout=self._heartbeat_timeout, file_ids=tuple(file.id for file in files))
