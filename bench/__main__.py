"""``python -m bench NAME [--json]``: Clarion's numbers on this machine, each next to what it is measured against."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine, Mapping
from typing import Annotated

import typer

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
    run(work, as_json=as_json)


def run(work: Coroutine[object, object, Mapping[str, object]], *, as_json: bool) -> None:
    """Run a bench and print what it found."""
    found = asyncio.run(work)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        for name, value in found.items():
            print(f"{name:<34} {value}")
    time.sleep(0.5)  # the Temporal SDK's native threads can abort a process that exits right after its last call


if __name__ == "__main__":
    app()
