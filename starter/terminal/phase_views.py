"""How far the phases of an analysis of leads have come, and what follows a campaign, as the live view shows them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo

from rich.table import Table
from rich.text import Text

from starter.phases import PhaseFigures
from starter.progress import Follower, Progress
from starter.times import span, when

NUMBERS = frozenset({"leads", "rate", "chunk", "came through"})
"""Columns of numbers."""


def phase_table(progress: Progress, now: float, zone: tzinfo | None = None, *, short: bool = False) -> Table:
    """Draw the phases of an analysis; ``short`` leaves out what a narrow terminal has no room for."""
    columns = (
        ("phase", "leads", "rate", "ends") if short else ("phase", "leads", "rate", "chunk", "came through", "ends")
    )
    table = Table(box=None, pad_edge=False, header_style="dim", show_edge=False, padding=(0, 1 if short else 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in NUMBERS else "left", no_wrap=True)
    for phase in progress.phases:
        style = "green" if phase.of and phase.done >= phase.of else "default" if phase.done else "bright_black"
        rate = "–" if phase.per_second is None else f"{phase.per_second:,.1f}/s"
        share = "–" if phase.success_rate is None else f"{100 * phase.success_rate:.1f} %"
        chunk = "–" if phase.average_chunk_seconds is None else f"{phase.average_chunk_seconds:,.2f} s"
        again = f" ({phase.failed_chunks:,} again)" if phase.failed_chunks else ""
        middle = () if short else (chunk + again, share)
        counts = f"{phase.done:,}" if phase.done == phase.of else f"{phase.done:,} of {phase.of:,}"
        table.add_row(Text(phase.phase, style), counts, rate, *middle, _ends(phase, now, zone))
    return table


def _ends(phase: PhaseFigures, now: float, zone: tzinfo | None) -> str:
    if phase.expected_end is not None:
        return when(phase.expected_end, now, zone)
    return f"took {span(phase.seconds)}" if phase.seconds is not None and phase.done >= phase.of else "–"


def tokens_line(progress: Progress) -> Text | None:
    """Say how many tokens the answers took; None for other campaigns."""
    tokens = progress.tokens
    if tokens is None:
        return None
    line = Text.assemble(
        ("tokens ", "dim"), f"{tokens.input:,}", (" in, ", "dim"), f"{tokens.output:,}", (" out", "dim")
    )
    if tokens.reused:
        line.append(f"   {tokens.reused:,}", "default").append(" answered before, at no cost", "dim")
    return line


def lineage_lines(progress: Progress) -> Iterator[Text]:
    """Say what a campaign follows, and how those stand that follow it."""
    if progress.parent is not None:
        yield Text.assemble(("follows ", "dim"), (progress.parent, "bold"))
    for follower in progress.followers:
        yield _follower(follower)


def _follower(follower: Follower) -> Text:
    books = follower.books
    line = Text.assemble(("then ", "dim"), (follower.campaign_id, "bold"), (f" · {follower.channel} · ", "dim"))
    line.append(f"{follower.status}")
    return line.append(f" · {books.succeeded:,} of {books.total:,} reached, {books.failed:,} failed", "dim")
