"""What every report consists of, whatever its channel: rows below columns, figures, and the sheets of its workbook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from starter.progress import Progress

Cell: TypeAlias = str | int | float | None

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A spreadsheet takes a cell that begins so for a formula, in full width too (OWASP, CSV injection)."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a workbook: rows below their columns, or pairs of a name and a value where there are no columns."""

    title: str
    columns: Sequence[str] | None
    rows: Iterable[Sequence[Cell]]
    is_result: bool = False
    """Whether its rows are those of the report."""


class Written(Protocol):
    """A report that is ready to be written."""

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def ours(self) -> frozenset[str]:
        """Columns whose values we make ourselves, so that they may begin like a formula."""
        ...

    @property
    def progress(self) -> Progress: ...

    def rows(self) -> Iterator[Sequence[Cell]]:
        """Yield the cells of every target, in the order of the audience."""
        ...

    def records(self) -> Iterator[dict[str, object]]:
        """Yield every target as JSON has it: what is known of it, by column."""
        ...

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield what JSON says before the rows beside the progress: names, and JSON."""
        ...

    def lists(self) -> Iterator[tuple[str, Iterator[str]]]:
        """Yield what JSON lists after the rows: names, and JSON of each entry."""
        ...

    def sheets(self) -> Iterator[Sheet]:
        """Yield the sheets of a workbook, in their order."""
        ...
