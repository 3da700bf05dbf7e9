"""Asks for TwiML, and reads it only so far as it tells how long a call lasts: what is said, waited for, hung up."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import aiohttp
from yarl import URL

from clarion.sandbox.callbacks import Post

FETCH_WITHIN = 15.0
"""Seconds; an answer later than that is error 11200."""
WORDS_PER_SECOND = 2.5
PLAY_SECONDS = 10.0
"""How long a recording is taken to be."""


class NoTwiml(ValueError):
    """What should be TwiML is none."""


async def fetch_twiml(question: Post) -> str:
    """Post the question to our side and return its answer; empty when nothing useful comes back."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=FETCH_WITHIN)) as session,
            session.post(URL(question.url, encoded=True), data=question.body, headers=question.headers) as answer,
        ):
            return await answer.text() if answer.status < 400 else ""
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return ""


def script_seconds(twiml: str) -> float | None:
    """Return after how many seconds the TwiML ends the call; None where a conversation decides.

    Raises NoTwiml for what Twilio could not follow.
    """
    try:
        response = ET.fromstring(twiml)  # noqa: S314 -- written by whoever runs this sandbox, on loopback
    except ET.ParseError as error:
        message = f"not XML: {error}"
        raise NoTwiml(message) from error
    if response.tag != "Response":
        message = f"<{response.tag}> instead of <Response>"
        raise NoTwiml(message)
    seconds = 0.0
    for verb in response:
        match verb.tag:
            case "Say":
                seconds += max(1, _count(verb, "loop", 1)) * len("".join(verb.itertext()).split()) / WORDS_PER_SECOND
            case "Play":
                seconds += max(1, _count(verb, "loop", 1)) * PLAY_SECONDS
            case "Pause":
                seconds += _count(verb, "length", 1)
            case "Hangup" | "Reject":
                return seconds
            case _:
                return None
    return seconds


def _count(verb: ET.Element, name: str, usual: int) -> int:
    text = verb.get(name, "")
    return int(text) if text.isdecimal() else usual
