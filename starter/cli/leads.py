"""Commands about leads: an example workbook to try an analysis with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from clarion.domain.errors import BadInput
from starter.cli.frame import Json, existing, say


def leads_example(
    file: Annotated[Path, typer.Argument(metavar="OUT.xlsx", help="The workbook to write.", show_default=False)],
    rows: Annotated[int, typer.Option(help="How many rows.")] = 50_000,
    bad: Annotated[float, typer.Option(help="Share of bad rows, from 0 to 0.5; as many again are odd.")] = 0.02,
    seed: Annotated[int, typer.Option(help="The same seed writes the same rows.")] = 0,
    as_json: Json = False,
) -> None:
    """Write an example workbook of made-up lead ids, bad ones among them, which the sandbox's Salesforce knows."""
    from starter.local.example_leads import write_example

    path = existing(file)
    if path.suffix.lower() != ".xlsx":
        raise BadInput(f'"{file}" is no workbook by its name; give one that ends in .xlsx')
    counts = {kind.value: n for kind, n in write_example(path, rows, bad, seed).items()}
    if as_json:
        typer.echo(json.dumps({"file": str(path), "rows": rows, "kinds": counts}, indent=2))
        return
    said = ", ".join(f"{n:,} {kind}" for kind, n in sorted(counts.items(), key=lambda item: -item[1]))
    say(f"{rows:,} rows written to {file}: {said}")
