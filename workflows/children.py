"""Campaigns that a campaign starts: they run by themselves, whatever becomes of the one that started them."""

from __future__ import annotations

from temporalio import workflow
from temporalio.common import Priority, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from clarion.contracts import CampaignInput, CampaignState
    from workflows.showing import HOW_TO, first_search_attributes, static_summary
    from workflows.steps import Steps


async def start_followers(given: CampaignInput, state: CampaignState, steps: Steps) -> None:
    """Start the campaigns that follow this one, each once."""
    if given.has_fallback and not state.fallback_started and not state.cancelled:
        await start_campaign(await steps.create_fallback())
        state.fallback_started = True
    if given.has_then and not state.then_started and not state.cancelled:
        await start_campaign(await steps.create_then())
        state.then_started = True


async def start_campaign(
    given: CampaignInput,
    *,
    reuse: WorkflowIDReusePolicy = WorkflowIDReusePolicy.ALLOW_DUPLICATE,
    priority: Priority = Priority.default,
) -> None:
    """Start a campaign, or start it again when it has ended and ``reuse`` allows it; one that runs goes on.

    ``priority``: on the task queue; without it, that of the campaign which starts this one.
    """
    try:
        _ = await workflow.start_child_workflow(
            "CampaignWorkflow",
            given,
            id=f"campaign/{given.campaign.tenant}/{given.campaign.campaign_id}",
            id_reuse_policy=reuse,
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            search_attributes=first_search_attributes(given),
            static_summary=static_summary(given),
            static_details=HOW_TO,
            priority=priority,
        )
    except WorkflowAlreadyStartedError:
        workflow.logger.info("%s runs already", given.campaign.campaign_id)
