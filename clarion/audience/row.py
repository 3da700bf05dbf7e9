"""What every audience reader yields: one row of a file, with what is wrong with it beside its cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from clarion.domain.target import SkipReason


@dataclass(frozen=True, slots=True)
class Row:
    """One data row. `number` is what a spreadsheet shows beside it (the header is 1), in JSON Lines the line number."""

    number: int
    cells: dict[str, str]
    problem: str | None = None
    """One sentence why the row as a whole cannot be used; then `cells` holds what could be made out."""
    reason: SkipReason | None = None
    """Set exactly when `problem` is."""
    faults: Mapping[str, str] | None = None
    """Single cells that cannot be read, by column; they matter only to a campaign that uses the column."""


class AudienceReader(Protocol):
    """An open audience: its columns, and its rows as often as asked."""

    @property
    def name(self) -> str:
        """The file's name as the person knows it."""
        ...

    @property
    def description(self) -> str:
        """How the file is being read, for example ``CSV, utf-8, delimiter ";"``."""
        ...

    @property
    def columns(self) -> tuple[str, ...]: ...

    def rows(self, skip: int = 0) -> Iterator[Row]:
        """Yield the data rows after the first `skip`; blank rows are neither yielded nor counted, bad ones are both."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...
