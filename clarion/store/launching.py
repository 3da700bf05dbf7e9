"""What a campaign's workflow is given, made from its row: the same wherever it is started."""

from __future__ import annotations

from clarion.contracts import AccountRef, CampaignInput, Retry
from clarion.domain.assessment import Mode
from clarion.domain.campaign import Channel
from clarion.store.campaigns import Campaign


def input_for(
    campaign: Campaign, *, heartbeat_timeout: float, file_ids: tuple[int, ...] = (), reopen: Retry | None = None
) -> CampaignInput:
    """Return the input of a campaign's workflow. ``file_ids`` are still to be imported; times are in seconds."""
    spec, ref = campaign.spec, campaign.ref
    of_calls = spec.channel is Channel.CALL
    return CampaignInput(
        campaign=ref,
        channel=spec.channel,
        name=spec.name,
        lanes=spec.limits.concurrency,
        chunk_size=spec.chunk.size,
        chunk_seconds=spec.chunk.seconds,
        start_at=None if spec.start_at is None or reopen else spec.start_at.timestamp(),
        file_ids=file_ids,
        heartbeat_timeout=heartbeat_timeout,
        reopen=reopen,
        account=AccountRef(tenant=ref.tenant, account=spec.account) if of_calls else None,
        priority=spec.priority,
        longest=spec.call.longest if spec.call is not None else 0.0,
        has_fallback=spec.fallback is not None,
        has_then=spec.then is not None,
        mode=spec.assess.mode if spec.assess is not None else Mode.LIVE,
        within=spec.assess.within if spec.assess is not None else None,
        writes_back=spec.lead is not None and spec.lead.writing and bool(spec.lead.write_back),
    )
