"""``clarion template``: campaigns that are only there to be started again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from clarion.domain.errors import BadInput
from starter.cli.frame import Json, existing, installation, out, print_json, print_json_list, run, say

app = typer.Typer(help="Templates: campaigns that are only there to be started again.", no_args_is_help=True)

TemplateId = Annotated[str, typer.Argument(metavar="TEMPLATE", help="The template's id.", show_default=False)]


@app.command()
def save(
    source: Annotated[str, typer.Argument(metavar="FILE|ID", help="A campaign file, or a campaign's id.")],
    *,
    name: Annotated[str | None, typer.Option(help="The template's id; else made from its name.")] = None,
    without_contacts: Annotated[
        bool, typer.Option("--without-contacts", help="Of a file: leave its audience out, and give one at each start.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Keep a campaign as a template."""
    from starter.cli.start import campaign_file

    spec = campaign_file(source)
    if spec is None and without_contacts:
        raise BadInput("--without-contacts needs a campaign file; a copy of a campaign has its contacts")

    async def work() -> None:
        async with installation() as opened:
            if spec is None:
                made = await opened.templates.save_campaign(source, name)
            else:
                audience = None if without_contacts else Path(spec.audience.file)
                made = await opened.templates.save(spec, name, audience)
        if as_json:
            print_json(made)
            return
        start = f"clarion template start {made.template_id}" + ("" if made.files else " --audience FILE")
        say(f"kept template {made.template_id}; start a campaign of it with `{start}`")

    run(work())


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Show the templates there are."""

    async def work() -> None:
        async with installation() as opened:
            found = await opened.templates.list()
        if as_json:
            print_json_list(iter(found))
            return
        from starter.terminal.tables import new_table
        from starter.times import clock

        whole = ("template", "channel", "made")
        table = new_table("template", "name", "channel", "account", "contacts in", "schedule", "made", whole=whole)
        for template in found:
            files = ", ".join(file.name for file in template.files) or "none"
            schedule = f"{template.schedule.cron} {template.schedule.time_zone}" if template.schedule else ""
            made = clock(template.created_at, time.time())
            table.add_row(
                template.template_id, template.name, template.channel, template.account, files, schedule, made
            )
        if table.row_count:
            out().print(table)
        else:
            say("there are no templates; `clarion template save FILE|ID --name NAME` makes one")

    run(work())


@app.command()
def show(template_id: TemplateId, as_json: Json = False) -> None:
    """Show one template."""

    async def work() -> None:
        async with installation() as opened:
            template = await opened.templates.show(template_id)
            spec = (await opened.campaigns.find(template_id)).spec
        if as_json:
            print_json(template)
            return
        files = ", ".join(f"{file.name} ({file.size:,} bytes)" for file in template.files) or "none"
        say(f"{template.template_id} · {template.name} · {template.channel} · account {template.account}")
        say(f"contacts: {files}")
        if template.schedule is not None:
            schedule = template.schedule
            say(f"schedule: {schedule.cron} {schedule.time_zone}; `clarion schedule show {template_id}` says more")
        say(spec.model_dump_json(indent=2, exclude_defaults=True, exclude={"audience": {"file"}}))

    run(work())


@app.command()
def start(
    template_id: TemplateId,
    *,
    campaign_id: Annotated[str | None, typer.Option("--id", help="The campaign's id; else made from its name.")] = None,
    audience: Annotated[
        Path | None, typer.Option(help="A file with the contacts, instead of the template's own.", show_default=False)
    ] = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="Make a draft; start it later with `clarion start ID`.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Start a campaign like the template."""

    async def work() -> None:
        async with installation() as opened:
            path = None if audience is None else existing(audience)
            campaign = await opened.templates.start(template_id, campaign_id=campaign_id, draft=draft, audience=path)
            made = campaign.ref.campaign_id
            if as_json:
                print_json(await opened.campaigns.progress(made))
            elif draft:
                say(f"stored {made} as a draft; start it with `clarion start {made}`")
            else:
                say(f"started {made}; watch it with `clarion watch {made}`")

    run(work())


@app.command()
def remove(template_id: TemplateId) -> None:
    """Remove a template; the campaigns made of it stay."""

    async def work() -> None:
        async with installation() as opened:
            await opened.templates.remove(template_id)
        say(f"removed template {template_id}")

    run(work())
