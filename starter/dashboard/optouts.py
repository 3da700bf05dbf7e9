"""The do-not-contact list: who is on it, putting people on it, and taking them off."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from clarion.domain.errors import BadInput, NotFound
from starter.dashboard.rendering import go, page
from starter.dashboard.visitors import Admin, Operator, Reader
from starter.looking import SuppressionLine
from starter.optouts import OptOuts

router = APIRouter(prefix="/do-not-contact")

SIZE = 50
PATH = "/do-not-contact"
Number = Annotated[str, Form(max_length=60)]


@router.get("")
async def people(
    request: Request, visitor: Reader, after: Annotated[str, Query(max_length=40, pattern=r"^[+0-9]*$")] = ""
) -> Response:
    """Show who is on the list, in the order of the numbers."""
    store, tenant = visitor.clarion.store, visitor.tenant
    found = await asyncio.to_thread(store.suppressions.list, tenant, after=after, limit=SIZE + 1)
    lines = [SuppressionLine.model_validate(one) for one in found]
    return page(request, "optouts.html", people=lines[:SIZE], more=len(lines) > SIZE, after=after)


@router.post("/add")
async def add(
    request: Request,
    visitor: Operator,
    address: Number = "",
    region: Annotated[str, Form(max_length=2)] = "",
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Put somebody on the list; campaigns that run skip them from this moment on."""
    request.state.back = PATH
    said = reason.strip().replace("\0", "")
    use = OptOuts(visitor.clarion.looking)
    (done,) = await asyncio.to_thread(use.add, [_typed(address)], reason=said, region=region or None)
    return go(PATH, f"{done.address} is on the list" + ("" if done.new else " already"))


@router.post("/remove")
async def remove(request: Request, visitor: Admin, address: Number = "") -> Response:
    """Take somebody off the list."""
    request.state.back = PATH
    done = await asyncio.to_thread(OptOuts(visitor.clarion.looking).remove, [_typed(address)])
    if done.missing:
        raise NotFound(f"{done.missing[0]} was not on the list; the list below shows who is")
    return go(PATH, f"{done.removed[0]} is off the list")


def _typed(text: str) -> str:
    if not text.strip():
        raise BadInput("a number is missing; give one with its country code, such as +14155552671")
    return text
