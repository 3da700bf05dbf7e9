"""Runs a part of a bench in a process of its own, so that its CPU time and its memory are its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from statistics import median

from clarion.settings import process_environment


def run_module(module: str, *arguments: str) -> dict[str, float]:
    """Run a module that prints one JSON object, and return that. Blocking."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, env=process_environment(), stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def middle(values: Iterable[float], digits: int = 3) -> float | None:
    """The median, rounded; None of nothing."""
    found = list(values)
    return round(median(found), digits) if found else None
