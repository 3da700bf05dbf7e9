"""Routes of a campaign's contacts: adding them as JSON or as a file, listing them, and saying why."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome, SkipReason, TargetState
from starter.contacts import MOST_AT_ONCE, Added, ContactLine, Contacts, Filter, Value
from starter.rest.bodies import CampaignId
from starter.rest.callers import Caller, Operator, Reader
from starter.rest.cursors import contact_after, of_numbers, page_of
from starter.rest.paging import Cursor, Limit, Page
from starter.rest.uploads import uploaded
from starter.why import Why, why

router = APIRouter(prefix="/campaigns/{campaign_id}/contacts", tags=["Contacts"])

MOST_TOLD = 20
"""Faults of one request that are told."""
WORDS = r"^[^\x00-\x1f\x7f]+$"


class NewContacts(BaseModel):
    """Contacts to add to a campaign."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    contacts: Annotated[
        tuple[dict[str, Value], ...],
        Field(
            min_length=1,
            max_length=MOST_AT_ONCE,
            description="Flat objects, whose keys are the columns that the campaign names; all others are variables.",
            examples=[[{"phone": "+14155550123", "first_name": "Ada", "plan": "basic"}]],
        ),
    ]


class _Form(BaseModel):
    """A file to add to a campaign."""

    file: Annotated[
        bytes,
        Field(
            description="CSV, XLSX or JSON Lines, with a name that says which.",
            json_schema_extra={"format": "binary"},
        ),
    ]


def _body(*kinds: tuple[str, type[BaseModel]]) -> dict[str, Any]:
    content = {kind: {"schema": model.model_json_schema()} for kind, model in kinds}
    return {"requestBody": {"required": True, "content": content}}


@router.post(
    "",
    status_code=201,
    summary="Add contacts",
    openapi_extra=_body(("application/json", NewContacts), ("multipart/form-data", _Form)),
)
async def add(campaign_id: CampaignId, request: Request, caller: Operator) -> Added:
    """Add up to 10,000 contacts as JSON, or a file of any number, to a draft or to a campaign that runs.

    A contact that cannot be reached is data: it is kept, skipped, and told with its reason, by the check of a draft and
    in the list of contacts. Sending the same contacts again adds them as duplicates, which are skipped, too.
    """
    contacts = _contacts(caller)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return await contacts.add(campaign_id, _read(await request.body()).contacts)
    if kind != "multipart/form-data":
        raise BadInput("send contacts as application/json, or a file as multipart/form-data")
    await caller.clarion.campaigns.find(campaign_id)  # before a large file is taken in
    async with uploaded(request) as upload:
        return await contacts.upload(campaign_id, upload.path, upload.name)


@router.get("", summary="List contacts")
async def listed(
    campaign_id: CampaignId,
    caller: Reader,
    limit: Limit = 100,
    cursor: Cursor = None,
    state: Annotated[TargetState | None, Query(description="Only those in this state.")] = None,
    outcome: Annotated[
        Outcome | SkipReason | None, Query(description="Only those with this outcome, or skipped for this reason.")
    ] = None,
    search: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=64,
            pattern=WORDS,
            description="A position (17), a row of its file (row:17), a phone number, or the id of a lead.",
            examples=["+14155550123"],
        ),
    ] = None,
) -> Page[ContactLine]:
    """In the order of the audience, each with the facts of its last attempt.

    Those of a draft are read from its files and checked; a page of them may hold less than `limit`, even nothing,
    although `next` says that more follow.
    """
    wanted = Filter(state, None if outcome is None else outcome.value, search)
    found = await asyncio.to_thread(_contacts(caller).page, campaign_id, wanted, contact_after(cursor), limit)
    return page_of(found, of_numbers)


@router.get("/{contact}/why", summary="Why somebody was contacted or not")
async def explained(
    campaign_id: CampaignId,
    contact: Annotated[
        str,
        Path(
            min_length=1,
            max_length=64,
            pattern=WORDS,
            description="A position (17), a row of its file (row:17), a phone number, or the id of a lead.",
            examples=["17"],
        ),
    ],
    caller: Reader,
) -> Why:
    """One sentence, when something happens next, and the trace of what has happened."""
    return await asyncio.to_thread(why, caller.clarion.looking, campaign_id, contact)


def _contacts(caller: Caller) -> Contacts:
    return Contacts(caller.clarion.drafts, caller.clarion.looking)


def _read(body: bytes) -> NewContacts:
    try:
        return NewContacts.model_validate_json(body)
    except ValidationError as error:
        told = error.errors(include_url=False, include_context=False, include_input=False)[:MOST_TOLD]
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in told]) from None
