"""What the commands that look print: tables of campaigns, targets and errors, and the answer to a why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo

from rich.box import SIMPLE_HEAD
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from clarion.domain.target import TargetState
from starter.looking import CampaignLine, ConversationLine, ErrorGroup, TargetLine
from starter.terminal.fitting import FittingTable
from starter.terminal.panels import STATE_STYLES, status_style
from starter.times import clock
from starter.why import Why

CHILD = "└─"
"""Before the id of a campaign that follows the one above it."""

WIDEST_ID = 36
"""Columns that an id may take before it is broken."""


def new_table(*columns: str, right: Iterable[str] = (), whole: Iterable[str] = ()) -> Table:
    """Start a table; the columns named in ``right`` hold numbers, and nothing in those in ``whole`` is broken."""
    table = FittingTable(box=SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    for column in columns:
        justify: JustifyMethod = "right" if column in right else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=column in whole)
    return table


def campaign_table(campaigns: Sequence[CampaignLine], now: float, zone: tzinfo | None = None) -> Table:
    """List campaigns."""
    whole = ("channel", "status", "targets", "done", "created")
    table = new_table("id", "name", *whole, right=("targets", "done"), whole=whole)
    longest = max((len(line.campaign_id) + len(CHILD) * bool(line.parent) for line in campaigns), default=0)
    table.columns[0].no_wrap = longest <= WIDEST_ID  # an id is there to be copied
    for line in campaigns:
        status = Text(line.status.value, status_style(line.status))
        created = clock(line.created_at, now, zone)
        done = f"{line.percent:.1f} %" if line.total else "–"
        name = Text.assemble((CHILD if line.parent else "", "dim"), (line.campaign_id, "bold"))
        table.add_row(name, Text(line.name), line.channel, status, f"{line.total:,}", done, created)
    return table


def target_table(targets: Iterable[TargetLine], now: float, zone: tzinfo | None = None) -> Table:
    """List targets."""
    numbers = ("target", "row", "tries")
    whole = (*numbers, "address", "state")
    table = new_table("target", "row", "address", "state", "outcome", "tries", "why", right=numbers, whole=whole)
    for target in targets:
        due = f"due {clock(target.due_at, now, zone)}" if target.due_at else ""
        table.add_row(
            f"{target.position}",
            f"{target.row}",
            target.address or "–",
            state_text(target.state),
            (target.outcome or "–").replace("_", " "),
            f"{target.attempts}",
            Text("; ".join(part for part in (due, _known(target)) if part)),
        )
    return table


def state_text(state: TargetState) -> Text:
    """Write a state in its colour."""
    return Text(state.value, STATE_STYLES[state])


def _known(target: TargetLine) -> str:
    if target.state is TargetState.ACTIVE:
        return ""  # what is known is of an earlier try
    code = f"{target.provider_code}: " if target.provider_code and target.detail else ""
    return code + (target.detail or target.reason or "")


def error_table(groups: Sequence[ErrorGroup]) -> Table:
    """List why targets were not reached."""
    table = new_table("targets", "state", "outcome", "what it means", right=("targets",))
    for group in groups:
        code = f"{group.provider_code}: " if group.provider_code else ""
        meaning = Text.assemble(code, group.meaning or "–", "\n", (some_rows(group.rows, group.count), "dim"))
        table.add_row(f"{group.count:,}", state_text(group.state), group.outcome.replace("_", " "), meaning)
    return table


def some_rows(rows: Sequence[int], count: int) -> str:
    """Name the first rows of many: ``rows 41, 104, 151 and 7 more``."""
    more = f" and {count - len(rows):,} more" if count > len(rows) else ""
    return f"{'row' if count == 1 else 'rows'} {', '.join(map(str, rows))}{more}"


def conversation_table(conversations: Sequence[ConversationLine], now: float, zone: tzinfo | None = None) -> Table:
    """List what people answered."""
    table = new_table("received", "from", "target", "kind", "text", right=("target",))
    for text in conversations:
        position = "" if text.position is None else str(text.position)
        table.add_row(clock(text.received_at, now, zone), text.address, position, text.kind, Text(text.body))
    return table


def why_view(why: Why, now: float, zone: tzinfo | None = None) -> RenderableType:
    """Write the answer to a why, and the trace below it."""
    target = why.target
    head = Text.assemble(
        ("● ", STATE_STYLES[target.state]),
        (f"target {target.position}", "bold"),
        f" · row {target.row} · {target.address or 'no number'}",
    )
    parts: list[RenderableType] = [head, Text(why.answer, "bold"), Text()]
    if why.also:
        more = ", ".join(str(position) for position in why.also)
        parts.insert(1, Text(f"  also at position {more}", "dim"))
    if why.lead is not None and why.lead.question_key is not None:
        parts.insert(-1, Text(f"  question {why.lead.question_key}", "dim", no_wrap=True, overflow="ignore"))
    trace = new_table("at", "what", "")
    for event in why.events:
        trace.add_row(clock(event.at, now, zone), event.kind.replace("_", " "), Text(event.detail))
    if why.events:
        parts.append(trace)
    if why.attempts:
        parts += [Text(), _attempts(why, now, zone)]
    return Group(*parts)


def _attempts(why: Why, now: float, zone: tzinfo | None) -> Table:
    table = new_table("attempt", "intended", "ended", "outcome", "provider says", "reference", right=("attempt",))
    for attempt in why.attempts:
        said = ": ".join(part for part in (attempt.provider_status, attempt.provider_code) if part)
        table.add_row(
            str(attempt.number),
            clock(attempt.intended_at, now, zone),
            clock(attempt.ended_at, now, zone) if attempt.ended_at else "–",
            (attempt.outcome or "under way").replace("_", " "),
            said or "–",
            attempt.provider_reference or "–",
        )
    return table
