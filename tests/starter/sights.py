"""A campaign in full swing, as the tests of the live view and its picture show it; run it to draw the picture."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme

from clarion.domain.books import Books
from clarion.domain.campaign import CampaignStatus, Channel
from starter.chronicle import Line
from starter.panels import Sight, campaign_panel
from starter.progress import Progress

NOW = 1_796_200_000.0
ZONE = ZoneInfo("Europe/Berlin")
PICTURE = Path(__file__).parents[2] / "docs" / "images" / "live-view.svg"

RUNNING = Progress(
    campaign_id="spring-service-reminder-4f9a1c",
    name="Spring service reminder",
    channel=Channel.SMS,
    status=CampaignStatus.RUNNING,
    reason="",
    books=Books(
        total=48_210, pending=20_114, waiting=412, active=207, succeeded=25_903, failed=640, skipped=921, unknown=13
    ),
    outcomes={
        "delivered": 25_711,
        "sent": 192,
        "undelivered": 398,
        "duplicate": 514,
        "invalid_phone": 407,
        "failed": 242,
    },
    percent=57.0,
    success_rate=0.9759,
    per_minute=1_181.0,
    eta=NOW + 1_050.0,
    next_due_at=NOW + 42.0,
    under_way=9,
    started_at=NOW - 1_410.0,
    finished_at=None,
    updated_at=NOW - 0.4,
    lanes=10,
    limits={"per_second": 20.0, "per_minute": None, "per_hour": None, "effective_per_second": 19.704},
    budget=450.0,
    spent=238.41,
)

DARK = [(110, 118, 129), (255, 123, 114), (86, 211, 100), (227, 179, 65)]
BRIGHT = [(121, 192, 255), (210, 168, 255), (86, 212, 221), (240, 246, 252)]
THEME = TerminalTheme((13, 17, 23), (201, 209, 217), DARK + BRIGHT, DARK + BRIGHT)
"""Colours that are told apart, also by people who see red and green alike: the words say everything, too."""

OWN_FONTS = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
"""Rich would have the picture load its font from elsewhere; the reader's own fixed-width font does as well."""

LINES = (
    Line(NOW - 1_410, "imported", "imported: customers.csv: 48210 rows"),
    Line(NOW - 1_409, "status", "running"),
    Line(NOW - 610, "limits", "limits: concurrency 10, per_second 20"),
    Line(NOW - 24, "undelivered", "undelivered · 4 targets"),
    Line(NOW - 13, "opted_out", "opted out · target 21407"),
    Line(NOW - 8, "unknown", "unknown · target 26881"),
    Line(NOW - 2, "delivered", "delivered · 163 targets"),
    Line(NOW - 1, "sent", "sent · 197 targets"),
)

SIGHT = Sight(RUNNING, LINES, NOW, ZONE)


def drawn(sight: Sight = SIGHT, width: int = 100) -> str:
    """Return the live view as text without colours."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False, highlight=False, _environ={})
    with console.capture() as capture:
        console.print(campaign_panel(sight, width=width))
    return capture.get()


def picture(width: int = 100) -> str:
    """Return the live view as SVG; the same for the same sight, to the last byte."""
    console = Console(
        file=io.StringIO(), width=width, record=True, force_terminal=True, color_system="truecolor", _environ={}
    )
    console.print(campaign_panel(SIGHT, width=width))
    return console.export_svg(title="clarion watch", theme=THEME, code_format=OWN_FONTS, unique_id="live-view")


if __name__ == "__main__":
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(picture(), encoding="utf-8")
    sys.stdout.write(f"{PICTURE}\n")
