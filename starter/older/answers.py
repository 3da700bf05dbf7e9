"""How campaigns of ours look to clients of the older systems: their fields, their counts, their words."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Sequence
from itertools import islice

from clarion.domain.call import Speaker
from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import TargetState
from clarion.store.campaigns import Campaign
from clarion.store.lead_lines import LeadLine
from starter.looking import ErrorGroup, TargetLine, TranscriptLine
from starter.mcp.answers import iso
from starter.older.shapes import CALL_WORDS, WORDS
from starter.progress import Progress

Json = dict[str, object]

MOST_RESULTS = 1_000
"""Targets that an answer names one by one."""
TARGET_WORDS = {
    TargetState.PENDING: "pending",
    TargetState.WAITING: "pending",
    TargetState.ACTIVE: "processing",
    TargetState.UNKNOWN: "processing",
    TargetState.SUCCEEDED: "completed",
    TargetState.FAILED: "failed",
    TargetState.SKIPPED: "failed",
    TargetState.CANCELLED: "failed",
}
CONTACT_WORDS = TARGET_WORDS | {
    TargetState.WAITING: "queued",
    TargetState.ACTIVE: "calling",
    TargetState.UNKNOWN: "calling",
}
"""A contact's status in bulk campaigns, which also know `voicemail`."""
SPEAKERS = {Speaker.AGENT: "assistant", Speaker.PERSON: "user", Speaker.OTHER: "system"}


def batch_uuid(campaign: Campaign) -> str:
    """Return a name for a batch in the form that Laravel gave it: always the same for a campaign."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{campaign.ref.tenant}/{campaign.ref.campaign_id}"))


def jobs(campaign: Campaign, progress: Progress) -> Json:
    """A campaign as a batch of jobs, one for each target."""
    books = progress.books
    return {
        "batch_id": batch_uuid(campaign),
        "total_jobs": books.total,
        "processed_jobs": books.succeeded + books.failed + books.skipped + books.cancelled,
        "failed_jobs": books.failed,
        "progress": math.floor(progress.percent),
        "throughput": f"{progress.per_minute:.1f} calls/minute",
        "estimated_completion": iso(progress.eta),
    }


def counts(progress: Progress) -> dict[str, int]:
    """Targets by what has become of them, in words of batches; who was skipped or cancelled has failed."""
    books = progress.books
    return {
        "total": books.total,
        "pending": books.pending + books.waiting + books.active + books.unknown,
        "completed": books.succeeded,
        "failed": books.failed + books.skipped + books.cancelled,
    }


def batch_status(progress: Progress, statuses: Iterable[tuple[float, str]]) -> Json:
    """A batch of texts; ``statuses`` are those it has had, with their times (epoch seconds)."""
    found: Json = {
        "id": progress.campaign_id,
        "batchId": progress.campaign_id,
        "status": WORDS[progress.status],
        "progress": counts(progress),
        "metrics": {
            "messagesPerSecond": round(progress.per_minute / 60, 3),
            "successRate": _percent(progress.success_rate),
        },
    }
    paused, resumed = None, None
    for at, status in statuses:
        if status == CampaignStatus.PAUSED:
            paused, resumed = at, None
        elif paused is not None and resumed is None and status == CampaignStatus.RUNNING:
            resumed = at
    if paused is not None:
        found["pauseInfo"] = {"pauseTime": iso(paused)} | ({"resumeTime": iso(resumed)} if resumed else {})
    return found


def analytics(progress: Progress) -> Json:
    """What a batch of texts came to."""
    began, ended = progress.started_at, progress.finished_at or progress.updated_at
    return {
        "batchId": progress.campaign_id,
        "status": WORDS[progress.status],
        "progress": counts(progress),
        "outcomes": progress.outcomes,
        "successRate": _percent(progress.success_rate),
        "messagesPerSecond": round(progress.per_minute / 60, 3),
        "cost": progress.spent,
        "startTime": iso(began),
        "endTime": iso(progress.finished_at),
        "durationSeconds": round(ended - began, 3) if began else 0.0,
    }


def errors(campaign_id: str, groups: Sequence[ErrorGroup]) -> Json:
    """Who was not reached, by reason."""
    return {
        "batchId": campaign_id,
        "total": sum(group.count for group in groups),
        "errors": [
            {
                "category": group.outcome,
                "code": group.provider_code,
                "message": group.meaning,
                "count": group.count,
                "retryable": group.retry_helps,
                "rows": list(group.rows),
            }
            for group in groups
        ],
    }


def bulk(campaign: Campaign, progress: Progress) -> Json:
    """A bulk campaign of calls."""
    rules = campaign.spec
    retry = rules.retry
    return {
        "id": campaign.ref.campaign_id,
        "_id": campaign.ref.campaign_id,
        "name": campaign.name,
        "agentId": rules.call.agent if rules.call else None,
        "phoneId": campaign.account,
        "status": CALL_WORDS[campaign.status],
        "settings": {
            "retryFailedCalls": retry.attempts > 1,
            "maxRetryAttempts": retry.attempts - 1,
            "retryDelayMinutes": retry.delay / 60,
            "excludeVoicemail": retry.exclude_voicemail is not False,
            "priorityMode": "fifo",
            "concurrentCallsLimit": rules.limits.concurrency,
        },
        "createdAt": iso(campaign.created_at),
        **bulk_counts(progress),
    }


def bulk_counts(progress: Progress) -> Json:
    """The counts of a bulk campaign: they add up to `totalContacts`."""
    books, outcomes = progress.books, progress.outcomes
    left_message = max(0, books.succeeded - outcomes.get("answered", 0))
    voicemail = max(left_message, outcomes.get("voicemail", 0))
    not_reached = books.failed + books.skipped + books.cancelled
    voicemail = min(voicemail, left_message + not_reached)
    return {
        "totalContacts": books.total,
        "queuedCalls": books.pending + books.waiting,
        "activeCalls": books.active + books.unknown,
        "completedCalls": books.succeeded - left_message,
        "failedCalls": not_reached - (voicemail - left_message),
        "voicemailCalls": voicemail,
        "progress": math.floor(progress.percent),
        "successRate": round(_percent(progress.success_rate)),
    }


def bulk_progress(progress: Progress) -> Json:
    """The counts, and the same as a queue."""
    books = progress.books
    found = bulk_counts(progress)
    queue = {
        "waiting": books.pending,
        "active": books.active + books.unknown,
        "completed": books.succeeded,
        "failed": books.failed + books.skipped + books.cancelled,
        "delayed": books.waiting,
    }
    return {"campaign": found, "queue": queue}


def contact(target: TargetLine) -> Json:
    """A contact of a bulk campaign."""
    word = "voicemail" if target.outcome == "voicemail" else CONTACT_WORDS[target.state]
    return {
        "phoneNumber": target.address,
        "status": word,
        "retryCount": max(0, target.tries - 1),
        "nextAttemptAt": iso(target.due_at),
        "failureReason": target.detail if word == "failed" else None,
    }


def operation(kind: str, campaign: Campaign, progress: Progress, targets: Iterable[TargetLine]) -> Json:
    """A batch over targets, with the result of each of the first thousand."""
    return {
        "batchId": campaign.ref.campaign_id,
        "type": kind,
        "status": WORDS[campaign.status],
        "progress": counts(progress),
        "createdAt": iso(campaign.created_at),
        "completedAt": iso(campaign.finished_at),
        "results": [
            {
                "phoneNumber": target.address,
                "status": TARGET_WORDS[target.state],
                "outcome": target.outcome,
                "callId" if kind == "call" else "messageId": target.provider_reference,
                "error": target.detail if TARGET_WORDS[target.state] == "failed" else None,
                "retryAttempts": max(0, target.tries - 1),
            }
            for target in islice(targets, MOST_RESULTS)
        ],
    }


def transcript(line: TranscriptLine) -> Json:
    """What was said in one call."""
    return {
        "phoneNumber": line.address,
        "status": line.outcome,
        "duration": line.duration,
        "summary": line.summary,
        "recordingUrl": line.recording_url,
        "transcript": [{"role": SPEAKERS[turn.speaker], "content": turn.text, "at": turn.at} for turn in line.turns],
    }


def analysis(campaign: Campaign, progress: Progress, lines: Iterable[LeadLine], batch_size: int) -> Json:
    """What became of the leads of a workbook. A batch never fails as a whole: what fails is one lead."""
    began = campaign.started_at or campaign.created_at
    seconds = (campaign.finished_at or progress.updated_at) - began
    books = progress.books
    done = books.succeeded + books.failed
    batches = math.ceil((books.total - books.skipped) / batch_size)
    failed = batches if campaign.status is CampaignStatus.FAILED else 0
    rows = list(lines)
    return {
        "success": campaign.status is CampaignStatus.COMPLETED,
        "campaign_id": campaign.ref.campaign_id,
        "status": WORDS[campaign.status],
        "leads": [_lead(line) for line in rows if line.state is not TargetState.SKIPPED],
        "invalid_lead_ids": [
            {"row": line.row, "reason": line.outcome, "detail": line.detail}
            for line in rows
            if line.state is TargetState.SKIPPED
        ],
        "summary": {
            "total_leads": books.total,
            "analyzed_leads": books.succeeded,
            "failed_leads": books.failed,
            "processing_stats": {
                "total_batches": batches,
                "successful_batches": batches - failed,
                "failed_batches": failed,
            },
        },
        "performance_metrics": {
            "total_processing_time": round(seconds, 3),
            "leads_per_second": round(done / seconds, 3) if seconds > 0 else 0.0,
            "avg_batch_time": round(seconds / batches, 3) if batches else 0.0,
            "batch_success_rate": 100.0 * (batches - failed) / batches if batches else 0.0,
        },
    }


def _lead(line: LeadLine) -> Json:
    return {
        "lead_id": line.address,
        "row": line.row,
        "status": line.outcome or line.state,
        "data": dict(line.fields),
        "ai_assessment": None if line.answer is None else dict(line.answer),
        "error": line.detail,
    }


def _percent(share: float | None) -> float:
    return round(100 * (share or 0.0), 2)
