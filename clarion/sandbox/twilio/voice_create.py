"""Checks a request to place a call, in the order that Twilio reports problems."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from clarion.sandbox.twilio.create import E164
from clarion.sandbox.twilio.errors import problem
from clarion.sandbox.vendor import Answer

EVENTS = ("initiated", "ringing", "answered", "completed")
"""What a status callback can be asked to tell, in the order it happens."""
MAGIC_TO: Mapping[str, int] = {
    "+15005550001": 21217,
    "+15005550002": 21214,
    "+15005550003": 21215,
    "+15005550004": 21216,
}
"""Numbers to call and the codes they are refused with (Twilio's test credentials page)."""
MAGIC_FROM: Mapping[str, int] = {"+15005550001": 21212}
APPLICATION = re.compile(r"AP[0-9a-fA-F]{32}")
LONGEST_TWIML = 4000
USUAL_RING = 60
USUAL_LIMIT = 14_400
USUAL_DETECTION = 30
BOUNDS: Mapping[str, tuple[int, int, int]] = {
    "Timeout": (USUAL_RING, 1, 600),
    "TimeLimit": (USUAL_LIMIT, 1, 86_400),
    "MachineDetectionTimeout": (USUAL_DETECTION, 1, 120),
}
"""Whole seconds: what holds when nothing is said, the least and the most."""


@dataclass(frozen=True, slots=True)
class VoiceOrder:
    """A request to call that is well formed. Times are seconds as Twilio counts them, before the time scale."""

    to: str
    sender: str
    url: str | None
    twiml: str | None
    ring: int
    limit: int
    callback: str | None
    events: frozenset[str]
    detection: str
    """``Enable``, ``DetectMessageEnd``, or empty."""
    detection_limit: int
    detects_aside: bool
    """Detection runs while the TwiML does already."""
    detection_callback: str | None
    record: bool


def read_voice_order(body: bytes) -> VoiceOrder | Answer:
    """Read the form; returns the error to answer with when there is one."""
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    form = dict(pairs)
    refused = _problem_with(form)
    if refused is not None:
        return refused
    events = frozenset(event for name, value in pairs if name == "StatusCallbackEvent" for event in value.split())
    # With SendDigits, machine detection is ignored (OpenAPI description of MachineDetection).
    detection = "" if form.get("SendDigits") else form.get("MachineDetection", "")
    return VoiceOrder(
        to=form["To"],
        sender=form["From"],
        url=form.get("Url") or None,
        twiml=None if form.get("Url") else form.get("Twiml") or None,
        ring=_seconds(form, "Timeout"),
        limit=_seconds(form, "TimeLimit"),
        callback=form.get("StatusCallback") or None,
        events=events & frozenset(EVENTS) or frozenset({"completed"}),
        detection=detection,
        detection_limit=_seconds(form, "MachineDetectionTimeout"),
        detects_aside=form.get("AsyncAmd", "").lower() == "true",
        detection_callback=form.get("AsyncAmdStatusCallback") or None,
        record=form.get("Record", "").lower() == "true",
    )


def is_address(url: str) -> bool:
    """Whether it is an absolute web address."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def _problem_with(form: Mapping[str, str]) -> Answer | None:
    to, sender, url = form.get("To", ""), form.get("From", ""), form.get("Url", "")
    application = form.get("ApplicationSid", "")
    checks = (
        (not to, 21201, ""),
        (not sender, 21213, ""),
        (not (url or form.get("Twiml") or application), 21205, ""),
        (url and not is_address(url), 21205, url),
        (application and not APPLICATION.fullmatch(application), 21218, application),
        (len(form.get("Twiml", "")) > LONGEST_TWIML, 20001, f"Twiml: longer than {LONGEST_TWIML} characters"),
        (to in MAGIC_TO, MAGIC_TO.get(to, 0), to),
        (not E164.fullmatch(to), 21211, to),
        (sender in MAGIC_FROM, MAGIC_FROM.get(sender, 0), sender),
        (not E164.fullmatch(sender), 21212, sender),
        (sender == to, 21266, to),
    )
    for broken, code, what in checks:
        if broken:
            return problem(code, what)
    return _problem_with_options(form)


def _problem_with_options(form: Mapping[str, str]) -> Answer | None:
    for name in ("StatusCallback", "AsyncAmdStatusCallback"):
        callback = form.get(name, "")
        if callback and (not is_address(callback) or "_" in (urlsplit(callback).hostname or "")):
            return problem(21609, callback)
    if form.get("MachineDetection", "Enable") not in {"Enable", "DetectMessageEnd", ""}:
        return problem(20001, f"MachineDetection: {form['MachineDetection']}")
    for name, (_, least, most) in BOUNDS.items():
        value = form.get(name) or str(least)
        if not (value.isdecimal() and least <= int(value) <= most):
            return problem(20001, f"{name}: {value}")
    return None


def _seconds(form: Mapping[str, str], name: str) -> int:
    return int(form.get(name) or BOUNDS[name][0])
