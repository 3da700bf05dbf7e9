"""What a schedule starts at each of its moments: makes that moment's campaign and sends it on its way."""

from __future__ import annotations

from temporalio import workflow
from temporalio.common import SearchAttributeKey, WorkflowIDReusePolicy

with workflow.unsafe.imports_passed_through():
    from activities.scheduled import ScheduledActivities
    from clarion.contracts import Firing, FiringReport
    from workflows import policies
    from workflows.children import start_campaign

NOMINAL = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
"""Set by Temporal: the moment that the schedule names, however late the workflow starts."""


@workflow.defn(name="ScheduledCampaign")
class ScheduledCampaign:
    """One moment of a schedule."""

    @workflow.run
    async def run(self, firing: Firing) -> FiringReport:
        """Make and start the campaign of this moment, unless something speaks against it."""
        report = await workflow.execute_activity_method(
            ScheduledActivities.create_scheduled,
            firing.model_copy(update={"at": firing.at or _moment()}),
            start_to_close_timeout=policies.FIRING_LIMIT,
            retry_policy=policies.QUICK_RETRY,
            summary="make the campaign",
        )
        if report.campaign is not None:
            await start_campaign(
                report.campaign,
                reuse=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                priority=policies.priority_of(report.campaign),
            )
        workflow.set_current_details(
            f"started campaign **{report.campaign_id}**" if report.campaign_id else f"no campaign: {report.reason}"
        )
        return FiringReport(campaign_id=report.campaign_id, reason=report.reason)


def _moment() -> float:
    nominal = workflow.info().typed_search_attributes.get(NOMINAL)
    return (nominal or workflow.info().workflow_start_time).timestamp()
