"""A table that becomes a list of rows, one below the other, where a terminal is too narrow for it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

ENOUGH = 14
"""Columns in which a cell that may be broken is still pleasant to read."""

GAP = 3
"""Columns between two cells, as the box draws them."""


class FittingTable(Table):
    """Drawn as a table where every column has room for what it holds, else row by row, with each cell named."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it in the width there is."""
        needed = sum(_needed(column) for column in self.columns) + GAP * (len(self.columns) - 1)
        if needed <= options.max_width:
            yield from super().__rich_console__(console, options)
            return
        names = [_text(column.header).plain for column in self.columns]
        for first, *others in zip(*(column.cells for column in self.columns), strict=True):
            yield _text(first)
            yield Padding(Text(" · ").join(_named(names[1:], [_text(cell) for cell in others])), (0, 0, 0, 2))
        if self.caption is not None:
            yield _text(self.caption)


def _needed(column: Column) -> int:
    cells = (_text(cell) for cell in (column.header, *column.cells))
    widest = max((line.cell_len for cell in cells for line in cell.split(allow_blank=True)), default=0)
    return widest if column.no_wrap else min(widest, ENOUGH)


def _named(names: list[str], cells: list[Text]) -> Iterator[Text]:
    for name, cell in zip(names, cells, strict=True):
        if cell.plain.strip():
            yield Text.assemble((f"{name} " if name else "", "dim"), cell)


def _text(cell: object) -> Text:
    return cell.copy() if isinstance(cell, Text) else Text.from_markup(str(cell))
