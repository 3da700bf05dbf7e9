"""What clients of the older systems send, and which campaign of ours it means; words of those systems stand only here.

docs/older-systems.md has the whole table. What they may send and we do not know is left alone, as they did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from clarion.domain.campaign import CampaignSpec, CampaignStatus
from clarion.domain.errors import BadInput
from clarion.domain.problems import sentences
from starter.drafts import parse_uploaded

MOST = 10_000
"""Contacts in one request."""
ADDRESS = "phoneNumber"

Cell = str | int | float | bool | None
Contact = dict[str, object]
Text = Annotated[str, Field(max_length=20_000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Older(BaseModel):
    """Base: names in camel case."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True, allow_inf_nan=False
    )


class StartRequest(BaseModel):
    """Which campaign to start."""

    model_config = ConfigDict(frozen=True)

    campaign_id: Annotated[int, Field(ge=0, le=2**63 - 1)] | Name


# Texts in batches: /api/batch

WORDS: Mapping[CampaignStatus, str] = {
    CampaignStatus.DRAFT: "pending",
    CampaignStatus.SCHEDULED: "pending",
    CampaignStatus.QUEUED: "pending",
    CampaignStatus.PREPARING: "processing",
    CampaignStatus.RUNNING: "processing",
    CampaignStatus.SETTLING: "processing",
    CampaignStatus.PAUSING: "paused",
    CampaignStatus.PAUSED: "paused",
    CampaignStatus.COMPLETED: "completed",
    CampaignStatus.CANCELLING: "failed",
    CampaignStatus.CANCELLED: "failed",
    CampaignStatus.FAILED: "failed",
}
"""A batch's status, of texts and of targets."""


class Recipient(Older):
    """Whom a batch of texts is for."""

    phone_number: Name
    variables: dict[Name, Cell] = {}


class BatchOptions(Older):
    """How a batch of texts is sent."""

    schedule_time: str | None = None
    priority: str = "normal"
    auto_start: bool = True


class BatchCreate(Older):
    """A batch of texts."""

    text: Text
    recipients: Annotated[list[Recipient], Field(min_length=1, max_length=MOST)]
    options: BatchOptions = BatchOptions()
    account: Name = "main"

    @property
    def contacts(self) -> list[Contact]:
        """The recipients as contacts."""
        return [{**one.variables, ADDRESS: one.phone_number} for one in self.recipients]

    @property
    def spec(self) -> CampaignSpec:
        """The campaign. Raises BadInput."""
        return _spec(
            {
                "name": "Batch of texts",
                "channel": "sms",
                "account": self.account,
                "message": self.text,
                "priority": self.options.priority,
                "start_at": self.options.schedule_time,
            },
            self.contacts,
        )


# Bulk calls: /older/api/v1/campaigns

CALL_WORDS: Mapping[CampaignStatus, str] = {
    status: {"pending": "queued", "processing": "active"}.get(word, word) for status, word in WORDS.items()
} | {
    CampaignStatus.DRAFT: "draft",
    CampaignStatus.SCHEDULED: "scheduled",
    CampaignStatus.CANCELLING: "cancelled",
    CampaignStatus.CANCELLED: "cancelled",
}
"""A bulk campaign's status."""


class Wish(StrEnum):
    """What a bulk campaign can be told."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"


class CampaignSettings(Older):
    """How a bulk campaign calls."""

    retry_failed_calls: bool = True
    max_retry_attempts: Annotated[int, Field(ge=0, le=19)] = 3
    retry_delay_minutes: Annotated[float, Field(ge=0, le=10_080)] = 30
    exclude_voicemail: bool = True
    priority_mode: str = "fifo"
    concurrent_calls_limit: Annotated[int, Field(ge=1, le=50)] = 3


class CampaignBody(Older):
    """A bulk campaign; `phoneId` is the account that the number belongs to."""

    name: Name
    agent_id: Name
    phone_id: Name = "main"
    description: Text | None = None
    settings: CampaignSettings = CampaignSettings()

    @property
    def spec(self) -> CampaignSpec:
        """The campaign. Raises BadInput."""
        rules = self.settings
        if rules.priority_mode != "fifo":
            raise BadInput(
                f'settings.priorityMode is "{rules.priority_mode}"; contacts are called in the order in which they are '
                "given: send those who matter most first, with priorityMode fifo"
            )
        tries = 1 + rules.max_retry_attempts if rules.retry_failed_calls else 1
        return _spec(
            {
                "name": self.name,
                "channel": "call",
                "account": self.phone_id,
                "call": {"agent": self.agent_id},
                "limits": {"concurrency": rules.concurrent_calls_limit},
                "retry": {
                    "attempts": tries,
                    "delay": rules.retry_delay_minutes * 60,
                    "exclude_voicemail": rules.exclude_voicemail,
                },
            },
            (),
        )


class CampaignChanges(Older):
    """What is to change of a bulk campaign."""

    name: Name | None = None
    agent_id: Name | None = None
    phone_id: Name | None = None
    settings: dict[str, bool | float | str] = {}

    def rules_after(self, now: Mapping[str, object]) -> dict[str, object]:
        """Return what it says then, as keys of ours; ``now`` is how it looks to their clients. Raises BadInput."""
        old = now["settings"] if isinstance(now["settings"], dict) else {}
        given = self.model_dump(by_alias=True, exclude_none=True) | {"settings": {**old, **self.settings}}
        try:
            spec = CampaignBody.model_validate({**now, **given}).spec
        except ValidationError as error:
            raise BadInput(sentences(error, CampaignBody)) from None
        kept = {"name", "account", "call", "limits", "retry"}
        return spec.model_dump(mode="json", by_alias=True, include=kept, exclude_none=True)


class CampaignContact(Older):
    """Somebody whom a bulk campaign calls."""

    phone_number: Name
    name: Text | None = None
    email: Text | None = None
    priority: int = Field(0, ge=-(2**31), le=2**31)
    custom_data: dict[Name, Cell] = {}

    @property
    def contact(self) -> Contact:
        """The same as a contact of ours."""
        known = {ADDRESS: self.phone_number, "name": self.name, "email": self.email, "priority": self.priority}
        return {**self.custom_data, **known}


class CampaignContacts(Older):
    """Contacts of a bulk campaign."""

    contacts: Annotated[list[CampaignContact], Field(min_length=1, max_length=MOST)]


# Targets with their own words: /batch/calls and /batch/sms

OWN = ("prompt", "context", "first_message", "agent", "message")
"""Columns in which a target brings its own words."""


class Target(Older):
    """One target with its own words."""

    phone_number: Name = Field(validation_alias=AliasChoices("phoneNumber", "to", "phone_number"))
    prompt: Text | None = Field(None, validation_alias=AliasChoices("prompt", "customPrompt"))
    context: Text | None = Field(None, validation_alias=AliasChoices("context", "customContext"))
    first_message: Text | None = None
    agent: Name | None = Field(None, validation_alias=AliasChoices("agentId", "agent"))
    message: Text | None = None
    variables: dict[Name, Cell] = {}

    @property
    def contact(self) -> Contact:
        """The same as a contact of ours."""
        own = {name: getattr(self, name) for name in OWN if getattr(self, name) is not None}
        return {**self.variables, **own, ADDRESS: self.phone_number}


class TargetsRequest(Older):
    """A batch over targets."""

    targets: Annotated[list[Target], Field(min_length=1, max_length=MOST)]
    account: Name = "main"

    @property
    def contacts(self) -> list[Contact]:
        """The targets as contacts."""
        return [target.contact for target in self.targets]


class BatchCallRequest(TargetsRequest):
    """Calls to targets; what a target does not bring is the batch's."""

    prompt: Text | None = Field(None, validation_alias=AliasChoices("prompt", "customPrompt"))
    context: Text | None = Field(None, validation_alias=AliasChoices("context", "customContext"))
    first_message: Text | None = None
    agent: Name | None = Field(None, validation_alias=AliasChoices("agentId", "agent"))

    @property
    def spec(self) -> CampaignSpec:
        """The campaign. Raises BadInput."""
        given = {name: getattr(self, name) for name in ("prompt", "context", "first_message", "agent")}
        call = {name: text for name, text in given.items() if text is not None}
        rules = {"name": "Batch of calls", "channel": "call", "account": self.account, "call": call}
        # One call a second, as the older system placed them.
        return _spec({**rules, "limits": {"per_second": 1}}, self.contacts)


class BatchSmsRequest(TargetsRequest):
    """Texts to targets; what a target does not bring is the batch's."""

    message: Text | None = None

    @property
    def spec(self) -> CampaignSpec:
        """The campaign. Raises BadInput."""
        rules = {"name": "Batch of texts", "channel": "sms", "account": self.account, "message": self.message}
        return _spec(rules, self.contacts)


# Leads in workbooks: /excel

LARGE_DATASET_THRESHOLD = 1_000
"""Leads up to which an analysis is waited for; more are worked on in the background, in chunks."""


class AnalysisForm(BaseModel):
    """The fields of the form beside its file."""

    model_config = ConfigDict(frozen=True)

    sheet_name: str | None = Field(None, max_length=100)
    lead_id_column: str = Field("Lead_ID", min_length=1, max_length=200)
    batch_size: int = Field(150, ge=50, le=200)
    ai_batch_size: int = Field(50, ge=10, le=100)

    def spec(self, name: str) -> CampaignSpec:
        """The campaign over a file of this name. Raises BadInput."""
        audience: dict[str, object] = {"lead_id": self.lead_id_column}
        if self.sheet_name and name.lower().endswith((".xlsx", ".xlsm")):
            audience["sheet"] = self.sheet_name
        return parse_uploaded(
            {
                "name": f"Analysis of {name}",
                "channel": "lead_analysis",
                "audience": audience,
                "lead": {"chunk": self.batch_size},
                "chunk": {"size": self.ai_batch_size},
            }
        )


def _spec(rules: Mapping[str, Any], contacts: Sequence[Mapping[str, object]]) -> CampaignSpec:
    """Return a campaign whose targets bring their own words in the columns that any of them has."""
    own = {name: name for name in OWN if any(contact.get(name) is not None for contact in contacts)}
    if rules["channel"] == "sms":
        own = {name: column for name, column in own.items() if name == "message"}
    else:
        own.pop("message", None)
    given = {key: value for key, value in rules.items() if value is not None}
    return parse_uploaded({**given, "audience": {"address": ADDRESS, **own}})
