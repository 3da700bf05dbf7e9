"""What a campaign is: the words of its file, its limits and rules, and the checks each of them must pass."""

from __future__ import annotations

import codecs
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from clarion.domain.duration import Duration
from clarion.domain.errors import BadInput, did_you_mean
from clarion.domain.fields import Amount, Count, Instant, Part, Rate, Word
from clarion.domain.pace import spacing
from clarion.domain.phone import known_region, regions
from clarion.domain.problems import refusal, sentences, shown
from clarion.domain.retry import RetryRules
from clarion.domain.template import Template
from clarion.domain.window import Window

LATE_START = 60.0
"""Seconds a start time may lie in the past, as a file is written before it is read."""


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


SMS_PER_SECOND = {Priority.HIGH: 8.0, Priority.NORMAL: 5.0, Priority.LOW: 2.0}


_COLUMN = "the name of the column with "


class AudienceSpec(Part):
    """Where the targets come from, and which columns mean what; the other columns are variables of the text."""

    file: Annotated[Word, Field(description="the path of a CSV, XLSX or JSON Lines file")]
    address: Annotated[Word, Field(description=_COLUMN + "the phone numbers")]
    sheet: Annotated[Word | None, Field(description="the name of a sheet of the XLSX file")] = None
    time_zone: Annotated[Word | None, Field(description=_COLUMN + "time zones")] = None
    message: Annotated[Word | None, Field(description=_COLUMN + "each row's own text")] = None
    """The column with a row's own text, which is sent as it stands."""
    region: Annotated[str | None, Field(description='a country code such as "US"')] = None
    """The region (ISO 3166) of phone numbers without a country code."""
    delimiter: Annotated[str | None, Field(description='one character such as ";", or "tab"')] = None
    encoding: Annotated[str | None, Field(description='an encoding such as "utf-8" or "windows-1252"')] = None

    @field_validator("region")
    @classmethod
    def _known_region(cls, region: str | None) -> str | None:
        code = region.strip().upper() if region is not None else None
        if code is not None and not known_region(code):
            near = ' (did you mean "GB"?)' if code == "UK" else did_you_mean(code, regions())
            raise refusal(f'"{region}" is not a region{near}; give the two letters of a country, such as "US" or "DE"')
        return code

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, delimiter: str | None) -> str | None:
        found = "\t" if delimiter in ("tab", "\\t") else delimiter
        if found is not None and (len(found) != 1 or found in '"\r\n'):
            raise refusal(f'{shown(delimiter)} cannot separate cells; give one character such as ";", or "tab"')
        return found

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str | None) -> str | None:
        try:
            return None if encoding is None else codecs.lookup(encoding).name
        except (LookupError, ValueError):
            raise refusal(f'"{encoding}" is not an encoding; give for example "utf-8" or "windows-1252"') from None


class Limits(Part):
    """How many contacts at once, and how many in any second, minute and hour; without a rate the priority decides."""

    concurrency: Annotated[Count, Field(ge=1, le=50, description="a whole number from 1 to 50")] = 5
    per_second: Rate = None
    per_minute: Rate = None
    per_hour: Rate = None


class ChunkRules(Part):
    """How much one activity works on: targets for each of its lanes, and seconds, whichever ends first."""

    size: Annotated[Count, Field(ge=1, le=1000, description="a whole number from 1 to 1000")] = 50
    seconds: Annotated[Duration, Field(ge=1, le=600, description="a number from 1 to 600")] = 30.0


class Receipts(Part):
    """How long (seconds) to wait for a receipt after the provider's last word, before `sent` is taken as final."""

    wait: Annotated[Duration, Field(description='a length of time such as "1h"')] = 3600.0


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
    limits: Annotated[Limits, Field(description="a group of keys such as concurrency and per_second")] = Limits()
    priority: Annotated[Priority, Field(description="high, normal or low")] = Priority.NORMAL
    retry: Annotated[RetryRules, Field(description="a group of keys such as attempts and delay")] = RetryRules()
    window: Annotated[Window | None, Field(description="a group with the keys from, to, days, time_zone")] = None
    start_at: Instant | None = None
    budget: Annotated[Annotated[Amount, Field(gt=0)] | None, Field(description="an amount greater than 0")] = None
    """In the currency of the account; when it is spent, the campaign pauses."""
    validity: Annotated[
        Annotated[Duration, Field(gt=0)] | None, Field(description='a length of time such as "2d", more than 0')
    ] = None
    """Seconds after the start; a target not contacted by then expires."""
    receipts: Annotated[Receipts, Field(description="a group with the key wait")] = Receipts()
    chunk: Annotated[ChunkRules, Field(description="a group with the keys size and seconds")] = ChunkRules()

    @field_validator("message")
    @classmethod
    def _usable_text(cls, message: str | None) -> str | None:
        if message is None:
            return None
        if not message.strip():
            raise refusal("the text is empty; write the text to send")
        try:
            Template.parse(message)
        except BadInput as problem:
            raise refusal(str(problem)) from None
        return message

    @model_validator(mode="after")
    def _has_text(self) -> Self:
        if self.channel is Channel.SMS and self.message is None and self.audience.message is None:
            raise refusal(
                "message is missing; give the text to send, or the column with each row's own text in audience.message"
            )
        return self


def spacing_of(spec: CampaignSpec) -> float:
    """Return the seconds between two contacts of this campaign; 0 when nothing limits it."""
    limits = spec.limits
    rates = (limits.per_second, limits.per_minute, limits.per_hour)
    if spec.channel is Channel.SMS and rates == (None, None, None):
        return spacing(SMS_PER_SECOND[spec.priority])
    return spacing(*rates)


def parse_spec(data: object) -> CampaignSpec:
    """Check the content of a campaign file; raises BadInput with one sentence a line, one for each problem."""
    if not isinstance(data, dict):
        raise BadInput(f"a campaign is a group of keys such as name, channel and audience, and this is {shown(data)}")
    try:
        return CampaignSpec.model_validate(data)
    except ValidationError as error:
        raise BadInput(sentences(error, CampaignSpec)) from None


def check_start(spec: CampaignSpec, now: float) -> None:
    """Raise BadInput when the start lies more than 60 s before `now` (epoch seconds)."""
    if spec.start_at is not None and spec.start_at.timestamp() < now - LATE_START:
        present = datetime.fromtimestamp(now, UTC).astimezone(spec.start_at.tzinfo)
        raise BadInput(
            f"start_at: {spec.start_at.isoformat()} has passed (it is {present:%Y-%m-%dT%H:%M:%S%z} now);"
            " give a later time, or leave it out to start at once"
        )
