"""Checks a request to send a message, in the order that Twilio reports problems."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from clarion.sandbox.twilio.errors import problem
from clarion.sandbox.twilio.numbers import MAGIC_FROM
from clarion.sandbox.vendor import Answer

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
SENDER = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 +\-_&]{1,11}")
"""A number, a short code or an alphanumeric sender."""
SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
LONGEST_BODY = 1600
LONGEST_VALIDITY = 36_000


@dataclass(frozen=True, slots=True)
class Order:
    """A request to send that is well formed."""

    to: str
    sender: str | None
    service: str | None
    body: str
    media: int
    callback: str | None
    send_at: float | None


def read_order(body: bytes) -> Order | Answer:
    """Read the form; returns the error to answer with when there is one."""
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    form = dict(pairs)
    media = sum(1 for name, _ in pairs if name == "MediaUrl")
    refused = _problem_with(form, media)
    if refused is not None:
        return refused
    return Order(
        to=form["To"],
        sender=form.get("From") or None,
        service=form.get("MessagingServiceSid") or None,
        body=form.get("Body", ""),
        media=media,
        callback=form.get("StatusCallback") or None,
        send_at=_moment(form["SendAt"]) if form.get("ScheduleType") == "fixed" else None,
    )


def _problem_with(form: dict[str, str], media: int) -> Answer | None:
    to, sender, service = form.get("To", ""), form.get("From", ""), form.get("MessagingServiceSid", "")
    body = form.get("Body", "")
    checks = (
        (not to, 21604, ""),
        (not sender and not service, 21603, ""),
        (not (body or media or form.get("ContentSid")), 21602, ""),
        (len(body) > LONGEST_BODY, 21617, ""),
        (not E164.fullmatch(to), 21211, to),
        (service and not SERVICE.fullmatch(service), 21701, service),
        (sender and not SENDER.fullmatch(sender), 21212, sender),
        (sender in MAGIC_FROM, MAGIC_FROM.get(sender, 0), sender),
        (sender == to, 21266, to),
    )
    for broken, code, what in checks:
        if broken:
            return problem(code, what)
    return _problem_with_options(form)


def _problem_with_options(form: dict[str, str]) -> Answer | None:
    callback = form.get("StatusCallback", "")
    if callback and not _can_be_called(callback):
        return problem(21609, callback)
    validity = form.get("ValidityPeriod", "1")
    if not (validity.isdecimal() and 1 <= int(validity) <= LONGEST_VALIDITY):
        return problem(20001, f"ValidityPeriod: {validity}")
    if form.get("ScheduleType") == "fixed":
        if not form.get("MessagingServiceSid"):
            return problem(35118)
        if _moment(form.get("SendAt", "")) is None:
            return problem(20001, f"SendAt: {form.get('SendAt', '')}")
    return None


def _can_be_called(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(host) and "_" not in host


def _moment(text: str) -> float | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
