"""Tables of the terminal are a list of rows where they would not fit: no cell and no name of a column gets lost."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from starter.terminal.tables import new_table


def drawn(width: int) -> list[str]:
    numbers = ("succeeded", "failed", "rate")
    table = new_table("variant", *numbers, right=numbers, whole=numbers)
    table.add_row("short", "19", "1", "95.0 % (76–99)")
    table.add_row("long", "22", "0", "")
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(table)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().splitlines()


def test_a_table_that_fits_is_a_table() -> None:
    lines = drawn(60)
    assert lines[0].split() == ["variant", "succeeded", "failed", "rate"]
    assert len(lines) == 4


def test_a_table_that_does_not_fit_names_each_cell() -> None:
    lines = [line.rstrip() for line in drawn(40)]
    assert lines == [
        "short",
        "  succeeded 19 · failed 1 · rate 95.0 %",
        "  (76–99)",
        "long",
        "  succeeded 22 · failed 0",
    ]


@pytest.mark.parametrize("width", range(12, 61, 6))
def test_nothing_is_lost_and_nothing_is_wider_than_the_terminal(width: int) -> None:
    lines = drawn(width)
    words = " ".join(lines).split()
    assert {"short", "long", "19", "22", "95.0", "(76–99)"} <= set(words)
    assert all(len(line) <= width for line in lines)
