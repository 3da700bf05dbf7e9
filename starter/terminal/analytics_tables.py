"""What ``clarion variants`` and ``clarion analytics`` print."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clarion.domain.comparison import Judgement
from starter.analytics_views import Analytics, AttemptSums, Sums
from starter.terminal.panels import status_style
from starter.terminal.tables import new_table
from starter.variants import VariantLine, VariantResults

MOST = 10
"""Lines of a list that would otherwise be long; JSON has all."""

BAR = 24
"""Columns of the longest bar."""

STYLES = {Judgement.DIFFERENT: "bold green", Judgement.CHANCE: "bold", Judgement.TOO_FEW: "yellow", None: "dim"}


def variants_view(found: VariantResults) -> RenderableType:
    """Show a campaign's variants side by side."""
    head = Text.assemble((found.name, "bold"), f"  {found.campaign_id}  ", (found.status, status_style(found.status)))
    verdict = Text(found.verdict, STYLES[found.judgement])
    if not found.variants:
        return Group(head, Text(), verdict)
    numbers = ("share", "targets", "done", "succeeded", "rate", "cost", "each")
    texts = any(line.replies is not None for line in found.variants)
    answers = ("answers", "stops") if texts else ()
    table = new_table("variant", *numbers, *answers, right=(*numbers, *answers), whole=(*numbers, *answers))
    for line in found.variants:
        table.add_row(Text(line.name, "bold" if line.name == found.best else ""), *_cells(line, texts=texts))
    without = [Text(f"{found.without:,} targets have no variant", "dim")] if found.without else []
    return Group(head, Text(), table, Text(), *without, verdict)


def analytics_view(found: Analytics) -> RenderableType:
    """Show how campaigns did."""
    only = "".join(f", {word}" for word in (found.channel, found.account) if word)
    days = len(found.days)
    head = Text(
        f"the last {days} days{only}, by {found.time_zone}" if days > 1 else f"today{only}, by {found.time_zone}"
    )
    if not found.campaigns:
        return Group(head, Text("no campaign was under way in these days", "dim"))
    parts: list[RenderableType] = [head, Text(), _channels(found), Text()]
    parts += [_bars("hour", [(f"{line.hour:02}:00", line) for line in found.hours]), Text()]
    parts += [_bars("weekday", [(line.weekday, line) for line in found.weekdays]), Text(), _campaigns(found)]
    if len(found.texts) > 1:
        parts += [Text(), _texts(found)]
    return Group(*parts)


def _cells(line: VariantLine, *, texts: bool) -> list[str]:
    books = line.books
    cells = [f"{100 * line.share:.0f} %", f"{books.total:,}", f"{books.succeeded + books.failed:,}"]
    cells += [f"{books.succeeded:,}", _rate(line), f"{line.cost:,.2f}", _money(line.cost_per_success)]
    return [*cells, *([f"{line.replies:,}", f"{line.stops:,}"] if texts else [])]


def _channels(found: Analytics) -> Table:
    numbers = ("campaigns", "attempts", "succeeded", "failed", "rate", "cost", "each")
    table = new_table("channel", *numbers, right=numbers, whole=numbers)
    for line in found.channels:
        table.add_row(line.channel, f"{line.campaigns:,}", f"{line.attempts:,}", *_sums(line))
    return table


def _bars(what: str, lines: Sequence[tuple[str, AttemptSums]]) -> Table:
    """Show success rates as bars, as far as anybody was contacted."""
    table = new_table(what, "attempts", "rate", "", right=("attempts", "rate"), whole=("attempts", "rate"))
    for name, line in lines:
        if line.attempts:
            table.add_row(
                name, f"{line.attempts:,}", _rate(line), Text("█" * round(BAR * (line.success_rate or 0)), "green")
            )
    return table


def _campaigns(found: Analytics) -> Table:
    numbers = ("succeeded", "failed", "rate", "cost", "each")
    table = new_table("campaign", "channel", *numbers, right=numbers, whole=("campaign", *numbers))
    for line in found.campaigns[:MOST]:
        table.add_row(Text(line.campaign_id, "bold"), line.channel, *_sums(line))
    more = len(found.campaigns[MOST:]) + found.more_campaigns
    if more:
        table.caption = f"and {more:,} older ones"
    return table


def _texts(found: Analytics) -> Table:
    numbers = ("succeeded", "failed", "rate", "cost", "each")
    table = new_table("said", "channel", *numbers, right=numbers, whole=numbers)
    for line in found.texts[:MOST]:
        table.add_row(Text(line.sample or "–"), line.channel, *_sums(line))
    return table


def _sums(line: Sums) -> list[str]:
    return [f"{line.succeeded:,}", f"{line.failed:,}", _rate(line), f"{line.cost:,.2f}", _money(line.cost_per_success)]


def _rate(line: Sums | VariantLine) -> str:
    """Write a success rate with the interval that it lies in."""
    if line.success_rate is None or line.low is None or line.high is None:
        return "–"
    return f"{100 * line.success_rate:.1f} % ({100 * line.low:.0f}–{100 * line.high:.0f})"


def _money(amount: float | None) -> str:
    return "–" if amount is None else f"{amount:,.4f}"
