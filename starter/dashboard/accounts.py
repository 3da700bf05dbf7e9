"""The accounts of a tenant: what they may do, and who holds the lanes of those that call."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from clarion.account_contracts import AccountState
from clarion.domain.errors import ClarionError, NotFound
from clarion.settings import REACHING_NOBODY, Account
from starter.dashboard.rendering import fragment, page
from starter.dashboard.visitors import Reader

router = APIRouter(prefix="/accounts")

WITHIN = 4.0
"""Seconds to wait for a worker's answer about lanes."""


@router.get("")
async def accounts(request: Request, visitor: Reader) -> Response:
    """Show the accounts; who holds their lanes is looked up by the open page."""
    found = visitor.clarion.settings.accounts
    shown = [(name, account, _calls(account)) for name, account in sorted(found.items())]
    return page(request, "accounts.html", accounts=shown)


@router.get("/{name}/lanes")
async def lanes(visitor: Reader, name: Annotated[str, Path(max_length=64)]) -> Response:
    """Show who holds an account's lanes and who waits, to a page that is open."""
    account = visitor.clarion.settings.accounts.get(name)
    if account is None:
        raise NotFound(f'there is no account "{name}"; the list of accounts shows the ones there are')
    state, problem = None, ""
    try:
        async with asyncio.timeout(WITHIN):
            state = await visitor.clarion.accounts.lanes(name)
    except ClarionError as error:
        problem = str(error)
    except TimeoutError:
        problem = "no worker answered; start one with `clarion up` or `clarion-worker`"
    return fragment("account_lanes.html", name=name, state=state, held=_held(state), problem=problem)


def _calls(account: Account) -> bool:
    return account.provider not in REACHING_NOBODY


def _held(state: AccountState | None) -> int:
    return 0 if state is None else sum(holder.bound for holder in state.holders.values())
