"""What all answers of an analysis of leads came to, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from starter.looking_leads import LeadSums, Spread

WIDEST_BAR = 30
MOST_VALUES = 12
"""Values of one field that are shown."""


def sums_view(sums: LeadSums) -> RenderableType:
    """Draw what all answers of a campaign came to: its choices, its scores, tokens and cost."""
    parts: list[RenderableType] = [Text(f"{sums.assessed:,} leads assessed", "bold")]
    if sums.reused:
        parts.append(Text(f"{sums.reused:,} of them had been answered before, at no cost", "dim"))
    for name, values in sums.choices.items():
        parts += [Text(), _bars(name, values)]
    for name, spread in sums.numbers.items():
        parts += [Text(), _bars(f"{name}, {_spread(spread)}", spread.buckets)]
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(style="dim")
    facts.add_column()
    facts.add_row("tokens", f"{sums.input_tokens:,} in, {sums.output_tokens:,} out")
    each = f", {sums.cost_per_lead:,.4f} for each lead asked about" if sums.cost_per_lead is not None else ""
    facts.add_row("cost", f"{sums.cost:,.2f}{each}")
    if sums.written or sums.write_errors:
        errors = f", {sums.write_errors:,} refused" if sums.write_errors else ""
        facts.add_row("written back", f"{sums.written:,}{errors}")
    return Group(*parts, Text(), facts)


def _spread(spread: Spread) -> str:
    return f"{spread.average:,.1f} on average, {spread.lowest:g} to {spread.highest:g}"


def _bars(title: str, counts: Mapping[str, int]) -> RenderableType:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, max_width=24, overflow="ellipsis")
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(style="cyan", no_wrap=True)
    most = max(counts.values(), default=0)
    for value, n in list(counts.items())[:MOST_VALUES]:
        grid.add_row(Text(value), f"{n:,}", "━" * round(WIDEST_BAR * n / most) if most else "")
    more = len(counts) - MOST_VALUES
    rest = [Text(f"and {more:,} more values", "dim")] if more > 0 else []
    return Group(Text(title, "dim"), grid, *rest)
