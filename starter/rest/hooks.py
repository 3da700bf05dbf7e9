"""Webhooks of ours over REST: which systems are told, of what, and what came of it."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from clarion.domain.delivery import DeliveryState
from starter.hooks import DeliveryView, Hooks, HookView, NewHookView
from starter.rest.callers import Admin, Reader
from starter.rest.paging import LARGEST, Cursor, Limit, Page, cursor_at, number_after, page

router = APIRouter(prefix="/hooks", tags=["hooks"])

HookId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="The hook's id.")]
Number = Annotated[int, Path(ge=1, le=LARGEST, description="The delivery's number.")]
Event = Annotated[str, Field(max_length=60)]
Address = Annotated[str, Field(max_length=2000, description="Where events are sent, over https.")]
Words = Annotated[
    list[Event],
    Field(
        min_length=1,
        max_length=100,
        description="`campaign` (what happens to a campaign as a whole), `attempt` (what happens to each target), or "
        "single types such as `campaign.completed` and `attempt.answered`.",
    ),
]


class NewHook(BaseModel):
    """A webhook to make."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"url": "https://example.com/clarion", "events": ["campaign", "attempt"]}]},
    )

    url: Address
    events: Words = Field(default_factory=lambda: ["campaign"])
    campaign_id: Annotated[str | None, Field(max_length=100, description="Only events of this campaign.")] = None


class HookChange(BaseModel):
    """What is to change; what is left out or null stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [{"active": False}]})

    url: Address | None = None
    events: Words | None = None
    active: Annotated[
        bool | None,
        Field(
            description="false switches the hook off; true lets it go on where it stopped, and has it looked after "
            "again where its workflow was ended."
        ),
    ] = None


class Resent(BaseModel):
    """How many deliveries are sent again."""

    model_config = ConfigDict(frozen=True)

    resent: int


@router.get("", summary="List webhooks, the oldest first")
async def list_hooks(caller: Reader, limit: Limit = 100, cursor: Cursor = None) -> Page[HookView]:
    """Give all webhooks of the tenant."""
    begin = number_after(cursor)
    found = await asyncio.to_thread(Hooks.of(caller.clarion).looks.list)
    rest, end = found[begin : begin + limit], begin + limit
    return Page(items=rest, next=cursor_at(end) if len(found) > end else None)


@router.post("", status_code=HTTPStatus.CREATED, summary="Add a webhook")
async def add_hook(caller: Admin, new: NewHook) -> NewHookView:
    """Add a webhook that is told of what happens from now on. Its secret is in this answer and in no other."""
    return await Hooks.of(caller.clarion).add(new.url, new.events, new.campaign_id)


@router.get("/{hook_id}", summary="Show a webhook")
async def show_hook(caller: Reader, hook_id: HookId) -> HookView:
    """Tell how a webhook stands."""
    return await asyncio.to_thread(Hooks.of(caller.clarion).looks.show, hook_id)


@router.patch("/{hook_id}", summary="Change a webhook, switch it off or on")
async def change_hook(caller: Admin, hook_id: HookId, change: HookChange) -> HookView:
    """Change where a webhook goes, what it is told of, and whether it is active."""
    hooks = Hooks.of(caller.clarion)
    return await hooks.change(hook_id, url=change.url, events=change.events, active=change.active)


@router.delete("/{hook_id}", status_code=HTTPStatus.NO_CONTENT, summary="Remove a webhook")
async def remove_hook(caller: Admin, hook_id: HookId) -> None:
    """Remove a webhook, and what was still to be sent to it."""
    await Hooks.of(caller.clarion).remove(hook_id)


@router.get("/{hook_id}/deliveries", summary="List deliveries, the newest first")
async def list_deliveries(
    caller: Reader,
    hook_id: HookId,
    state: Annotated[DeliveryState | None, Query(description="Only those that stand so.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[DeliveryView]:
    """Give what was sent and is to be sent to a webhook, with what came of it."""
    before = number_after(cursor) or None
    looks = Hooks.of(caller.clarion).looks
    found = await asyncio.to_thread(looks.deliveries, hook_id, state, before=before, limit=limit + 1)
    return page(found, limit, lambda one: one.number)


@router.post(
    "/{hook_id}/deliveries/{number}/resend", status_code=HTTPStatus.ACCEPTED, summary="Send one delivery again"
)
async def resend_delivery(caller: Admin, hook_id: HookId, number: Number) -> DeliveryView:
    """Send a delivery again, whatever came of it, as if it had never been tried."""
    return await Hooks.of(caller.clarion).resend(hook_id, number)


@router.post("/{hook_id}/resend", status_code=HTTPStatus.ACCEPTED, summary="Send all dead deliveries again")
async def resend_dead(caller: Admin, hook_id: HookId) -> Resent:
    """Send all deliveries again that were given up."""
    return Resent(resent=await Hooks.of(caller.clarion).resend_dead(hook_id))


@router.post("/{hook_id}/test", status_code=HTTPStatus.ACCEPTED, summary="Try a webhook out")
async def test_hook(caller: Admin, hook_id: HookId) -> DeliveryView:
    """Send an event of type `hook.test` that means nothing; what came of it stands among the deliveries."""
    return await Hooks.of(caller.clarion).test(hook_id)
