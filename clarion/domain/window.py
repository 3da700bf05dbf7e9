"""When people may be contacted: hours and days on the clock on the target's wall."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, field_validator, model_validator

from clarion.domain.errors import BadInput, did_you_mean
from clarion.domain.fields import Part
from clarion.domain.problems import refusal, shown

TARGET = "target"
HORIZON_DAYS = 8
"""A weekly window opens within 8 days or never."""

_DAY, _MINUTE = 86_400, 60
_HH_MM = re.compile(r"([01]?[0-9]|2[0-3]|24(?=:00)):([0-5][0-9])(?::00)?")


class Day(StrEnum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


WEEK = tuple(Day)
_LONG_DAYS = dict(
    zip(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), WEEK, strict=True)
)


def _clock(value: object) -> object:
    """Turn "9:00", "09:00", "24:00" and our own "09:00:00" into a time of day; refuse everything else."""
    text = value.isoformat() if isinstance(value, time) else value
    found = _HH_MM.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise refusal(f'{shown(value)} is not a time of day; write it in quotes as "HH:MM", for example "09:00"')
    return time(int(found[1]) % 24, int(found[2]))


def _days(value: object) -> object:
    if isinstance(value, list | tuple):
        return [
            _LONG_DAYS.get(day.strip().lower(), day.strip().lower()) if isinstance(day, str) else day for day in value
        ]
    return value


class Window(Part):
    """Hours in which contacts may start, from `from_` up to but without `to`, on the days the window opens.

    A window whose end is not after its beginning goes over midnight and belongs to the day it opens on. "00:00" to
    "24:00" is the whole day.
    """

    from_: Annotated[time, BeforeValidator(_clock), Field(alias="from", description='a time of day such as "09:00"')]
    to: Annotated[time, BeforeValidator(_clock), Field(description='a time of day such as "20:00"')]
    days: Annotated[
        tuple[Day, ...],
        BeforeValidator(_days),
        Field(description="a list of days out of mon, tue, wed, thu, fri, sat, sun"),
    ] = WEEK
    time_zone: Annotated[str, Field(description='"target" (each target\'s own) or a name such as "Europe/Berlin"')] = (
        TARGET
    )

    @field_validator("days")
    @classmethod
    def _some_days(cls, days: tuple[Day, ...]) -> tuple[Day, ...]:
        if not days:
            raise refusal("no day is given, so nobody could ever be contacted; name at least one")
        return tuple(day for day in WEEK if day in days)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name != TARGET and not valid_zone(name):
            near = nearest_zone(name)
            raise refusal(f'"{name}" is not a time zone{near}; write "target" or a name such as "Europe/Berlin"')
        return name

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.from_ == self.to != time():
            raise refusal(f'from and to are both {self.from_:%H:%M}; write "00:00" to "24:00" for the whole day')
        return self


@cache
def _zone_names() -> frozenset[str]:
    """Return the names of the tzdata package; a system's own may have "right/…" zones, which count leap seconds."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="ascii").split())


def valid_zone(name: str) -> bool:
    """Say whether this is the IANA name of a time zone ("Europe/Berlin")."""
    return name in _zone_names()


def nearest_zone(name: str) -> str:
    """Return `` (did you mean "Europe/Berlin"?)`` for a mistyped zone, or an empty string."""
    return did_you_mean(name.strip().replace(" ", "_"), sorted(_zone_names()))


def require_zone(name: str) -> str:
    """Return the name of a time zone that somebody asks for as ``time_zone``. Raises BadInput."""
    if not valid_zone(name):
        raise BadInput(f'time_zone "{name}" is not a time zone{nearest_zone(name)}; write it like Europe/Berlin')
    return name


def is_open(window: Window, zones: Sequence[str], now: float) -> bool:
    """Say whether contacts may start at `now` (epoch seconds) in every one of `zones`.

    Zones matter only to a window in the target's time. With none given, or one that does not exist, the window is
    closed: a contact at the wrong hour cannot be taken back.
    """
    return _open_at(window, tuple(zones), int(now // _MINUTE))


def next_opening(window: Window, zones: Sequence[str], now: float) -> float | None:
    """Return the earliest instant from `now` on (epoch seconds) at which the window is open in every zone.

    None when there is none within 8 days: the zones never have an open hour in common, or one is unknown.
    """
    key = tuple(zones)
    minute = int(now // _MINUTE)
    if _open_at(window, key, minute):
        return now
    return _opening_after(window, key, minute)


def _zones(window: Window, names: tuple[str, ...]) -> tuple[ZoneInfo, ...] | None:
    """Return the zones that count for this window, or None when one is unknown."""
    wanted = names if window.time_zone == TARGET else (window.time_zone,)
    if not wanted or not all(map(valid_zone, wanted)):
        return None
    return tuple(map(ZoneInfo, wanted))


@lru_cache(maxsize=16_384)
def _open_at(window: Window, names: tuple[str, ...], minute: int) -> bool:
    """Answer for a whole minute: windows begin and end on full minutes, and so do today's offsets from UTC."""
    zones = _zones(window, names)
    return zones is not None and all(_open_in(window, zone, minute * _MINUTE) for zone in zones)


def _open_in(window: Window, zone: ZoneInfo, at: float) -> bool:
    wall = datetime.fromtimestamp(at, zone)
    clock, weekday = wall.time(), wall.weekday()
    if window.from_ < window.to:
        return WEEK[weekday] in window.days and window.from_ <= clock < window.to
    opened_today = WEEK[weekday] in window.days and clock >= window.from_
    return opened_today or (WEEK[weekday - 1] in window.days and clock < window.to)


@lru_cache(maxsize=4_096)
def _opening_after(window: Window, names: tuple[str, ...], minute: int) -> float | None:
    """Jump from zone to zone, each time to the first opening of one that is still closed, until all are open."""
    zones = _zones(window, names)
    at: float | None = float(minute * _MINUTE)
    last = minute * _MINUTE + HORIZON_DAYS * _DAY
    while zones and at is not None and at <= last:
        closed = next((zone for zone in zones if not _open_in(window, zone, at)), None)
        if closed is None:
            return at
        at = _opening_in(window, closed, at)
    return None


def _opening_in(window: Window, zone: ZoneInfo, after: float) -> float | None:
    edges = sorted(edge for edge in _edges(window, zone, after) if edge > after)
    return next((edge for edge in edges if _open_in(window, zone, edge)), None)


def _edges(window: Window, zone: ZoneInfo, after: float) -> Iterator[float]:
    """Yield every instant at which the window can open: its hour on each day, and each change of the clocks.

    The hour comes twice on a day on which the clocks go back, and not at all when they jump over it.
    """
    first = datetime.fromtimestamp(after, zone).date()
    for offset in range(-1, HORIZON_DAYS + 2):
        opening = datetime.combine(first + timedelta(days=offset), window.from_, zone)
        yield opening.timestamp()
        yield opening.replace(fold=1).timestamp()
    yield from _clock_changes(zone, (after + day * _DAY for day in range(HORIZON_DAYS + 2)))


def _clock_changes(zone: ZoneInfo, days: Iterable[float]) -> Iterator[float]:
    for before, after in itertools.pairwise(days):
        if _offset(zone, before) != _offset(zone, after):
            yield _change_between(zone, int(before // _MINUTE), int(after // _MINUTE))


def _change_between(zone: ZoneInfo, low: int, high: int) -> float:
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, middle * _MINUTE) == _offset(zone, low * _MINUTE):
            low = middle
        else:
            high = middle
    return float(high * _MINUTE)


def _offset(zone: ZoneInfo, at: float) -> timedelta | None:
    return datetime.fromtimestamp(at, UTC).astimezone(zone).utcoffset()
