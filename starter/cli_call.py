"""Commands about calls: one single call, and what was said in a campaign's calls."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clarion.domain.errors import BadInput
from starter.cli_frame import FAILED, CampaignId, Json, err, installation, looking, out, print_json, run, say
from starter.cli_frame import print_json_list as print_list

if TYPE_CHECKING:
    from clarion.domain.campaign import CampaignSpec


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
    target = Target(number, region, dict(_pair(given) for given in variable or ()))
    started: list[str] = []
    work = _call(target, account, words, started, follow=follow, as_json=as_json)
    come_back = "the call goes on without this window; how it went: clarion transcripts "
    if code := run(work, come_back=lambda: come_back + started[0] if started else ""):
        raise typer.Exit(code)


@dataclass(frozen=True, slots=True)
class Target:
    """Who is called."""

    number: str
    region: str | None
    variables: dict[str, str]


async def _call(
    target: Target, account: str, words: Mapping[str, object], started: list[str], *, follow: bool, as_json: bool
) -> int:
    from clarion.domain.campaign import parse_spec
    from clarion.domain.phone import normalize_phone

    if target.region is None and not target.number.strip().startswith("+"):
        raise BadInput(f'"{target.number}" has no country code; write it like +14155550123, or give --region US')
    number = normalize_phone(target.number, target.region)  # says at once what is wrong with it
    with tempfile.TemporaryDirectory(prefix="clarion-call-") as folder:
        file = Path(folder) / "call.jsonl"
        row = {**target.variables, "phone": number}
        file.write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
        spec = parse_spec(
            {
                "name": "Call",
                "channel": "call",
                "account": account,
                "audience": {"file": str(file), "address": "phone"},
                "call": {name: word for name, word in words.items() if word is not None},
                "limits": {"concurrency": 1},
                "retry": {"attempts": 1},
            }
        )
        _require_variables(spec, row)
        async with installation() as opened:
            name = (await opened.campaigns.start(spec)).ref.campaign_id
            started.append(name)
            if not follow:
                say(f"calling; how it went: clarion transcripts {name}", as_json=as_json)
                return 0
            from starter.views import follow as watch

            console = err() if as_json else out()
            progress = await watch(opened.campaigns, name, console=console, until_final=False)
    _tell(name, as_json=as_json)
    return 0 if progress.books.succeeded else FAILED


def _require_variables(spec: CampaignSpec, row: Mapping[str, str]) -> None:
    from clarion.domain.call import ScriptWriter

    mentioned = ScriptWriter(spec.call).variables if spec.call is not None else frozenset[str]()
    if missing := sorted(mentioned - row.keys()):
        raise BadInput(f"the texts use {{{{ {missing[0]} }}}}, which nothing gives; add --var {missing[0]}=…")


def _tell(name: str, *, as_json: bool) -> None:
    """Show what came of a single call: how it ended, and what was said."""
    from starter.looking import SingleCall
    from starter.why import why

    with looking() as look:
        found = why(look, name, "1")
        calls = look.calls(look.find(name).ref.key, 1)
        call = calls[-1] if calls else None
    if as_json:
        target = found.target
        print_json(
            SingleCall(
                campaign_id=name,
                state=target.state,
                outcome=target.outcome,
                answer=found.answer,
                call=call,
            )
        )
        return
    console = out()
    console.print()
    if call is not None:
        from starter.call_views import transcript_view

        console.print(transcript_view(call), crop=False)
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
        from starter.call_views import summary_view, transcript_view

        console = out()
        if not only_summary:
            for transcript in look.transcripts(campaign_id):
                console.print(transcript_view(transcript), crop=False)
                console.print()
        console.print(summary_view(look.call_summary(campaign_id)))
