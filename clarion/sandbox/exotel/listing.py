"""Lists the calls that are over, with Exotel's filters and cursors (its "Bulk Call Details" page)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, urlencode

from clarion.sandbox.calls import Stage
from clarion.sandbox.exotel.calls import ExotelCall, local, moment
from clarion.sandbox.exotel.errors import problem
from clarion.sandbox.vendor import Answer

USUAL_SIZE = 50
LARGEST_SIZE = 100
MOST_NUMBERS = 5
MOST_SIDS = 100
USUAL_DAYS = 31
FILTERS = ("Sid", "DateCreated", "To", "From", "Status", "Direction", "PhoneNumber", "PageSize", "SortBy")


def list_calls(newest_first: Iterable[ExotelCall], account: str, query: str, now: float) -> Answer:
    """Answer ``GET /Calls.json``."""
    asked = dict(parse_qsl(query, keep_blank_values=True))
    try:
        size = _size(asked)
        since, until = _span(asked.get("DateCreated") or f"gte:{local(now - USUAL_DAYS * 86_400)}")
        for name, most in (("Sid", MOST_SIDS), ("To", MOST_NUMBERS), ("From", MOST_NUMBERS)):
            if len(asked.get(name, "").split(",")) > most:
                return problem(400, f"Invalid parameter {name}: more than {most} values")
    except ValueError as error:
        return problem(400, f"Invalid parameter {error}")
    found = [
        call
        for call in newest_first
        if call.call.account == account
        and call.call.stage(now) is Stage.OVER
        and since <= int(call.call.placed_at) <= until
        and _matches(call, asked, now)
    ]
    if asked.get("SortBy") == "DateCreated:asc":
        found.reverse()
    return _page(found, asked, account, size, now)


def _page(found: list[ExotelCall], asked: Mapping[str, str], account: str, size: int, now: float) -> Answer:
    sids = [call.sid for call in found]
    start = 0
    if asked.get("After") in sids:
        start = sids.index(asked["After"]) + 1
    elif asked.get("Before") in sids:
        start = max(0, sids.index(asked["Before"]) - size)
    shown = found[start : start + size]
    kept = [(name, asked[name]) for name in FILTERS if asked.get(name)]

    def uri(*cursor: tuple[str, str]) -> str:
        return f"/v1/Accounts/{account}/Calls.json?{urlencode([*kept, *cursor])}"

    metadata = {
        "Total": len(found),
        "PageSize": size,
        "FirstPageUri": uri(),
        "PrevPageUri": uri(("Before", shown[0].sid)) if start and shown else None,
        "NextPageUri": uri(("After", shown[-1].sid)) if start + size < len(found) else None,
    }
    body = {"Metadata": metadata, "Calls": [call.view(now) for call in shown]}
    return Answer(200, json.dumps(body).encode())


def _matches(call: ExotelCall, asked: Mapping[str, str], now: float) -> bool:
    view = call.view(now)
    named = {"Sid": "Sid", "To": "To", "From": "From", "Status": "Status", "Direction": "Direction"}
    return all(
        str(view[field]) in asked[name].split(",")
        for name, field in {**named, "PhoneNumber": "PhoneNumberSid"}.items()
        if asked.get(name)
    )


def _size(asked: Mapping[str, str]) -> int:
    text = asked.get("PageSize") or str(USUAL_SIZE)
    if not (text.isdecimal() and 1 <= int(text) <= LARGEST_SIZE):
        raise ValueError(f"PageSize: {text}")
    return int(text)


def _span(text: str) -> tuple[float, float]:
    """Read ``gte:2019-01-01 00:00:00;lte:2019-01-31 23:59:59``, either half optional, in Indian time."""
    bounds = {operator: at for operator, _, at in (half.partition(":") for half in text.split(";"))}
    if not bounds.keys() <= {"gte", "lte"}:
        raise ValueError(f"DateCreated: {text}")
    try:
        since = moment(bounds["gte"]) if "gte" in bounds else float("-inf")
        until = moment(bounds["lte"]) if "lte" in bounds else float("inf")
    except ValueError as error:
        raise ValueError(f"DateCreated: {text}") from error
    return since, until
