"""Lengths of time as people write them ("30m", "1h30m", "45s", "2d") and as machines count them (seconds)."""

from __future__ import annotations

import math
import re
from typing import Annotated

from pydantic import BeforeValidator

from clarion.domain.errors import BadInput
from clarion.domain.problems import refusal, shown

_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}
_LONGEST = 366 * _SECONDS["d"]
_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?[dhms]\s*)+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([dhms])")
_HOW = 'write for example "45s", "30m", "1h30m", "2d" or a number of seconds'


def parse_duration(value: object) -> float:
    """Return seconds; raises BadInput for anything that is not a length of time from 0 to 366 days."""
    seconds = _seconds(value)
    if seconds is None:
        raise BadInput(f"{shown(value)} is not a length of time; {_HOW}")
    if not 0 <= seconds <= _LONGEST:
        raise BadInput(f"{shown(value)} is not between 0 seconds and 366 days; {_HOW}")
    return seconds


def _seconds(value: object) -> float | None:
    if isinstance(value, str):
        return _written(value.strip().lower())
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - not a number
        return None
    return float(min(max(value, -1), _LONGEST + 1))


def _written(text: str) -> float | None:
    if _WHOLE.fullmatch(text):
        return sum(float(amount) * _SECONDS[unit] for amount, unit in _PART.findall(text))
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _validate(value: object) -> float:
    try:
        return parse_duration(value)
    except BadInput as problem:
        raise refusal(str(problem)) from None


Duration = Annotated[float, BeforeValidator(_validate, json_schema_input_type=float | str)]
"""A pydantic field in seconds that also takes "30m", "1h30m", "45s" or "2d"."""


def format_duration(seconds: float) -> str:
    """Say seconds in the two largest units that matter: 5400 is "1h30m", 0.25 is "0.25s"."""
    if seconds < 0:
        return "-" + format_duration(-seconds)
    if round(seconds, 2) < 60:
        return f"{round(seconds, 2):g}s"
    rest, parts = round(seconds), []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        amount, rest = divmod(rest, size)
        if amount:
            parts.append(f"{amount}{unit}")
        elif parts:
            break
    return "".join(parts[:2])
