"""The activities of an analysis of leads: fetching them, asking about them live or in batches, writing answers back."""

from __future__ import annotations

from collections.abc import Mapping

from temporalio import activity

from activities import chunks, lead_errand
from activities.failures import as_failures, in_thread
from activities.lead_batches import LeadBatches
from activities.lead_chunk import LeadChunk
from activities.lead_errand import run_errand
from activities.lead_fetch import LeadFetch
from activities.lead_questions import Analysing, Inquiry
from activities.lead_writing import LeadWriting
from activities.tools import Tools
from clarion.contracts import CampaignRef, ChunkOrder, ChunkReport, LeadOrder, LeadReport
from clarion.domain.assessment import AssessSpec
from clarion.domain.errors import BadInput
from clarion.domain.lead import LeadSpec
from clarion.providers.lead_ports import Crm
from clarion.store.campaigns import Campaign
from clarion.store.phases import Phase


class LeadActivities:
    """Fetches and assesses leads through the accounts of this installation."""

    def __init__(self, tools: Tools, analysing: Mapping[str, Analysing], crms: Mapping[str, Crm]) -> None:
        """``analysing`` and ``crms``: by the names of their accounts."""
        self._tools = tools
        self._analysing = analysing
        self._crms = crms

    @activity.defn
    async def fetch_leads(self, order: LeadOrder) -> LeadReport:
        """Fetch leads that have not been fetched, at least one chunk of them."""
        async with as_failures():
            campaign, lead, assess = await self._campaign(order.campaign)
            crm = self._crms.get(lead.account)
            if crm is None:
                return await lead_errand.cannot_begin(self._tools, order, _no_account(lead.account, "Salesforce"))
            return await run_errand(order, LeadFetch(self._tools, campaign.ref, crm, lead, assess))

    @activity.defn
    async def dispatch_assessment_chunk(self, order: ChunkOrder) -> ChunkReport:
        """Ask about up to ``order.size`` due leads; what it did not start goes back."""
        async with as_failures():
            tools = self._tools
            campaign, _, assess = await self._campaign(order.campaign)
            analysing = self._analysing.get(campaign.account)
            if analysing is None:
                return await chunks.cannot_begin(tools, order, _no_account(campaign.account, "OpenAI"))
            began_at = tools.clock()
            started_at = campaign.started_at or began_at
            chunk = LeadChunk(tools, order, campaign.spec, started_at, Inquiry(assess, analysing))
            try:
                report = await chunks.run_chunk(tools, order, chunk)
            except Exception:
                await in_thread(self._note_chunk, order, 0, began_at, failed=True)
                raise
            if report.worked:
                await in_thread(self._note_chunk, order, report.worked, began_at)
            return report

    @activity.defn
    async def run_batches(self, order: LeadOrder) -> LeadReport:
        """Fill batches with leads that are due, and look after all that have not ended.

        Nothing is left to do when it has worked on no lead and none is in a batch.
        """
        async with as_failures():
            campaign, _, assess = await self._campaign(order.campaign)
            analysing = self._analysing.get(campaign.account)
            if analysing is None:
                return await lead_errand.cannot_begin(self._tools, order, _no_account(campaign.account, "OpenAI"))
            return await run_errand(order, LeadBatches(self._tools, campaign.ref, Inquiry(assess, analysing)))

    @activity.defn
    async def write_back(self, order: LeadOrder) -> LeadReport:
        """Write answers back that have not been written."""
        async with as_failures():
            campaign, lead, _ = await self._campaign(order.campaign)
            crm = self._crms.get(lead.account)
            if crm is None:
                return await lead_errand.cannot_begin(self._tools, order, _no_account(lead.account, "Salesforce"))
            return await run_errand(order, LeadWriting(self._tools, campaign.ref, crm, lead))

    async def _campaign(self, ref: CampaignRef) -> tuple[Campaign, LeadSpec, AssessSpec]:
        campaign = await in_thread(self._tools.store.campaigns.get, ref.key)
        spec = campaign.spec
        if spec.lead is None or spec.assess is None:
            message = f'campaign "{ref.campaign_id}" assesses no leads: its channel is {spec.channel}'
            raise BadInput(message)
        return campaign, spec.lead, spec.assess

    def _note_chunk(self, order: ChunkOrder, leads: int, began_at: float, *, failed: bool = False) -> None:
        now = self._tools.clock()
        self._tools.store.leads.add_phase(
            *(order.campaign.key, Phase.ASSESSED),
            leads=leads,
            seconds=max(0.0, now - began_at),
            failed=failed,
            started_at=began_at,
            ended_at=now,
        )


def _no_account(name: str, vendor: str) -> str:
    return f'account "{name}" is not set up for {vendor} on this worker'
