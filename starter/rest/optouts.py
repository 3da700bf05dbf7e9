"""Routes of the do-not-contact list, which holds for all campaigns and channels of a tenant."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from clarion.domain.errors import NotFound
from starter.looking import SuppressionLine
from starter.looking_pages import LookingPages
from starter.optouts import OptedOut, OptOuts
from starter.rest.callers import Admin, Operator, Reader
from starter.rest.cursors import page_of, whole
from starter.rest.paging import Cursor, Limit, Page, text_after

router = APIRouter(prefix="/do-not-contact", tags=["Do not contact"])

MOST_NUMBERS = 10_000

Number = Annotated[str, Field(min_length=1, max_length=64, examples=["+14155550123"])]
Region = Annotated[
    str | None,
    Field(max_length=2, description='Where numbers without a country code are from, such as "US".', examples=["US"]),
]


class NewOptOuts(BaseModel):
    """People whom nobody of this tenant contacts from now on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    numbers: Annotated[tuple[Number, ...], Field(min_length=1, max_length=MOST_NUMBERS)]
    reason: Annotated[
        str, Field(max_length=500, description="Why, and who asked for it.", examples=["asked by phone on 3 May"])
    ] = ""
    region: Region = None


@router.get("", summary="Who must not be contacted")
async def listed(
    caller: Reader,
    limit: Limit = 100,
    cursor: Cursor = None,
    number: Annotated[
        str | None,
        Query(min_length=1, max_length=64, description="Only this phone number.", examples=["+14155550123"]),
    ] = None,
) -> Page[SuppressionLine]:
    """In the order of the numbers, with since when, through what, and why."""
    if number is not None:
        found = await asyncio.to_thread(OptOuts(caller.clarion.looking).find, number)
        return whole([] if found is None else [found])
    pages = LookingPages(caller.clarion.looking)
    return page_of(await asyncio.to_thread(pages.suppressions, text_after(cursor), limit), str)


@router.post("", summary="Put people on the list")
async def add(new: NewOptOuts, caller: Operator) -> Page[OptedOut]:
    """All of them, or nobody where one is no phone number. Campaigns that run now skip them from this moment on."""
    use = OptOuts(caller.clarion.looking)
    return whole(await asyncio.to_thread(use.add, new.numbers, reason=new.reason, region=new.region))


@router.delete("/{number}", status_code=204, summary="Take somebody off the list")
async def remove(
    number: Annotated[
        str,
        Path(
            min_length=1, max_length=64, description="A phone number with its country code.", examples=["+14155550123"]
        ),
    ],
    caller: Admin,
) -> None:
    """They may be contacted again, also by campaigns that run now, unless they were skipped already."""
    done = await asyncio.to_thread(OptOuts(caller.clarion.looking).remove, [number])
    if done.missing:
        raise NotFound(f"{done.missing[0]} is not on the list; GET /do-not-contact shows who is")
