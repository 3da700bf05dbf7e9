"""Campaigns in full swing, as the tests of the live view and its pictures show them; run it to draw the pictures."""

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
from clarion.store.phases import Phase
from starter.chronicle import Line
from starter.phases import PhaseFigures
from starter.progress import Follower, Progress, Tokens
from starter.terminal.panels import Sight, campaign_panel

NOW = 1_796_200_000.0
ZONE = ZoneInfo("Europe/Berlin")
IMAGES = Path(__file__).parents[2] / "docs" / "images"

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


CALLING = Progress(
    campaign_id="yearly-service-calls-8d02b7",
    name="Yearly service calls",
    channel=Channel.CALL,
    status=CampaignStatus.RUNNING,
    reason="",
    books=Books(
        total=2_480,
        pending=1_362,
        waiting=171,
        active=12,
        succeeded=702,
        failed=181,
        skipped=48,
        unknown=4,
    ),
    outcomes={
        "answered": 702,
        "voicemail": 118,
        "no_answer": 142,
        "busy": 61,
        "failed": 31,
        "placed": 12,
        "duplicate": 19,
        "invalid_phone": 29,
    },
    percent=37.5,
    success_rate=0.795,
    per_minute=14.0,
    eta=NOW + 6_900.0,
    next_due_at=NOW + 65.0,
    under_way=12,
    stages={"placed": 1, "ringing": 3, "answered": 8},
    started_at=NOW - 4_120.0,
    finished_at=None,
    updated_at=NOW - 0.4,
    lanes=12,
    limits={"per_second": None, "per_minute": 20.0, "per_hour": None, "effective_per_second": 0.333},
    budget=600.0,
    spent=163.87,
)

CALL_LINES = (
    Line(NOW - 4_120, "imported", "imported: contacts.csv: 2480 rows"),
    Line(NOW - 4_118, "status", "queued: 3 campaigns run on account main already; this one is next"),
    Line(NOW - 3_610, "status", "running"),
    Line(NOW - 31, "voicemail", "voicemail · 2 targets"),
    Line(NOW - 18, "busy", "busy · target 944"),
    Line(NOW - 12, "unattended", "unattended · target 951"),
    Line(NOW - 6, "answered", "answered · 3 targets"),
    Line(NOW - 1, "placed", "placed · 2 targets"),
)

CALL_SIGHT = Sight(CALLING, CALL_LINES, NOW, ZONE)

PHASES = (
    PhaseFigures(
        phase=Phase.CHECKED, done=50_000, of=50_000, seconds=9.1, per_second=5_494.5,
        chunks=50, failed_chunks=0, average_chunk_seconds=0.18, success_rate=0.9831, expected_end=None,
    ),
    PhaseFigures(
        phase=Phase.FETCHED, done=49_157, of=49_157, seconds=41.0, per_second=1_198.9,
        chunks=25, failed_chunks=1, average_chunk_seconds=1.58, success_rate=0.998, expected_end=None,
    ),
    PhaseFigures(
        phase=Phase.ASSESSED, done=28_088, of=48_910, seconds=346.0, per_second=81.2,
        chunks=118, failed_chunks=0, average_chunk_seconds=28.9, success_rate=0.9962, expected_end=NOW + 255.0,
    ),
)  # fmt: skip

ASSESSING = Progress(
    campaign_id="fair-leads-2b71e0",
    name="Leads of the spring fair",
    channel=Channel.LEAD_ANALYSIS,
    status=CampaignStatus.RUNNING,
    reason="",
    books=Books(total=50_000, pending=20_642, waiting=38, active=142, succeeded=27_981, failed=204, skipped=993),
    outcomes={
        "assessed": 27_981,
        "invalid_lead_id": 512,
        "duplicate": 331,
        "converted": 150,
        "not_found": 97,
        "refused": 71,
        "truncated": 36,
    },
    percent=58.4,
    success_rate=0.9928,
    per_minute=4_870.0,
    eta=NOW + 255.0,
    next_due_at=NOW - 1.0,
    under_way=142,
    stages={"fetched": 48_910, "reused": 3_204, "assessed": 27_981, "submitted": 0, "written": 0},
    phases=PHASES,
    tokens=Tokens(input=14_612_480, output=2_731_905, reused=3_204),
    followers=(
        Follower(
            campaign_id="fair-leads-2b71e0.then",
            channel=Channel.CALL,
            status=CampaignStatus.RUNNING,
            books=Books(total=2_210, pending=1_870, active=12, succeeded=241, failed=87),
        ),
    ),
    started_at=NOW - 398.0,
    finished_at=None,
    updated_at=NOW - 0.4,
    lanes=150,
    limits={"per_second": None, "per_minute": None, "per_hour": None, "effective_per_second": None},
    budget=25.0,
    spent=9.12,
)

LEAD_LINES = (
    Line(NOW - 402, "imported", "imported: fair.xlsx: 50000 rows"),
    Line(NOW - 398, "status", "running"),
    Line(NOW - 21, "truncated", "truncated · 3 targets"),
    Line(NOW - 9, "refused", "refused · target 28740"),
    Line(NOW - 1, "assessed", "assessed · 812 targets"),
)

LEAD_SIGHT = Sight(ASSESSING, LEAD_LINES, NOW, ZONE)

PICTURES = {"live-view": SIGHT, "live-view-call": CALL_SIGHT, "live-view-leads": LEAD_SIGHT}
"""By the name of the file in docs/images."""


def drawn(sight: Sight = SIGHT, width: int = 100) -> str:
    """Return the live view as text without colours."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False, highlight=False, _environ={})
    with console.capture() as capture:
        console.print(campaign_panel(sight, width=width))
    return capture.get()


def picture(name: str = "live-view", width: int = 100) -> str:
    """Return a live view as SVG; the same for the same sight, to the last byte."""
    console = Console(
        file=io.StringIO(), width=width, record=True, force_terminal=True, color_system="truecolor", _environ={}
    )
    console.print(campaign_panel(PICTURES[name], width=width))
    return console.export_svg(title="clarion watch", theme=THEME, code_format=OWN_FONTS, unique_id=name)


if __name__ == "__main__":
    IMAGES.mkdir(parents=True, exist_ok=True)
    for file in PICTURES:
        (IMAGES / f"{file}.svg").write_text(picture(file), encoding="utf-8")
        sys.stdout.write(f"{IMAGES / file}.svg\n")
