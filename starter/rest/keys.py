"""Routes of API keys: an admin makes, lists and ends those of the own tenant."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from clarion.domain.rights import Rights
from starter.keys import KeyLine, Keys, NewKey
from starter.rest.callers import Admin
from starter.rest.cursors import whole
from starter.rest.paging import Page

router = APIRouter(prefix="/keys", tags=["Keys"])

DAY = 86_400.0


class KeyWish(BaseModel):
    """A key to make."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Annotated[
        str,
        Field(min_length=1, max_length=100, pattern=r"\S", description="Whose it is.", examples=["reporting job"]),
    ]
    rights: Annotated[Rights, Field(description="read looks, operate starts and steers, admin manages.")]
    days: Annotated[
        float | None, Field(ge=0.001, le=36_500, description="Ends by itself after so many days.", examples=[90])
    ] = None


@router.get("", summary="List keys")
async def listed(caller: Admin) -> Page[KeyLine]:
    """Those of this tenant, the oldest first; keys that have ended are among them."""
    return whole(await asyncio.to_thread(Keys(caller.clarion.store).list, caller.tenant))


@router.post("", status_code=201, summary="Make a key")
async def make(wish: KeyWish, caller: Admin) -> NewKey:
    """Make a key of this tenant. It is told this once and kept nowhere, so an Idempotency-Key means nothing here."""
    now = time.time()
    ends = None if wish.days is None else now + wish.days * DAY
    keys = Keys(caller.clarion.store)
    key, text = await asyncio.to_thread(keys.make, caller.tenant, wish.name, wish.rights, now, expires_at=ends)
    return NewKey.of(key, text)


@router.delete("/{key_id}", status_code=204, summary="End a key")
async def end(
    key_id: Annotated[
        str, Path(pattern=r"^[A-Za-z0-9]{1,16}$", description="Its id, as in the list.", examples=["9f86d081884c"])
    ],
    caller: Admin,
) -> None:
    """End a key at once, the one of this request as well."""
    await asyncio.to_thread(Keys(caller.clarion.store).end, caller.tenant, key_id, time.time())
