"""Commands about single contacts, and what was said in a campaign's calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from clarion.domain.errors import BadInput
from starter.cli.frame import FAILED, CampaignId, Json, err, installation, looking, out, print_json, run, say
from starter.cli.frame import print_json_list as print_list

if TYPE_CHECKING:
    from starter.singles import Person, Single
    from starter.wiring import Installation


def call(
    number: Annotated[str, typer.Argument(help="The phone number, such as +14155550123.", show_default=False)],
    *,
    prompt: Annotated[str | None, typer.Option(help="What the agent is told to do.")] = None,
    first_message: Annotated[str | None, typer.Option(help="What the agent says first.")] = None,
    context: Annotated[str | None, typer.Option(help="What the agent should know about the person.")] = None,
    agent: Annotated[str | None, typer.Option(help="The agent at the provider; else the account's.")] = None,
    language: Annotated[str | None, typer.Option(help='The language, such as "en-US".')] = None,
    variable: Annotated[list[str] | None, typer.Option("--var", help="NAME=VALUE; may be given several times.")] = None,
    account: Annotated[str, typer.Option(help="The account to call through.")] = "main",
    max_minutes: Annotated[float, typer.Option(help="Longest time of the call.")] = 10.0,
    machine: Annotated[str, typer.Option(help="When a machine answers: hang_up, leave_message, continue.")] = "hang_up",
    region: Annotated[str | None, typer.Option(help='The country of a number without a code, such as "US".')] = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for the end, show what was said.")] = True,
    as_json: Json = False,
) -> None:
    """Call one person: the same path as a campaign, with one target."""
    words = {
        "prompt": prompt,
        "first_message": first_message,
        "context": context,
        "agent": agent,
        "language": language,
        "max_minutes": max_minutes,
        "machine": machine,
    }
    person = _person(number, region, variable)
    started: list[str] = []
    work = _call(person, account, words, started, follow=follow, as_json=as_json)
    come_back = "the call goes on without this window; how it went: clarion transcripts "
    if code := run(work, come_back=lambda: come_back + started[0] if started else ""):
        raise typer.Exit(code)


def text(
    number: Annotated[str, typer.Argument(help="The phone number, such as +14155550123.", show_default=False)],
    *,
    message: Annotated[str, typer.Option(help="The text to send.", show_default=False)],
    variable: Annotated[list[str] | None, typer.Option("--var", help="NAME=VALUE; may be given several times.")] = None,
    account: Annotated[str, typer.Option(help="The account to send through.")] = "main",
    region: Annotated[str | None, typer.Option(help='The country of a number without a code, such as "US".')] = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for what comes of it.")] = True,
    as_json: Json = False,
) -> None:
    """Send one person a text: the same path as a campaign, with one target."""
    person = _person(number, region, variable)
    started: list[str] = []
    work = _text(person, account, message, started, follow=follow, as_json=as_json)
    come_back = "the text goes on without this window; how it went: clarion why "
    if code := run(work, come_back=lambda: f"{come_back}{started[0]} 1" if started else ""):
        raise typer.Exit(code)


def _person(number: str, region: str | None, variables: list[str] | None) -> Person:
    from starter.singles import Person

    return Person(number, region, dict(_pair(given) for given in variables or ()))


def _how(account: str) -> Single:
    from starter.singles import Single, Words

    return Single(account, words=Words("--region US", "--var {}=…"))


async def _call(
    person: Person, account: str, words: Mapping[str, object], started: list[str], *, follow: bool, as_json: bool
) -> int:
    from starter.singles import call_one

    async with installation() as opened:
        name = (await call_one(opened.drafts, person, words, _how(account))).ref.campaign_id
        started.append(name)
        if not follow:
            say(f"calling; how it went: clarion transcripts {name}", as_json=as_json)
            return 0
        succeeded = await _watched(opened, name, as_json=as_json)
    _tell(name, as_json=as_json)
    return 0 if succeeded else FAILED


async def _text(person: Person, account: str, message: str, started: list[str], *, follow: bool, as_json: bool) -> int:
    from starter.singles import came_of_text, text_one

    async with installation() as opened:
        name = (await text_one(opened.drafts, person, message, _how(account))).ref.campaign_id
        started.append(name)
        if not follow:
            say(f"sending; how it went: clarion why {name} 1", as_json=as_json)
            return 0
        succeeded = await _watched(opened, name, as_json=as_json)
    with looking() as look:
        found = came_of_text(look, name)
    if as_json:
        print_json(found)
    else:
        out().print(found.answer, markup=False, soft_wrap=True)
    return 0 if succeeded else FAILED


async def _watched(opened: Installation, name: str, *, as_json: bool) -> bool:
    from starter.terminal.views import follow as watch

    progress = await watch(opened.campaigns, name, console=err() if as_json else out(), until_final=False)
    return progress.books.succeeded > 0


def _tell(name: str, *, as_json: bool) -> None:
    """Show what came of a single call: how it ended, and what was said."""
    from starter.singles import came_of_call

    with looking() as look:
        found = came_of_call(look, name)
    if as_json:
        print_json(found)
        return
    console = out()
    console.print()
    if found.call is not None:
        from starter.terminal.call_views import transcript_view

        console.print(transcript_view(found.call), crop=False)
    console.print(found.answer, markup=False, soft_wrap=True)


def _pair(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals or not name.strip():
        raise BadInput(f'--var "{given}" is not NAME=VALUE; write for example --var first_name=Ada')
    return name.strip(), value


def transcripts(
    campaign_id: CampaignId,
    summary: Annotated[
        bool, typer.Option("--summary", help="Only the sums: outcomes, minutes, cost, analysis.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what was said in a campaign's calls, turn by turn, and what they came to."""
    _show(campaign_id, only_summary=summary, as_json=as_json)


def _show(campaign_id: str, *, only_summary: bool = False, as_json: bool = False) -> None:
    from clarion.domain.campaign import Channel

    with looking() as look:
        campaign = look.find(campaign_id)
        if campaign.spec.channel is not Channel.CALL:
            if as_json:
                print_list(iter(()))
            hint = f"`clarion conversations {campaign_id}` shows what people answered"
            what = f'campaign "{campaign_id}" sends {campaign.spec.channel}, and that has no transcripts'
            say(f"{what}; {hint}", as_json=as_json)
            return
        if as_json:
            if only_summary:
                print_json(look.call_summary(campaign_id))
            else:
                print_list(look.transcripts(campaign_id))
            return
        from starter.terminal.call_views import summary_view, transcript_view

        console = out()
        if not only_summary:
            for transcript in look.transcripts(campaign_id):
                console.print(transcript_view(transcript), crop=False)
                console.print()
        console.print(summary_view(look.call_summary(campaign_id)))
