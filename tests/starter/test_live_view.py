"""The live view: what it shows, that it fits, and that it ends when the campaign does."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from rich.console import Console

from clarion.domain.books import Books
from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import NotFound
from clarion.settings import load_settings
from clarion.store.store import Store
from starter.terminal import views
from starter.terminal.panels import STATE_STYLES, Sight, campaign_panel, plain_line, shares
from starter.wiring import Installation
from tests.starter.installation import DELIVERED, SENT, Place, people
from tests.starter.sights import CALL_SIGHT, IMAGES, LINES, NOW, PICTURES, RUNNING, SIGHT, ZONE, drawn, picture


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_the_view_fits_its_terminal_and_shows_everything(width: int) -> None:
    shown = drawn(width=width)
    lines = shown.splitlines()
    assert {len(line) for line in lines} == {min(width, 120)}
    for word in (
        "Spring service reminder", "running", "27,464 of 48,210", "57.0 %", "20,114", "25,903", "delivered 25,711",
        "1,181 a minute of 1,182", "09:44:10, in 18 min", "10 · 9 under way", "238.41 of 450.00", "97.6 %",
        "opted out · target 21407", "spring-service-reminder-4f9a1c",
    ):  # fmt: skip
        assert word in shown


def test_words_of_the_books_stand_apart_on_a_narrow_terminal() -> None:
    (line,) = [line for line in drawn(width=80).splitlines() if "cancelled" in line]
    assert line.strip("│ ").split() == [
        "pending", "waiting", "active", "succeeded", "failed", "skipped", "unknown", "cancelled",
    ]  # fmt: skip


def test_a_pause_says_why() -> None:
    paused = RUNNING.model_copy(update={"status": CampaignStatus.PAUSED, "reason": "the budget of 450 is spent"})
    assert "the budget of 450 is spent" in drawn(replace(SIGHT, progress=paused))


def test_an_end_says_whether_the_books_balance() -> None:
    books = Books(total=10, succeeded=9, failed=1)
    ended = RUNNING.model_copy(update={"status": CampaignStatus.COMPLETED, "books": books, "finished_at": NOW})
    assert "balanced" in drawn(replace(SIGHT, progress=ended))
    wrong = ended.model_copy(update={"books": Books(total=10, succeeded=9)})
    assert "do not balance" in drawn(replace(SIGHT, progress=wrong))


def test_hundred_percent_is_not_said_while_anybody_is_left() -> None:
    books = Books(total=1_000_000, succeeded=999_999, active=1)
    nearly = RUNNING.model_copy(update={"books": books, "percent": 100.0})
    assert "99.9 %" in drawn(replace(SIGHT, progress=nearly))


def test_markup_in_a_name_is_shown_and_not_obeyed() -> None:
    named = RUNNING.model_copy(update={"name": "[red]Sale[/] [link=x]"})
    assert "[red]Sale[/] [link=x]" in drawn(replace(SIGHT, progress=named))


@pytest.mark.parametrize("width", [8, 37, 76])
def test_the_bar_is_full_and_gives_everybody_a_cell(width: int) -> None:
    books = Books(
        total=100_000, pending=50_000, waiting=1, active=1, succeeded=49_000, failed=1, skipped=996, unknown=1
    )
    counts = [(style, getattr(books, state.value)) for state, style in STATE_STYLES.items()]
    cells = shares(counts, width)
    assert sum(n for _, n in cells) == width
    assert len(cells) == 7
    assert min(n for _, n in cells) == 1


def test_a_low_terminal_shows_less_of_the_log_and_never_overflows() -> None:
    bare = len(Console(width=80, _environ={}).render_lines(campaign_panel(replace(SIGHT, lines=()), width=80)))
    heights = {}
    for height in (12, 20, 24, 40):
        console = Console(file=io.StringIO(), width=80, height=height, _environ={})
        heights[height] = len(console.render_lines(views.fitting_panel(SIGHT, console)))
        assert heights[height] <= max(bare, height - 1)
    assert heights[40] == bare + 1 + len(LINES)


def test_without_a_terminal_one_line_says_it_all() -> None:
    assert plain_line(SIGHT) == (
        "09:26:40 running · 57.0 % of 48,210 · pending 20,114, waiting 412, active 207, succeeded 25,903, failed 640, "
        "skipped 921, unknown 13 · 1,181 a minute · ends 09:44:10, in 18 min"
    )


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_the_pictures_in_the_docs_are_the_views_of_today(name: str) -> None:
    """Draw them again with ``PYTHONPATH=. python tests/starter/sights.py`` when this fails."""
    assert (IMAGES / f"{name}.svg").read_text(encoding="utf-8") == picture(name)
    assert "@font-face" not in picture(name)


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_a_view_of_calls_fits_its_terminal_and_says_how_far_they_have_come(width: int) -> None:
    shown = drawn(CALL_SIGHT, width=width)
    assert {len(line) for line in shown.splitlines()} == {min(width, 120)}
    said = " ".join(shown.replace("│", " ").split())
    for word in ("calls now: 8 talking 3 ringing 1 dialling", "12 · 12 under way", "voicemail 118", "no answer 142"):
        assert word in said


def test_calls_that_end_are_green_and_those_that_fail_red() -> None:
    view = campaign_panel(CALL_SIGHT, width=100)
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="standard", _environ={})
    with console.capture() as capture:
        console.print(view)
    coloured = capture.get()
    assert "\x1b[32manswered · 3 targets" in coloured
    assert "\x1b[31mvoicemail · 2 targets" in coloured


def watched(place: Place, meanwhile: Callable[[Store], Awaitable[None]], *, until_final: bool = True) -> str:
    """Follow the campaign "spring" while something happens to it once it is seen; return what was printed."""
    printed = io.StringIO()
    console = Console(file=printed, width=200, _environ={})

    async def happen(store: Store) -> None:
        while not printed.getvalue():
            await asyncio.sleep(0.01)
        await meanwhile(store)

    async def follow() -> None:
        async with Installation.open(load_settings()) as opened:
            happening = asyncio.ensure_future(happen(opened.store))
            await views.follow(opened.campaigns, "spring", console=console, until_final=until_final)
            await happening

    asyncio.run(follow())
    return printed.getvalue()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "BETWEEN_LOOKS", 0.02)


@pytest.mark.usefixtures("quick")
def test_following_ends_with_the_campaign(place: Place) -> None:
    campaign = place.imported(people(2))
    campaign.run()

    async def meanwhile(store: Store) -> None:
        await asyncio.sleep(0.1)
        campaign.contact(DELIVERED, SENT)
        campaign.status(CampaignStatus.SETTLING)
        await asyncio.sleep(0.1)
        campaign.status(CampaignStatus.COMPLETED)

    lines = watched(place, meanwhile).splitlines()
    assert [line.split()[1] for line in lines] == ["running", "settling", "completed"]


@pytest.mark.usefixtures("quick")
def test_following_can_end_with_a_pause(place: Place) -> None:
    campaign = place.imported(people(2))
    campaign.run()

    async def meanwhile(store: Store) -> None:
        await asyncio.sleep(0.1)
        campaign.status(CampaignStatus.PAUSED, "lunch", open_=False)

    assert "paused (lunch)" in watched(place, meanwhile, until_final=False).splitlines()[-1]


@pytest.mark.usefixtures("quick")
def test_following_says_that_temporal_cannot_be_asked_and_goes_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "STILL", float("-inf"))
    campaign = place.imported(people(1))
    campaign.run()

    async def meanwhile(store: Store) -> None:
        await asyncio.sleep(1.5)
        campaign.status(CampaignStatus.COMPLETED)

    lines = watched(place, meanwhile).splitlines()
    assert any("Temporal at 127.0.0.1" in line for line in lines)
    assert "completed" in lines[-1]


@pytest.mark.usefixtures("quick")
def test_following_outlives_a_database_that_is_away_for_a_while(place: Place) -> None:
    campaign = place.imported(people(1))
    campaign.run()
    away = place.folder.with_name("away")

    async def meanwhile(store: Store) -> None:
        place.store.close()
        place.folder.rename(away)
        store.database.close()
        await asyncio.sleep(1.5)
        away.rename(place.folder)
        campaign.status(CampaignStatus.COMPLETED)

    lines = watched(place, meanwhile).splitlines()
    assert any("cannot be reached" in line for line in lines)
    assert "completed" in lines[-1]


def test_following_nothing_is_refused(place: Place) -> None:
    async def nothing(store: Store) -> None:
        raise AssertionError

    with pytest.raises(NotFound):
        watched(place, nothing)


def test_on_a_terminal_the_view_is_drawn_in_place(place: Place) -> None:
    place.imported(people(1)).status(CampaignStatus.COMPLETED)
    console = Console(file=io.StringIO(), width=80, height=30, force_terminal=True, _environ={})

    async def follow() -> None:
        async with Installation.open(load_settings()) as opened:
            await views.follow(opened.campaigns, "spring", console=console)

    asyncio.run(follow())
    assert isinstance(console.file, io.StringIO)
    drawn_view = console.file.getvalue()
    assert "\x1b[?25l" in drawn_view
    assert drawn_view.endswith("\x1b[?25h")
    assert "Spring reminder" in drawn_view


def test_a_sight_knows_its_zone() -> None:
    assert plain_line(Sight(RUNNING, (), NOW, ZONE)).startswith("09:26:40")
