"""How ``clarion check`` shows what it found."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from clarion.audience.wording import shortened
from starter.checking.forecast import MINUTES_PER_CALL
from starter.checking.preflight import Preflight
from starter.terminal.preflight_call_view import call_rate, call_sample
from starter.terminal.preflight_leads_view import ids_line, lead_cost, lead_facts, lead_rate, question
from starter.terminal.tables import new_table, some_rows
from starter.times import span, when

LONGEST_SAMPLE = 160
"""Characters shown of what a variant says."""


def preflight_view(found: Preflight, now: float) -> RenderableType:
    """Show what a preflight found."""
    parts: list[RenderableType] = [_head(found), Text()]
    if found.leads is not None and (line := ids_line(found.leads)) is not None:
        parts += [line, Text()]
    if found.reasons:
        parts += [_reasons(found), Text()]
    if found.sample_row is not None:
        title, sample = _sample(found)
        parts += [Panel(sample, title=Text(title, "dim"), title_align="left", border_style="dim", width=76)]
    if found.variants:
        parts += [_variants(found), Text()]
    parts.append(_facts(found, now))
    notes = found.call.notes if found.call else found.leads.notes if found.leads else ()
    parts += [Text(note, "dim") for note in notes]
    parts += [Text(problem, "yellow") for problem in found.problems]
    if not found.accepted:
        nobody = "nobody would be contacted" if found.leads is None else "nothing would be asked"
        parts.append(Text(f"{nobody}: no row can be used", "bold red"))
    return Group(*parts)


def _head(found: Preflight) -> Text:
    return Text.assemble(
        (found.name, "bold"),
        (f"  {found.channel}\n", "dim"),
        (f"{found.file} ({found.read_as})\n\n", "dim"),
        (f"{found.accepted:,}", "bold green" if found.accepted else "bold red"),
        f" of {found.total:,} rows would be {'contacted' if found.leads is None else 'assessed'}, ",
        (f"{found.rejected:,}", "bold yellow" if found.rejected else "bold"),
        " left out",
    )


def _sample(found: Preflight) -> tuple[str, RenderableType]:
    """Return what the first row would get, and above it who."""
    if found.leads is not None:
        return " each lead would be asked ", question(found.leads)
    if found.call is not None:
        return f" row {found.sample_row} would be called with ", call_sample(found.call)
    return f" row {found.sample_row} would get ", Text(found.sample_text)


def _reasons(found: Preflight) -> Table:
    table = new_table("rows", "left out as", "for example", right=("rows",))
    for reason in found.reasons:
        name = Text(reason.reason.replace("_", " "), "yellow")
        example = f"row {reason.rows[0]}: {reason.example}"
        others = f"\n{some_rows(reason.rows, reason.count)}" if reason.count > 1 else ""
        table.add_row(f"{reason.count:,}", name, Text.assemble(example, (others, "dim")))
    return table


def _variants(found: Preflight) -> Table:
    """Show what each variant comes to, and the first that somebody would get of it."""
    table = new_table("variant", "share", "rows", "for example", right=("share", "rows"), whole=("share", "rows"))
    for plan in found.variants:
        words = {"prompt": plan.prompt, "agent": plan.agent}
        said = [plan.sample_text, *(f"{name}: {text}" for name, text in words.items() if text)]
        example = Text("\n".join(shortened(text, LONGEST_SAMPLE) for text in said if text))
        table.add_row(Text(plan.name), f"{100 * plan.share:.0f} %", f"{plan.accepted:,}", example)
    return table


def _facts(found: Preflight, now: float) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    if found.leads is not None:
        for name, words in lead_facts(found.leads):
            table.add_row(name, Text(words))
        table.add_row("rate", lead_rate(found.leads, found.per_second or 0.0))
    elif found.call is None:
        shares = ", ".join(f"{n:,} of {count}" for count, n in found.segments_per_text.items())
        table.add_row("segments", f"{found.segments:,} in all ({shares}), {found.encoding}" if shares else "0")
        table.add_row("rate", f"{found.per_second:g} a second" if found.per_second else "unlimited")
    else:
        table.add_row("rate", call_rate(found.call, found.per_second or 0.0))
    table.add_row("starts", when(found.starts_at, now) if found.starts_at > now else "at once")
    if found.moments:
        table.add_row("and again", ", ".join(when(at, now) for at in found.moments[1:]) or "never")
    table.add_row("expected time", _duration(found, now))
    table.add_row("expected cost", _cost(found))
    return table


def _duration(found: Preflight, now: float) -> str:
    if not found.accepted:
        return "–"
    if found.expected_end is None:
        return "as fast as the provider answers" if found.per_second is None else "its window never opens long enough"
    length = span(found.expected_end - found.starts_at)
    if found.leads is not None and found.leads.in_batches:
        return f"at most {length}, until {when(found.expected_end, now)}"
    return f"about {length}, until {when(found.expected_end, now)}; retries come on top"


def _cost(found: Preflight) -> str:
    said = f"{found.expected_cost:,.2f} without retries" if found.leads is None else lead_cost(found.leads)
    if found.call is not None:
        minutes = f"{min(MINUTES_PER_CALL, found.call.max_minutes):g}"
        said = f"{said}, at {minutes} min a call on average; {found.most_cost:,.2f} at most, if all talk to the end"
    if found.budget is None:
        return said
    if found.covered < found.accepted:
        return f"{said}; the budget of {found.budget:,.2f} pays for about {found.covered:,} of {found.accepted:,}"
    return f"{said}, within the budget of {found.budget:,.2f}"
