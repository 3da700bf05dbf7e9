"""The live view of a campaign as one Rich renderable, made of nothing but its progress, its log and the time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.panel import Panel
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from clarion.domain.books import Books
from clarion.domain.call import Stage
from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import TargetState
from starter.chronicle import Line
from starter.progress import Progress
from starter.terminal.phase_views import lineage_lines, phase_table, tokens_line
from starter.times import ahead, clock, span, when

WIDE = 104
"""Columns from which three facts stand beside each other."""

NARROW = 72
"""Columns below which each fact has a line of its own."""

WIDEST = 120

STATE_STYLES = {
    TargetState.SUCCEEDED: "green",
    TargetState.FAILED: "red",
    TargetState.SKIPPED: "yellow",
    TargetState.UNKNOWN: "magenta",
    TargetState.CANCELLED: "bright_black",
    TargetState.ACTIVE: "bright_cyan",
    TargetState.WAITING: "blue",
    TargetState.PENDING: "grey50",
}
"""In the order in which the bar shows them: what is settled first, what is still to do last."""

BOOK_COLUMNS = (
    TargetState.PENDING,
    TargetState.WAITING,
    TargetState.ACTIVE,
    TargetState.SUCCEEDED,
    TargetState.FAILED,
    TargetState.SKIPPED,
    TargetState.UNKNOWN,
    TargetState.CANCELLED,
)

STATUS_STYLES = {
    CampaignStatus.RUNNING: "green",
    CampaignStatus.SETTLING: "cyan",
    CampaignStatus.COMPLETED: "bold green",
    CampaignStatus.QUEUED: "blue",
    CampaignStatus.PAUSED: "bold yellow",
    CampaignStatus.PAUSING: "yellow",
    CampaignStatus.CANCELLING: "yellow",
    CampaignStatus.CANCELLED: "bold yellow",
    CampaignStatus.FAILED: "bold red",
}

STANDING = frozenset({CampaignStatus.PAUSED, CampaignStatus.PAUSING, CampaignStatus.CANCELLING})
"""Nothing new is contacted, so that the rate of a minute ago says nothing about the end."""

STAGES: dict[str, str] = {Stage.ANSWERED: "talking", Stage.RINGING: "ringing", Stage.PLACED: "dialling"}
"""How far calls under way have come, in the words of the view."""

GOOD_EVENTS = frozenset({"delivered", "sent", "answered", "assessed", "imported", "created"})
BAD_EVENTS = frozenset(
    {"failed", "undelivered", "invalid_number", "rejected_content", "expired", "halted", "unknown"}
    | {"voicemail", "no_answer", "busy", "unattended"}
    | {"not_found", "refused", "filtered", "truncated", "invalid_answer", "not_written"}
)


def status_style(status: CampaignStatus) -> str:
    """Return the style a status is shown in."""
    return STATUS_STYLES.get(status, "cyan")


@dataclass(frozen=True, slots=True)
class Sight:
    """All that a view shows. ``now`` is in epoch seconds; ``zone`` None shows this machine's local time."""

    progress: Progress
    lines: Sequence[Line] = ()
    now: float = 0.0
    zone: tzinfo | None = None
    warning: str = ""
    """What is wrong with what is shown: the store or Temporal does not answer."""


@dataclass(frozen=True, slots=True)
class BooksBar:
    """The books as one bar; whoever is in a state gets at least one cell of it."""

    books: Books

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the bar as wide as there is room."""
        counts = [(style, getattr(self.books, state.value)) for state, style in STATE_STYLES.items()]
        thin = console.encoding.lower().startswith("utf")
        for style, cells in shares(counts, options.max_width):
            mark = ("━" if thin else "=") if style != STATE_STYLES[TargetState.PENDING] else ("─" if thin else "-")
            yield Segment(mark * cells, Style.parse(style))
        if self.books.counted == 0:
            yield Segment(("─" if thin else "-") * options.max_width, Style.parse("bright_black"))
        yield Segment.line()

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Take whatever width there is."""
        return Measurement(8, options.max_width)


@dataclass(frozen=True, slots=True)
class Flow:
    """Pieces of text beside each other, as many as a line holds; none is broken."""

    pieces: Sequence[Text]
    gap: int = 3

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Fill line after line."""
        line = Text()
        for piece in self.pieces:
            if line and line.cell_len + self.gap + piece.cell_len > options.max_width:
                yield line
                line = Text()
            line.append(" " * self.gap if line else "").append_text(piece)
        yield line


def shares(counts: Sequence[tuple[str, int]], width: int) -> list[tuple[str, int]]:
    """Share ``width`` cells among counts, each that is not 0 getting one at least; largest remainders first."""
    present = [(style, n) for style, n in counts if n > 0]
    total = sum(n for _, n in present)
    if not total or width < len(present):
        return []
    spare = width - len(present)
    exact = [spare * n / total for _, n in present]
    cells = [1 + int(share) for share in exact]
    by_rest = sorted(range(len(present)), key=lambda i: int(exact[i]) - exact[i])
    for i in by_rest[: width - sum(cells)]:
        cells[i] += 1
    return [(style, n) for (style, _), n in zip(present, cells, strict=True)]


def campaign_panel(sight: Sight, *, width: int) -> RenderableType:
    """Draw the live view; ``width`` is the terminal's, in columns."""
    progress = sight.progress
    style = status_style(progress.status)
    parts: list[RenderableType] = [_status_line(sight)]
    if progress.reason and not progress.status.is_final:
        parts.append(Text(progress.reason, "yellow"))
    parts += [Text(), BooksBar(progress.books), Text(), _books(progress.books), Text(), *_outcomes(progress)]
    parts += _of_leads(sight, short=width < NARROW)
    parts.append(_facts(sight, 3 if width >= WIDE else 2 if width >= NARROW else 1))
    parts += lineage_lines(progress)
    if sight.lines:
        parts += [Text(), _log(sight)]
    if sight.warning:
        parts += [Text(), Text(sight.warning, "bold yellow")]
    return Panel(
        Group(*parts),
        title=Text.assemble(" ", (progress.name, "bold"), " "),
        title_align="left",
        subtitle=Text(f" {progress.channel} · {progress.campaign_id} ", "dim"),
        subtitle_align="right",
        border_style=style.removeprefix("bold "),
        padding=(1, 2),
        width=min(width, WIDEST),
    )


def _status_line(sight: Sight) -> RenderableType:
    progress = sight.progress
    books = progress.books
    grid = Table.grid(expand=True)
    grid.add_column(justify="left", no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    left = Text.assemble(("● ", status_style(progress.status)), (progress.status.value, status_style(progress.status)))
    if progress.started_at is not None:
        left.append(f"  {span((progress.finished_at or sight.now) - progress.started_at)}", "dim")
    settled = books.total - books.open - books.unknown
    right = Text.assemble((f"{settled:,}", "bold"), (f" of {books.total:,}   ", "dim"), (_percent(progress), "bold"))
    grid.add_row(left, right)
    return grid


def _percent(progress: Progress) -> str:
    """Never round up to 100 %: that is said of a campaign with nothing left."""
    percent = progress.percent
    if percent >= 100.0 and progress.books.open + progress.books.unknown:
        percent = 99.9
    return f"{percent:.1f} %"


def _books(books: Books) -> RenderableType:
    grid = Table.grid(expand=True, padding=(0, 1))
    for _ in BOOK_COLUMNS:
        grid.add_column(justify="right", no_wrap=True)
    counts = [(state, getattr(books, state.value)) for state in BOOK_COLUMNS]
    grid.add_row(*(Text(f"{n:,}", f"bold {STATE_STYLES[state]}" if n else "bright_black") for state, n in counts))
    grid.add_row(*(Text(state.value, STATE_STYLES[state] if n else "bright_black") for state, n in counts))
    return grid


def _outcomes(progress: Progress) -> Iterable[RenderableType]:
    if progress.outcomes:
        counts = progress.outcomes.items()
        yield Flow([Text.assemble((f"{word.replace('_', ' ')} ", "dim"), f"{n:,}") for word, n in counts])
        yield Text()
    going = [(n, word) for stage, word in STAGES.items() if (n := progress.stages.get(stage, 0))]
    if going:
        said = [Text.assemble(f"{n:,}", (f" {word}", "dim")) for n, word in going]
        yield Flow([Text("calls now:", "dim"), *said])
        yield Text()


def _of_leads(sight: Sight, *, short: bool) -> Iterable[RenderableType]:
    progress = sight.progress
    if progress.phases:
        yield phase_table(progress, sight.now, sight.zone, short=short)
        yield Text()
    if (tokens := tokens_line(progress)) is not None:
        yield tokens
        yield Text()


def _facts(sight: Sight, columns: int) -> RenderableType:
    facts = _chosen_facts(sight)
    rows = -(-len(facts) // columns)
    grid = Table.grid(expand=True, padding=(0, 1))
    for _ in range(columns):
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(ratio=1)
    for row in range(rows):
        cells = [facts[i] if i < len(facts) else ("", "") for i in range(row * columns, (row + 1) * columns)]
        grid.add_row(*(cell for fact in cells for cell in fact))
    return grid


def _chosen_facts(sight: Sight) -> list[tuple[str, str]]:
    progress, now, zone = sight.progress, sight.now, sight.zone
    if progress.status.is_final:
        return _closing_facts(sight)
    eta = None if progress.status in STANDING else progress.eta
    facts = [("rate", _rate(progress)), ("expected end", when(eta, now, zone) if eta else "–")]
    facts.append(("lanes", f"{progress.lanes} · {progress.under_way} under way"))
    if progress.next_due_at is not None and progress.next_due_at > now:
        facts.append(("next due", when(progress.next_due_at, now, zone)))
    else:
        facts.append(("next due", "now" if progress.next_due_at is not None else "–"))
    if progress.budget is not None or progress.spent:
        facts.append(("spent", _money(progress)))
    facts.append(("success rate", _success(progress)))
    return facts


def _closing_facts(sight: Sight) -> list[tuple[str, str]]:
    progress = sight.progress
    facts = [("success rate", _success(progress))]
    if progress.budget is not None or progress.spent:
        facts.append(("spent", _money(progress)))
    if progress.finished_at is not None:
        facts.append(("ended", f"{clock(progress.finished_at, sight.now, sight.zone)}"))
        if sight.now - progress.finished_at > 5:
            facts[-1] = ("ended", when(progress.finished_at, sight.now, sight.zone))
    facts.append(("books", "balanced" if progress.books.balanced else "do not balance"))
    return facts


def _rate(progress: Progress) -> str:
    limit = progress.limits.get("effective_per_second")
    now = f"{progress.per_minute:,.0f} a minute"
    return f"{now} of {limit * 60:,.0f}" if limit else now


def _money(progress: Progress) -> str:
    return f"{progress.spent:,.2f}" + (f" of {progress.budget:,.2f}" if progress.budget is not None else "")


def _success(progress: Progress) -> str:
    return "–" if progress.success_rate is None else f"{100 * progress.success_rate:.1f} %"


def _log(sight: Sight) -> RenderableType:
    grid = Table.grid(expand=True, padding=(0, 2, 0, 0))
    grid.add_column(style="bright_black", no_wrap=True)
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for line in sight.lines:
        colour = "green" if line.kind in GOOD_EVENTS else "red" if line.kind in BAD_EVENTS else "default"
        grid.add_row(clock(line.at, sight.now, sight.zone), Text(line.text, colour))
    return grid


def plain_line(sight: Sight) -> str:
    """Say the same in one line, for a log file or a screen reader."""
    progress, books = sight.progress, sight.progress.books
    said = [f"{clock(sight.now, sight.now, sight.zone)} {progress.status}"]
    if progress.reason:
        said[0] += f" ({progress.reason})"
    said.append(f"{_percent(progress)} of {books.total:,}")
    said.append(", ".join(f"{state} {n:,}" for state in BOOK_COLUMNS if (n := getattr(books, state.value))))
    if not progress.status.is_final:
        said.append(f"{progress.per_minute:,.0f} a minute")
        if progress.eta and progress.status not in STANDING:
            said.append(f"ends {clock(progress.eta, sight.now, sight.zone)}, {ahead(progress.eta, sight.now)}")
    if sight.warning:
        said.append(sight.warning)
    return " · ".join(part for part in said if part)
