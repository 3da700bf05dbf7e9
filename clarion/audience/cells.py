"""Turns the typed values of spreadsheets and JSON into the text a person sees there."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from types import NoneType


def text_of(value: object) -> str:
    """Return the value as text: whole numbers without ".0" (a phone stored as a number), dates as ISO 8601, null as "".

    Lists and objects stay JSON.
    """
    return _TEXT.get(type(value), str)(value)


def _number(value: float) -> str:
    if value.is_integer():
        return f"{value:.0f}"
    # Fifteen digits are what spreadsheets keep and show: 0.1 + 0.2 is 0.3 there.
    return f"{Decimal(f'{value:.15g}'):f}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _clock(value: time) -> str:
    return value.isoformat("seconds" if value.second else "minutes")


def _moment(value: datetime) -> str:
    if value.time() == time.min and value.tzinfo is None:
        return value.date().isoformat()
    return value.isoformat(" ", "seconds" if value.second else "minutes")


_TEXT: dict[type, Callable[..., str]] = {
    str: str,
    NoneType: lambda _: "",
    bool: lambda value: "true" if value else "false",
    float: _number,
    datetime: _moment,
    date: date.isoformat,
    time: _clock,
    list: _json,
    dict: _json,
}
