"""Webhooks of ours in the browser: how they stand, what could not be delivered, and sending that again."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import Response

from clarion.domain.delivery import DeliveryState
from clarion.domain.errors import ClarionError
from starter.dashboard.rendering import go, page
from starter.dashboard.visitors import Admin, Reader, Visitor
from starter.hooks import Hooks, NewHookView

router = APIRouter(prefix="/hooks")

PATH = "/hooks"
SIZE = 50

HookId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Number = Annotated[int, Path(ge=1, le=2**53)]


@router.get("")
async def hooks(request: Request, visitor: Reader) -> Response:
    """List webhooks."""
    return await _listed(request, visitor)


@router.post("")
async def add(
    request: Request,
    visitor: Admin,
    url: Annotated[str, Form(max_length=2000)] = "",
    events: Annotated[str, Form(max_length=500)] = "",
    campaign_id: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Add a webhook, and tell its secret this once."""
    words = [word for word in events.replace(",", " ").split() if word]
    try:
        made = await Hooks.of(visitor.clarion).add(url.strip(), words, campaign_id.strip() or None)
    except ClarionError as error:
        return await _listed(request, visitor, error=str(error), typed=(url, events, campaign_id))
    return await _listed(request, visitor, made=made)


@router.get("/{hook_id}")
async def hook(
    request: Request,
    visitor: Reader,
    hook_id: HookId,
    state: Annotated[str, Query(max_length=20)] = "",
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> Response:
    """Show what was sent and is to be sent to a webhook, the newest first."""
    looks = Hooks.of(visitor.clarion).looks
    wanted = DeliveryState(state) if state in set(DeliveryState) else None
    view = await asyncio.to_thread(looks.show, hook_id)
    found = await asyncio.to_thread(looks.deliveries, hook_id, wanted, before=before, limit=SIZE + 1)
    shown, more = found[:SIZE], len(found) > SIZE
    given = {"state": wanted, "states": list(DeliveryState), "before": before}
    return page(request, "hook.html", hook=view, deliveries=shown, more=more, **given)


@router.post("/{hook_id}/test")
async def test(request: Request, visitor: Admin, hook_id: HookId) -> Response:
    """Send something that means nothing."""
    back = _back(request, hook_id)
    await Hooks.of(visitor.clarion).test(hook_id)
    return go(back, "a test is on its way; look again in a moment")


@router.post("/{hook_id}/resend")
async def resend_dead(request: Request, visitor: Admin, hook_id: HookId) -> Response:
    """Send everything again that was given up."""
    back = _back(request, hook_id)
    moved = await Hooks.of(visitor.clarion).resend_dead(hook_id)
    return go(back, f"{moved} {'is' if moved == 1 else 'are'} sent again")


@router.post("/{hook_id}/deliveries/{number}/resend")
async def resend(request: Request, visitor: Admin, hook_id: HookId, number: Number) -> Response:
    """Send one delivery again."""
    back = _back(request, hook_id)
    await Hooks.of(visitor.clarion).resend(hook_id, number)
    return go(back, f"delivery {number} is sent again")


@router.post("/{hook_id}/on")
async def switch_on(request: Request, visitor: Admin, hook_id: HookId) -> Response:
    """Let a webhook go on where it stopped."""
    back = _back(request, hook_id)
    await Hooks.of(visitor.clarion).change(hook_id, active=True)
    return go(back, "it goes on where it stopped")


@router.post("/{hook_id}/off")
async def switch_off(request: Request, visitor: Admin, hook_id: HookId) -> Response:
    """Send nothing more until it is switched on."""
    back = _back(request, hook_id)
    await Hooks.of(visitor.clarion).change(hook_id, active=False)
    return go(back, "it is off; what happens meanwhile is sent when it is switched on")


@router.post("/{hook_id}/remove")
async def remove(request: Request, visitor: Admin, hook_id: HookId) -> Response:
    """Remove a webhook, and what was still to be sent to it."""
    _back(request, hook_id)
    await Hooks.of(visitor.clarion).remove(hook_id)
    return go(PATH, "the webhook was removed")


def _back(request: Request, hook_id: str) -> str:
    """Have errors told on the page of the hook."""
    path = f"{PATH}/{hook_id}"
    request.state.back = path
    return path


async def _listed(
    request: Request,
    visitor: Visitor,
    *,
    made: NewHookView | None = None,
    error: str | None = None,
    typed: tuple[str, str, str] = ("", "campaign", ""),
) -> Response:
    found = await asyncio.to_thread(Hooks.of(visitor.clarion).looks.list)
    return page(request, "hooks.html", 422 if error else 200, hooks=found, made=made, error=error, typed=typed)
