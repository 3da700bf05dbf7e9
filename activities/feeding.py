"""The activities that prepare campaigns whose targets come from another one."""

from __future__ import annotations

from collections.abc import Callable

from temporalio import activity

from activities.failures import as_failures, in_thread
from clarion.contracts import CampaignInput, CampaignRef
from clarion.domain.audience import Feed
from clarion.domain.campaign import CampaignSpec, Channel, then_campaign
from clarion.domain.errors import BadInput
from clarion.store.campaigns import Campaign
from clarion.store.launching import input_for
from clarion.store.store import Store


class FeedingActivities:
    """Lets campaigns follow each other."""

    def __init__(self, store: Store, clock: Callable[[], float], heartbeat_timeout: float) -> None:
        """``clock`` gives epoch seconds; ``heartbeat_timeout`` is in seconds."""
        self._store = store
        self._clock = clock
        self._heartbeat_timeout = heartbeat_timeout

    @activity.defn
    async def create_fallback(self, campaign: CampaignRef) -> CampaignInput:
        """Create the campaign that texts those whom the calls did not reach; again and again, it is the same one."""
        async with as_failures():
            parent = await in_thread(self._store.campaigns.get, campaign.key)
            return await self._follow(parent, fallback_spec(parent), fallback_id(campaign.campaign_id))

    @activity.defn
    async def create_then(self, campaign: CampaignRef) -> CampaignInput:
        """Create the campaign that follows with the leads worth it; again and again, it is the same one."""
        async with as_failures():
            parent = await in_thread(self._store.campaigns.get, campaign.key)
            spec = then_campaign(parent.spec, campaign.campaign_id)
            return await self._follow(parent, spec, then_id(campaign.campaign_id))

    async def _follow(self, parent: Campaign, spec: CampaignSpec, campaign_id: str) -> CampaignInput:
        ref = await in_thread(self._store.feeding.create_child, parent.ref, spec, campaign_id, self._clock())
        child = await in_thread(self._store.campaigns.get, ref.key)
        return input_for(child, heartbeat_timeout=self._heartbeat_timeout)


def then_id(campaign_id: str) -> str:
    """The id of the campaign that follows an analysis of leads."""
    return f"{campaign_id}.then"


def fallback_id(campaign_id: str) -> str:
    """The id of the texts that follow a campaign of calls."""
    return f"{campaign_id}.texts"


def fallback_spec(parent: Campaign) -> CampaignSpec:
    """Return the campaign of texts that follows a campaign of calls. Raises BadInput for one without a fallback."""
    spec, fallback = parent.spec, parent.spec.fallback
    if fallback is None:
        message = f'campaign "{parent.ref.campaign_id}" has no fallback'
        raise BadInput(message)
    return CampaignSpec(
        name=f"{spec.name[:180]} (texts)",
        channel=Channel.SMS,
        account=fallback.account or spec.account,
        audience=spec.audience.model_copy(update={"message": None}),
        message=fallback.message,
        feed=Feed(campaign=parent.ref.campaign_id, outcomes=fallback.on),
        priority=spec.priority,
        window=spec.window,
        receipts=spec.receipts,
    )
