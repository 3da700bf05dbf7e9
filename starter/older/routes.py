"""The routes of the systems that Clarion replaces, in their documented shapes, over the same use cases and keys.

docs/older-systems.md maps each field, setting and word. Bulk campaigns of calls had the very paths of our own REST
interface: theirs are at /older/api/v1/campaigns. All others are where they were.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from clarion.audience.source import open_audience
from clarion.domain.campaign import CampaignSpec
from clarion.domain.errors import BadInput, NotFound
from clarion.domain.problems import sentences
from clarion.store.campaigns import Campaign
from starter.live.watcher import Watcher
from starter.looking_leads import lead_lines
from starter.mcp.answers import iso
from starter.older import answers
from starter.older.answers import Json
from starter.older.shapes import (
    LARGE_DATASET_THRESHOLD,
    AnalysisForm,
    BatchCallRequest,
    BatchCreate,
    BatchSmsRequest,
    CampaignBody,
    CampaignChanges,
    CampaignContacts,
    Contact,
    StartRequest,
    Wish,
)
from starter.older.standing import standing
from starter.rest.bodies import CampaignId
from starter.rest.callers import Caller, Operator, Reader
from starter.rest.events import EventStream, Place, live_of
from starter.rest.uploads import Upload, uploaded

WAITED = 55.0
"""Seconds that an analysis of few leads is waited for."""
LOOK_EVERY = 0.25

router = APIRouter()
Limit = Annotated[int, Query(ge=1, le=1_000)]


async def _watcher(
    request: Request, caller: Reader, campaign_id: CampaignId, place: Annotated[Place, Depends()]
) -> AsyncIterator[Watcher]:
    async with live_of(request).watching(caller.tenant, campaign_id, place.after, caller.key_id) as watcher:
        yield watcher


# Campaigns of Retell calls


@router.post("/api/retell-mcp/campaigns/start")
async def start_retell(caller: Operator, body: StartRequest) -> Json:
    """Start a draft."""
    await caller.clarion.campaigns.launch(str(body.campaign_id))
    return {"success": True, "campaign_id": body.campaign_id, "status": "running", "processing_type": "batch"}


@router.get("/api/retell-mcp/campaigns/{campaign_id}/batch-status")
async def retell_status(caller: Reader, campaign_id: CampaignId) -> Json:
    """Tell how a campaign stands, as a batch of jobs."""
    campaign = await caller.clarion.campaigns.find(campaign_id)
    return answers.jobs(campaign, await standing(caller, campaign_id))


# Batches of texts


@router.post("/api/batch", status_code=201)
async def create_batch(caller: Operator, body: BatchCreate) -> Json:
    """Send texts, now or at a time; or keep them until somebody resumes the batch."""
    campaign = await _put(caller, body.spec, body.contacts, start=body.options.auto_start)
    return await _batch(caller, campaign.ref.campaign_id)


@router.get("/api/batch/{campaign_id}")
async def get_batch(caller: Reader, campaign_id: CampaignId) -> Json:
    """Tell how a batch stands."""
    return await _batch(caller, campaign_id)


@router.post("/api/v2/batch/{campaign_id}/pause")
async def pause_batch(caller: Operator, campaign_id: CampaignId) -> Json:
    """Pause; what is under way ends by itself."""
    await caller.clarion.campaigns.pause(campaign_id)
    return await _batch(caller, campaign_id)


@router.post("/api/v2/batch/{campaign_id}/resume")
async def resume_batch(caller: Operator, campaign_id: CampaignId) -> Json:
    """Go on; a batch that was kept is started."""
    campaign = await caller.clarion.campaigns.find(campaign_id)
    if campaign.status == "draft":
        await caller.clarion.campaigns.launch(campaign_id)
    else:
        await caller.clarion.campaigns.resume(campaign_id)
    return await _batch(caller, campaign_id)


@router.get("/api/batch/{campaign_id}/analytics")
async def batch_analytics(caller: Reader, campaign_id: CampaignId) -> Json:
    """Tell what a batch came to."""
    return answers.analytics(await standing(caller, campaign_id))


@router.get("/api/batch/{campaign_id}/errors")
async def batch_errors(caller: Reader, campaign_id: CampaignId) -> Json:
    """Tell who was not reached, by reason."""
    return answers.errors(campaign_id, await asyncio.to_thread(caller.clarion.looking.errors, campaign_id))


# Bulk campaigns of calls


@router.post("/older/api/v1/campaigns", status_code=201)
async def create_bulk(caller: Operator, body: CampaignBody) -> Json:
    """Make a campaign that has no contacts yet."""
    return await _bulk(caller, (await caller.clarion.drafts.create(body.spec)).ref.campaign_id)


@router.get("/older/api/v1/campaigns")
async def list_bulk(caller: Reader, limit: Limit = 50) -> list[Json]:
    """List the newest campaigns of calls."""
    lines = await asyncio.to_thread(caller.clarion.looking.campaigns, limit)
    return [await _bulk(caller, line.campaign_id) for line in lines if line.channel == "call"]


@router.get("/older/api/v1/campaigns/{campaign_id}")
async def get_bulk(caller: Reader, campaign_id: CampaignId) -> Json:
    """Tell all of a campaign."""
    return await _bulk(caller, campaign_id)


@router.patch("/older/api/v1/campaigns/{campaign_id}")
async def change_bulk(caller: Operator, campaign_id: CampaignId, body: CampaignChanges) -> Json:
    """Change what a draft says."""
    now = await _bulk(caller, campaign_id)
    await caller.clarion.drafts.update(campaign_id, body.rules_after(now))
    return await _bulk(caller, campaign_id)


@router.delete("/older/api/v1/campaigns/{campaign_id}")
async def delete_bulk(caller: Operator, campaign_id: CampaignId) -> Json:
    """Delete a draft, or a campaign that has ended."""
    await caller.clarion.drafts.delete(campaign_id)
    return {"success": True}


@router.post("/older/api/v1/campaigns/{campaign_id}/contacts", status_code=201)
async def add_contacts(caller: Operator, campaign_id: CampaignId, body: CampaignContacts) -> Json:
    """Add contacts."""
    await caller.clarion.drafts.add(campaign_id, [one.contact for one in body.contacts])
    return {"success": True, "added": len(body.contacts)}


@router.get("/older/api/v1/campaigns/{campaign_id}/contacts")
async def list_contacts(caller: Reader, campaign_id: CampaignId, limit: Limit = 100) -> list[Json]:
    """List contacts, from the moment on that the campaign was started."""
    targets = caller.clarion.looking.targets(campaign_id)
    return await asyncio.to_thread(lambda: [answers.contact(target) for target in islice(targets, limit)])


@router.get("/older/api/v1/campaigns/{campaign_id}/calls")
async def bulk_calls(caller: Reader, campaign_id: CampaignId, limit: Limit = 100) -> list[Json]:
    """Tell what was said in calls."""
    return await asyncio.to_thread(_transcripts, caller, campaign_id, limit)


@router.get("/older/api/v1/campaigns/{campaign_id}/stats")
async def bulk_stats(caller: Reader, campaign_id: CampaignId) -> Json:
    """Count."""
    return answers.bulk_counts(await standing(caller, campaign_id))


@router.get("/older/api/v1/campaigns/{campaign_id}/progress")
async def bulk_progress(caller: Reader, campaign_id: CampaignId) -> Json:
    """Count, and count what waits."""
    return answers.bulk_progress(await standing(caller, campaign_id))


@router.post("/older/api/v1/campaigns/{campaign_id}/{wish}")
async def steer_bulk(caller: Operator, campaign_id: CampaignId, wish: Wish) -> Json:
    """Start, pause, resume, cancel, or retry who was not reached."""
    use = caller.clarion.campaigns
    match wish:
        case Wish.START:
            await use.launch(campaign_id)
        case Wish.PAUSE:
            await use.pause(campaign_id)
        case Wish.RESUME:
            await use.resume(campaign_id)
        case Wish.CANCEL:
            await use.cancel(campaign_id)
        case Wish.RETRY:
            await use.retry(campaign_id)
    return await _bulk(caller, campaign_id)


# Batches over targets with their own words


@router.post("/batch/calls", status_code=202)
async def call_targets(caller: Operator, body: BatchCallRequest) -> Json:
    """Call targets."""
    return await _operation(caller, (await _put(caller, body.spec, body.contacts)).ref.campaign_id, "call")


@router.post("/batch/sms", status_code=202)
async def text_targets(caller: Operator, body: BatchSmsRequest) -> Json:
    """Send texts to targets."""
    return await _operation(caller, (await _put(caller, body.spec, body.contacts)).ref.campaign_id, "sms")


@router.get("/batch/calls/{campaign_id}")
async def calls_operation(caller: Reader, campaign_id: CampaignId) -> Json:
    """Tell how calls to targets stand."""
    return await _operation(caller, campaign_id, "call")


@router.get("/batch/sms/{campaign_id}")
async def texts_operation(caller: Reader, campaign_id: CampaignId) -> Json:
    """Tell how texts to targets stand."""
    return await _operation(caller, campaign_id, "sms")


@router.get("/batch/calls/{campaign_id}/transcripts")
async def target_transcripts(caller: Reader, campaign_id: CampaignId, limit: Limit = 1_000) -> Json:
    """Tell what was said, and what all calls came to."""
    told = await asyncio.to_thread(_transcripts, caller, campaign_id, limit)
    summary = await asyncio.to_thread(caller.clarion.looking.call_summary, campaign_id)
    return {
        "batchId": campaign_id,
        "transcripts": told,
        "summary": {
            "totalCalls": summary.calls,
            "outcomes": summary.outcomes,
            "totalDuration": summary.total_duration,
            "averageDuration": summary.average_duration,
            "totalCost": summary.cost,
        },
    }


@router.get("/batch/calls/{campaign_id}/events")
async def target_events(watcher: Annotated[Watcher, Depends(_watcher)]) -> EventStream:
    """Stream what happens, in our own events."""
    return EventStream(watcher)


@router.get("/batch/sms/{campaign_id}/conversations")
async def target_conversations(caller: Reader, campaign_id: CampaignId) -> Json:
    """Tell what people texted back, by number."""
    by_number: dict[str, list[Json]] = {}
    for text in await asyncio.to_thread(caller.clarion.looking.conversations, campaign_id):
        said: Json = {"direction": "inbound", "body": text.body, "timestamp": iso(text.received_at)}
        by_number.setdefault(text.address, []).append(said)
    found = [{"phoneNumber": number, "messages": messages} for number, messages in by_number.items()]
    return {"batchId": campaign_id, "conversations": found}


# Leads in workbooks


@router.post("/excel/analyze")
@router.post("/excel/analyze-batch-optimized")
async def analyze(request: Request, caller: Operator) -> JSONResponse:
    """Assess the leads of a file. Few are waited for; of many, 202 says where to look."""
    async with uploaded(request) as upload:
        form = _form(upload)
        spec = form.spec(upload.name)
        is_large = await asyncio.to_thread(_is_large, spec, upload)
        campaign = await caller.clarion.drafts.put_file(spec, upload.path, upload.name, start=True)
    until = asyncio.get_running_loop().time() + WAITED
    while not is_large and not campaign.status.is_final and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(LOOK_EVERY)
        campaign = await caller.clarion.campaigns.find(campaign.ref.campaign_id)
    name = campaign.ref.campaign_id
    if not campaign.status.is_final:
        where = f"/api/v1/campaigns/{name}/progress"
        answer = {"success": True, "campaign_id": name, "status": "processing", "progress_url": where}
        return JSONResponse(answer, 202, {"Location": where})
    progress = await caller.clarion.campaigns.progress(name)
    lines = await asyncio.to_thread(lambda: list(lead_lines(caller.clarion.looking, campaign.ref.key)))
    return JSONResponse(answers.analysis(campaign, progress, lines, form.batch_size))


def _form(upload: Upload) -> AnalysisForm:
    try:
        return AnalysisForm.model_validate(upload.fields)
    except ValidationError as error:
        raise BadInput(sentences(error, AnalysisForm)) from None


def _is_large(spec: CampaignSpec, upload: Upload) -> bool:
    with open_audience(upload.path, name=upload.name, sheet=spec.audience.sheet) as reader:
        return sum(1 for _ in islice(reader.rows(), LARGE_DATASET_THRESHOLD + 1)) > LARGE_DATASET_THRESHOLD


async def _put(caller: Caller, spec: CampaignSpec, contacts: list[Contact], *, start: bool = True) -> Campaign:
    return await caller.clarion.drafts.put(spec, None, contacts, start=start)


async def _batch(caller: Caller, campaign_id: str) -> Json:
    progress = await standing(caller, campaign_id)
    events = await asyncio.to_thread(caller.clarion.looking.history, campaign_id)
    return answers.batch_status(
        progress, [(event.at, event.detail.partition(":")[0]) for event in events if event.kind == "status"]
    )


async def _bulk(caller: Caller, campaign_id: str) -> Json:
    campaign = await caller.clarion.campaigns.find(campaign_id)
    return answers.bulk(campaign, await standing(caller, campaign_id))


async def _operation(caller: Caller, campaign_id: str, kind: str) -> Json:
    campaign = await caller.clarion.campaigns.find(campaign_id)
    if campaign.spec.channel != kind:
        other = "/batch/sms" if kind == "call" else "/batch/calls"
        raise NotFound(f'"{campaign_id}" is a campaign of {campaign.spec.channel}; ask for it at {other}/{campaign_id}')
    progress = await standing(caller, campaign_id)
    return await asyncio.to_thread(
        lambda: answers.operation(kind, campaign, progress, caller.clarion.looking.targets(campaign_id))
    )


def _transcripts(caller: Caller, campaign_id: str, limit: int) -> list[Json]:
    return [answers.transcript(line) for line in islice(caller.clarion.looking.transcripts(campaign_id), limit)]
