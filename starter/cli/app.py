"""The command ``clarion``: every command's name, and where its work is done."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from starter.cli import account as cli_account
from starter.cli import analytics as cli_analytics
from starter.cli import call as cli_call
from starter.cli import hooks as cli_hooks
from starter.cli import installation as cli_installation
from starter.cli import keys as cli_keys
from starter.cli import leads as cli_leads
from starter.cli import look as cli_look
from starter.cli import mcp as cli_mcp
from starter.cli import optout as cli_optout
from starter.cli import schedule as cli_schedule
from starter.cli import start as cli_start
from starter.cli import steer as cli_steer
from starter.cli import template as cli_template
from starter.cli.frame import Group, finish

app = typer.Typer(
    cls=Group,
    name="clarion",
    help="Bulk outreach that contacts nobody twice and forgets nobody.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"clarion {version('clarion')}")
        raise typer.Exit


@app.callback()
def clarion(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")] = False,
) -> None:
    """Bulk outreach that contacts nobody twice and forgets nobody."""
    del version  # its callback has told it
    # What a command has to say it says itself; the log of the parts it is made of is for whoever looks for a fault.
    logging.getLogger().addHandler(logging.StreamHandler() if debug else logging.NullHandler())


RUN, LOOK, STEER, UNDERSTAND, INSTALLATION = "Run", "Look", "Steer", "Understand", "Installation"

for name, command, panel in (
    ("demo", cli_installation.demo, RUN),
    ("drill", cli_installation.drill, RUN),
    ("check", cli_start.check, RUN),
    ("start", cli_start.start, RUN),
    ("call", cli_call.call, RUN),
    ("text", cli_call.text, RUN),
    ("leads-example", cli_leads.leads_example, RUN),
    ("list", cli_look.list_campaigns, LOOK),
    ("show", cli_look.show, LOOK),
    ("progress", cli_look.progress, LOOK),
    ("watch", cli_start.watch, LOOK),
    ("pause", cli_steer.pause, STEER),
    ("resume", cli_steer.resume, STEER),
    ("cancel", cli_steer.cancel, STEER),
    ("retry", cli_steer.retry, STEER),
    ("limits", cli_steer.limits, STEER),
    ("add", cli_steer.add, STEER),
    ("clone", cli_steer.clone, STEER),
    ("delete", cli_steer.delete, STEER),
    ("why", cli_look.why, UNDERSTAND),
    ("errors", cli_look.errors, UNDERSTAND),
    ("targets", cli_look.targets, UNDERSTAND),
    ("conversations", cli_look.conversations, UNDERSTAND),
    ("transcripts", cli_call.transcripts, UNDERSTAND),
    ("report", cli_look.report, UNDERSTAND),
    ("variants", cli_analytics.variants, UNDERSTAND),
    ("analytics", cli_analytics.analytics, UNDERSTAND),
    ("setup", cli_installation.setup, INSTALLATION),
    ("up", cli_installation.up, INSTALLATION),
    ("web", cli_installation.web, INSTALLATION),
    ("mcp", cli_mcp.mcp, INSTALLATION),
    ("account", cli_account.account, STEER),
    ("doctor", cli_installation.doctor, INSTALLATION),
):
    app.command(name, rich_help_panel=panel)(command)

app.add_typer(cli_hooks.app, name="hooks", rich_help_panel=INSTALLATION)
app.add_typer(cli_keys.app, name="keys", rich_help_panel=INSTALLATION)
app.add_typer(cli_template.app, name="template", rich_help_panel=RUN)
app.add_typer(cli_schedule.app, name="schedule", rich_help_panel=RUN)
app.add_typer(cli_optout.app, name="optout", rich_help_panel=INSTALLATION)


def main() -> None:
    """Run the command that was asked for; the console command ``clarion``."""
    code: object = 0
    try:
        app()
    except SystemExit as end:
        code = end.code
    finish(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    main()
