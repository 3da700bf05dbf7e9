"""When a repeating campaign begins: cron lines on the clock on a wall, and the next moments they mean.

A cron line is read here and handed to Temporal as numbers: what programs read differently (`#`, `L`, a day of the month
beside a day of the week) is refused instead of meaning something else than its writer thinks.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, field_validator

from clarion.domain.duration import Duration
from clarion.domain.errors import BadInput
from clarion.domain.fields import Instant, Part, Word
from clarion.domain.problems import refusal, sentences
from clarion.domain.window import WEEK, nearest_zone, valid_zone

SOON = 10.0
"""Seconds; Temporal cannot catch up on less."""

FIRST_YEAR, LAST_YEAR = 2000, 2200
"""Of what `until` may say; Temporal's calendars end there, too."""

HORIZON_DAYS = 8 * 366 + 2
"""29 February comes at least once in so many days."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * sun",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
_ITEM = re.compile(r"(?:(?P<all>\*)|(?P<first>\w{1,3})(?:-(?P<last>\w{1,3}))?)(?:/(?P<step>\d{1,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Field:
    """One of the five fields of a cron line."""

    name: str
    lowest: int
    highest: int
    words: Mapping[str, int]

    def values(self, text: str) -> frozenset[int]:
        """Return the numbers that a field's text means. Raises what a validator raises."""
        return frozenset(itertools.chain.from_iterable(self._values(item) for item in text.split(",")))

    def _values(self, item: str) -> range:
        found = _ITEM.fullmatch(item)
        if found is None or (found["step"] is not None and int(found["step"]) == 0):
            raise self._refused(item)
        step = int(found["step"] or 1)
        if found["all"]:
            return range(self.lowest, self.highest + 1, step)
        first = self._number(found["first"], item)
        # "5/10" is 5, 15, 25 and so on; Sunday as the end of a week is its seventh day.
        open_end = self.highest if found["step"] else first
        last = self._number(found["last"], item) if found["last"] else open_end
        if found["last"] and last == 0 < first and self.words.get("sun") == 0:
            last = 7
        if last < first:
            raise self._refused(item)
        return range(first, last + 1, step)

    def _number(self, word: str, item: str) -> int:
        most = 7 if "sun" in self.words else self.highest
        number = int(word) if word.isdigit() else self.words.get(word.lower(), -1)
        if not self.lowest <= number <= most:
            raise self._refused(item)
        return number

    def _refused(self, item: str) -> Exception:
        names = f", or {', '.join(self.words)}" if self.words else ""
        return refusal(
            f'"{item}" is no {self.name}; write numbers from {self.lowest} to {self.highest}{names}, as 1, 1-5, 1,3 or '
            "*/2"
        )


_DAYS = {"sun": 0, **{day.value: number for number, day in enumerate(WEEK[:-1], 1)}}
_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of the month", 1, 31, {}),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    _Field("day of the week", 0, 6, _DAYS),
)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The moments that a cron line means, as the numbers each of its fields may have; Sunday is 0."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def has(self, day: date) -> bool:
        """Say whether there are moments on this day."""
        return day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.weekdays


def read_cron(line: str) -> Calendar:
    """Read a cron line of five fields, or a nickname such as `@daily`. Raises what a validator raises."""
    line = " ".join(line.split())
    fields = _NICKNAMES.get(line.lower(), line).split()
    if len(fields) != len(_FIELDS):
        example = 'such as "0 9 * * mon-fri" for 9:00 on weekdays'
        raise refusal(
            f'"{line}" has {len(fields)} fields; give minute, hour, day, month and day of the week, {example}'
        )
    if not fields[2].startswith("*") and not fields[4].startswith("*"):
        raise refusal(
            f'"{line}" names days of the month and days of the week, and programs differ in what that means; leave one '
            "of them *"
        )
    minutes, hours, days, months, weekdays = (field.values(text) for field, text in zip(_FIELDS, fields, strict=True))
    return Calendar(minutes, hours, days, months, frozenset(day % 7 for day in weekdays))


class Overlap(StrEnum):
    """What happens at a moment at which an earlier campaign of the schedule still runs."""

    SKIP = "skip"
    """Nothing, and the log says so."""
    ALLOW = "allow"
    """Another one starts beside it."""


class Schedule(Part):
    """When a campaign begins, again and again."""

    cron: Annotated[Word, Field(description='a cron line such as "0 9 * * mon-fri"', max_length=200)]
    time_zone: Annotated[str, Field(description='the name of a time zone such as "Europe/Berlin"')]
    """On whose clock; there is no usual one, as a wrong guess calls people at night."""
    until: Instant | None = None
    """No campaign begins after this."""
    overlap: Annotated[Overlap, Field(description="skip or allow")] = Overlap.SKIP
    catch_up: Annotated[
        Annotated[Duration, Field(ge=SOON)], Field(description='a length of time from 10 seconds on, such as "1h"')
    ] = 3600.0
    """Seconds after its moment at which a campaign still starts when nobody could start it in time."""

    @field_validator("cron")
    @classmethod
    def _readable(cls, cron: str) -> str:
        calendar = read_cron(cron)
        if not any(calendar.has(date(2024, 1, 1) + timedelta(days=n)) for n in range(366)):  # a leap year
            raise refusal(f'"{cron}" names a day that never comes; correct the day of the month or the month')
        return " ".join(cron.split())

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if not valid_zone(name):
            raise refusal(f'"{name}" is not a time zone{nearest_zone(name)}; give a name such as "Europe/Berlin"')
        return name

    @field_validator("until")
    @classmethod
    def _conceivable(cls, until: datetime | None) -> datetime | None:
        if until is not None and not FIRST_YEAR <= until.year <= LAST_YEAR:
            raise refusal(f"{until.isoformat()} is too far away; leave until out for a schedule without an end")
        return until

    @property
    def calendar(self) -> Calendar:
        """What the cron line means."""
        return read_cron(self.cron)


def parse_schedule(data: Mapping[str, object]) -> Schedule:
    """Check a schedule that does not stand in a campaign file. Raises BadInput with one sentence a line."""
    try:
        return Schedule.model_validate(data)
    except ValidationError as error:
        raise BadInput(sentences(error, Schedule)) from None


def next_firings(schedule: Schedule, now: float, count: int = 5) -> list[float]:
    """Return the next moments after ``now`` (epoch seconds) at which campaigns begin, ``count`` at most."""
    end = schedule.until.timestamp() if schedule.until is not None else float("inf")
    coming = itertools.takewhile(lambda at: at <= end, _moments(schedule, now))
    return list(itertools.islice(coming, count))


def comes_again(schedule: Schedule, at: float) -> bool:
    """Say whether Temporal names a moment (epoch seconds) only because the clocks went back since the one before.

    Measured with 1.32: what is due once in the hour that comes twice, or east of Greenwich in the one before it, is due
    again an hour later. Nobody is to be contacted twice for that.
    """
    zone, hour = ZoneInfo(schedule.time_zone), timedelta(hours=1)
    wall = datetime.fromtimestamp(at, zone)
    went_back = _offset(zone, wall - 2 * hour) > _offset(zone, wall + 2 * hour)
    if not went_back or _is_moment(schedule, at) or not _is_moment(schedule, at - hour.total_seconds()):
        return False
    # Where the following hour is due as well, this is all that Temporal names of it.
    calendar = schedule.calendar
    return bool(wall.fold) or wall.hour not in calendar.hours or wall.minute not in calendar.minutes


def _is_moment(schedule: Schedule, at: float) -> bool:
    return next(_moments(schedule, at - 1), None) == at


def _moments(schedule: Schedule, now: float) -> Iterator[float]:
    """Yield moments as Temporal finds them: none in an hour that clocks jump over, one in an hour that comes twice."""
    calendar, zone = schedule.calendar, ZoneInfo(schedule.time_zone)
    first = datetime.fromtimestamp(now, zone).date()
    for offset in range(HORIZON_DAYS):
        day = first + timedelta(days=offset)
        if calendar.has(day):
            clocks = itertools.product(sorted(calendar.hours), sorted(calendar.minutes))
            moments = {_moment(day, hour, minute, zone) for hour, minute in clocks}
            yield from sorted(at for at in moments if at is not None and at > now)


def _moment(day: date, hour: int, minute: int, zone: ZoneInfo) -> float | None:
    """Return the epoch seconds of a time on the wall; None when the clocks jump over its hour.

    Of two moments with the same name it is the one that Temporal's server takes (measured with 1.32): east of Greenwich
    the later one, west of it the earlier one, since it first looks which offset holds at that time in UTC.
    """
    wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
    utc = wall - _offset(zone, wall)
    if _offset(zone, utc) != _offset(zone, wall):
        utc = wall - _offset(zone, utc)
    return utc.timestamp() if utc.astimezone(zone).hour == hour else None


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()
