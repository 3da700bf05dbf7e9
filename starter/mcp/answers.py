"""What the MCP tools answer: the models of the other front doors, each with a sentence for the assistant.

Times are epoch seconds where they are numbers, and ISO 8601 in UTC where they are texts; money is the account's.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

from clarion.domain.campaign import CampaignStatus, Channel
from starter.checking.preflight import Preflight, Rejected
from starter.looking import CallSummaryLine, CampaignLine, ConversationLine, ErrorGroup, TranscriptLine
from starter.progress import Progress


class Answer(BaseModel):
    """What every tool answers with."""

    model_config = ConfigDict(frozen=True)

    summary: str
    """The answer in a sentence or two."""


class Checked(Answer):
    """What would happen, and the token that lets it happen."""

    can_start: bool
    confirm: str | None = Field(None, description="Send it with the same arguments to the tool named in `next_tool`.")
    confirm_until: str | None = None
    next_tool: str | None = Field(None, description="The tool that does what was checked.")
    problems: tuple[str, ...] = Field((), description="What keeps it from being started, each with the way out.")
    rejected_rows: tuple[Rejected, ...] = Field((), description="The first 100 contacts that would be left out.")
    expected_end: str | None = None
    check: Preflight | None = Field(None, description="All that was found; null for a campaign to resume.")
    progress: Progress | None = Field(None, description="How a campaign stands that would be resumed.")


class Started(Answer):
    """A campaign that runs."""

    campaign_id: str
    status: CampaignStatus
    already_started: bool = Field(description="Whether an earlier call with this confirm had started it.")


class BatchStatus(Answer):
    """How a campaign stands."""

    progress: Progress
    errors: tuple[ErrorGroup, ...] = Field((), description="Who was not reached, by reason, the largest group first.")


class Transcripts(Answer):
    """What was said, or written."""

    channel: Channel
    calls: tuple[TranscriptLine, ...] = Field((), description="Calls, in the order of the contacts.")
    replies: tuple[ConversationLine, ...] = Field((), description="Texts that people sent back.")
    totals: CallSummaryLine | None = Field(None, description="What all calls came to.")
    next: int | None = Field(None, description="Send it as `after` to read on; null at the end.")


class Steered(Answer):
    """What became of a wish."""

    campaign_id: str
    status: CampaignStatus


class CampaignList(Answer):
    """The newest campaigns, the newest first."""

    campaigns: tuple[CampaignLine, ...]


def iso(at: float | None) -> str | None:
    """Write an instant for an assistant: ``2026-12-01T08:00:00Z``."""
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def in_words(progress: Progress) -> str:
    """Say how a campaign stands: ``running: 60 of 100 done, 2 failed; expected end 2026-…``."""
    books = progress.books
    why = f" ({progress.reason})" if progress.reason else ""
    parts = [f"{progress.status}{why}: {progress.percent:g} % of {books.total:,} done"]
    counts = (
        (books.succeeded, "succeeded"),
        (books.failed, "failed"),
        (books.skipped, "skipped"),
        (books.active, "under way"),
        (books.unknown, "unknown"),
        (books.waiting, "waiting"),
        (books.pending, "not begun"),
        (books.cancelled, "cancelled"),
    )
    parts.extend(f"{n:,} {word}" for n, word in counts if n)
    end = f"; expected end {iso(progress.eta)}" if progress.eta else ""
    return ", ".join(parts) + end
