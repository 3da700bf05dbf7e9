"""Calls for a terminal: who said what, and what all calls of a campaign came to."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clarion.domain.call import Speaker
from starter.looking import CallSummaryLine, TranscriptLine
from starter.terminal.tables import new_table
from starter.times import span

SPEAKERS = {Speaker.AGENT: ("agent", "cyan"), Speaker.PERSON: ("person", "green"), Speaker.OTHER: ("other", "yellow")}


def transcript_view(line: TranscriptLine) -> RenderableType:
    """Draw one call: whose it was, how it ended, and every turn. Print it uncropped, so that its links stay whole."""
    head = Text.assemble((f"target {line.position}", "bold"), f" · {line.address or 'no number'} · ")
    head.append((line.outcome or "under way").replace("_", " "), "bold")
    if line.duration is not None:
        head.append(f" · {span(line.duration)}", "dim")
    parts: list[RenderableType] = [head]
    if line.summary:
        parts.append(Text(line.summary, "italic"))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1, overflow="fold")
    for turn in line.turns:
        name, style = SPEAKERS[turn.speaker]
        at = "" if turn.at is None else f"{int(turn.at // 60)}:{int(turn.at % 60):02d}"
        grid.add_row(at, Text(name, style), Text(turn.text))
    if line.turns:
        parts.append(grid)
    if line.analysis:
        parts.append(Text(", ".join(f"{name}: {value}" for name, value in line.analysis.items()), "dim"))
    if line.recording_url:
        parts.append(Text(line.recording_url, "dim", no_wrap=True, overflow="ignore"))
    return Group(*parts)


def summary_view(summary: CallSummaryLine) -> RenderableType:
    """Draw the sums of a campaign's calls."""
    parts: list[RenderableType] = [Text(f"{summary.calls:,} {'call' if summary.calls == 1 else 'calls'}", "bold")]
    outcomes = new_table("outcome", "calls", right=("calls",))
    for outcome, n in summary.outcomes.items():
        outcomes.add_row(outcome.replace("_", " "), f"{n:,}")
    parts += [outcomes, Text()]
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(style="dim")
    facts.add_column()
    facts.add_row("talked", f"{span(summary.total_duration)} in all")
    if summary.average_duration is not None:
        facts.add_row("", f"{span(summary.average_duration)} on average")
    facts.add_row("cost", f"{summary.cost:,.2f}")
    if summary.cost_per_answered is not None:
        facts.add_row("", f"{summary.cost_per_answered:,.2f} for each call that a person answered")
    parts.append(facts)
    if summary.analysis:
        table = new_table("analysis", "value", "calls", right=("calls",))
        for name, values in summary.analysis.items():
            for value, n in values.items():
                table.add_row(name, Text(value), f"{n:,}")
        parts += [Text(), table]
    return Group(*parts)
