"""What people ask about campaigns and the store can answer, as typed results; nothing here needs Temporal. Blocking.

In all results times are epoch seconds and money is in the account's currency.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated

from pydantic import AliasPath, BaseModel, ConfigDict, Field, field_validator

from clarion.domain.attempt import NEVER
from clarion.domain.call import Stage, Turn
from clarion.domain.campaign import CampaignStatus, Channel
from clarion.domain.target import Outcome, TargetState
from clarion.store.campaign_filter import EVERYTHING, CampaignFilter
from clarion.store.campaigns import Campaign
from clarion.store.faults import Fault
from clarion.store.store import Store
from clarion.store.targets import RETRYABLE_OUTCOMES
from starter.chronicle import READ, Line, latest_lines
from starter.progress import Progress, progress_now, progress_of

PAGE = 1_000


class View(BaseModel):
    """Base: frozen, and built from a row of the store."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class CampaignLine(View):
    """A campaign in the list."""

    campaign_id: str
    name: str
    channel: Channel
    status: CampaignStatus
    reason: str
    parent: str | None = None
    """The campaign that this one follows."""
    total: int
    percent: float
    created_at: float
    started_at: float | None
    finished_at: float | None


class TargetLine(View):
    """A target and the facts of its last attempt."""

    position: int
    row: int
    address: str | None
    state: TargetState
    outcome: str | None
    reason: str | None
    detail: str | None
    due_at: float | None
    """None: at once, or nothing is due."""
    attempts: int
    tries: int
    segments: int
    time_zone: str | None
    variant: str | None = None
    """Which of the campaign's variants it gets."""
    provider_reference: str | None = None
    provider_status: str | None = None
    provider_code: str | None = None
    contacted_at: Annotated[float | None, Field(validation_alias="intended_at")] = None
    updated_at: float

    @field_validator("due_at")
    @classmethod
    def _real_time(cls, due_at: float | None) -> float | None:
        return due_at if due_at and due_at < NEVER else None


class AttemptLine(View):
    """One attempt."""

    number: int
    intended_at: float
    slot_at: float
    outcome: str | None
    ended_at: float | None
    receipt_at: float | None
    cost: float
    provider_reference: str | None
    provider_status: str | None
    provider_code: str | None
    detail: str | None

    @field_validator("cost", mode="before")
    @classmethod
    def _money(cls, millionths: int) -> float:
        return millionths / 1e6


class EventLine(View):
    """One line of a log."""

    at: float
    kind: str
    detail: str


class ConversationLine(View):
    """A text that a person sent us."""

    received_at: float
    address: str
    position: int | None
    kind: str
    body: str


class TranscriptLine(View):
    """One call: what was said, and what the provider makes of it."""

    position: Annotated[int, Field(validation_alias=AliasPath("attempt", 1))]
    number: Annotated[int, Field(validation_alias=AliasPath("attempt", 2))]
    address: str | None
    outcome: str | None
    stage: Stage | None = None
    """How far it has come; None: its provider has not said anything yet."""
    intended_at: float
    duration: float | None
    """Seconds from the answer to the end."""
    cost: float
    answered_by: str | None
    disconnection_reason: str | None
    recording_url: str | None
    summary: str | None
    turns: tuple[Turn, ...]
    analysis: dict[str, str]


class SingleCall(View):
    """What came of one call that somebody asked for."""

    campaign_id: str
    state: TargetState
    outcome: str | None
    answer: str
    """The same in a sentence."""
    call: TranscriptLine | None
    """None: nobody was called."""


class CallSummaryLine(View):
    """What all calls of a campaign came to."""

    calls: int
    outcomes: Annotated[dict[str, int], Field(validation_alias="by_outcome")]
    total_duration: float
    """Seconds."""
    average_duration: float | None
    """Seconds, of calls that were answered."""
    cost: float
    cost_per_answered: float | None
    analysis: Annotated[dict[str, dict[str, int]], Field(validation_alias="by_analysis")]
    """Calls by analysis field and value."""


class SuppressionLine(View):
    """Somebody on the do-not-contact list."""

    address: str
    at: float
    source: str
    detail: str


class ErrorGroup(View):
    """Targets that were not reached for the same reason."""

    state: TargetState
    outcome: str
    provider_code: str | None
    count: int
    meaning: str
    """What the provider's code means, or what is wrong with the first of these rows."""
    rows: tuple[int, ...]
    """The first of them, as the spreadsheet numbers them."""
    positions: tuple[int, ...]
    retry_helps: bool


@dataclass(frozen=True, slots=True)
class Looking:
    """Looks at the campaigns of one tenant."""

    store: Store
    tenant: str
    clock: Callable[[], float] = time.time

    def find(self, campaign_id: str) -> Campaign:
        """Find a campaign. Raises NotFound with the nearest id."""
        return self.store.campaigns.find(self.tenant, campaign_id)

    def progress(self, campaign_id: str) -> Progress:
        """Tell how a campaign stands. Raises NotFound."""
        return progress_now(self.store, self.find(campaign_id), self.clock())

    def campaigns(self, limit: int = 50, wanted: CampaignFilter = EVERYTHING) -> list[CampaignLine]:
        """List the newest campaigns, the newest first; texts that follow calls stand below these."""
        found = self.store.campaigns.list(self.tenant, limit=limit, wanted=wanted)
        return _below_their_parents([self._line(campaign) for campaign in found])

    def followers(self, campaign_id: str) -> Sequence[str]:
        """Name the campaigns that follow one. Raises NotFound."""
        return self.store.campaigns.followers(self.find(campaign_id).ref.key)

    def lines(self, campaign_id: str, most: int) -> list[Line]:
        """Return the last of a campaign's log, without personal data. Raises NotFound."""
        return latest_lines(self.store.events.latest(self.find(campaign_id).ref.key, READ), most)

    def history(self, campaign_id: str) -> list[EventLine]:
        """Return what happened to a campaign as a whole, the oldest first. Raises NotFound."""
        found = self.store.events.of_campaign(self.find(campaign_id).ref.key)
        return [EventLine.model_validate(event) for event in found]

    def targets(self, campaign_id: str, state: TargetState | None = None) -> Iterator[TargetLine]:
        """Yield targets in the order of the audience, in flat memory. Raises NotFound."""
        return self._targets(self.find(campaign_id).ref.key, state)

    def conversations(self, campaign_id: str) -> list[ConversationLine]:
        """Return what people answered, in order. Raises NotFound."""
        found = self.store.conversations(self.find(campaign_id).ref.key)
        return [ConversationLine.model_validate(text) for text in found]

    def transcripts(self, campaign_id: str) -> Iterator[TranscriptLine]:
        """Yield the calls of which something is known, in the order of the audience. Raises NotFound."""
        key, after = self.find(campaign_id).ref.key, 0
        while found := self.store.calls.transcripts(key, after=after):
            yield from (TranscriptLine.model_validate(record) for record in found)
            after = found[-1].attempt.position

    def last_calls(self, campaign_id: str) -> Iterator[TranscriptLine]:
        """Yield the last call to each target that was called, in the order of the audience. Raises NotFound."""
        key, after = self.find(campaign_id).ref.key, 0
        while found := self.store.calls.latest(key, after=after):
            yield from (TranscriptLine.model_validate(record) for record in found)
            after = found[-1].attempt.position

    def call_summary(self, campaign_id: str) -> CallSummaryLine:
        """Sum up a campaign's calls. Raises NotFound."""
        return CallSummaryLine.model_validate(self.store.calls.summary(self.find(campaign_id).ref.key))

    def suppressions(self) -> Iterator[SuppressionLine]:
        """Yield the do-not-contact list in the order of the numbers."""
        after = ""
        while found := self.store.suppressions.list(self.tenant, after=after, limit=PAGE):
            yield from (SuppressionLine.model_validate(one) for one in found)
            after = found[-1].address

    def errors(self, campaign_id: str) -> list[ErrorGroup]:
        """Group who was not reached by the reason, the largest group first. Raises NotFound."""
        return [_group(fault) for fault in self.store.faults.of(self.find(campaign_id).ref.key)]

    def target(self, key: int, position: int) -> TargetLine | None:
        """Return one target of the campaign with this number in the store."""
        row = self.store.targets.get(key, position)
        return None if row is None else TargetLine.model_validate(row)

    def calls(self, key: int, position: int) -> list[TranscriptLine]:
        """Return what is known of all calls to a target, in order."""
        return [TranscriptLine.model_validate(record) for record in self.store.calls.of_target(key, position)]

    def attempts(self, key: int, position: int) -> list[AttemptLine]:
        """Return all attempts at a target, in order."""
        return [AttemptLine.model_validate(row) for row in self.store.targets.attempts_of(key, position)]

    def _targets(self, key: int, state: TargetState | None) -> Iterator[TargetLine]:
        after = 0
        while rows := self.store.targets.page(key, state=state, after=after, limit=PAGE):
            for row in rows:
                yield TargetLine.model_validate(row)
            after = rows[-1].position

    def _line(self, campaign: Campaign) -> CampaignLine:
        progress = progress_of(campaign, self.store.campaigns.snapshot(campaign.ref.key, self.clock()))
        known = progress.model_dump(include=set(CampaignLine.model_fields) & set(Progress.model_fields))
        return CampaignLine(**known, total=progress.books.total, created_at=campaign.created_at)


def _below_their_parents(lines: Sequence[CampaignLine]) -> list[CampaignLine]:
    there = {line.campaign_id for line in lines}
    children: dict[str, list[CampaignLine]] = {}
    for line in lines:
        if line.parent in there:
            children.setdefault(line.parent, []).append(line)
    top = [line for line in lines if line.parent not in there]
    return [line for parent in top for line in (parent, *children.get(parent.campaign_id, ()))]


def first(targets: Iterator[TargetLine], limit: int) -> Iterator[TargetLine]:
    """Cut off after ``limit``; 0 is no limit."""
    return islice(targets, limit) if limit else targets


def _group(fault: Fault) -> ErrorGroup:
    state, outcome, code = fault.reason
    return ErrorGroup(
        state=state,
        outcome=outcome,
        provider_code=code,
        count=fault.count,
        meaning=fault.examples[0].detail or "",
        rows=tuple(one.row for one in fault.examples),
        positions=tuple(one.position for one in fault.examples),
        retry_helps=state is TargetState.FAILED and outcome in {Outcome(o) for o in RETRYABLE_OUTCOMES},
    )
