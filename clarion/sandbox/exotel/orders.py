"""Reads the form that places a call: a number into a call flow, or two numbers to each other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from urllib.parse import parse_qsl, urlsplit

NUMBER = re.compile(r"\+[1-9][0-9]{6,14}|0?[1-9][0-9]{6,11}")
"""E.164, or national with the leading 0 that Exotel's pages show."""
FLOW = re.compile(r"/[^/]+/exoml/start_voice/[^/]+/?")
LONGEST_FIELD = 128
USUAL_LIMIT = LONGEST_LIMIT = 14_400
USUAL_RING = 45
EVENTS = frozenset({"terminal", "answered"})
JSON_TYPE = "application/json"
FORM_TYPE = "multipart/form-data"


class BadOrder(ValueError):
    """A form that Exotel refuses; the text is the message it answers with."""


@dataclass(frozen=True, slots=True)
class Order:
    """A request to call that is well formed; seconds are before the time scale."""

    first: str
    """Called first: ``From``."""
    second: str | None
    """Called once the first has answered: ``To``; None where a flow talks to the first."""
    caller_id: str
    ring: int
    limit: int
    record: bool
    field: str
    """Ours, handed back with callbacks."""
    callback: str | None
    events: frozenset[str]
    """Empty where only the end is told, and in few words."""
    content_type: str

    @property
    def person(self) -> str:
        """Who is the contact: the customer of an agent, or whoever the flow talks to."""
        return self.second or self.first


def read_order(body: bytes, content_type: str) -> Order:
    """Read the form. Raises BadOrder for one that is refused."""
    form = _form(body, content_type)
    for name in ("From", "CallerId"):
        if not form.get(name):
            raise BadOrder(f"Mandatory parameter missing: {name}")
    if not form.get("To") and not form.get("Url"):
        raise BadOrder("Mandatory parameter missing: To or Url")
    for name in ("From", "To", "CallerId"):
        if form.get(name) and not NUMBER.fullmatch(form[name]):
            raise BadOrder(f"Invalid parameter {name}: {form[name]}")
    if form.get("Url") and not FLOW.fullmatch(urlsplit(form["Url"]).path):
        raise BadOrder(f"Invalid parameter Url: {form['Url']}")
    if len(form.get("CustomField", "")) > LONGEST_FIELD:
        raise BadOrder(f"Invalid parameter CustomField: longer than {LONGEST_FIELD} characters")
    told_as = form.get("StatusCallbackContentType") or FORM_TYPE
    if told_as not in {JSON_TYPE, FORM_TYPE}:
        raise BadOrder(f"Invalid parameter StatusCallbackContentType: {told_as}")
    return Order(
        first=form["From"],
        second=None if form.get("Url") else form["To"],
        caller_id=form["CallerId"],
        ring=_seconds(form, "TimeOut", USUAL_RING),
        limit=_seconds(form, "TimeLimit", USUAL_LIMIT),
        record=form.get("Record", "").lower() == "true",
        field=form.get("CustomField", ""),
        callback=form.get("StatusCallback") or None,
        events=_events(form),
        content_type=told_as,
    )


def _form(body: bytes, content_type: str) -> dict[str, str]:
    """Read ``application/x-www-form-urlencoded`` or ``multipart/form-data``; Exotel's examples use both."""
    if not content_type.startswith(FORM_TYPE):
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    parts = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body).get_payload()
    return dict(_named(part) for part in parts if isinstance(part, Message)) if isinstance(parts, list) else {}


def _named(part: Message) -> tuple[str, str]:
    content = part.get_payload(decode=True)
    name = part.get_param("name", header="Content-Disposition")
    return str(name), content.decode("utf-8", "replace") if isinstance(content, bytes) else ""


def _seconds(form: Mapping[str, str], name: str, usual: int) -> int:
    text = form.get(name) or str(usual)
    if not (text.isdecimal() and 1 <= int(text) <= LONGEST_LIMIT):
        raise BadOrder(f"Invalid parameter {name}: {text}")
    return int(text)


def _events(form: Mapping[str, str]) -> frozenset[str]:
    events = frozenset(value for name, value in form.items() if name.startswith("StatusCallbackEvents"))
    if unknown := events - EVENTS:
        raise BadOrder(f"Invalid parameter StatusCallbackEvents: {', '.join(sorted(unknown))}")
    return events
