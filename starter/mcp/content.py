"""What an MCP tool would start: a campaign with its contacts, checked, named by a digest, and started once."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clarion.domain.campaign import CampaignSpec, Channel
from clarion.domain.errors import BadInput, NotFound
from clarion.store.campaigns import Campaign
from starter.campaigns import new_id
from starter.checking.preflight import Preflight, Rejected, preflight
from starter.drafts import parse_uploaded
from starter.mcp.answers import Started
from starter.mcp.confirming import Confirming, campaign_id_of, digest, require_good
from starter.mcp.shapes import Contact, Plan
from starter.wiring import Installation

NAMED = 100
"""Rows that are left out and named one by one."""
LOCKS = 64

STARTS = {
    Channel.SMS: "trigger-batch-sms",
    Channel.CALL: "trigger-batch-calls",
    Channel.LEAD_ANALYSIS: "start_lead_analysis",
}
"""The tool that starts campaigns of a channel."""


@dataclass(frozen=True, slots=True)
class Content:
    """What would be started. A draft has its contacts already, and ``contacts`` is empty."""

    spec: CampaignSpec
    digest: str
    contacts: Sequence[Contact] = ()
    draft: Campaign | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found, and the first rows that would be left out."""

    preflight: Preflight
    rejected: tuple[Rejected, ...]


async def content_of(clarion: Installation, channel: Channel | None, plan: Plan) -> Content:
    """Read what somebody wants to start. Raises BadInput, or NotFound for a draft that is not there."""
    if plan.campaign_id is not None:
        if plan.given or plan.contacts:
            also = ", ".join([*plan.given, *(["contacts"] if plan.contacts else [])])
            raise BadInput(f"campaign_id names a draft that is complete, and {also} came with it; leave one out")
        return await _of_draft(clarion, plan.campaign_id)
    if channel is None:
        raise BadInput("channel is missing; give sms, call or lead_analysis, or campaign_id to check one that exists")
    if not plan.contacts:
        raise BadInput("contacts is missing; give a list of 1 to 1,000 flat objects, or campaign_id to use a draft")
    spec = parse_uploaded({**plan.given, "channel": channel.value})
    return Content(spec, digest({"spec": _dumped(spec), "contacts": plan.contacts}), plan.contacts)


async def _of_draft(clarion: Installation, campaign_id: str) -> Content:
    campaign = await clarion.campaigns.find(campaign_id)
    files = await asyncio.to_thread(clarion.store.files.of_campaign, campaign.ref.key)
    named = {"draft": campaign_id, "spec": _dumped(campaign.spec), "files": [file.sha256 for file in files]}
    return Content(campaign.spec, digest(named), draft=campaign)


def resuming(campaign_id: str) -> str:
    """Return the digest of going on with a campaign."""
    return digest({"resume": campaign_id})


def _dumped(spec: CampaignSpec) -> object:
    return spec.model_dump(mode="json")


async def look_over(clarion: Installation, content: Content) -> Finding:
    """Check a content and contact nobody. Raises BadInput for what would stop it as a whole."""
    if content.draft is not None:
        found = await clarion.drafts.check(content.draft.ref.campaign_id, rows=NAMED)
        return Finding(found, found.rejected_rows)
    return await asyncio.to_thread(_look_over, clarion, content)


def _look_over(clarion: Installation, content: Content) -> Finding:
    rejected: list[Rejected] = []
    with tempfile.TemporaryDirectory(prefix="clarion-") as folder:
        path = Path(folder) / "contacts.jsonl"
        # The first one names the columns.
        columns = dict.fromkeys(name for contact in content.contacts for name in contact)
        rows = [{**columns, **content.contacts[0]}, *content.contacts[1:]]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        audience = content.spec.audience.model_copy(update={"file": str(path)})
        spec = content.spec.model_copy(update={"audience": audience})
        try:
            found = preflight(
                spec,
                clarion.settings,
                suppressed=lambda numbers: clarion.store.suppressions.among(clarion.settings.tenant, numbers),
                on_rejected=lambda row: rejected.append(row) if len(rejected) < NAMED else None,
            )
        except BadInput as problem:
            raise BadInput(str(problem).replace(str(path), "contacts")) from None
    return Finding(found.model_copy(update={"file": "contacts"}), tuple(rejected))


class Starting:
    """Starts what was confirmed, and the same confirm only once."""

    def __init__(self) -> None:
        self._locks = [asyncio.Lock() for _ in range(LOCKS)]

    async def start(self, clarion: Installation, channel: Channel, plan: Plan, confirm: str | None) -> Started:
        """Start a campaign. Raises BadInput for a confirm of something else, Conflict for one that has ended."""
        content = await content_of(clarion, channel, plan)
        if content.spec.channel is not channel:
            name = content.spec.channel
            raise BadInput(f'campaign "{plan.campaign_id}" is of channel {name}; start it with {STARTS[name]}')
        if content.draft is not None and not await clarion.campaigns.is_startable(content.draft):
            return _started(content.draft, already=True)
        confirming = Confirming(clarion.store, clarion.settings.tenant)
        ends = await asyncio.to_thread(confirming.recognise, confirm, content.digest, time.time())
        campaign_id = (
            content.draft.ref.campaign_id
            if content.draft is not None
            else campaign_id_of(confirm or "", new_id(content.spec.name).rpartition("-")[0])
        )
        async with self._locks[hash((clarion.settings.tenant, campaign_id)) % LOCKS]:
            return await _start(clarion, content, campaign_id, ends)


async def _start(clarion: Installation, content: Content, campaign_id: str, ends: float) -> Started:
    """Take every step that an earlier call with the same token has not taken."""
    try:
        campaign: Campaign | None = await clarion.campaigns.find(campaign_id)
    except NotFound:
        campaign = None
    if campaign is not None and not await clarion.campaigns.is_startable(campaign):
        return _started(campaign, already=True)
    require_good(ends, time.time())
    if content.draft is not None:
        return _started(await clarion.campaigns.launch(campaign_id, again=True), already=False)
    put = clarion.drafts.put(content.spec, campaign_id, content.contacts, start=True, again=True)
    return _started(await put, already=False)


def _started(campaign: Campaign, *, already: bool) -> Started:
    name = campaign.ref.campaign_id
    said = "had been started by an earlier call, and was not started again" if already else "was started"
    return Started(
        summary=f'campaign "{name}" {said}; it is {campaign.status}; get-batch-status tells how it goes',
        campaign_id=name,
        status=campaign.status,
        already_started=already,
    )
