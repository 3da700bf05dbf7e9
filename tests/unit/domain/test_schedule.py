"""Cron lines: what they mean, what is refused, and which moments come next."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.campaign import CampaignSpec, parse_spec
from clarion.domain.cloning import spec_of_clone
from clarion.domain.errors import BadInput, Conflict
from clarion.domain.schedule import Overlap, Schedule, comes_again, next_firings

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC).timestamp()


def spec(**keys: object) -> CampaignSpec:
    usual = {"name": "n", "channel": "sms", "audience": {"file": "a.csv", "address": "phone"}, "message": "Hi."}
    return parse_spec({**usual, **keys})


def coming(cron: str, zone: str, after: str, count: int = 4) -> list[str]:
    moments = next_firings(
        Schedule(cron=cron, time_zone=zone), datetime.fromisoformat(after).replace(tzinfo=UTC).timestamp(), count
    )
    return [f"{datetime.fromtimestamp(at, ZoneInfo(zone)):%a %d %b %Y %H:%M %z}" for at in moments]


def test_usual_words() -> None:
    schedule = spec(schedule={"cron": " 0 9  * * mon-fri ", "time_zone": "Europe/Berlin"}).schedule
    assert schedule == Schedule(cron="0 9 * * mon-fri", time_zone="Europe/Berlin")
    assert (schedule.overlap, schedule.catch_up, schedule.until) == (Overlap.SKIP, 3600.0, None)


@pytest.mark.parametrize(
    ("cron", "days"),
    [
        ("0 9 * * mon-fri", {1, 2, 3, 4, 5}),
        ("0 9 * * 1,3", {1, 3}),
        ("0 9 * * sat-sun", {6, 0}),
        ("0 9 * * 5-7", {5, 6, 0}),
        ("0 9 * * 7", {0}),
        ("0 9 * * SUN", {0}),
        ("0 9 * * */3", {0, 3, 6}),
        ("0 9 * * 1-5/2", {1, 3, 5}),
        ("0 9 1 * *", set(range(7))),
        ("@weekly", {0}),
    ],
)
def test_days_of_the_week(cron: str, days: set[int]) -> None:
    assert Schedule(cron=cron, time_zone="UTC").calendar.weekdays == days


@pytest.mark.parametrize(
    ("cron", "why"),
    [
        ("0 9 * *", "has 4 fields; give minute, hour, day, month and day of the week"),
        ("0 0 9 * * *", "has 6 fields"),
        ("0 9 1 * mon", "programs differ in what that means"),
        ("0 9 * * mon#1", '"mon#1" is no day of the week; write numbers from 0 to 6, or sun, mon'),
        ("0 9 L * *", '"L" is no day of the month; write numbers from 1 to 31'),
        ("61 * * * *", '"61" is no minute; write numbers from 0 to 59'),
        ("* 24 * * *", '"24" is no hour'),
        ("0 22-4 * * *", '"22-4" is no hour'),
        ("*/0 * * * *", '"\\*/0" is no minute'),
        ("0 9 * foo *", '"foo" is no month'),
        ("0 9 0 * *", '"0" is no day of the month'),
        ("0 9 31 2 *", "names a day that never comes"),
        ("@reboot", "has 1 fields"),
        ("0 9 * * ,", '"" is no day of the week'),
    ],
)
def test_what_is_refused(cron: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        spec(schedule={"cron": cron, "time_zone": "UTC"})


def test_other_keys_are_checked() -> None:
    with pytest.raises(BadInput, match=r'schedule.time_zone: "Europe/Berln" is not a time zone \(did you mean "Europe'):
        spec(schedule={"cron": "@daily", "time_zone": "Europe/Berln"})
    with pytest.raises(BadInput, match=r"schedule\.time_zone is missing"):
        spec(schedule={"cron": "@daily"})
    with pytest.raises(BadInput, match=r"schedule\.catch_up is"):
        spec(schedule={"cron": "@daily", "time_zone": "UTC", "catch_up": "1s"})
    with pytest.raises(BadInput, match="start_at and schedule both say when it begins"):
        spec(schedule={"cron": "@daily", "time_zone": "UTC"}, start_at="2026-12-01T09:00:00+01:00")


def test_moments_on_the_wall() -> None:
    assert coming("0 9 * * mon-fri", "Europe/Berlin", "2026-11-27T12:00") == [
        "Mon 30 Nov 2026 09:00 +0100",
        "Tue 01 Dec 2026 09:00 +0100",
        "Wed 02 Dec 2026 09:00 +0100",
        "Thu 03 Dec 2026 09:00 +0100",
    ]
    assert coming("0 0 29 2 *", "UTC", "2026-11-27T12:00", 2) == [
        "Tue 29 Feb 2028 00:00 +0000",
        "Sun 29 Feb 2032 00:00 +0000",
    ]


def test_clocks_that_change() -> None:
    assert coming("0 9 * * *", "Europe/Berlin", "2027-03-27T12:00", 1) == ["Sun 28 Mar 2027 09:00 +0200"]
    assert coming("30 2 * * *", "Europe/Berlin", "2027-03-27T12:00", 1) == ["Mon 29 Mar 2027 02:30 +0200"]
    assert coming("30 2 * * *", "Europe/Berlin", "2027-10-30T12:00", 2) == [
        "Sun 31 Oct 2027 02:30 +0100",
        "Mon 01 Nov 2027 02:30 +0100",
    ]
    assert coming("30 1 * * *", "America/New_York", "2027-11-06T12:00", 2) == [
        "Sun 07 Nov 2027 01:30 -0400",
        "Mon 08 Nov 2027 01:30 -0500",
    ]


def test_nothing_begins_twice_when_clocks_go_back() -> None:
    for zone, day, cron in (
        ("Europe/Berlin", "2027-10-31", "30 1 * * *"),
        ("America/New_York", "2027-11-07", "30 1 * * *"),
    ):
        schedule = Schedule(cron=cron, time_zone=zone)
        first = datetime.fromisoformat(f"{day}T01:30").replace(tzinfo=ZoneInfo(zone)).timestamp()
        assert not comes_again(schedule, first)
        assert comes_again(schedule, first + 3_600)
        assert not comes_again(schedule, first + 3_601)
    berlin = Schedule(cron="30 2 * * *", time_zone="Europe/Berlin")
    assert not comes_again(berlin, datetime(2027, 10, 31, 1, 30, tzinfo=UTC).timestamp())
    hourly = Schedule(cron="0 * * * *", time_zone="UTC")
    assert not comes_again(hourly, NOW)


def test_the_end() -> None:
    until = datetime.fromtimestamp(NOW + 2 * 86_400, UTC)
    schedule = Schedule(cron="0 12 * * *", time_zone="UTC", until=until)
    assert next_firings(schedule, NOW) == [NOW + 86_400, NOW + 2 * 86_400]
    assert next_firings(schedule, NOW + 2 * 86_400) == []


def field(lowest: int, highest: int) -> st.SearchStrategy[str]:
    number = st.integers(lowest, highest)
    spans = st.lists(number, min_size=2, max_size=2, unique=True).map(lambda pair: f"{min(pair)}-{max(pair)}")
    steps = st.tuples(st.just("*") | spans, st.integers(1, 20)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    return st.just("*") | st.lists(number.map(str) | spans | steps, min_size=1, max_size=3).map(",".join)


@given(
    minute=field(0, 59),
    hour=field(0, 23),
    day=field(1, 28),
    month=field(1, 12),
    weekday=field(0, 7),
    on_days=st.booleans(),
    now=st.integers(1_700_000_000, 2_000_000_000),
)
def test_it_is_what_cron_does(
    *, minute: str, hour: str, day: str, month: str, weekday: str, on_days: bool, now: int
) -> None:
    cron = f"{minute} {hour} {day if on_days else '*'} {month} {'*' if on_days else weekday}"
    begin = datetime.fromtimestamp(now, UTC)
    theirs = [at.timestamp() for at in itertools.islice(CronSim(cron, begin), 5)]
    assert next_firings(Schedule(cron=cron, time_zone="UTC"), now) == theirs


def test_a_clone_begins_once() -> None:
    repeating = spec(schedule={"cron": "@daily", "time_zone": "UTC"})
    assert spec_of_clone("c", repeating, NOW) == spec()
    soon, passed = spec(start_at="2026-12-01T09:00:00+01:00"), spec(start_at="2026-11-01T09:00:00+01:00")
    assert spec_of_clone("c", soon, NOW) == soon
    assert spec_of_clone("c", passed, NOW) == spec()
    follower = CampaignSpec.model_validate({**spec().model_dump(), "feed": {"campaign": "calls", "outcomes": ["busy"]}})
    with pytest.raises(Conflict, match='follows "calls" and gets its contacts from there; clone "calls" instead'):
        spec_of_clone("texts", follower, NOW)
