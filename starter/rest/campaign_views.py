"""Campaigns as the interface takes and shows them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    RootModel,
    StrictBool,
    ValidationError,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails

from clarion.domain.audience import AudienceSpec
from clarion.domain.campaign import CampaignSpec, CampaignStatus, Channel
from clarion.domain.errors import BadInput
from clarion.domain.fields import Word
from clarion.domain.problems import sentences
from clarion.store.campaigns import Campaign
from clarion.store.store import Store
from starter.drafts import UPLOADED, Contact, parse_uploaded
from starter.looking import CampaignLine, View
from starter.progress import Progress, progress_now, progress_of

MOST_CONTACTS = 10_000
"""Of one request."""

NO_TYPES = frozenset({"tuple_type", "refusal"})
"""Kinds of pydantic's errors that say nothing about what JSON was given."""

Value = str | int | float | bool | None

EXAMPLE: dict[str, object] = {
    "name": "Spring reminder",
    "channel": "sms",
    "account": "main",
    "audience": {"address": "phone"},
    "message": "Hi {{ first_name }}, your service is due. Reply STOP to opt out.",
    "limits": {"concurrency": 5, "per_second": 5},
    "contacts": [{"first_name": "Ada", "phone": "+14155550123"}],
    "start": False,
}


class Columns(AudienceSpec):
    """Which columns of the contacts mean what; the others are variables of the texts."""

    file: Annotated[Word, Field(pattern=f"^{UPLOADED}$", description=f"{UPLOADED}, or nothing: contacts are sent")] = (
        UPLOADED
    )
    address: Annotated[
        Word,
        Field(description="the name of the column with the phone numbers, or of lead ids where leads are assessed"),
    ] = "phone"
    lead_id: Annotated[
        Word | None, Field(description="the name of the column with lead ids: address, where leads are assessed")
    ] = None


class Beginning(BaseModel):
    """How a campaign begins its life."""

    model_config = ConfigDict(frozen=True)

    id: Annotated[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None,
        Field(description="an id of 1 to 64 letters, digits, dots, dashes and underscores"),
    ] = None
    start: Annotated[StrictBool, Field(description="true or false")] = False
    contacts: Annotated[
        list[dict[str, Value]],
        Field(max_length=MOST_CONTACTS, description=f"a list of up to {MOST_CONTACTS:,} flat objects"),
    ] = []


class NewCampaign(Beginning, CampaignSpec):
    """A campaign as in a campaign file, and how it begins its life."""

    audience: Columns = Columns()


class CampaignBody(RootModel[dict[str, Any]]):
    """The body that makes a campaign: described as NewCampaign, and read in the words of campaign files."""

    @classmethod
    def __get_pydantic_json_schema__(cls, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe what is read."""
        described = handler(NewCampaign.__pydantic_core_schema__)
        handler.resolve_ref_schema(described)["properties"].pop("feed", None)
        return described

    def read(self) -> tuple[CampaignSpec, Beginning]:
        """Check the body; returns the campaign, and how it begins its life. Raises BadInput."""
        own = {key: value for key, value in self.root.items() if key in Beginning.model_fields}
        given = {key: value for key, value in self.root.items() if key not in Beginning.model_fields}
        spec = parse_uploaded(given)
        require_types(given)
        try:
            return spec, Beginning.model_validate(own)
        except ValidationError as error:
            raise BadInput(sentences(error, Beginning)) from None


def require_types(given: Mapping[str, object]) -> None:
    """Tell numbers from texts and truths, which campaign files may leave unquoted. Raises BadInput.

    What holds for the campaign otherwise has been checked.
    """
    try:
        NewCampaign.model_validate_json(json.dumps(given), strict=True)
    except ValidationError as error:
        # JSON has no tuples, and pydantic forgets behind a validator of ours that this was JSON.
        wrong = [detail for detail in error.errors(include_url=False) if detail["type"] not in NO_TYPES]
        if wrong:
            again = [
                InitErrorDetails(type=one["type"], loc=one["loc"], input=one["input"], ctx=one.get("ctx", {}))
                for one in wrong
            ]
            raise BadInput(sentences(ValidationError.from_exception_data("", again), NewCampaign)) from None


Changes = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "title": "Changes", "description": "A JSON Merge Patch (RFC 7396)."}),
]


class FileView(View):
    """An audience file of a campaign."""

    file: Annotated[int, Field(validation_alias="id")]
    """Its number."""
    name: str
    size: int
    """Bytes."""
    rows_read: int
    imported_at: float | None
    """None: its rows are no targets yet."""


class CampaignItem(CampaignLine):
    """A campaign in a list."""

    account: str


class CampaignView(View):
    """A campaign: what it says, how it stands, and where to look further."""

    campaign_id: str
    name: str
    channel: Channel
    account: str
    status: CampaignStatus
    reason: str
    template: bool
    """Whether it is only there to be cloned."""
    created_at: float
    started_at: float | None
    finished_at: float | None
    updated_at: float
    spec: CampaignSpec
    """As in a campaign file. Its ``audience.file`` is only a name."""
    files: tuple[FileView, ...]
    progress: Progress
    links: dict[str, str]
    """Addresses of what belongs to it."""


PARTS = ("progress", "contacts", "stats", "errors", "report", "events")
OF_CALLS = ("calls", "transcripts")
OF_TEXTS = ("messages", "conversations")


def campaign_view(store: Store, campaign: Campaign, base: str) -> CampaignView:
    """Show a campaign; ``base`` is the address of all campaigns. Blocking."""
    audience = campaign.spec.audience
    shown = audience.model_copy(update={"file": Path(audience.file).name or UPLOADED})
    files = store.files.of_campaign(campaign.ref.key)
    name = campaign.ref.campaign_id
    known = ("name", "account", "status", "reason", "template", "created_at", "started_at", "finished_at", "updated_at")
    return CampaignView(
        campaign_id=name,
        channel=campaign.spec.channel,
        **{key: getattr(campaign, key) for key in known},
        spec=campaign.spec.model_copy(update={"audience": shown}),
        files=tuple(FileView.model_validate(file) for file in files),
        progress=progress_now(store, campaign, time.time()),
        links=_links(campaign, f"{base}/{name}"),
    )


def campaign_items(store: Store, found: Sequence[Campaign]) -> list[CampaignItem]:
    """Show campaigns in a list. Blocking."""
    return [_item(store, campaign) for campaign in found]


def _item(store: Store, campaign: Campaign) -> CampaignItem:
    progress = progress_of(campaign, store.campaigns.snapshot(campaign.ref.key, time.time()))
    known = progress.model_dump(include=set(CampaignItem.model_fields) & set(Progress.model_fields))
    return CampaignItem(**known, total=progress.books.total, created_at=campaign.created_at, account=campaign.account)


def _links(campaign: Campaign, own: str) -> dict[str, str]:
    channel = campaign.spec.channel
    more = OF_CALLS if channel is Channel.CALL else OF_TEXTS if channel is Channel.SMS else ()
    return {"self": own} | {part: f"{own}/{part}" for part in (*PARTS, *more)}


def contacts_of(given: Beginning) -> Sequence[Contact]:
    """Return the contacts that came with a campaign."""
    found: Sequence[Mapping[str, object]] = given.contacts
    return found
