"""A draft in the form once more: how it looks there, and what somebody has changed in it, as a merge patch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import cast

from clarion.domain.campaign import CampaignSpec
from clarion.domain.duration import format_duration
from clarion.domain.window import WEEK
from starter.dashboard.answers import fields_of_form, rows_of, rows_typed
from starter.dashboard.form import CALL_WORDS, RATES, spec_of_form, window_of

PLACES: Mapping[str, tuple[str, ...]] = {
    **{name: (name,) for name in ("name", "account", "message", "priority", "budget")},
    **{name: ("limits", name) for name in ("concurrency", *RATES)},
    **{name: ("retry", name) for name in ("attempts", "delay")},
    **{name: ("call", name) for name in CALL_WORDS},
    **{name: ("audience", name) for name in ("address", "region", "sheet")},
    "zone_column": ("audience", "time_zone"),
    "lead_column": ("audience", "lead_id"),
    "assessor": ("account",),
    "crm": ("lead", "account"),
    "instructions": ("assess", "instructions"),
}
"""Where in a campaign file the text of a field of the form stands."""

WORKDAYS = WEEK[:5]


def typed_of_spec(spec: CampaignSpec) -> dict[str, str]:
    """Return what somebody would have typed for this campaign."""
    columns = spec.audience
    known: dict[str, object] = {
        "name": spec.name,
        "channel": spec.channel.value,
        "account": spec.account,
        "assessor": spec.account,
        "priority": spec.priority.value,
        "message": spec.message,
        "address": columns.address,
        "lead_column": columns.address,
        "sheet": columns.sheet,
        "region": columns.region,
        "zone_column": columns.time_zone,
        "concurrency": spec.limits.concurrency,
        **{name: getattr(spec.limits, name) for name in RATES},
        "attempts": spec.retry.attempts,
        "delay": format_duration(spec.retry.delay),
        "budget": spec.budget,
    }
    if spec.call is not None:
        known |= {name: getattr(spec.call, name) for name in CALL_WORDS}
    if spec.assess is not None:
        known["instructions"] = spec.assess.instructions
    if spec.lead is not None:
        known["crm"] = spec.lead.account
    if spec.window is not None:
        clocks = {"from": f"{spec.window.from_:%H:%M}", "to": f"{spec.window.to:%H:%M}"}
        known |= clocks | {"window_zone": spec.window.time_zone}
    known |= {f"day_{day}": "yes" for day in (spec.window.days if spec.window is not None else WORKDAYS)}
    if spec.start_at is not None:
        known |= {"start_at": f"{spec.start_at:%Y-%m-%dT%H:%M}", "start_zone": _offset(spec.start_at)}
    return {name: _text(value) for name, value in known.items() if value is not None}


def changes_of_form(spec: CampaignSpec, typed: Mapping[str, str]) -> dict[str, object]:
    """Return what somebody has changed; what was emptied is null, and what was left alone stays as it is.

    Raises BadInput for what is neither a number nor a time.
    """
    was = typed_of_spec(spec)
    content = spec_of_form({**typed, "channel": spec.channel.value})
    changes: dict[str, object] = {}
    for name, place in PLACES.items():
        if name in typed and _plain(typed[name]) != _plain(was.get(name, "")) and _is_of(spec, name):
            _put(changes, place, _at(content, place))
    if "voicemail_message" in _group(changes, "call"):
        _put(changes, ("call", "machine"), _at(content, ("call", "machine")))
    if (window := window_of(_given(typed))) != window_of(was) and "from" in typed:
        changes["window"] = {"days": None, **window} if window else None
    if any(name in typed and typed[name] != was.get(name, "") for name in _start_fields(typed)):
        changes["start_at"] = content.get("start_at")
    if answers := _answers(spec, typed):
        _put(changes, ("assess", "fields"), answers)
    return changes


def _answers(spec: CampaignSpec, typed: Mapping[str, str]) -> dict[str, object]:
    known = spec.assess.fields if spec.assess is not None else {}
    wanted = fields_of_form(typed, known)
    if wanted is None or spec.assess is None or rows_typed(typed) == rows_of(known):
        return {}
    fields: dict[str, object] = {name: None for name in known if name not in wanted}
    for name, field in wanted.items():  # each is replaced as a whole
        fields[name] = dict.fromkeys(("description", "from", "to", "of", "most")) | cast("dict[str, object]", field)
    return fields


def _is_of(spec: CampaignSpec, name: str) -> bool:
    """Say whether a field of the form means something for this campaign's channel."""
    of_leads = spec.assess is not None
    own = {"lead_column": of_leads, "assessor": of_leads, "crm": of_leads, "instructions": of_leads, "sheet": of_leads}
    others = {"account": not of_leads, "address": not of_leads, "region": not of_leads, "zone_column": not of_leads}
    words = dict.fromkeys(CALL_WORDS, spec.call is not None) | {"message": spec.call is None and not of_leads}
    return (own | others | words).get(name, True)


def _start_fields(typed: Mapping[str, str]) -> tuple[str, ...]:
    return ("start_at", "start_zone") if typed.get("start_at", "").strip() else ("start_at",)


def _offset(start: datetime) -> str:
    offset = f"{start:%z}"
    return "UTC" if start.utcoffset() == timedelta() else f"{offset[:3]}:{offset[3:5]}"


def _put(changes: dict[str, object], place: tuple[str, ...], value: object) -> None:
    if len(place) == 1:
        changes[place[0]] = value
    else:
        changes[place[0]] = _group(changes, place[0]) | {place[1]: value}


def _at(content: Mapping[str, object], place: tuple[str, ...]) -> object:
    return content.get(place[0]) if len(place) == 1 else _group(content, place[0]).get(place[1])


def _group(content: Mapping[str, object], name: str) -> dict[str, object]:
    found = content.get(name)
    return found if isinstance(found, dict) else {}


def _given(typed: Mapping[str, str]) -> dict[str, str]:
    return {name: text.strip() for name, text in typed.items() if text.strip()}


def _plain(text: str) -> str:
    """Return a text as it was before a browser sent it: those end lines in two characters."""
    return text.replace("\r\n", "\n").strip()


def _text(value: object) -> str:
    return f"{value:.15g}" if isinstance(value, float) else str(value)
