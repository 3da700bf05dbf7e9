"""What a row's person will be told: the port through which each channel says it, and the way to leave a row out."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from clarion.audience.row import Row
from clarion.domain.target import SkipReason

_SHOWN = 60


class SkipRow(Exception):
    """The row is not to be contacted."""

    def __init__(self, reason: SkipReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Words(NamedTuple):
    """What the store keeps of a row for its channel, as `CheckedRow` has it."""

    variables: dict[str, str]
    text: str | None
    segments: int


class Wording(Protocol):
    """One channel's way to make of a row what is said to its person."""

    @property
    def keeps_skipped(self) -> bool:
        """Whether the cells of a row that is left out are kept all the same; what is never sent need not be."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it needs; a row in which one of them cannot be read is left out."""
        ...

    def of(self, row: Row) -> Words:
        """Return what is kept of a row. Raises SkipRow."""
        ...


def shortened(value: str, most: int = _SHOWN) -> str:
    """Cut a value for a sentence."""
    return value if len(value) <= most else value[: most - 1] + "…"
