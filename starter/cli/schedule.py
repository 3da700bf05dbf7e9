"""``clarion schedule``: campaigns that begin again and again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from starter.cli.frame import Json, installation, out, print_json, print_json_list, run, say

if TYPE_CHECKING:
    from starter.schedule_views import FiringView, ScheduleView

app = typer.Typer(help="Schedules: campaigns that begin again and again.", no_args_is_help=True)

ScheduleId = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Its id, as in the list.", show_default=False)]


@app.command()
def create(
    template_id: Annotated[str, typer.Argument(metavar="TEMPLATE", help="The template's id.", show_default=False)],
    *,
    cron: Annotated[str, typer.Option(help='When, as a cron line: "0 9 * * mon-fri" is 9:00 on weekdays.')],
    time_zone: Annotated[str, typer.Option("--time-zone", help="On whose clock, such as Europe/Berlin.")],
    until: Annotated[str | None, typer.Option(help="No campaign begins after this, as ISO 8601 with offset.")] = None,
    overlap: Annotated[
        str, typer.Option(help="While an earlier campaign still runs: skip the moment, or allow another one.")
    ] = "skip",
    catch_up: Annotated[str, typer.Option(help="How late a campaign may begin when nobody could start it.")] = "1h",
    as_json: Json = False,
) -> None:
    """Have campaigns of a template begin again and again."""
    from clarion.domain.schedule import parse_schedule

    given = {"cron": cron, "time_zone": time_zone, "until": until, "overlap": overlap, "catch_up": catch_up}
    schedule = parse_schedule(given)

    async def work() -> None:
        async with installation() as opened:
            _tell(await opened.schedules.create(template_id, schedule), as_json=as_json)

    run(work())


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Show the schedules there are, and what came of their last moments."""

    async def work() -> None:
        async with installation() as opened:
            found = await opened.schedules.list()
        if as_json:
            print_json_list(iter(found))
            return
        from starter.terminal.tables import new_table
        from starter.times import clock

        table = new_table("schedule", "state", "cron", "time zone", "next", "last", whole=("schedule", "cron", "next"))
        for view in found:
            coming = clock(view.next[0], time.time(), ZoneInfo(view.time_zone)) if view.next else ""
            last = _came(view.firings[0]) if view.firings else ""
            state = f"{view.state}: {view.reason}" if view.reason else view.state
            table.add_row(view.schedule_id, state, view.cron, view.time_zone, coming, last)
        if table.row_count:
            out().print(table)
        else:
            say("there are no schedules; `clarion schedule create TEMPLATE --cron … --time-zone …` makes one")

    run(work())


@app.command()
def show(schedule_id: ScheduleId, as_json: Json = False) -> None:
    """Show one schedule: its next moments, and what came of the last ones."""

    async def work() -> None:
        async with installation() as opened:
            _tell(await opened.schedules.show(schedule_id), as_json=as_json)

    run(work())


@app.command()
def pause(
    schedule_id: ScheduleId,
    reason: Annotated[str, typer.Option(help="Why, for everybody who looks at the schedule.")] = "",
    as_json: Json = False,
) -> None:
    """Begin no campaigns until it is resumed; those that run go on."""

    async def work() -> None:
        async with installation() as opened:
            _tell(await opened.schedules.pause(schedule_id, reason), as_json=as_json)

    run(work())


@app.command()
def resume(schedule_id: ScheduleId, as_json: Json = False) -> None:
    """Begin campaigns again; moments that have passed are not made up for."""

    async def work() -> None:
        async with installation() as opened:
            _tell(await opened.schedules.resume(schedule_id), as_json=as_json)

    run(work())


@app.command()
def trigger(schedule_id: ScheduleId, as_json: Json = False) -> None:
    """Begin a campaign now, by the same rules as at the schedule's own moments."""

    async def work() -> None:
        async with installation() as opened:
            fired = await opened.schedules.trigger(schedule_id)
        if as_json:
            print_json(fired)
        elif fired.campaign_id is None:
            way_out = f"`clarion template start {schedule_id}` starts one all the same"
            say(f"no campaign has begun: {fired.reason}; {way_out}")
        else:
            say(f"started {fired.campaign_id}; watch it with `clarion watch {fired.campaign_id}`")

    run(work())


@app.command()
def remove(schedule_id: ScheduleId) -> None:
    """Begin no more campaigns; the template and all campaigns stay."""

    async def work() -> None:
        async with installation() as opened:
            await opened.schedules.remove(schedule_id)
        say(f"removed the schedule; `clarion template remove {schedule_id}` removes the template as well")

    run(work())


def _tell(view: ScheduleView, *, as_json: bool) -> None:
    if as_json:
        print_json(view)
        return
    from starter.schedule_times import told_moments

    say(f"{view.schedule_id} · {view.name} · {view.cron} · {view.time_zone} · {view.state}")
    if view.reason:
        say(view.reason)
    for line in told_moments(view.next, view.time_zone):
        say(f"  next: {line}")
    for firing in view.firings:
        say(f"  {told_moments([firing.at], view.time_zone)[0]}: {_came(firing)}")


def _came(firing: FiringView) -> str:
    return f"started {firing.campaign_id}" if firing.campaign_id else f"no campaign: {firing.reason}"
