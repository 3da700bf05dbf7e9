"""Commands that look at campaigns and change nothing: everything here is in the store."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from clarion.domain.target import TargetState
from starter.cli.frame import CampaignId, Json, err, installation, looking, out, print_json, print_json_list, run, say


def list_campaigns(
    as_json: Json = False,
    limit: Annotated[int, typer.Option(help="How many, the newest first.", min=1)] = 50,
) -> None:
    """List the campaigns, the newest first."""
    with looking() as look:
        campaigns = look.campaigns(limit)
        if as_json:
            print_json_list(iter(campaigns))
        elif campaigns:
            from starter.terminal.tables import campaign_table

            out().print(campaign_table(campaigns, time.time()))
        else:
            say("no campaigns yet; start one with `clarion start campaign.yaml`, or see one with `clarion demo`")


def progress(campaign_id: CampaignId, as_json: Json = False) -> None:
    """Show how a campaign stands now."""
    with looking() as look:
        found = look.progress(campaign_id)
        if as_json:
            print_json(found)
            return
        from starter.terminal.panels import Sight, campaign_panel

        console = out()
        console.print(campaign_panel(Sight(found, (), time.time()), width=console.width))


def show(campaign_id: CampaignId, as_json: Json = False) -> None:
    """Show everything about a campaign: its rules, how it stands, its log, and its page in Temporal."""
    from starter.cli.show import show_campaign

    async def work() -> None:
        async with installation() as opened:
            await show_campaign(opened, campaign_id, as_json=as_json)

    run(work())


def targets(
    campaign_id: CampaignId,
    state: Annotated[TargetState | None, typer.Option(help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option(help="How many at most; 0 lists all.", min=0)] = 100,
    as_json: Json = False,
) -> None:
    """List a campaign's targets, in the order of the audience."""
    with looking() as look:
        from starter.looking import first

        found = first(look.targets(campaign_id, state), limit)
        if as_json:
            print_json_list(found)
            return
        from starter.terminal.tables import target_table

        table = target_table(found, time.time())
        out().print(table)
        if limit and table.row_count == limit:
            err().print(f"[dim]the first {limit}; --limit 0 lists all, `clarion report {campaign_id}` writes a file[/]")


def why(
    campaign_id: CampaignId,
    target: Annotated[
        str, typer.Argument(help="A position (17), a row of the file (row:17), a phone number, or the id of a lead.")
    ],
    as_json: Json = False,
) -> None:
    """Say why somebody was contacted or not, and when it will be."""
    with looking() as look:
        from starter.why import why as explain

        found = explain(look, campaign_id, target)
        if as_json:
            print_json(found)
            return
        from starter.terminal.tables import why_view

        out().print(why_view(found, time.time()))


def errors(campaign_id: CampaignId, as_json: Json = False) -> None:
    """Show who was not reached, by reason, and what helps."""
    with looking() as look:
        groups = look.errors(campaign_id)
        if as_json:
            print_json_list(iter(groups))
            return
        from starter.terminal.tables import error_table

        if not groups:
            say("no errors: nobody failed, was skipped or is unknown")
            return
        out().print(error_table(groups))
        for outcome in sorted({group.outcome for group in groups if group.retry_helps}):
            err().print(f"[dim]try these again:[/] clarion retry {campaign_id} --outcome {outcome}")


def conversations(campaign_id: CampaignId, as_json: Json = False) -> None:
    """Show what people answered to a campaign."""
    with looking() as look:
        found = look.conversations(campaign_id)
        if as_json:
            print_json_list(iter(found))
            return
        from starter.terminal.tables import conversation_table

        if found:
            out().print(conversation_table(found, time.time()))
        else:
            say("nobody has answered yet")


def report(
    campaign_id: CampaignId,
    file: Annotated[
        Path | None,
        typer.Option("--out", help="A file ending in .xlsx, .csv or .json; - writes CSV to standard output."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the result row by row, in the order of the audience; without --out, show how it came out."""
    from starter.reports.report import check_file, write_report

    check_file(file)
    with looking() as look:
        if file is None and not as_json:
            from starter.terminal.summary import print_summary

            print_summary(look, campaign_id, out())
            return
        rows = write_report(look, campaign_id, file, as_json=as_json)
        if file is not None and str(file) != "-":
            say(f"{rows:,} rows written to {file}", as_json=True)
