"""API keys in the browser: an admin makes, lists and ends those of the own tenant."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import Response

from clarion.domain.errors import BadInput, ClarionError
from clarion.domain.rights import Rights
from starter.dashboard.rendering import go, page
from starter.dashboard.visitors import Admin, Visitor
from starter.keys import KeyLine, Keys

router = APIRouter(prefix="/keys")

PATH = "/keys"
DAY = 86_400.0
LONGEST = 36_500

KeyId = Annotated[str, Path(pattern=r"^[A-Za-z0-9]{1,16}$")]


@router.get("")
async def keys(request: Request, visitor: Admin) -> Response:
    """List the keys of the tenant."""
    return await _shown(request, visitor)


@router.post("")
async def make(
    request: Request,
    visitor: Admin,
    name: Annotated[str, Form(max_length=200)] = "",
    rights: Annotated[str, Form(max_length=10)] = "",
    days: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Make a key, and tell it this once: the page that shows it is the answer, and nothing keeps it."""
    try:
        if rights not in set(Rights):
            raise BadInput("say what the key may do: read, operate or admin")
        now, known = time.time(), Keys(visitor.clarion.store)
        ends = now + _days(days) * DAY if days.strip() else None
        words = name.replace("\0", "")
        made, text = await asyncio.to_thread(known.make, visitor.tenant, words, Rights(rights), now, expires_at=ends)
    except ClarionError as error:
        return await _shown(request, visitor, error=str(error))
    return await _shown(request, visitor, made=KeyLine.model_validate(made), text=text)


@router.post("/{key_id}/end")
async def end(request: Request, visitor: Admin, key_id: KeyId) -> Response:
    """End a key at once, with all sessions that were opened with it."""
    request.state.back = PATH
    await asyncio.to_thread(Keys(visitor.clarion.store).end, visitor.tenant, key_id, time.time())
    return go(PATH, "the key has ended, with all sessions that were opened with it")


def _days(text: str) -> int:
    days = text.strip()
    if not (days.isascii() and days.isdigit() and 1 <= int(days) <= LONGEST):
        raise BadInput(f'days "{days}" is not possible; give a whole number from 1 to {LONGEST}, or leave it empty')
    return int(days)


async def _shown(
    request: Request, visitor: Visitor, *, made: KeyLine | None = None, text: str = "", error: str | None = None
) -> Response:
    found = await asyncio.to_thread(Keys(visitor.clarion.store).list, visitor.tenant)
    lines = list(reversed(found))
    status = 422 if error else 200
    return page(request, "keys.html", status, keys=lines, made=made, text=text, error=error, rights=list(Rights))
