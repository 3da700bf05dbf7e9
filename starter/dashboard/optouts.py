"""The do-not-contact list: who is on it, putting people on it, and taking them off."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from clarion.domain.errors import BadInput, NotFound
from clarion.domain.phone import known_region, normalize_phone
from starter.dashboard.rendering import go, page
from starter.dashboard.visitors import Admin, Operator, Reader
from starter.looking import SuppressionLine

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
    number = _number(address, region)
    store, tenant = visitor.clarion.store, visitor.tenant
    said = reason.strip().replace("\0", "")
    new = await asyncio.to_thread(store.suppressions.add, tenant, number, "person", said, time.time())
    return go(PATH, f"{number} is on the list" + ("" if new else " already"))


@router.post("/remove")
async def remove(request: Request, visitor: Admin, address: Number = "") -> Response:
    """Take somebody off the list."""
    request.state.back = PATH
    number = _number(address, "")
    if not await asyncio.to_thread(visitor.clarion.store.suppressions.remove, visitor.tenant, number):
        raise NotFound(f"{number} was not on the list; the list below shows who is")
    return go(PATH, f"{number} is off the list")


def _number(text: str, region: str) -> str:
    code = region.strip().upper() or None
    if code is not None and not known_region(code):
        raise BadInput(f'"{region}" is not a region; give the two letters of a country, such as US or DE')
    if not text.strip():
        raise BadInput("a number is missing; give one with its country code, such as +14155552671")
    return normalize_phone(text, code)
