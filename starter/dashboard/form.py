"""What the form of a new campaign means, as the content of a campaign file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from clarion.domain.errors import BadInput

CALL_WORDS = ("agent", "language", "first_message", "prompt", "voicemail_message")
RATES = ("per_second", "per_minute", "per_hour")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def spec_of_form(typed: Mapping[str, str]) -> dict[str, object]:
    """Return the campaign that somebody has typed. Raises BadInput for what is neither a number nor a time."""
    given = {name: text.strip() for name, text in typed.items() if text.strip()}
    channel = given.get("channel", "sms")
    content: dict[str, object] = {"channel": channel} | _chosen(given, ("name", "account", "priority"))
    content["audience"] = _audience(given)
    if channel == "sms":
        content |= _chosen(given, ("message",))
    if channel == "call":
        content["call"] = _chosen(given, CALL_WORDS)
    if limits := _numbers(given, ("concurrency",), whole=True) | _numbers(given, RATES):
        content["limits"] = limits
    if retry := _numbers(given, ("attempts",), whole=True) | _chosen(given, ("delay",)):
        content["retry"] = retry
    if window := _window(given):
        content["window"] = window
    if "start_at" in given:
        content["start_at"] = _start(given)
    return content | _numbers(given, ("budget",))


def _audience(given: Mapping[str, str]) -> dict[str, object]:
    audience = _chosen(given, ("address", "region"))
    if "zone_column" in given:
        audience["time_zone"] = given["zone_column"]
    return audience


def _chosen(given: Mapping[str, str], names: Iterable[str]) -> dict[str, object]:
    return {name: given[name] for name in names if name in given}


def _numbers(given: Mapping[str, str], names: Iterable[str], *, whole: bool = False) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in names:
        if name in given:
            try:
                found[name] = int(given[name]) if whole else float(given[name].replace(",", "."))
            except ValueError:
                kind = "a whole number" if whole else "a number"
                raise BadInput(f'{name.replace("_", " ")}: "{given[name]}" is not {kind}') from None
    return found


def _window(given: Mapping[str, str]) -> dict[str, object]:
    if "from" not in given and "to" not in given:
        return {}
    days = [day for day in DAYS if f"day_{day}" in given]
    window: dict[str, object] = {"from": given.get("from", "00:00"), "to": given.get("to", "24:00")}
    if days:
        window["days"] = days
    return window | {"time_zone": given.get("window_zone", "target")}


def _start(given: Mapping[str, str]) -> str:
    try:
        zone = ZoneInfo(given.get("start_zone", "UTC"))
        return datetime.fromisoformat(given["start_at"]).replace(tzinfo=zone).isoformat()
    except (ValueError, OSError, KeyError):
        at = f"{given['start_at']} {given.get('start_zone', '')}".strip()
        raise BadInput(f'start: "{at}" is no time; choose a date, a time and a time zone') from None
