"""What the MCP tool check_campaign answers: what would happen, and the token that lets it happen."""

from __future__ import annotations

import asyncio
import time

from clarion.domain.campaign import CampaignStatus, Channel
from starter.mcp.answers import Checked, in_words, iso
from starter.mcp.confirming import Confirming
from starter.mcp.content import STARTS, Content, Finding, content_of, look_over, resuming
from starter.mcp.shapes import CheckPlan
from starter.wiring import Installation

PAUSED = (CampaignStatus.PAUSING, CampaignStatus.PAUSED)


async def check_campaign(clarion: Installation, plan: CheckPlan) -> Checked:
    """Say what would happen, with a token if it can."""
    if plan.campaign_id is not None:
        campaign = await clarion.campaigns.find(plan.campaign_id)
        if campaign.status is not CampaignStatus.DRAFT:
            return await _check_resuming(clarion, plan.campaign_id, campaign.status)
    content = await content_of(clarion, plan.channel, plan)
    found = await look_over(clarion, content)
    token, until = None, None
    can_start = found.preflight.accepted > 0 and not found.preflight.problems
    if can_start:
        token, until = await _token(clarion, content.digest)
    return _checked(content, found, can_start=can_start, confirm=token, until=until)


async def _token(clarion: Installation, content: str) -> tuple[str, float]:
    confirming = Confirming(clarion.store, clarion.settings.tenant)
    return await asyncio.to_thread(confirming.token, content, time.time())


def _checked(content: Content, found: Finding, *, can_start: bool, confirm: str | None, until: float | None) -> Checked:
    check = found.preflight
    tool = STARTS[content.spec.channel]
    does = "assessed" if content.spec.channel is Channel.LEAD_ANALYSIS else "contacted"
    said = f"{check.accepted:,} of {check.total:,} would be {does}, {check.rejected:,} left out"
    cost = f"; expected cost {check.expected_cost:,.2f}, {check.most_cost:,.2f} at most"
    end = f"; expected end {iso(check.expected_end)}" if check.expected_end else ""
    then = (
        f"; show this to the person who decides, then call {tool} with the same arguments and confirm"
        if can_start
        else "; it cannot be started as it is"
    )
    return Checked(
        summary=said + cost + end + then,
        can_start=can_start,
        confirm=confirm,
        confirm_until=iso(until),
        next_tool=tool if can_start else None,
        problems=check.problems or (() if check.accepted else ("no contact would be reached; see rejected_rows",)),
        rejected_rows=found.rejected,
        expected_end=iso(check.expected_end),
        check=check,
    )


async def _check_resuming(clarion: Installation, campaign_id: str, status: CampaignStatus) -> Checked:
    progress = await clarion.campaigns.progress(campaign_id)
    if status not in PAUSED:
        problem = f'campaign "{campaign_id}" is {status}; only a draft can be started and only a paused one resumed'
        return Checked(summary=problem, can_start=False, problems=(problem,), progress=progress)
    token, until = await _token(clarion, resuming(campaign_id))
    left = progress.books.pending + progress.books.waiting
    return Checked(
        summary=f"{in_words(progress)}; resume_campaign with confirm goes on with the {left:,} that are left",
        can_start=True,
        confirm=token,
        confirm_until=iso(until),
        next_tool="resume_campaign",
        progress=progress,
    )
