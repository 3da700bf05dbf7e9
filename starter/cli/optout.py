"""``clarion optout``: the do-not-contact list, shared by all campaigns and channels."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from clarion.domain.errors import NotFound
from starter.cli.frame import Json, looking, out, print_json_list, say

app = typer.Typer(help="The do-not-contact list: people nobody of this installation contacts.", no_args_is_help=True)

Numbers = Annotated[list[str], typer.Argument(metavar="NUMBER…", help="Phone numbers.", show_default=False)]
Region = Annotated[str | None, typer.Option(help='Where numbers without a country code are from, such as "US".')]


@app.command()
def add(
    numbers: Numbers,
    reason: Annotated[str, typer.Option(help="Why, and who asked for it.")] = "",
    region: Region = None,
) -> None:
    """Put people on the list; campaigns that run now skip them from this moment on."""
    from starter.optouts import OptOuts

    with looking() as look:
        for line in OptOuts(look).add(numbers, reason=reason, region=region):
            say(f"{line.address} is on the list" + ("" if line.new else " already"))


@app.command()
def remove(numbers: Numbers, region: Region = None) -> None:
    """Take people off the list."""
    from starter.optouts import OptOuts

    with looking() as look:
        done = OptOuts(look).remove(numbers, region=region)
    for address in done.removed:
        say(f"{address} is off the list")
    if done.missing:
        message = f"{', '.join(done.missing)} was not on the list; `clarion optout list` shows who is"
        raise NotFound(message)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Show who is on the list, since when and why."""
    with looking() as look:
        found = look.suppressions()
        if as_json:
            print_json_list(found)
            return
        from starter.terminal.tables import new_table
        from starter.times import clock

        table = new_table("number", "since", "through", "why")
        for line in found:
            table.add_row(line.address, clock(line.at, time.time()), line.source, line.detail)
        if table.row_count:
            out().print(table)
        else:
            say("nobody is on the list")
