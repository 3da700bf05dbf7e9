"""What people ask about campaigns a page at a time: each page says where the next one begins. Blocking.

Times are epoch seconds and money is in the account's currency, as in looking.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from pydantic import AliasPath, Field, field_validator

from clarion.domain.call import AnsweredBy, Stage
from clarion.domain.campaign import Channel
from clarion.store.calls import CallRecord
from clarion.store.pages import AttemptPlace, TextPlace
from starter.looking import AttemptLine, ConversationLine, EventLine, Looking, SuppressionLine, TranscriptLine, View

Row = TypeVar("Row")
Item = TypeVar("Item")
Place = TypeVar("Place")


class MessageLine(AttemptLine):
    """One attempt to send a text."""

    position: int
    address: str | None
    segments: int
    """What the text is billed as."""


class CallLine(View):
    """One attempt to call somebody; what was said stands in its transcript."""

    position: Annotated[int, Field(validation_alias=AliasPath("attempt", 1))]
    number: Annotated[int, Field(validation_alias=AliasPath("attempt", 2))]
    address: str | None
    outcome: str | None
    """None: it goes on, or nobody knows yet."""
    stage: Stage | None
    """How far it has come; None: its provider has not said anything yet."""
    intended_at: float
    placed_at: float | None
    answered_at: float | None
    ended_at: float | None
    answered_by: AnsweredBy | None
    duration: float | None
    """Seconds from the answer to the end."""
    cost: float
    """Of a call that goes on, the most it can cost."""
    provider_reference: str | None
    provider_status: str | None
    detail: str | None
    disconnection_reason: str | None
    recording_url: str | None
    summary: str | None

    @field_validator("address")
    @classmethod
    def _known(cls, address: str | None) -> str | None:
        return address or None


class LogLine(EventLine):
    """One line of a campaign's log."""

    id: int
    position: int | None
    """The target that it is about; None: the campaign as a whole."""


@dataclass(frozen=True, slots=True)
class Slice(Generic[Item, Place]):
    """Part of a list: a page, and where the next one begins."""

    items: Sequence[Item]
    next: Place | None
    """Where the next page begins; None: this is the last one."""


@dataclass(frozen=True, slots=True)
class LookingPages:
    """Leafs through what one tenant has."""

    looking: Looking

    def messages(self, campaign_id: str, after: AttemptPlace, limit: int) -> Slice[MessageLine, AttemptPlace]:
        """Attempts to send a text, in the order of the audience; none of other channels. Raises NotFound."""
        campaign = self.looking.find(campaign_id)
        if campaign.spec.channel is not Channel.SMS:
            return Slice([], None)
        rows = self.looking.store.pages.attempts(campaign.ref.key, after, limit + 1)
        return slice_of(rows, limit, MessageLine.model_validate, lambda row: AttemptPlace(row.position, row.number))

    def calls(self, campaign_id: str, after: AttemptPlace, limit: int) -> Slice[CallLine, AttemptPlace]:
        """Attempts to call somebody, in the order of the audience; none of other channels. Raises NotFound."""
        campaign = self.looking.find(campaign_id)
        if campaign.spec.channel is not Channel.CALL:
            return Slice([], None)
        rows = self.looking.store.calls.page(campaign.ref.key, after, limit + 1)
        return slice_of(rows, limit, CallLine.model_validate, _place)

    def transcripts(self, campaign_id: str, after: AttemptPlace, limit: int) -> Slice[TranscriptLine, AttemptPlace]:
        """Calls of which is known what was said, in the order of the audience. Raises NotFound."""
        campaign = self.looking.find(campaign_id)
        if campaign.spec.channel is not Channel.CALL:
            return Slice([], None)
        rows = self.looking.store.calls.page(campaign.ref.key, after, limit + 1, told_only=True)
        return slice_of(rows, limit, TranscriptLine.model_validate, _place)

    def transcripts_by_target(self, campaign_id: str, after: int, limit: int) -> Slice[TranscriptLine, int]:
        """The same for the next ``limit`` targets after a position, with all calls to each. Raises NotFound."""
        key = self.looking.find(campaign_id).ref.key
        rows = self.looking.store.calls.transcripts(key, after=after, limit=limit + 1)
        there = list(dict.fromkeys(row.attempt.position for row in rows))
        last = there[limit - 1] if len(there) > limit else None
        shown = [row for row in rows if last is None or row.attempt.position <= last]
        return Slice([TranscriptLine.model_validate(row) for row in shown], last)

    def conversations(self, campaign_id: str, after: TextPlace, limit: int) -> Slice[ConversationLine, TextPlace]:
        """What people answered, the oldest first. Raises NotFound."""
        rows = self.looking.store.pages.conversations(self.looking.find(campaign_id).ref.key, after, limit + 1)
        return slice_of(
            rows, limit, ConversationLine.model_validate, lambda row: TextPlace(row.received_at, row.reference)
        )

    def log(self, campaign_id: str, after: int, limit: int) -> Slice[LogLine, int]:
        """Everything that was written down, the oldest first; lines about targets may name them. Raises NotFound."""
        rows = self.looking.store.events.after(self.looking.find(campaign_id).ref.key, after, limit + 1)
        return slice_of(rows, limit, LogLine.model_validate, lambda row: row.id)

    def suppressions(self, after: str, limit: int) -> Slice[SuppressionLine, str]:
        """The do-not-contact list, in the order of the numbers."""
        rows = self.looking.store.suppressions.list(self.looking.tenant, after=after, limit=limit + 1)
        return slice_of(rows, limit, SuppressionLine.model_validate, lambda row: row.address)


def slice_of(
    rows: Sequence[Row], limit: int, read: Callable[[Row], Item], place: Callable[[Row], Place]
) -> Slice[Item, Place]:
    """Make a page of up to ``limit`` of these rows; that there are more of them says that there is a next page."""
    kept = rows[:limit]
    return Slice([read(row) for row in kept], place(kept[-1]) if len(rows) > limit else None)


def _place(record: CallRecord) -> AttemptPlace:
    return AttemptPlace(record.attempt.position, record.attempt.number)
