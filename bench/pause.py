"""How soon a pause holds: from the moment it was asked for, and accepted, to the last contact that still started."""

from __future__ import annotations

import asyncio
import time

from temporalio.client import WorkflowUpdateStage

from bench.process import middle
from bench.stage import Stage, staged
from starter.launching import workflow_id
from workflows.campaign import CampaignWorkflow


async def pause(*, pauses: int = 6, lanes: int = 50, database_url: str | None = None) -> dict[str, object]:
    """Pause and resume a campaign without a limit several times."""
    accepted: list[float] = []
    asked: list[float] = []
    answered: list[float] = []
    late = 0
    async with staged(latency_ms=50.0, database_url=database_url) as stage:
        campaign_id = await stage.start(100_000, lanes=lanes)
        await stage.until_first_contact(campaign_id)
        for _ in range(pauses):
            await asyncio.sleep(1.5)
            at_asking, at_accepting, at_answer = await _pause(stage, campaign_id)
            await asyncio.sleep(1.5)
            times = await stage.times(at_asking - 1.0)
            accepted.append(max(0.0, times[-1] - at_accepting))
            asked.append(max(0.0, times[-1] - at_asking))
            answered.append(at_answer - at_asking)
            late += sum(at > at_answer for at in times)
            await stage.installation.campaigns.resume(campaign_id)
        await stage.installation.campaigns.cancel(campaign_id)
    return {
        "last_contact_after_accepted_seconds": middle(accepted),
        "last_contact_after_accepted_worst": round(max(accepted), 3),
        "last_contact_after_asked_worst": round(max(asked), 3),
        "answer_seconds": middle(answered),
        "answer_seconds_worst": round(max(answered), 3),
        "contacts_after_the_answer": late,
        "pauses": pauses,
        "lanes": lanes,
    }


async def _pause(stage: Stage, campaign_id: str) -> tuple[float, float, float]:
    """Pause; return when it was asked for, accepted by the workflow, and answered (epoch seconds)."""
    campaigns = stage.installation.campaigns
    client = await campaigns.connect()
    handle = client.get_workflow_handle_for(CampaignWorkflow.run, workflow_id(await campaigns.find(campaign_id)))
    at_asking = time.time()
    update = await handle.start_update("pause", "bench", wait_for_stage=WorkflowUpdateStage.ACCEPTED)
    at_accepting = time.time()
    await update.result()
    return at_asking, at_accepting, time.time()
