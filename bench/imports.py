"""Rows a second and peak memory of the import, by size and format, each in a process of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.process import run_module

MAKE_AUDIENCE = Path(__file__).parent.parent / "examples" / "make_audience.py"


async def imports(
    *, csv_sizes: Sequence[int], xlsx_sizes: Sequence[int], clean: bool = False, database_url: str | None = None
) -> dict[str, object]:
    """Import made-up customers; unless ``clean``, with phone numbers in many spellings and some bad rows."""
    found: dict[str, object] = {"database": "postgresql" if database_url else "sqlite", "clean": clean}
    for kind, sizes in (("csv", csv_sizes), ("xlsx", xlsx_sizes)):
        for rows in sizes:
            found[f"{kind}_{rows}"] = await asyncio.to_thread(_import, rows, kind, database_url, clean=clean)
    return found


def _import(rows: int, kind: str, database_url: str | None, *, clean: bool) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="clarion-bench-") as folder:
        file = Path(folder) / f"audience.{kind}"
        command = [sys.executable, str(MAKE_AUDIENCE), "--rows", str(rows), "--format", kind, "--out", str(file)]
        subprocess.run([*command, *(["--clean"] if clean else [])], check=True, stdout=subprocess.DEVNULL)
        done = run_module("bench.one_import", database_url or f"sqlite:///{folder}/clarion.db", str(file))
    return {
        "rows_per_second": round(done["rows"] / done["seconds"]),
        "seconds": round(done["seconds"], 2),
        "cpu_us_per_row": round(1e6 * done["cpu_seconds"] / done["rows"], 1),
        "peak_mb": round(done["peak_mb"], 1),
        "grown_mb": round(done["peak_mb"] - done["before_mb"], 1),
        "accepted": done["accepted"],
    }
