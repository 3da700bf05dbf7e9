"""Turns what the use cases give into pages: templates, how figures are written, and a word for the next page."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote, unquote

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from starter.dashboard import charts
from starter.dashboard.visitors import Visitor
from starter.times import clock, iso, span, when

HERE = Path(__file__).parent
PREFIX = "/dashboard"
WORD = "clarion_word"
"""Cookie that carries a sentence to the next page."""
LONGEST_WORD = 1_500
THEME = "clarion_theme"


class Theme(StrEnum):
    """How the pages look."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


def number(value: float | None) -> str:
    """Write a count with separators, and a fraction with as many places as tell something."""
    if value is None:
        return "–"
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"


def money(value: float | None) -> str:
    """Write an amount; small ones with more places."""
    if value is None:
        return "–"
    return f"{value:,.2f}" if not value or abs(value) >= 0.1 else f"{value:,.4f}"


def percent(share: float | None) -> str:
    """Write a share between 0 and 1."""
    return "–" if share is None else f"{100 * share:.1f} %"


def words(text: object) -> str:
    """Write a status, a state or an outcome as people read it."""
    return str(getattr(text, "value", text) or "–").replace("_", " ")


def moment(at: float | None) -> str:
    """Write an instant as shortly as its distance from now allows."""
    return "–" if at is None else clock(at, time.time())


def moment_and_distance(at: float | None) -> str:
    """Write an instant, and how far it is from now."""
    return "–" if at is None else when(at, time.time())


def lasting(seconds: float | None) -> str:
    """Write a length of time."""
    return "–" if seconds is None else span(seconds)


def zone_name() -> str:
    """Name the time zone that times are written in."""
    return datetime.now(UTC).astimezone().strftime("%Z (UTC%z)")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "money": money,
        "percent": percent,
        "words": words,
        "moment": moment,
        "when": moment_and_distance,
        "lasting": lasting,
        "iso": iso,
    }
    environment.globals |= {
        "prefix": PREFIX,
        "stacked": charts.stacked,
        "bar": charts.bar,
        "area": charts.area,
        "rates": charts.rates,
        "interval": charts.interval,
        "columns": charts.columns,
        "zone": zone_name,
        "now": time.time,
    }
    return environment


ENVIRONMENT = _environment()


def page(
    request: Request, template: str, status: int = 200, headers: Mapping[str, str] | None = None, /, **given: object
) -> HTMLResponse:
    """Render a page for whoever looks at it; a word left for them is said once."""
    visitor = getattr(request.state, "visitor", None)
    word = request.cookies.get(WORD)
    theme = request.cookies.get(THEME, Theme.SYSTEM.value)
    shown = {
        "visitor": visitor if isinstance(visitor, Visitor) else None,
        "theme": theme if theme in set(Theme) else Theme.SYSTEM.value,
        "word": _word_of(word),
        "path": request.url.path,
        "error": None,
        "installed_tenant": request.app.state.installation.settings.tenant,
    }
    answer = HTMLResponse(ENVIRONMENT.get_template(template).render(shown | given), status, headers)
    if word is not None:
        answer.delete_cookie(WORD, path=PREFIX)
    return answer


def fragment(template: str, status: int = 200, /, **given: object) -> HTMLResponse:
    """Render a piece of a page, for one that is open already."""
    return HTMLResponse(ENVIRONMENT.get_template(template).render(given), status)


def go(path: str, word: str = "", *, bad: bool = False) -> Response:
    """Send the browser to a page of ours after something was done, and leave a word about it."""
    answer = RedirectResponse(PREFIX + path, 303)
    if word:
        told = ("!" if bad else ".") + word[:LONGEST_WORD]
        answer.set_cookie(WORD, quote(told, safe=""), max_age=60, path=PREFIX, httponly=True, samesite="strict")
    return answer


def _word_of(cookie: str | None) -> dict[str, object] | None:
    if not cookie:
        return None
    told = unquote(cookie)
    return {"bad": told.startswith("!"), "text": told[1:]}
