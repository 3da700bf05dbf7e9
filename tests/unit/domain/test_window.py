"""Hours and days of contact, on the clock of the target."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from clarion.domain.window import WEEK, Window, is_open, nearest_zone, next_opening, valid_zone

BERLIN, NEW_YORK, LOS_ANGELES = "Europe/Berlin", "America/New_York", "America/Los_Angeles"


def window(from_: str, to: str, days: str = "", time_zone: str = "target") -> Window:
    """A window on the given days ("mon tue"; none means all)."""
    given_days = {"days": days.split()} if days else {}
    return Window.model_validate({"from": from_, "to": to, "time_zone": time_zone, **given_days})


def at(zone: str, text: str, fold: int = 0) -> float:
    """Epoch seconds of a wall clock."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


DAY = window("09:00", "20:00")
NIGHT = window("20:00", "02:00", "fri")


@pytest.mark.parametrize(
    ("clock", "is_it"),
    [("08:59:59.999", False), ("09:00", True), ("19:59:59.999", True), ("20:00", False), ("00:00", False)],
)
def test_a_window_is_open_from_its_first_minute_up_to_its_last(clock: str, is_it: bool) -> None:
    assert is_open(DAY, [BERLIN], at(BERLIN, f"2026-06-10T{clock}")) is is_it


@pytest.mark.parametrize(
    ("moment", "is_it"),
    [
        ("2026-06-12T19:59", False),  # a Friday
        ("2026-06-12T20:00", True),
        ("2026-06-13T01:59", True),
        ("2026-06-13T02:00", False),
        ("2026-06-13T20:00", False),
        ("2026-06-12T01:00", False),
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_it_opens_on(moment: str, is_it: bool) -> None:
    assert is_open(NIGHT, [BERLIN], at(BERLIN, moment)) is is_it


def test_the_whole_day_is_written_with_24_hours() -> None:
    whole = window("00:00", "24:00", "mon")
    monday = at(BERLIN, "2026-06-08T00:00")
    assert [is_open(whole, [BERLIN], monday + hour * 3600) for hour in (-1, 0, 12, 23, 24)] == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_a_window_in_a_zone_of_its_own_asks_no_target() -> None:
    fixed = window("09:00", "20:00", time_zone=BERLIN)
    assert is_open(fixed, [LOS_ANGELES], at(BERLIN, "2026-06-10T10:00"))
    assert is_open(fixed, [], at(BERLIN, "2026-06-10T10:00"))
    assert next_opening(fixed, [], at(BERLIN, "2026-06-10T21:00")) == at(BERLIN, "2026-06-11T09:00")


@pytest.mark.parametrize("zones", [[], ["Atlantis/Capital"], [BERLIN, "Atlantis/Capital"], ["../../etc/passwd"]])
def test_a_window_stays_closed_where_the_time_is_unknown(zones: list[str]) -> None:
    assert not is_open(DAY, zones, at(BERLIN, "2026-06-10T12:00"))
    assert next_opening(DAY, zones, at(BERLIN, "2026-06-10T12:00")) is None


def test_an_open_window_opens_now() -> None:
    now = at(BERLIN, "2026-06-10T12:34:56.789")
    assert next_opening(DAY, [BERLIN], now) == now


def test_the_next_opening_skips_the_days_that_are_not_named() -> None:
    weekdays = window("09:00", "17:00", "mon tue wed thu fri")
    assert next_opening(weekdays, [BERLIN], at(BERLIN, "2026-06-12T17:00")) == at(BERLIN, "2026-06-15T09:00")


def test_a_weekly_window_just_missed_opens_a_week_later() -> None:
    weekly = window("09:00", "10:00", "mon")
    assert next_opening(weekly, [BERLIN], at(BERLIN, "2026-06-08T10:00")) == at(BERLIN, "2026-06-15T09:00")


def test_with_several_zones_the_window_must_be_open_in_all_of_them() -> None:
    zones = [BERLIN, NEW_YORK]
    assert not is_open(DAY, zones, at(BERLIN, "2026-06-10T10:00"))
    assert is_open(DAY, zones, at(BERLIN, "2026-06-10T15:00"))
    assert next_opening(DAY, zones, at(BERLIN, "2026-06-10T10:00")) == at(NEW_YORK, "2026-06-10T09:00")


def test_zones_without_an_hour_in_common_never_open() -> None:
    assert next_opening(window("09:00", "12:00"), [BERLIN, LOS_ANGELES], at(BERLIN, "2026-06-10T10:00")) is None


def test_an_opening_in_the_hour_that_is_skipped_in_spring_happens_when_the_clock_jumps_over_it() -> None:
    early = window("02:30", "06:00")
    assert next_opening(early, [BERLIN], at(BERLIN, "2026-03-29T01:00")) == utc("2026-03-29T01:00")
    assert is_open(early, [BERLIN], utc("2026-03-29T01:00"))  # the wall shows 03:00
    assert not is_open(early, [BERLIN], utc("2026-03-29T00:59"))


def test_a_window_inside_the_skipped_hour_opens_the_day_after() -> None:
    inside = window("02:15", "02:45")
    assert next_opening(inside, [BERLIN], at(BERLIN, "2026-03-29T00:00")) == at(BERLIN, "2026-03-30T02:15")


def test_in_the_hour_that_comes_twice_in_autumn_the_wall_clock_counts_both_times() -> None:
    window_ = window("02:30", "06:00")
    first, again = at(BERLIN, "2026-10-25T02:30"), at(BERLIN, "2026-10-25T02:30", fold=1)
    assert again - first == 3600
    assert next_opening(window_, [BERLIN], first - 600) == first
    assert not is_open(window_, [BERLIN], first + 1800)  # the wall shows 02:00 for the second time
    assert next_opening(window_, [BERLIN], first + 1800) == again


def test_a_window_that_closed_before_the_clock_went_back_is_open_again() -> None:
    evening = window("20:00", "02:30")
    turned_back = utc("2026-10-25T01:00")  # 03:00 becomes 02:00
    assert not is_open(evening, [BERLIN], turned_back - 60)
    assert next_opening(evening, [BERLIN], turned_back - 60) == turned_back


def test_offsets_of_half_and_quarter_hours_count() -> None:
    assert next_opening(DAY, ["Asia/Kathmandu"], utc("2026-06-10T00:00")) == utc("2026-06-10T03:15")
    lord_howe = "Australia/Lord_Howe"  # its clocks change by half an hour
    assert next_opening(window("02:00", "03:00"), [lord_howe], utc("2026-10-03T15:00")) == utc("2026-10-03T15:30")


HOURS = st.integers(0, 23)
MINUTES = st.sampled_from([0, 15, 30, 59])


@st.composite
def windows(draw: st.DrawFn) -> Window:
    start, end = draw(st.tuples(HOURS, MINUTES)), draw(st.tuples(HOURS, MINUTES))
    if start == end:
        end = ((end[0] + 1) % 24, end[1])
    days = draw(st.lists(st.sampled_from(WEEK), min_size=1, max_size=7))
    return window("{:02}:{:02}".format(*start), "{:02}:{:02}".format(*end), " ".join(days))


ZONES = st.lists(st.sampled_from([BERLIN, NEW_YORK, "Asia/Kathmandu", "Australia/Lord_Howe"]), min_size=1, max_size=2)
AROUND_CLOCK_CHANGES = st.sampled_from(
    ["2026-03-05", "2026-03-27", "2026-04-02", "2026-10-01", "2026-10-23", "2026-06-01"]
)


@settings(max_examples=40, deadline=None)
@given(windows(), ZONES, AROUND_CLOCK_CHANGES, st.integers(0, 72 * 60))
def test_the_next_opening_is_the_first_open_minute(window_: Window, zones: list[str], day: str, minutes: int) -> None:
    now = utc(day) + minutes * 60
    opening = next_opening(window_, zones, now)
    scanned = (now + 60 * minute for minute in range(8 * 1440 + 1))
    assert opening == next((instant for instant in scanned if is_open(window_, zones, instant)), None)


def test_an_opening_between_two_full_minutes_is_found() -> None:
    now = at(BERLIN, "2026-06-10T08:59:30.5")
    assert next_opening(DAY, [BERLIN], now) == at(BERLIN, "2026-06-10T09:00")


@pytest.mark.parametrize(
    ("given_window", "problem"),
    [
        ({"from": "09:00", "to": "09:00"}, "from and to are both 09:00"),
        ({"from": "25:00", "to": "09:00"}, "is not a time of day"),
        ({"from": "09:60", "to": "10:00"}, "is not a time of day"),
        ({"from": 540, "to": "10:00"}, "540 is not a time of day; write it in quotes"),
        ({"from": "9", "to": "10:00"}, "is not a time of day"),
        ({"from": "09:00:30", "to": "10:00"}, "is not a time of day"),
        ({"from": "24:30", "to": "10:00"}, "is not a time of day"),
        ({"from": "09:00", "to": "10:00", "days": []}, "no day is given"),
        ({"from": "09:00", "to": "10:00", "time_zone": "Europe/Berln"}, 'did you mean "Europe/Berlin"?'),
        ({"from": "09:00", "to": "10:00", "time_zone": "right/Europe/Berlin"}, "is not a time zone"),
    ],
)
def test_an_impossible_window_is_refused(given_window: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem.replace("?", r"\?")):
        Window.model_validate(given_window)


def test_days_are_read_in_any_order_and_length() -> None:
    assert window("9:00", "10:00", "Friday mon MON Tue").days == WEEK[:2] + WEEK[4:5]


@given(windows())
def test_a_window_survives_being_written_and_read(window_: Window) -> None:
    assert Window.model_validate_json(window_.model_dump_json()) == window_
    assert Window.model_validate(window_.model_dump()) == window_


@pytest.mark.parametrize(
    ("name", "valid"),
    [(BERLIN, True), ("UTC", True), ("Europe", False), ("", False), ("europe/berlin", False), ("/etc/passwd", False)],
)
def test_a_zone_is_known_by_its_exact_name(name: str, valid: bool) -> None:
    assert valid_zone(name) is valid


def test_a_mistyped_zone_finds_its_name() -> None:
    assert nearest_zone("america/new york") == ' (did you mean "America/New_York"?)'
    assert nearest_zone("0000") == ""


def test_a_window_stands_for_at_most_eight_days() -> None:
    now = at(BERLIN, "2026-06-10T12:00")
    opening = next_opening(window("09:00", "10:00", "wed"), [BERLIN], now)
    assert opening is not None
    assert timedelta(seconds=opening - now) < timedelta(days=8)
