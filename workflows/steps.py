"""What a campaign workflow has done for it: one typed call per activity, with its timeouts, retries and summary."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

with workflow.unsafe.imports_passed_through():
    from activities.accounts import AccountActivities
    from activities.audience import AudienceActivities
    from activities.books import BookActivities
    from activities.calls import CallActivities
    from activities.feeding import FeedingActivities
    from activities.leads import LeadActivities
    from activities.messages import MessageActivities
    from clarion.account_contracts import LaneAsk
    from clarion.contracts import (
        AccountRef,
        CampaignInput,
        ChunkOrder,
        ChunkReport,
        ImportOrder,
        LaneRequest,
        LeadOrder,
        LeadReport,
        Pacing,
        PacingChange,
        Retry,
        RetryOrder,
        SettleOrder,
        Snapshot,
        StatusChange,
    )
    from clarion.domain.campaign import Channel
    from workflows import policies


class Steps:
    """The steps of one campaign."""

    def __init__(self, given: CampaignInput) -> None:
        """Bind the steps to a campaign."""
        self._campaign = given.campaign
        self._channel = given.channel
        self._longest = timedelta(seconds=given.longest)
        self._account = given.account or AccountRef(tenant=given.campaign.tenant, account="")
        self._alive = timedelta(seconds=given.heartbeat_timeout)

    async def import_audience(self, file_id: int, retry: RetryPolicy = policies.IMPORT_RETRY) -> Snapshot:
        """Stream an audience file into the store."""
        return await workflow.execute_activity_method(
            AudienceActivities.import_audience,
            ImportOrder(campaign=self._campaign, file_id=file_id),
            start_to_close_timeout=policies.IMPORT_LIMIT,
            heartbeat_timeout=self._alive,
            retry_policy=retry,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary="import the audience",
        )

    async def dispatch(self, order: ChunkOrder) -> ChunkReport:
        """Work on one chunk."""
        of_calls, of_leads = self._channel is Channel.CALL, self._channel is Channel.LEAD_ANALYSIS
        no_calls = LeadActivities.dispatch_assessment_chunk if of_leads else MessageActivities.dispatch_message_chunk
        return await workflow.execute_activity_method(
            CallActivities.dispatch_call_chunk if of_calls else no_calls,
            order,
            start_to_close_timeout=timedelta(seconds=order.seconds) + self._longest + policies.CHUNK_GRACE,
            heartbeat_timeout=self._alive,
            retry_policy=policies.CHUNK_RETRY,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"chunk {order.number} · {order.size} {'leads' if of_leads else 'targets'}",
        )

    async def settle(self, *, await_receipts: bool, summary: str) -> Snapshot:
        """Wait for receipts and due targets."""
        return await workflow.execute_activity_method(
            BookActivities.settle,
            SettleOrder(campaign=self._campaign, seconds=policies.SETTLE_SECONDS, await_receipts=await_receipts),
            start_to_close_timeout=timedelta(seconds=policies.SETTLE_SECONDS) + policies.CHUNK_GRACE,
            heartbeat_timeout=self._alive,
            retry_policy=policies.CHUNK_RETRY,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=summary,
        )

    async def record_status(self, change: StatusChange) -> Snapshot:
        """Write the campaign's status."""
        return await workflow.execute_activity_method(
            BookActivities.record_status,
            change,
            start_to_close_timeout=policies.QUICK,
            heartbeat_timeout=self._alive,  # everything waits for the status: a killed worker is noticed as in a chunk
            retry_policy=policies.QUICK_RETRY,
            summary=change.status.value,
        )

    async def change_pacing(self, pacing: Pacing) -> Snapshot:
        """Write new limits."""
        return await workflow.execute_activity_method(
            BookActivities.change_pacing,
            PacingChange(campaign=self._campaign, pacing=pacing),
            start_to_close_timeout=policies.QUICK,
            retry_policy=policies.UPDATE_RETRY,
            summary="limits",
        )

    async def requeue_failed(self, retry: Retry, policy: RetryPolicy = policies.QUICK_RETRY) -> int:
        """Make failed targets due again; returns how many."""
        return await workflow.execute_activity_method(
            BookActivities.requeue_failed,
            RetryOrder(campaign=self._campaign, retry=retry),
            start_to_close_timeout=policies.BULK_LIMIT,
            heartbeat_timeout=self._alive,
            retry_policy=policy,
            summary="try failed targets again",
        )

    async def cancel_remaining(self) -> Snapshot:
        """Cancel every target that is not under way; only while no chunk runs."""
        return await workflow.execute_activity_method(
            BookActivities.cancel_remaining,
            self._campaign,
            start_to_close_timeout=policies.BULK_LIMIT,
            heartbeat_timeout=self._alive,
            retry_policy=policies.QUICK_RETRY,
            summary="cancel what is left",
        )

    async def close_books(self) -> Snapshot:
        """Check the books; returns only when they balance."""
        return await workflow.execute_activity_method(
            BookActivities.close_books,
            self._campaign,
            start_to_close_timeout=policies.BULK_LIMIT,
            retry_policy=policies.QUICK_RETRY,
            summary="close the books",
        )

    async def request_lanes(self, request: LaneRequest) -> None:
        """Tell the campaign's account how many lanes it could use and how many it holds."""
        await workflow.execute_activity_method(
            AccountActivities.request_lanes,
            LaneAsk(account=self._account, request=request),
            start_to_close_timeout=policies.TELLING,
            retry_policy=policies.QUICK_RETRY,
            summary=f"ask for {request.wants} lanes",
        )

    async def create_fallback(self) -> CampaignInput:
        """Create the campaign that texts those whom the calls did not reach."""
        return await workflow.execute_activity_method(
            FeedingActivities.create_fallback,
            self._campaign,
            start_to_close_timeout=policies.QUICK,
            retry_policy=policies.QUICK_RETRY,
            summary="prepare the texts that follow",
        )

    async def create_then(self) -> CampaignInput:
        """Create the campaign that follows with the leads worth it."""
        return await workflow.execute_activity_method(
            FeedingActivities.create_then,
            self._campaign,
            start_to_close_timeout=policies.QUICK,
            retry_policy=policies.QUICK_RETRY,
            summary="prepare the campaign that follows",
        )

    async def fetch_leads(self) -> LeadReport:
        """Fetch leads that have not been fetched."""
        return await self._errand(LeadActivities.fetch_leads, policies.FETCH_SECONDS, "fetch leads")

    async def run_batches(self) -> LeadReport:
        """Fill, submit, watch and collect batches of questions."""
        return await self._errand(LeadActivities.run_batches, policies.BATCH_SECONDS, "batches")

    async def write_back(self) -> LeadReport:
        """Write answers back to the CRM."""
        return await self._errand(LeadActivities.write_back, policies.WRITE_SECONDS, "write back")

    async def _errand(
        self, do: Callable[[LeadActivities, LeadOrder], Awaitable[LeadReport]], seconds: float, summary: str
    ) -> LeadReport:
        return await workflow.execute_activity_method(
            do,
            LeadOrder(campaign=self._campaign, seconds=seconds),
            start_to_close_timeout=timedelta(seconds=seconds) + policies.BULK_LIMIT,
            heartbeat_timeout=self._alive,
            retry_policy=policies.CHUNK_RETRY,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=summary,
        )
