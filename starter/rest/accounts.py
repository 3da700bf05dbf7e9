"""Routes of provider accounts: what they are for, their limits, and who uses them now."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from temporalio.service import RPCError

from clarion.account_contracts import AccountLimits, AccountState
from clarion.domain.errors import BadInput, Unreachable
from starter.account_lines import AccountLine, AccountLines, require_account
from starter.rest.callers import Admin, Reader
from starter.rest.cursors import whole
from starter.rest.paging import Page
from starter.wiring import Installation

router = APIRouter(prefix="/accounts", tags=["Accounts"])

Name = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9_.-]{1,100}$", description="The account's name in the settings.", examples=["main"]),
]
Rate = Annotated[float | None, Field(ge=1e-6, le=1e6, description="Calls in that time.", examples=[2.5])]
"""Within the bounds that campaigns have, so that the time between two calls stays a number."""


class LimitsChange(BaseModel):
    """Limits of calls to change; one that is left out stays as it is, null goes back to the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    concurrency: Annotated[int | None, Field(ge=1, le=1000, description="Calls at once.", examples=[20])] = None
    campaigns: Annotated[
        int | None, Field(ge=1, le=100, description="Campaigns that run at once; the others are queued.")
    ] = None
    inbound_reserve: Annotated[
        float | None, Field(ge=0, lt=1, description="Share of the calls that is kept free for people who call us.")
    ] = None
    per_second: Rate = None
    per_minute: Rate = None
    per_hour: Rate = None


@router.get("", summary="List accounts")
async def listed(caller: Reader) -> Page[AccountLine]:
    """Each with its limits, the campaigns that use it, and who holds its lanes where Temporal answers soon."""
    return whole(await AccountLines(caller.clarion).all())


@router.get("/{name}", summary="Look at an account")
async def one(name: Name, caller: Reader) -> AccountLine:
    """Its limits, the campaigns that use it, and who holds its lanes where Temporal answers soon."""
    return await AccountLines(caller.clarion).one(name)


@router.patch("/{name}/limits", summary="Change what all campaigns of calls on an account share")
async def change(name: Name, change: LimitsChange, caller: Admin) -> AccountLine:
    """Change limits at once, and until they are changed again, while campaigns run."""
    require_account(caller.clarion, name)
    state = await _changed(caller.clarion, name, change)
    return await AccountLines(caller.clarion).of_state(name, state)


async def _changed(clarion: Installation, name: str, change: LimitsChange) -> AccountState:
    if not change.model_fields_set:
        raise BadInput("no limit is given; give at least one, or null for one that the settings shall decide again")
    cleared = [field for field in change.model_fields_set if getattr(change, field) is None]
    given = AccountLimits.model_validate(change.model_dump(exclude_none=True))
    try:
        state = await clarion.accounts.reset_limits(name, sorted(cleared)) if cleared else None
        if state is None or given != AccountLimits():
            state = await clarion.accounts.set_limits(name, given)
    except RPCError as error:
        raise Unreachable(f"Temporal did not take it: {error.message}") from None
    return state
