"""Charts as SVG, made on the server: they need no script, follow the colours of the page, and stretch to any width."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from clarion.domain.books import Books
from clarion.domain.target import TargetState

WIDE, HIGH = 1000, 200
"""Units of a drawing, which is stretched to the place it has."""

IN_ORDER = (
    TargetState.SUCCEEDED,
    TargetState.FAILED,
    TargetState.SKIPPED,
    TargetState.UNKNOWN,
    TargetState.CANCELLED,
    TargetState.ACTIVE,
    TargetState.WAITING,
    TargetState.PENDING,
)
"""As the bar of a campaign shows them: what is settled first, what is still to do last."""


def stacked(books: Books) -> Markup:
    """Draw the books as one bar."""
    total = books.counted or 1
    pieces, at = [], 0.0
    for state in IN_ORDER:
        n = getattr(books, state.value)
        wide = WIDE * n / total
        if n:
            title = f"{state.value} {n:,}"
            pieces.append(_rect(at, 0, max(wide, 2.0), 10, f"s-{state.value}", title))
        at += wide
    said = ", ".join(f"{state.value} {getattr(books, state.value):,}" for state in IN_ORDER if getattr(books, state))
    return _drawing("stack", 10, pieces, said or "nobody yet")


def bar(share: float, kind: str = "accent") -> Markup:
    """Draw one bar, ``share`` of its place wide (0 to 1)."""
    wide = WIDE * min(max(share, 0.0), 1.0)
    return _drawing("bar", 10, [_rect(0, 0, wide, 10, f"s-{kind}", "")], "")


def interval(low: float | None, high: float | None, rate: float | None) -> Markup:
    """Draw where a share lies: what it was, and how far chance may have moved it (all from 0 to 1)."""
    if low is None or high is None or rate is None:
        return _drawing("interval", 10, [], "not known yet")
    pieces = [
        _rect(WIDE * low, 0, max(WIDE * (high - low), 4.0), 10, "s-range", ""),
        _rect(max(WIDE * rate - 5, 0), 0, 10, 10, "s-accent", ""),
    ]
    return _drawing("interval", 10, pieces, f"{rate:.1%}, between {low:.1%} and {high:.1%}")


def area(values: Sequence[float], said: str) -> Markup:
    """Draw a row of values, evenly spaced, as a line with the area below it."""
    most = max(values, default=0.0) or 1.0
    step = WIDE / max(len(values) - 1, 1)
    dots = [f"{step * i:.1f},{HIGH - (HIGH - 8) * value / most:.1f}" for i, value in enumerate(values)]
    if len(dots) == 1:
        dots.append(f"{WIDE},{dots[0].partition(',')[2]}")
    line = " ".join(dots)
    pieces = [_grid()]
    if dots:
        pieces.append(
            Markup('<polygon class="c-area" points="0,{h} {line} {w},{h}"/>').format(h=HIGH, w=WIDE, line=line)
        )
        pieces.append(Markup('<polyline class="c-line" points="{}"/>').format(line))
    return _drawing("plot", HIGH, pieces, said)


def rates(per_minute: Sequence[float], span: float, said: str) -> Markup:
    """Draw a rate over time, each value over ``span`` seconds: the few of a short campaign as a column each."""
    if span > 1.0 and len(per_minute) > 2:
        return area(per_minute, said)
    most = max(per_minute, default=0.0) or 1.0
    titles = [f"{value:,.0f}" for value in per_minute]
    return columns([value / most if value else None for value in per_minute], titles, said)


def columns(shares: Sequence[float | None], titles: Sequence[str], said: str, kind: str = "accent") -> Markup:
    """Draw a column for each share (0 to 1); None leaves its place empty."""
    step = WIDE / max(len(shares), 1)
    pieces = [_grid()]
    for i, share in enumerate(shares):
        if share is not None:
            high = max(HIGH * min(share, 1.0), 2.0)
            pieces.append(_rect(step * i + step * 0.15, HIGH - high, step * 0.7, high, f"s-{kind}", titles[i]))
    return _drawing("plot", HIGH, pieces, said)


def _grid() -> Markup:
    lines = (f"M0 {HIGH * part:g}H{WIDE}" for part in (0.25, 0.5, 0.75))
    return Markup('<path class="c-grid" d="{}"/>').format(" ".join(lines))


def _rect(x: float, y: float, wide: float, high: float, kind: str, title: str) -> Markup:
    told = Markup("<title>{}</title>").format(title) if title else Markup("")
    return Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="{}">{}</rect>').format(
        x, y, wide, high, kind, told
    )


def _drawing(kind: str, high: int, pieces: Sequence[Markup], said: str) -> Markup:
    role = Markup('role="img" aria-label="{}"').format(said) if said else Markup('aria-hidden="true"')
    return Markup('<svg class="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" {}>{}</svg>').format(
        kind, WIDE, high, role, Markup("").join(escape(piece) for piece in pieces)
    )
