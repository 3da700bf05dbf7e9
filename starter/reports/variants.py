"""What a report tells of variants: a row for each."""

from __future__ import annotations

from collections.abc import Iterator

from starter.reports.parts import Cell
from starter.variants import VariantResults

COLUMNS = (
    "variant",
    "share",
    "targets",
    "succeeded",
    "failed",
    "skipped",
    "success_rate",
    "low",
    "high",
    "attempts",
    "cost",
    "cost_per_success",
    "replies",
    "stops",
)


def rows(found: VariantResults) -> Iterator[list[Cell]]:
    """Yield the cells of every variant, in the order of the campaign's file."""
    for line in found.variants:
        books = line.books
        yield [
            line.name,
            line.share,
            *(books.total, books.succeeded, books.failed, books.skipped),
            *(line.success_rate, line.low, line.high),
            *(line.attempts, line.cost, line.cost_per_success),
            *(line.replies, line.stops),
        ]
