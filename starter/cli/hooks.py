"""``clarion hooks``: webhooks of ours, which tell the user's own systems what happens to campaigns and targets."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

from clarion.domain.delivery import DeliveryState
from starter.cli.frame import Json, installation, looking, out, print_json, print_json_list, run, say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starter.hooks import DeliveryView, HookView

app = typer.Typer(help="Webhooks that tell your own systems what happens.", no_args_is_help=True)

HookId = Annotated[str, typer.Argument(metavar="HOOK", help="Its id, as in the list.", show_default=False)]
Events = Annotated[
    str | None,
    typer.Option(help="What it is told of: campaign, attempt, or types such as campaign.completed,attempt.answered."),
]

TESTED_WITHIN = 15.0
"""Seconds to wait for what comes of a test."""


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="Where events are sent, over https.", show_default=False)],
    events: Events = None,
    campaign: Annotated[str | None, typer.Option(help="Only events of this campaign.")] = None,
    as_json: Json = False,
) -> None:
    """Add a webhook; its secret is shown once."""
    from starter.hooks import Hooks

    async def work() -> None:
        async with installation() as opened:
            added = await Hooks.of(opened).add(url, _words(events) or ["campaign"], campaign)
        if as_json:
            print_json(added)
            return
        say(f"hook {added.id} is told of {', '.join(added.events)}; what it gets is signed with this secret,")
        say("which is shown only now:")
        say(added.secret)

    run(work())


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Show the webhooks there are."""
    with looking() as look:
        from starter.hooks import HookLooks

        found = HookLooks(look.store, look.tenant).list()
    if as_json:
        print_json_list(iter(found))
        return
    from starter.terminal.tables import new_table

    numbers = ("waiting", "delivered", "dead")
    table = new_table("hook", "state", "told of", *numbers, "address", right=numbers, whole=("hook", "state", *numbers))
    for hook in found:
        counts = (f"{hook.waiting:,}", f"{hook.delivered:,}", f"{hook.dead:,}")
        table.add_row(hook.id, hook.state, ", ".join(hook.events), *counts, hook.url)
    if table.row_count:
        out().print(table)
    else:
        say("there are no webhooks; `clarion hooks add URL` makes one")


@app.command()
def show(hook_id: HookId, as_json: Json = False) -> None:
    """Show a webhook and its latest deliveries."""
    with looking() as look:
        from starter.hooks import HookLooks

        looks = HookLooks(look.store, look.tenant)
        hook, latest = looks.show(hook_id), looks.deliveries(hook_id, limit=10)
    if as_json:
        print_json(hook)
        return
    _tell(hook)
    _print_deliveries(latest)


@app.command()
def dead(
    hook_id: HookId,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """Show deliveries that were given up, with the reason."""
    with looking() as look:
        from starter.hooks import HookLooks

        found = HookLooks(look.store, look.tenant).deliveries(hook_id, DeliveryState.DEAD, limit=limit)
    if as_json:
        print_json_list(iter(found))
    elif found:
        _print_deliveries(found)
    else:
        say("nothing was given up")


@app.command()
def change(
    hook_id: HookId, url: Annotated[str | None, typer.Option(help="A new address.")] = None, events: Events = None
) -> None:
    """Change where a webhook goes, or what it is told of."""
    from starter.hooks import Hooks

    async def work() -> None:
        async with installation() as opened:
            words = None if events is None else _words(events)
            _tell(await Hooks.of(opened).change(hook_id, url=url, events=words))

    run(work())


@app.command()
def stop(hook_id: HookId) -> None:
    """Switch a webhook off; what happens meanwhile is sent once it is resumed."""
    from starter.hooks import Hooks

    async def work() -> None:
        async with installation() as opened:
            await Hooks.of(opened).change(hook_id, active=False)
        say(f"hook {hook_id} is off; `clarion hooks resume {hook_id}` lets it go on where it stopped")

    run(work())


@app.command()
def resume(hook_id: HookId) -> None:
    """Switch a webhook on again, or have it looked after again where its workflow was ended."""
    from starter.hooks import Hooks

    async def work() -> None:
        async with installation() as opened:
            await Hooks.of(opened).change(hook_id, active=True)
        say(f"hook {hook_id} goes on where it stopped")

    run(work())


@app.command()
def remove(hook_id: HookId) -> None:
    """Remove a webhook, and what was still to be sent to it."""
    from starter.hooks import Hooks

    async def work() -> None:
        async with installation() as opened:
            await Hooks.of(opened).remove(hook_id)
        say(f"hook {hook_id} is gone")

    run(work())


@app.command()
def resend(
    hook_id: HookId,
    number: Annotated[int | None, typer.Argument(help="One delivery; without it, all dead ones.", min=1)] = None,
) -> None:
    """Send dead deliveries again, or any single one."""
    from starter.hooks import Hooks

    async def work() -> None:
        async with installation() as opened:
            hooks = Hooks.of(opened)
            if number is None:
                moved = await hooks.resend_dead(hook_id)
                say(f"{moved:,} dead {'delivery is' if moved == 1 else 'deliveries are'} sent again")
            else:
                await hooks.resend(hook_id, number)
                say(f"delivery {number} is sent again")

    run(work())


@app.command("test")
def try_out(hook_id: HookId, as_json: Json = False) -> None:
    """Send something that means nothing, and tell what was answered."""
    from starter.hooks import Hooks

    async def work() -> DeliveryView:
        async with installation() as opened:
            hooks = Hooks.of(opened)
            sent = await hooks.test(hook_id)
            until = time.monotonic() + TESTED_WITHIN
            while not sent.tries and time.monotonic() < until:
                await asyncio.sleep(0.2)
                sent = await asyncio.to_thread(hooks.looks.delivery, hook_id, sent.number)
            return sent

    sent = run(work())
    if as_json:
        print_json(sent)
    elif sent.state is DeliveryState.DELIVERED:
        say(f"delivered: it answered {sent.status}")
    elif sent.tries:
        say(f"not delivered: {sent.error}")
    else:
        say(f"no worker has sent it within {TESTED_WITHIN:g} s; it is sent as soon as one runs")
    if sent.state is not DeliveryState.DELIVERED:
        raise typer.Exit(1)


def _words(events: str | None) -> list[str]:
    return [word for word in (events or "").split(",") if word.strip()]


def _tell(hook: HookView) -> None:
    say(f"hook {hook.id} is {hook.state}" + (f": {hook.reason}" if hook.reason else ""))
    say(f"  goes to     {hook.url}")
    say(f"  is told of  {', '.join(hook.events)}" + (f" of campaign {hook.campaign_id}" if hook.campaign_id else ""))
    say(f"  deliveries  {hook.waiting:,} waiting, {hook.delivered:,} delivered, {hook.dead:,} dead")


def _print_deliveries(found: Iterable[DeliveryView]) -> None:
    from starter.terminal.tables import new_table
    from starter.times import clock

    now = time.time()
    whole = ("number", "state", "tries", "next try or end")
    table = new_table("number", "event", "of", *whole[1:], "last answer", right=("number", "tries"), whole=whole)
    for one in found:
        said = one.error or (str(one.status) if one.status else "")
        of = str(one.event.get("campaign_id") or "")
        table.add_row(str(one.number), one.type, of, one.state, str(one.tries), clock(one.due_at, now), said)
    if table.row_count:
        out().print(table)
