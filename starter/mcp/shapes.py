"""What the MCP tools take: models whose descriptions and examples are what an assistant reads before it calls one."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from clarion.domain.campaign import CampaignStatus, Channel

MOST_CONTACTS = 1_000
"""Contacts that one call brings along; more of them are uploaded to a draft first."""
MOST_KEYS = 100
"""Columns of one contact."""

Cell = Annotated[str, Field(max_length=20_000)] | int | float | bool | None
Contact = Annotated[dict[Annotated[str, Field(min_length=1, max_length=200)], Cell], Field(max_length=MOST_KEYS)]
CampaignId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="the id of a campaign, as list_campaigns shows it",
        examples=["spring-reminder-3fa1c2"],
    ),
]
Span = str | float
"""A length of time, as "30m" or in seconds."""

RECIPIENTS: list[JsonValue] = [
    {"phone": "+14155550123", "first_name": "Ann"},
    {"phone": "+14155550124", "first_name": "Bob"},
]
CALLED: list[JsonValue] = [{"phone": "+14155550123", "first_name": "Ann", "prompt": "Ask Ann whether Tuesday suits."}]
LEADS: list[JsonValue] = [{"lead_id": "00QB000000JxN7pMAF"}, {"lead_id": "00QB000000JxN7qMAF"}]


class Group(BaseModel):
    """Keys that are passed on as they are: the campaign's own rules check them, and take more than are named here."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)


class Columns(Group):
    """Which columns of the contacts mean what; every other column is a variable for the texts."""

    address: str | None = Field(None, description='the column with the phone numbers or lead ids; "phone" or "lead_id"')
    region: str | None = Field(None, description="two letters of a country, for numbers without +", examples=["US"])
    time_zone: str | None = Field(None, description="the column with each contact's time zone")
    message: str | None = Field(None, description="the column with each contact's own whole text")
    prompt: str | None = Field(None, description="the column with each contact's own prompt", examples=["prompt"])
    first_message: str | None = Field(None, description="the column with what the agent says first to each")
    context: str | None = Field(None, description="the column with what the agent should know about each")
    agent: str | None = Field(None, description="the column with each contact's own agent")
    language: str | None = Field(None, description="the column with each contact's language")


class Limits(Group):
    """How many at once and how fast; without a rate the priority decides."""

    concurrency: int | None = Field(None, ge=1, le=500, description="a whole number of contacts at once", examples=[5])
    per_second: float | None = Field(None, gt=0, description="a number of contacts a second", examples=[2])
    per_minute: float | None = Field(None, gt=0, description="a number of contacts a minute")
    per_hour: float | None = Field(None, gt=0, description="a number of contacts an hour")


class Retry(Group):
    """When somebody who was not reached is tried again."""

    attempts: int | None = Field(None, ge=1, le=20, description="a whole number of tries, 1 is no retry", examples=[3])
    delay: Span | None = Field(None, description='a length of time such as "30m"', examples=["30m"])
    backoff: float | None = Field(None, ge=1, le=10, description="a number by which the delay grows after each try")
    on: list[str] | None = Field(None, description="a list of outcomes", examples=[["no_answer", "busy"]])


class Window(Group):
    """Hours in which people may be contacted."""

    from_: str | None = Field(None, alias="from", description="a time of day", examples=["09:00"])
    to: str | None = Field(None, description="a time of day", examples=["20:00"])
    days: list[str] | None = Field(None, description="a list of days", examples=[["mon", "tue", "wed", "thu", "fri"]])
    time_zone: str | None = Field(
        None, description='a time zone, or "target" for each contact\'s own', examples=["target", "Europe/Berlin"]
    )


class Call(Group):
    """What a call says and does; texts may hold variables such as {{ first_name }}."""

    agent: str | None = Field(None, description="the id of an agent at the provider")
    prompt: str | None = Field(None, description="what the agent is told to do", examples=["Remind {{ first_name }}."])
    first_message: str | None = Field(None, description="what the agent says first", examples=["Hi {{ first_name }}!"])
    context: str | None = Field(None, description="what the agent should know about the person")
    voicemail_message: str | None = Field(None, description="what a machine is left")
    machine: str | None = Field(None, description="hang_up, leave_message or continue")
    language: str | None = Field(None, description='a language such as "en-US"')
    max_minutes: float | None = Field(None, gt=0, le=60, description="a number of minutes, 60 at most", examples=[5])


class Assess(Group):
    """What an AI is asked about each lead."""

    instructions: str | None = Field(
        None, description="what the AI should look for", examples=["Score how likely the lead is to buy solar panels."]
    )
    fields: dict[str, JsonValue] | None = Field(
        None,
        description="a group of names, each with type (text, integer, number, yes_no, choice, list) and description",
        examples=[{"score": {"type": "integer", "from": 0, "to": 100}, "reason": {"type": "text"}}],
    )
    model: str | None = Field(None, description="the name of a model")
    mode: str | None = Field(None, description="live, batch (half the price, within a day) or auto")


class Plan(Group):
    """What a campaign of any channel is made of. Other keys of a campaign file are taken, too."""

    campaign_id: CampaignId | None = Field(
        None, description="the id of a draft that exists, with its contacts; then nothing else is given"
    )
    name: str | None = Field(None, max_length=200, description="a name for the list", examples=["Spring reminder"])
    account: str | None = Field(None, description='the name of a provider account; "main" or "openai" without it')
    contacts: list[Contact] | None = Field(
        None, min_length=1, max_length=MOST_CONTACTS, description="a list of 1 to 1,000 flat objects"
    )
    audience: Columns | None = Field(None, description="a group that says which columns mean what")
    limits: Limits | None = Field(None, description="a group of keys such as concurrency and per_second")
    priority: str | None = Field(None, description="high, normal or low")
    retry: Retry | None = Field(None, description="a group of keys such as attempts and delay")
    window: Window | None = Field(None, description="a group with the keys from, to, days, time_zone")
    start_at: str | None = Field(
        None, description="a date and time with offset, to start later", examples=["2026-12-01T09:00:00+01:00"]
    )
    budget: float | None = Field(None, gt=0, description="an amount; the campaign pauses when it is spent")

    @property
    def given(self) -> dict[str, object]:
        """The keys of a campaign that were given, as a campaign file has them."""
        return self.model_dump(by_alias=True, exclude_none=True, exclude={"campaign_id", "contacts", "confirm"})


Confirm = Annotated[
    str | None, Field(description="the token that check_campaign returned for the same arguments", max_length=200)
]


class TextPlan(Plan):
    """Texts to send."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "Spring reminder", "message": "Hi {{ first_name }}, see you Tuesday.", "contacts": RECIPIENTS}
            ]
        }
    )

    message: str | None = Field(
        None,
        description="the text to send, with variables such as {{ first_name }} from the contacts",
        examples=["Hi {{ first_name }}, your service is due. Reply STOP to opt out."],
    )


class CallingPlan(Plan):
    """Calls to place."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Appointments",
                    "call": {"agent": "agent_123", "prompt": "Be brief."},
                    "audience": {"prompt": "prompt"},
                    "contacts": CALLED,
                }
            ]
        }
    )

    call: Call | None = Field(None, description="a group of keys such as agent, prompt and max_minutes")
    fallback: dict[str, JsonValue] | None = Field(
        None,
        description="a group with the keys on and message: a text to whom the call did not reach",
        examples=[{"on": ["no_answer"], "message": "We tried to call you."}],
    )


class LeadsPlan(Plan):
    """Leads to have assessed; contacts are their ids in the column lead_id."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "Score leads", "contacts": LEADS, "assess": {"instructions": "Score how likely they buy."}}
            ]
        }
    )

    assess: Assess | None = Field(None, description="a group of keys such as instructions and fields")
    lead: dict[str, JsonValue] | None = Field(
        None,
        description="a group of keys such as account, fields, write_back, and writing: true to write to the CRM",
        examples=[{"account": "salesforce", "write_back": {"AI_Score__c": "score"}, "writing": True}],
    )
    then: dict[str, JsonValue] | None = Field(
        None, description="a group with the keys when, phone and campaign: what follows with some of the leads"
    )


class StartTexts(TextPlan):
    """Texts to send, as they were checked."""

    confirm: Confirm = None


class StartCalls(CallingPlan):
    """Calls to place, as they were checked."""

    confirm: Confirm = None


class StartLeads(LeadsPlan):
    """Leads to assess, as they were checked."""

    confirm: Confirm = None


class CheckPlan(TextPlan, CallingPlan, LeadsPlan):
    """Any campaign to check."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "channel": "sms",
                    "name": "Spring reminder",
                    "message": "Hi {{ first_name }}, see you Tuesday.",
                    "contacts": RECIPIENTS,
                },
                {"campaign_id": "spring-reminder-3fa1c2"},
            ]
        }
    )

    channel: Channel | None = Field(None, description="sms, call or lead_analysis; not needed with campaign_id")
    campaign_id: CampaignId | None = Field(
        None, description="the id of a draft to start, or of a paused campaign to resume; then nothing else is given"
    )

    @property
    def given(self) -> dict[str, object]:
        """The keys of a campaign that were given, as a campaign file has them."""
        return {key: value for key, value in super().given.items() if key != "channel"}


class One(BaseModel):
    """One campaign."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    campaign_id: CampaignId


class Steer(One):
    """A campaign to pause or cancel."""

    reason: str = Field("", max_length=500, description="a reason, which operators see; no personal data")


class Cancel(Steer):
    """A campaign to cancel."""

    hang_up: bool = Field(default=False, description="true or false: whether calls under way are ended at once")


class Resume(One):
    """A paused campaign to go on with."""

    confirm: Confirm = None


class WhichTranscripts(One):
    """Whose words to read."""

    after: int = Field(0, ge=0, le=2**31, description="a number: the next of the answer before, to read on")
    limit: int = Field(20, ge=1, le=100, description="a whole number from 1 to 100")


class WhichTarget(One):
    """Whom a question is about."""

    target: str = Field(
        min_length=1,
        max_length=100,
        description="a phone number, a position (17), a row of the contacts (row:17) or the id of a lead",
        examples=["+14155550123", "17", "row:17"],
    )


class WhichCampaigns(BaseModel):
    """Which campaigns to list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: CampaignStatus | None = Field(None, description=f"one of {', '.join(CampaignStatus)}")
    channel: Channel | None = Field(None, description="sms, call or lead_analysis")
    limit: int = Field(20, ge=1, le=200, description="a whole number from 1 to 200")
