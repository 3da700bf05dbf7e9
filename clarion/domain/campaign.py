"""What a campaign is: the words of its file, its limits and rules, and the checks each of them must pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from clarion.domain.assessment import AssessSpec
from clarion.domain.audience import OWN_WORDS, AudienceSpec, Feed
from clarion.domain.call import BreakerRules, CallSpec
from clarion.domain.chain import PHONE, ThenSpec, unfetched_phones
from clarion.domain.duration import Duration
from clarion.domain.errors import BadInput, did_you_mean
from clarion.domain.fallback import FallbackSpec
from clarion.domain.fields import Amount, Count, Instant, Part, Rate, Word
from clarion.domain.lead import LeadSpec
from clarion.domain.pace import CALL_JITTER, JITTER, spacing
from clarion.domain.problems import refusal, sentences, shown
from clarion.domain.retry import FOR_LEADS, RetryRules
from clarion.domain.schedule import Schedule, next_firings
from clarion.domain.target import Outcome
from clarion.domain.template import checked_text
from clarion.domain.variant import Variant, misfits
from clarion.domain.window import TARGET, Window

LATE_START = 60.0
"""Seconds a start time may lie in the past, as a file is written before it is read."""


MOST_MONEY = 1e9
"""Budget: what is beyond is a mistake, and soon no number that the database keeps."""


class Channel(StrEnum):
    """How people are contacted."""

    SMS = "sms"
    CALL = "call"
    LEAD_ANALYSIS = "lead_analysis"


class CampaignStatus(StrEnum):
    """Where a campaign stands. Other systems' words for running are understood: `CampaignStatus("processing")`."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PREPARING = "preparing"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    SETTLING = "settling"
    COMPLETED = "completed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Say whether nothing will ever happen again in this campaign."""
        return self in (CampaignStatus.COMPLETED, CampaignStatus.CANCELLED, CampaignStatus.FAILED)

    @classmethod
    def _missing_(cls, value: object) -> CampaignStatus | None:
        word = str(value).strip().lower()
        if word in ("processing", "active", "in_progress"):
            return cls.RUNNING
        return cls.__members__.get(word.upper())


class Priority(StrEnum):
    """Which campaign goes first, and how fast when its limits do not say."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


MOST_LANES: Mapping[Channel, int] = {Channel.SMS: 50, Channel.CALL: 50, Channel.LEAD_ANALYSIS: 500}
"""How many contacts at once a campaign may ask for."""

SMS_PER_SECOND = {Priority.HIGH: 8.0, Priority.NORMAL: 5.0, Priority.LOW: 2.0}


class Limits(Part):
    """How many contacts at once, and how many in any second, minute and hour; without a rate the priority decides."""

    concurrency: Annotated[
        Count, Field(ge=1, description="a whole number from 1 to 50, or to 500 where leads are assessed")
    ] = 5
    """At most what `MOST_LANES` says for the channel."""
    per_second: Rate = None
    per_minute: Rate = None
    per_hour: Rate = None
    per_person_per_day: Annotated[Count, Field(ge=1, le=20, description="a whole number from 1 to 20")] = 3
    """Calls to one number within 24 hours, counted over all campaigns."""


class ChunkRules(Part):
    """How much one activity works on: targets for each of its lanes, and seconds, whichever ends first."""

    size: Annotated[Count, Field(ge=1, le=1000, description="a whole number from 1 to 1000")] = 50
    seconds: Annotated[Duration, Field(ge=1, le=600, description="a number from 1 to 600")] = 30.0


class Receipts(Part):
    """How long (seconds) to wait for a receipt after the provider's last word, before `sent` is taken as final."""

    wait: Annotated[Duration, Field(description='a length of time such as "1h"')] = 3600.0


ASSESSOR = "openai"
"""The account that assesses leads in campaigns that name none."""

_CHANNEL_DEFAULTS: Mapping[str, Mapping[str, Mapping[str, object]]] = {
    # Calls last minutes: fewer at once, longer chunks, and a delay that does not grow into the next day.
    Channel.CALL: {"limits": {"concurrency": 3}, "chunk": {"seconds": 300.0}, "retry": {"backoff": 1.0}},
    # Nobody is disturbed by a question that is asked again soon, and answers take seconds.
    Channel.LEAD_ANALYSIS: {
        "lead": {},
        "assess": {},
        "limits": {"concurrency": 50},
        "retry": {"delay": 5.0, "backoff": 4.0, "on": FOR_LEADS},
    },
}
"""By channel and group: what counts where a campaign's file says nothing."""


class CampaignSpec(Part):
    """A campaign as its file describes it."""

    name: Annotated[Word, Field(max_length=200, description="a name of 1 to 200 characters")]
    channel: Annotated[Channel, Field(description="sms, call or lead_analysis")]
    account: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", description="the name of an account: letters, digits, . _ -"
        ),
    ] = "main"
    audience: Annotated[AudienceSpec, Field(description="a group with the keys file and address")]
    message: Annotated[str | None, Field(description="the text to send")] = None
    call: Annotated[CallSpec | None, Field(description="a group of keys such as agent, prompt and max_minutes")] = None
    variants: Annotated[tuple[Variant, ...] | None, Field(description="a list of groups with a name and a text")] = None
    fallback: Annotated[FallbackSpec | None, Field(description="a group with the keys on and message")] = None
    breaker: Annotated[BreakerRules, Field(description="a group with the keys share, of and at_least")] = BreakerRules()
    lead: Annotated[LeadSpec | None, Field(description="a group of keys such as fields and write_back")] = None
    assess: Annotated[AssessSpec | None, Field(description="a group of keys such as model and instructions")] = None
    then: Annotated[ThenSpec | None, Field(description="a group with the keys when, phone and campaign")] = None
    feed: Annotated[Feed | None, Field(description="a group with the keys campaign and outcomes")] = None
    limits: Annotated[Limits, Field(description="a group of keys such as concurrency and per_second")] = Limits()
    priority: Annotated[Priority, Field(description="high, normal or low")] = Priority.NORMAL
    retry: Annotated[RetryRules, Field(description="a group of keys such as attempts and delay")] = RetryRules()
    window: Annotated[Window | None, Field(description="a group with the keys from, to, days, time_zone")] = None
    start_at: Instant | None = None
    schedule: Annotated[Schedule | None, Field(description="a group with the keys cron and time_zone")] = None
    """When campaigns like this one begin, again and again; the campaign itself is then their template."""
    budget: Annotated[
        Annotated[Amount, Field(gt=0, le=MOST_MONEY)] | None, Field(description="an amount greater than 0")
    ] = None
    """In the currency of the account; when it is spent, the campaign pauses."""
    validity: Annotated[
        Annotated[Duration, Field(gt=0)] | None, Field(description='a length of time such as "2d", more than 0')
    ] = None
    """Seconds after the start; a target not contacted by then expires."""
    receipts: Annotated[Receipts, Field(description="a group with the key wait")] = Receipts()
    chunk: Annotated[ChunkRules, Field(description="a group with the keys size and seconds")] = ChunkRules()

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_channel(cls, given: object) -> object:
        defaults = _CHANNEL_DEFAULTS.get(str(given.get("channel"))) if isinstance(given, dict) else None
        if not isinstance(given, dict) or defaults is None:
            return given
        if given["channel"] == Channel.LEAD_ANALYSIS:
            given = {"account": ASSESSOR, **given}
            if "audience" in given:
                given["audience"] = _with_address(given["audience"])
        groups = {name: group for name, group in defaults.items() if isinstance(given.get(name, {}), dict)}
        return given | {name: {**group, **given.get(name, {})} for name, group in groups.items()}

    @field_validator("message")
    @classmethod
    def _usable_text(cls, message: str | None) -> str | None:
        return None if message is None else checked_text(message)

    @model_validator(mode="after")
    def _has_text(self) -> Self:
        own = self.message, self.audience.message, self.variants
        if self.channel is Channel.SMS and own == (None, None, None):
            column = "" if self.feed is not None else ", or the column with each row's own text in audience.message"
            raise refusal(f"message is missing; give the text to send{column}")
        return self

    @model_validator(mode="after")
    def _fits_its_channel(self) -> Self:
        if self.channel is Channel.CALL and self.call is None:
            raise refusal("call is missing; give a group of keys such as agent, prompt, first_message and max_minutes")
        if self.channel is not Channel.SMS:
            where = "what a call says stands in call" if self.channel is Channel.CALL else "leads are told nothing"
            for name, text in (("message", self.message), ("audience.message", self.audience.message)):
                if text is not None:
                    raise refusal(f"{name} belongs to campaigns of channel sms; {where}")
        for channel, names in ((Channel.CALL, self._words_of_calls), (Channel.LEAD_ANALYSIS, self._words_of_leads)):
            if self.channel is not channel:
                for name in names():
                    problem = f"{name} belongs to campaigns of channel {channel}; this one has channel {self.channel}"
                    raise refusal(problem)
        return self

    @model_validator(mode="after")
    def _varies_as_it_may(self) -> Self:
        if self.variants is not None:
            for problem in misfits(self.variants, self.channel, self.message):
                raise refusal(problem)
        return self

    @model_validator(mode="after")
    def _begins_in_one_way(self) -> Self:
        if self.schedule is not None and self.start_at is not None:
            raise refusal("start_at and schedule both say when it begins; leave one of them out")
        if self.schedule is not None and self.feed is not None:
            raise refusal(
                "schedule is for campaigns with contacts of their own; leave it out of one that follows another"
            )
        return self

    @model_validator(mode="after")
    def _has_few_lanes(self) -> Self:
        most = MOST_LANES[self.channel]
        if self.limits.concurrency > most:
            raise refusal(f"limits.concurrency is {self.limits.concurrency}; give a whole number from 1 to {most}")
        return self

    @model_validator(mode="after")
    def _fits_leads(self) -> Self:
        if self.channel is Channel.LEAD_ANALYSIS:
            for problem in _of_analysis(self):
                raise refusal(problem)
        return self

    @model_validator(mode="after")
    def _can_be_followed(self) -> Self:
        if self.then is not None:
            try:
                _following(self, self.then, self.name)
            except ValidationError as error:
                raise refusal(sentences(error, CampaignSpec, ("then", "campaign"))) from None
        return self

    def _words_of_calls(self) -> Iterator[str]:
        """Yield the keys given that mean something to calls alone."""
        yield from (name for name in ("call", "fallback") if getattr(self, name) is not None)
        if self.breaker != BreakerRules():
            yield "breaker"
        if self.feed is None:  # a campaign that follows calls reads the same rows, and uses less of them
            yield from (f"audience.{name}" for name in OWN_WORDS if getattr(self.audience, name) is not None)

    def _words_of_leads(self) -> Iterator[str]:
        """Yield the keys given that mean something to the analysis of leads alone."""
        yield from (name for name in ("lead", "assess", "then") if getattr(self, name) is not None)


def _with_address(audience: object) -> object:
    """Take `lead_id` for `address`, which is what people call the column with the ids of leads."""
    if not isinstance(audience, dict) or "lead_id" not in audience:
        return audience
    if "address" in audience:
        raise refusal("audience: lead_id and address mean the same column; leave one of them out")
    return {("address" if key == "lead_id" else key): value for key, value in audience.items()}


def _of_analysis(spec: CampaignSpec) -> Iterator[str]:
    """Yield what does not fit together in an analysis of leads."""
    if spec.feed is not None:
        yield "feed is for campaigns that follow others, and no analysis of leads does; leave it out"
    if spec.window is not None and spec.window.time_zone == TARGET:
        yield "window: time_zone is target, and a lead is in none that is known; give a name such as Europe/Berlin"
    if spec.then is None:
        for key in ("time_zone", "region"):
            if getattr(spec.audience, key) is not None:
                yield f"audience.{key} is for those who are contacted, and nobody is; leave it out, or give then"
    answers = spec.assess.fields if spec.assess is not None else {}
    lead = spec.lead if spec.lead is not None else LeadSpec()
    for field, answer in lead.write_back.items():
        if answer not in answers:
            near = did_you_mean(answer, answers)
            yield f'lead.write_back.{field}: "{answer}" is no answer{near}; assess.fields has {", ".join(answers)}'
    if spec.then is not None:
        yield from unfetched_phones(spec.then, lead.fields)


def then_campaign(parent: CampaignSpec, parent_id: str) -> CampaignSpec:
    """Return the campaign that follows an analysis of leads, fed by it. Raises BadInput for one without `then`."""
    if parent.then is None:
        raise BadInput(f'nothing follows campaign "{parent_id}": it has no group then')
    try:
        return _following(parent, parent.then, parent_id)
    except ValidationError as error:
        raise BadInput(sentences(error, CampaignSpec, ("then", "campaign"))) from None


def _following(parent: CampaignSpec, then: ThenSpec, parent_id: str) -> CampaignSpec:
    """Return the campaign of `then`; its rows are the parent's, and their numbers come from the leads."""
    feed = Feed(campaign=parent_id, outcomes=(Outcome.ASSESSED,), when=then.when, phone=then.phone)
    usual = {"name": f"{parent.name[:190]} (then)"}
    audience = parent.audience.model_copy(update={"address": PHONE})
    return CampaignSpec.model_validate({**usual, **then.campaign, "audience": audience.model_dump(), "feed": feed})


def spacing_of(spec: CampaignSpec) -> float:
    """Return the seconds between two contacts of this campaign; 0 when nothing limits it."""
    limits = spec.limits
    rates = (limits.per_second, limits.per_minute, limits.per_hour)
    if spec.channel is Channel.SMS and rates == (None, None, None):
        return spacing(SMS_PER_SECOND[spec.priority])
    return spacing(*rates, jitter=CALL_JITTER if spec.channel is Channel.CALL else JITTER)


def parse_spec(data: object) -> CampaignSpec:
    """Check the content of a campaign file; raises BadInput with one sentence a line, one for each problem.

    `feed` is refused: only the campaign of texts that follows calls has it, and Clarion makes that one by itself.
    """
    if not isinstance(data, dict):
        raise BadInput(f"a campaign is a group of keys such as name, channel and audience, and this is {shown(data)}")
    if data.get("feed") is not None:
        raise BadInput("feed cannot be given: it is for the texts that follow calls; write a group fallback instead")
    try:
        return CampaignSpec.model_validate(data)
    except ValidationError as error:
        raise BadInput(sentences(error, CampaignSpec)) from None


def check_start(spec: CampaignSpec, now: float) -> None:
    """Raise BadInput when it can never begin: its start lies more than 60 s before `now` (epoch seconds), or all do."""
    if spec.schedule is not None and not next_firings(spec.schedule, now, 1):
        raise BadInput("schedule: no moment is left before until; give a later time, or leave it out")
    if spec.start_at is not None and spec.start_at.timestamp() < now - LATE_START:
        present = datetime.fromtimestamp(now, UTC).astimezone(spec.start_at.tzinfo)
        raise BadInput(
            f"start_at: {spec.start_at.isoformat()} has passed (it is {present:%Y-%m-%dT%H:%M:%S%z} now);"
            " give a later time, or leave it out to start at once"
        )
