"""What the form of a campaign means, as the content of a campaign file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from clarion.domain.answer import USUAL_ANSWER
from clarion.domain.campaign import Channel
from clarion.domain.errors import BadInput
from clarion.domain.window import WEEK
from starter.dashboard.answers import fields_of_form

CALL_WORDS = ("agent", "language", "first_message", "prompt", "voicemail_message")
RATES = ("per_second", "per_minute", "per_hour")

_OFFSET = re.compile(r"[+-]\d\d:\d\d")


def spec_of_form(typed: Mapping[str, str]) -> dict[str, object]:
    """Return the campaign that somebody has typed. Raises BadInput for what is neither a number nor a time."""
    given = {name: text.replace("\r\n", "\n").strip() for name, text in typed.items() if text.strip()}
    channel = given.get("channel", Channel.SMS.value)
    content: dict[str, object] = {"channel": channel} | _chosen(given, ("name", "priority"))
    content |= _of_channel(channel, given, typed)
    if limits := _numbers(given, ("concurrency",), whole=True) | _numbers(given, RATES):
        content["limits"] = limits
    if retry := _numbers(given, ("attempts",), whole=True) | _chosen(given, ("delay",)):
        content["retry"] = retry
    if window := window_of(given):
        content["window"] = window
    if "start_at" in given:
        content["start_at"] = instant(given["start_at"], given.get("start_zone", "UTC"), "start")
    return content | _numbers(given, ("budget",))


def _of_channel(channel: str, given: Mapping[str, str], typed: Mapping[str, str]) -> dict[str, object]:
    if channel == Channel.LEAD_ANALYSIS:
        assess = _chosen(given, ("instructions",))
        if (fields := fields_of_form(typed, USUAL_ANSWER)) is not None:
            assess["fields"] = fields
        columns = _chosen(given, ("sheet",)) | _renamed(given, lead_column="lead_id")
        crm = _renamed(given, crm="account")
        return _renamed(given, assessor="account") | {"audience": columns, "assess": assess, "lead": crm}
    columns = _chosen(given, ("address", "region")) | _renamed(given, zone_column="time_zone")
    content = _chosen(given, ("account",)) | {"audience": columns}
    if channel == Channel.CALL:
        call = _chosen(given, CALL_WORDS)
        if "voicemail_message" in call:
            call["machine"] = "leave_message"
        return content | {"call": call}
    return content | _chosen(given, ("message",))


def _chosen(given: Mapping[str, str], names: Iterable[str]) -> dict[str, object]:
    return {name: given[name] for name in names if name in given}


def _renamed(given: Mapping[str, str], **names: str) -> dict[str, object]:
    return {meant: given[name] for name, meant in names.items() if name in given}


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


def window_of(given: Mapping[str, str]) -> dict[str, object]:
    """Return the hours that somebody has typed; empty where no clock was given."""
    if "from" not in given and "to" not in given:
        return {}
    days = [day.value for day in WEEK if f"day_{day}" in given]
    window: dict[str, object] = {"from": given.get("from", "00:00"), "to": given.get("to", "24:00")}
    if days:
        window["days"] = days
    return window | {"time_zone": given.get("window_zone", "target")}


def instant(at: str, zone: str, what: str) -> str:
    """Write the time that somebody has chosen, on the clock of a zone or of an offset such as +01:00, as ISO 8601.

    Raises BadInput.
    """
    try:
        found = datetime.fromisoformat(at)
        if _OFFSET.fullmatch(zone):
            return datetime.fromisoformat(f"{found:%Y-%m-%dT%H:%M:%S}{zone}").isoformat()
        return found.replace(tzinfo=ZoneInfo(zone)).isoformat()
    except (ValueError, OSError, KeyError):
        raise BadInput(f'{what}: "{at} {zone}" is no time; choose a date, a time and a time zone') from None
