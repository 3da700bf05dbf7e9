"""``clarion account``: who holds the lanes of a provider account, who waits and why, and its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clarion.domain.errors import BadInput
from starter.cli.frame import Json, installation, out, print_json, run

if TYPE_CHECKING:
    from clarion.account_contracts import AccountState

Name = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's name.")]


def account(
    name: Name = "main",
    *,
    concurrency: Annotated[int | None, typer.Option(help="Calls at once, over all campaigns.")] = None,
    campaigns: Annotated[int | None, typer.Option(help="Campaigns that run at once; others are queued.")] = None,
    inbound_reserve: Annotated[float | None, typer.Option(help="Share of the calls kept free for callers.")] = None,
    per_second: Annotated[float | None, typer.Option(help="Calls in any second, over all campaigns.")] = None,
    per_minute: Annotated[float | None, typer.Option(help="Calls in any minute, over all campaigns.")] = None,
    per_hour: Annotated[float | None, typer.Option(help="Calls in any hour, over all campaigns.")] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Let the settings decide about all limits again.")] = False,
    as_json: Json = False,
) -> None:
    """Show who holds an account's lanes and who waits; with options, change its limits while campaigns run."""
    from pydantic import ValidationError

    from clarion.account_contracts import AccountLimits
    from clarion.domain.problems import sentences

    given = {
        "concurrency": concurrency,
        "campaigns": campaigns,
        "inbound_reserve": inbound_reserve,
        "per_second": per_second,
        "per_minute": per_minute,
        "per_hour": per_hour,
    }
    try:
        limits = AccountLimits.model_validate(given)
    except ValidationError as error:
        raise BadInput(sentences(error, AccountLimits)) from None

    if reset and limits != AccountLimits():
        raise BadInput("--reset goes back to the settings in everything; give it alone, and limits afterwards")

    async def work() -> None:
        async with installation() as opened:
            if reset:
                state = await opened.accounts.reset_limits(name)
            elif limits == AccountLimits():
                state = await opened.accounts.lanes(name)
            else:
                state = await opened.accounts.set_limits(name, limits)
            _print(name, state, as_json=as_json)

    run(work())


def _print(name: str, state: AccountState, *, as_json: bool) -> None:
    if as_json:
        print_json(state)
        return
    from starter.terminal.account_view import account_view

    out().print(account_view(name, state))
