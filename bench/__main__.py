"""``python -m bench NAME [--json]``: Clarion's numbers on this machine, each next to what it is measured against."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine, Iterator, Mapping
from typing import Annotated

import typer

from bench.first_contact import first_contact as measure_first_contact
from bench.imports import imports as measure_imports
from bench.lanes import lanes_use as measure_lanes
from bench.leads import Scene
from bench.leads import leads as measure_leads
from bench.memory import memory as measure_memory
from bench.pace import pace as measure_pace
from bench.pause import pause as measure_pause
from bench.sharing import sharing as measure_sharing
from bench.throughput import throughput as measure_throughput
from bench.watchers import watchers as measure_watchers

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
DatabaseUrl = Annotated[str | None, typer.Option(help="An empty PostgreSQL database instead of a SQLite file.")]


@app.command("list")
def names() -> None:
    """List the benches."""
    for command in app.registered_commands:
        told = (command.callback.__doc__ or "").strip() if command.callback else ""
        print(f"{command.name or '':<13} {told}")


@app.command("throughput")
def throughput(  # noqa: PLR0913 - an argument for each option
    *,
    targets: int = 10_000,
    one_activity_targets: Annotated[int, typer.Option(help="0 leaves this part out.")] = 2_000,
    rounds: int = 3,
    lanes: int = 50,
    latency_ms: float = 50.0,
    receipts: bool = False,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Targets a second and CPU per target without a limit, against a bare loop and one activity per target."""
    work = measure_throughput(
        targets=targets,
        one_activity_targets=one_activity_targets,
        rounds=rounds,
        lanes=lanes,
        latency_ms=latency_ms,
        receipts=receipts,
        database_url=database_url,
    )
    run(work, as_json)


@app.command("import")
def import_rows(
    *,
    csv: Annotated[str, typer.Option(help="Sizes of the CSV files, with commas between.")] = "10000,100000,1000000",
    xlsx: Annotated[str, typer.Option(help="Sizes of the workbooks.")] = "50000",
    clean: Annotated[bool, typer.Option(help="No bad rows, every number in E.164.")] = False,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Rows a second and peak memory of the import, each file in a process of its own."""
    run(measure_imports(csv_sizes=sizes(csv), xlsx_sizes=sizes(xlsx), clean=clean, database_url=database_url), as_json)


@app.command("first-contact")
def first_contact(
    *, rows: int = 1_000, times: int = 5, database_url: DatabaseUrl = None, as_json: Json = False
) -> None:
    """Seconds from starting a campaign to its first contact."""
    run(measure_first_contact(rows=rows, times=times, database_url=database_url), as_json)


@app.command("pace")
def pace(*, seconds: float = 20.0, as_json: Json = False) -> None:
    """Sliding windows over the limit, and the share of the limit used: one campaign, and an account shared by two."""
    run(measure_pace(seconds=seconds), as_json)


@app.command("pause")
def pause(*, pauses: int = 6, lanes: int = 50, database_url: DatabaseUrl = None, as_json: Json = False) -> None:
    """Seconds from a pause to the last contact that still started, without a limit."""
    run(measure_pause(pauses=pauses, lanes=lanes, database_url=database_url), as_json)


@app.command("memory")
def memory(
    *,
    targets: Annotated[str, typer.Option(help="Sizes of the campaigns, with commas between.")] = "10000,100000",
    as_json: Json = False,
) -> None:
    """Memory of a worker by the size of its campaign."""
    run(measure_memory(sizes=sizes(targets)), as_json)


@app.command("lanes")
def lanes(
    *,
    lanes: int = 50,
    targets: int = 600,
    time_scale: Annotated[float, typer.Option(help="0.1: a call of a minute lasts six seconds.")] = 0.1,
    per_second: Annotated[int, typer.Option(help="Calls that may begin in any second.")] = 50,
    workers: int = 1,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Share of the time that lanes hold a call while work is waiting, with calls of 30 to 180 s in compressed time."""
    work = measure_lanes(
        lanes=lanes,
        targets=targets,
        time_scale=time_scale,
        per_second=per_second,
        workers=workers,
        database_url=database_url,
    )
    run(work, as_json)


@app.command("sharing")
def sharing(
    *,
    time_scale: Annotated[float, typer.Option(help="0.05: a call of a minute lasts three seconds.")] = 0.05,
    workers: int = 1,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Four campaigns on an account with 5 calls at once, 1 start a second and 2 campaigns at once."""
    run(measure_sharing(time_scale=time_scale, workers=workers, database_url=database_url), as_json)


@app.command("leads")
def leads(  # noqa: PLR0913 - an argument for each option
    *,
    rows: Annotated[str, typer.Option(help="Sizes of the workbooks, with commas between.")] = "10000",
    requests_per_minute: Annotated[int, typer.Option(help="The AI's limit; 0 is without.")] = 10_000,
    tokens_per_minute: Annotated[int, typer.Option(help="The AI's limit; 0 is without.")] = 10_000_000,
    bad: float = 0.02,
    workers: int = 1,
    kills: Annotated[int, typer.Option(help="Workers killed meanwhile.")] = 0,
    faults: Annotated[str, typer.Option(help='JSON by vendor, such as {"openai": {"server_error": 0.05}}.')] = "{}",
    again: Annotated[bool, typer.Option(help="Run the same file a second time.")] = True,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Share of the AI's limits that an analysis of leads uses, requests to the CRM, and memory of the worker."""
    scene = Scene(
        requests_per_minute=requests_per_minute or None,
        tokens_per_minute=tokens_per_minute or None,
        workers=workers,
        faults=json.loads(faults),
        database_url=database_url,
    )
    run(measure_leads(scene, sizes=sizes(rows), bad=bad, kills=kills, again=again), as_json)


@app.command("watchers")
def watchers(
    *,
    watchers: int = 200,
    texts: int = 3_000,
    per_second: float = 100.0,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Events lost or repeated at those who watch a campaign and are cut off at random, and what they cost."""
    work = measure_watchers(watchers=watchers, texts=texts, per_second=per_second, database_url=database_url)
    run(work, as_json)


def sizes(text: str) -> tuple[int, ...]:
    """Read sizes such as ``10000,100000``; nothing is none."""
    try:
        return tuple(int(size) for size in text.split(",") if size.strip())
    except ValueError:
        raise typer.BadParameter(f'"{text}" is not a list of sizes such as 10000,100000') from None


def run(work: Coroutine[object, object, Mapping[str, object]], as_json: bool) -> None:  # noqa: FBT001 - as typed
    """Run a bench and print what it found; exits with 1 where a promise did not hold."""
    found = asyncio.run(work)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(lines(found)))
    time.sleep(0.5)  # the Temporal SDK's native threads can abort a process that exits right after its last call
    promised = found.get("promised")
    if isinstance(promised, Mapping) and not all(promised.values()):
        raise typer.Exit(1)


def lines(found: Mapping[str, object], indent: str = "") -> Iterator[str]:
    """Show what a bench found, one figure a line; of what was to hold or to be reached, whether that came true."""
    for name, value in found.items():
        if isinstance(value, Mapping):
            yield f"{indent}{name}"
            judged = name in {"promised", "reached"}
            yield from (f"  {'yes' if held else 'NO':<4}{what}" for what, held in value.items() if judged)
            yield from () if judged else lines(value, indent + "  ")
        else:
            yield f"{indent}{name:<{46 - len(indent)}} {value}"


if __name__ == "__main__":
    app()
