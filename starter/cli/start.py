"""Commands that check, start and follow a campaign."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clarion.domain.errors import BadInput, NotFound, did_you_mean
from starter.cli.frame import (
    FAILED,
    WRONG_USE,
    CampaignId,
    Json,
    err,
    existing,
    installation,
    out,
    print_json,
    run,
    say,
)

if TYPE_CHECKING:
    from clarion.domain.campaign import CampaignSpec
    from clarion.store.campaigns import Campaign
    from starter.wiring import Installation

SPEC_SUFFIXES = frozenset({".yaml", ".yml", ".json"})

Sheet = Annotated[
    str | None, typer.Option("--sheet", help="The sheet of the workbook; else the one that the campaign's file names.")
]

Spec = Annotated[Path, typer.Argument(metavar="SPEC", help="The campaign file (YAML or JSON).", show_default=False)]


def check(
    spec: Spec,
    rows: Annotated[bool, typer.Option("--rows", help="Name every row that would be left out.")] = False,
    sheet: Sheet = None,
    as_json: Json = False,
) -> None:
    """Check a campaign without contacting anyone: its rows, texts, expected time and cost."""
    from clarion.settings import load_settings
    from starter.amending import amended
    from starter.campaign_file import read_campaign_file
    from starter.cli.check import run_check

    wanted = amended(read_campaign_file(existing(spec)), sheet=sheet)
    usable = run_check(wanted, load_settings(), show_rows=rows, as_json=as_json)
    if not usable:
        raise typer.Exit(WRONG_USE)


def start(
    spec: Annotated[str, typer.Argument(metavar="SPEC|ID", help="A campaign file, or a draft's id.")],
    *,
    campaign_id: Annotated[str | None, typer.Option("--id", help="The campaign's id; else made from its name.")] = None,
    draft: Annotated[bool, typer.Option("--draft", help="Store it; start it later with `clarion start ID`.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Watch it live until it ends.")] = False,
    write_back: Annotated[
        bool, typer.Option("--write-back", help="Leads: write answers to Salesforce, as lead.write_back says.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Leads: ask again what has been answered before, and pay for it.")
    ] = False,
    sheet: Sheet = None,
    as_json: Json = False,
) -> None:
    """Start a campaign from its file, or one that is a draft."""
    given = campaign_file(spec)
    if write_back or fresh or sheet is not None:
        given = _changed(given, spec, write_back=write_back, fresh=fresh, sheet=sheet)

    async def work() -> int:
        async with installation() as opened:
            if given is not None:
                campaign = await opened.campaigns.start(given, campaign_id=campaign_id, draft=draft)
            else:
                campaign = await _launched(opened, spec, only_file=draft or campaign_id is not None)
            name.append(campaign.ref.campaign_id)
            if follow and not draft and not campaign.template:
                say(f"started {campaign.ref.campaign_id}", as_json=as_json)
                return await _follow(opened, campaign.ref.campaign_id, as_json=as_json)
            if not as_json:
                await _tell(opened, campaign)
            elif campaign.template:
                print_json(await opened.schedules.show(campaign.ref.campaign_id))
            else:
                print_json(await opened.campaigns.progress(campaign.ref.campaign_id))
            return 0

    name: list[str] = []
    code = run(work(), come_back=lambda: _come_back(name[0]) if name else "")
    if code:
        raise typer.Exit(code)


def watch(campaign_id: CampaignId) -> None:
    """Watch a campaign live until it ends; Ctrl-C only ends the watching."""

    async def work() -> int:
        async with installation() as opened:
            return await _follow(opened, campaign_id, as_json=False)

    if code := run(work(), come_back=lambda: _come_back(campaign_id)):
        raise typer.Exit(code)


def campaign_file(given: str) -> CampaignSpec | None:
    """Read a campaign's file; None when ``given`` can only be a campaign's id. Raises BadInput."""
    path = existing(Path(given))
    if not path.exists() and path.suffix.lower() not in SPEC_SUFFIXES and "/" not in given:
        return None
    from starter.campaign_file import read_campaign_file

    return read_campaign_file(path)


def _changed(
    given: CampaignSpec | None, name: str, *, write_back: bool, fresh: bool, sheet: str | None
) -> CampaignSpec:
    if given is None:
        hint = _nearest_file(name)
        raise BadInput(f'there is no campaign file "{name}"{hint}; --write-back, --fresh and --sheet need one')
    from starter.amending import amended

    return amended(given, write_back=write_back, fresh=fresh, sheet=sheet)


async def _launched(opened: Installation, given: str, *, only_file: bool) -> Campaign:
    if only_file:
        raise BadInput(f'there is no campaign file "{given}"{_nearest_file(given)}; --id and --draft need one')
    try:
        return await opened.campaigns.launch(given)
    except NotFound as error:
        hint = _nearest_file(given)
        raise NotFound(f'there is no campaign file "{given}"{hint}, and {error}') from None


def _nearest_file(given: str) -> str:
    return did_you_mean(given, [path.name for path in Path().iterdir() if path.suffix.lower() in SPEC_SUFFIXES])


async def _follow(opened: Installation, campaign_id: str, *, as_json: bool) -> int:
    from clarion.domain.campaign import CampaignStatus
    from starter.terminal.views import follow, print_report

    console = err() if as_json else out()
    progress = await follow(opened.campaigns, campaign_id, console=console)
    if as_json:
        print_json(progress)
    else:
        await print_report(opened.campaigns, campaign_id, console=console)
        console.print(f"\n[dim]row by row:[/] clarion report {campaign_id} --out report.xlsx")
    return 0 if progress.status is CampaignStatus.COMPLETED and progress.books.balanced else FAILED


async def _tell(opened: Installation, campaign: Campaign) -> None:
    from clarion.domain.campaign import CampaignStatus
    from starter.launching import web_ui

    if campaign.template:
        schedule_id = campaign.ref.campaign_id
        say(f"scheduled {schedule_id}; `clarion schedule show {schedule_id}` says when its campaigns begin")
        return
    client = await opened.campaigns.connect() if campaign.status is not CampaignStatus.DRAFT else None
    name = campaign.ref.campaign_id
    if client is None:
        say(f"stored {name} as a draft; start it with `clarion start {name}`")
        return
    say(f"started {name}; watch it with `clarion watch {name}`")
    if page := web_ui(opened.settings, campaign, client.namespace):
        say(f"in Temporal: {page}")


def _come_back(campaign_id: str) -> str:
    return f"the campaign goes on without this window; come back with `clarion watch {campaign_id}`"
