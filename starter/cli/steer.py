"""Commands that steer a campaign while it runs, or open one again that has ended."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome
from starter.cli.frame import CampaignId, Json, existing, installation, print_json, run, say

if TYPE_CHECKING:
    from clarion.contracts import Reply

Reason = Annotated[str, typer.Option(help="Why, for everybody who looks at the campaign.")]


def pause(campaign_id: CampaignId, reason: Reason = "", as_json: Json = False) -> None:
    """Start nothing new; what is under way ends by itself. Answers when nothing new can start."""

    async def work() -> None:
        async with installation() as opened:
            _answer(await opened.campaigns.pause(campaign_id, reason), campaign_id, as_json=as_json)

    run(work())


def resume(campaign_id: CampaignId, as_json: Json = False) -> None:
    """Go on exactly where the campaign stopped."""

    async def work() -> None:
        async with installation() as opened:
            reply = await opened.campaigns.resume(campaign_id)
            if as_json:
                print_json(await opened.campaigns.progress(campaign_id))
            else:
                say(f"{campaign_id}: {reply.message}; see it with `clarion watch {campaign_id}`")

    run(work())


def cancel(
    campaign_id: CampaignId,
    reason: Reason = "",
    hang_up: Annotated[
        bool, typer.Option("--hang-up", help="End calls under way instead of waiting for them.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Cancel everybody who is not under way; what is under way ends by itself and is recorded."""

    async def work() -> None:
        async with installation() as opened:
            await opened.campaigns.cancel(campaign_id, reason, hang_up=hang_up)
            if as_json:
                print_json(await opened.campaigns.progress(campaign_id))
            else:
                way = "; calls under way are hung up" if hang_up else ""
                say(f"{campaign_id}: is being cancelled{way}; see the end with `clarion watch {campaign_id}`")

    run(work())


def retry(
    campaign_id: CampaignId,
    outcome: Annotated[
        list[Outcome] | None,
        typer.Option(help="Only targets that ended so; may be given several times. Default: all that a try can help."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Try failed targets again; a campaign that has ended is opened again for it."""

    async def work() -> None:
        async with installation() as opened:
            reply = await opened.campaigns.retry(campaign_id, tuple(o.value for o in outcome or ()))
            _answer(reply, campaign_id, as_json=as_json)

    run(work())


def limits(
    campaign_id: CampaignId,
    concurrency: Annotated[int | None, typer.Option(help="Contacts at once, 1 to 50; leads, 1 to 500.")] = None,
    per_second: Annotated[float | None, typer.Option(help="Contacts in any second.")] = None,
    per_minute: Annotated[float | None, typer.Option(help="Contacts in any minute.")] = None,
    per_hour: Annotated[float | None, typer.Option(help="Contacts in any hour.")] = None,
    budget: Annotated[float | None, typer.Option(help="What the campaign may cost in all.")] = None,
    as_json: Json = False,
) -> None:
    """Change limits while the campaign runs; what is not named stays as it is."""
    rates = {"per_second": per_second, "per_minute": per_minute, "per_hour": per_hour, "budget": budget}
    for name, value in rates.items():
        _require_positive(f"--{name.replace('_', '-')}", value)
    if concurrency is None and not any(rates.values()):
        raise BadInput("say which limit to change, for example --concurrency 10 or --per-second 2.5")

    async def work() -> None:
        from clarion.contracts import Pacing
        from clarion.domain.campaign import MOST_LANES

        async with installation() as opened:
            most = MOST_LANES[(await opened.campaigns.find(campaign_id)).spec.channel]
            if concurrency is not None and not 1 <= concurrency <= most:
                raise BadInput(f"--concurrency {concurrency} is not possible; give a whole number from 1 to {most}")
            pacing = Pacing(concurrency=concurrency, **rates)
            _answer(await opened.campaigns.set_limits(campaign_id, pacing), campaign_id, as_json=as_json)

    run(work())


def add(
    campaign_id: CampaignId,
    file: Annotated[Path, typer.Argument(help="One more audience file with the same columns.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Add one more audience file to a running campaign."""
    path = existing(file)
    if not path.is_file():
        from clarion.audience.source import open_audience

        with open_audience(path):  # says what is wrong, and which file is near
            pass

    async def work() -> None:
        async with installation() as opened:
            _answer(await opened.campaigns.add(campaign_id, path), campaign_id, as_json=as_json)

    run(work())


def _require_positive(option: str, value: float | None) -> None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise BadInput(f"{option} {value:g} is not possible; give a number greater than 0")


def clone(
    campaign_id: CampaignId,
    *,
    new_id: Annotated[str | None, typer.Option("--id", help="The new campaign's id; else made from its name.")] = None,
    start: Annotated[bool, typer.Option("--start", help="Start it at once.")] = False,
    as_json: Json = False,
) -> None:
    """Make a draft with the same words and the same contacts as a campaign."""

    async def work() -> None:
        from starter.cloning import clone as make

        async with installation() as opened:
            made = (await make(opened.drafts, campaign_id, new_id)).ref.campaign_id
            if start:
                await opened.campaigns.launch(made)
            if as_json:
                print_json(await opened.campaigns.progress(made))
            elif start:
                say(f"started {made}; watch it with `clarion watch {made}`")
            else:
                say(f"stored {made} as a draft; start it with `clarion start {made}`")

    run(work())


def delete(campaign_id: CampaignId) -> None:
    """Delete a draft, or a campaign that has ended, with everything kept of it."""

    async def work() -> None:
        async with installation() as opened:
            await opened.drafts.delete(campaign_id)
        say(f"deleted {campaign_id}")

    run(work())


def _answer(reply: Reply, campaign_id: str, *, as_json: bool) -> None:
    if as_json:
        print_json(reply)
    else:
        say(f"{campaign_id}: {reply.status}" + (f"; {reply.message}" if reply.message else ""))
