"""``python -m bench NAME [--json]``: Clarion's numbers on this machine, each next to what it is measured against."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine, Mapping
from typing import Annotated

import typer

from bench.first_contact import first_contact as measure_first_contact
from bench.imports import imports as measure_imports
from bench.memory import memory as measure_memory
from bench.pace import pace as measure_pace
from bench.pause import pause as measure_pause
from bench.throughput import throughput as measure_throughput

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
DatabaseUrl = Annotated[str | None, typer.Option(help="An empty PostgreSQL database instead of a SQLite file.")]


@app.command("list")
def names() -> None:
    """List the benches."""
    for command in app.registered_commands:
        told = (command.callback.__doc__ or "").strip() if command.callback else ""
        print(f"{command.name or '':<12} {told}")


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


def sizes(text: str) -> tuple[int, ...]:
    """Read sizes such as ``10000,100000``; nothing is none."""
    try:
        return tuple(int(size) for size in text.split(",") if size.strip())
    except ValueError:
        raise typer.BadParameter(f'"{text}" is not a list of sizes such as 10000,100000') from None


def run(work: Coroutine[object, object, Mapping[str, object]], as_json: bool) -> None:  # noqa: FBT001 - as typed
    """Run a bench and print what it found."""
    found = asyncio.run(work)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        for name, value in found.items():
            print(f"{name:<46} {value}")
    time.sleep(0.5)  # the Temporal SDK's native threads can abort a process that exits right after its last call


if __name__ == "__main__":
    app()
