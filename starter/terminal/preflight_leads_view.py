"""How ``clarion check`` shows an analysis of leads."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from clarion.domain.assessment import Mode
from clarion.domain.duration import format_duration
from starter.checking.preflight_leads import LeadPlan

LONGEST_TEXT = 400


def ids_line(plan: LeadPlan) -> Text | None:
    """Say which ids were put right; None where all were as they should be."""
    said = []
    if plan.repaired:
        rows = ", ".join(map(str, plan.repaired_rows))
        more = plan.repaired - len(plan.repaired_rows)
        also = f" and {more:,} more" if more else ""
        named = f"{'row' if plan.repaired == 1 else 'rows'} {rows}{also}"
        said.append(f"{_ids(plan.repaired)} repaired: letter case had been lost ({named})")
    if plan.completed:
        said.append(f"{_ids(plan.completed)} of 15 characters completed to 18")
    return Text("\n".join(said), "green") if said else None


def _ids(n: int) -> str:
    return f"{n:,} {'id' if n == 1 else 'ids'}"


def question(plan: LeadPlan) -> Table:
    """Show what each lead is asked, long instructions shortened."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    flat = " ".join(plan.instructions.split())
    table.add_row("instructions", Text(flat if len(flat) <= LONGEST_TEXT else flat[: LONGEST_TEXT - 1] + "…"))
    table.add_row("with its", Text(", ".join(plan.fields)))
    for i, (name, words) in enumerate(plan.answer.items()):
        table.add_row("answer" if i == 0 else "", Text.assemble(name, (f": {words}", "dim")))
    return table


def lead_facts(plan: LeadPlan) -> Iterator[tuple[str, str]]:
    """Yield what the analysis would ask of Salesforce and of the AI, a name and a sentence each."""
    writing = f", {plan.write_calls:,} that write back" if plan.write_calls else ""
    yield "Salesforce", f"{plan.fetch_calls:,} {'request' if plan.fetch_calls == 1 else 'requests'} to fetch{writing}"
    yield "model", f"{plan.model}, {_mode(plan)}"
    yield "tokens", f"about {plan.input_tokens:,} in and {plan.output_tokens:,} out"
    if plan.then:
        yield "then", plan.then


def lead_rate(plan: LeadPlan, per_second: float) -> str:
    """Say how many leads are assessed a second, and what keeps them from being more."""
    if plan.in_batches:
        return "in batches, within 24 hours; what they leave is asked live"
    rate = f"{per_second:,.3g} leads a second"
    if plan.decided_by == "concurrency":
        return f"{rate}: {plan.at_once} at once, an answer taken to last {format_duration(plan.assumed_seconds)}"
    return f"{rate}, as the limits say; up to {plan.at_once} at once"


def lead_cost(plan: LeadPlan) -> str:
    """Say what it costs live and in batches."""
    live, batch = f"{plan.cost_live:,.2f} live", f"{plan.cost_batch:,.2f} in batches"
    return f"{batch}; {live}" if plan.in_batches else f"{live}; {batch}, within a day (assess.mode: batch)"


def _mode(plan: LeadPlan) -> str:
    if plan.mode is Mode.AUTO:
        return f"mode auto: {'in batches' if plan.in_batches else 'live'}"
    return f"mode {plan.mode}"
