"""How many parts a text message is billed as, by the rules of GSM 03.38 and UCS-2."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

LONGEST_TEXT = 1600
"""Characters Twilio takes in the body of one message."""

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€\f")
_GSM = _BASIC | _EXTENDED
_FIRST_HALF = "\ud800"
"""Stands before every character that takes two units; no real text holds a lone surrogate."""


class Encoding(StrEnum):
    """The alphabet a carrier sends a text in; one character outside GSM-7 switches the whole text to UCS-2."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


@dataclass(frozen=True, slots=True)
class Segments:
    """The size of a text: `units` are septets in GSM-7 and UTF-16 units in UCS-2, `count` the parts it is billed as."""

    encoding: Encoding
    units: int
    count: int


def count_segments(text: str) -> Segments:
    """Count the parts of a text; one with an escape or surrogate pair never has it split; an empty text has none.

    One part holds 160 septets or 70 UTF-16 units; of several, each holds 153 or 67, as the rest links them.
    """
    characters = set(text)
    if characters <= _GSM:
        return _measure(text, Encoding.GSM_7, characters & _EXTENDED, whole=160, part=153)
    return _measure(
        text, Encoding.UCS_2, {character for character in characters if character > "\uffff"}, whole=70, part=67
    )


def _measure(text: str, encoding: Encoding, doubles: AbstractSet[str], *, whole: int, part: int) -> Segments:
    units = len(text) + sum(text.count(character) for character in doubles)
    if units <= whole:
        return Segments(encoding, units, 1 if units else 0)
    if not doubles:
        return Segments(encoding, units, -(-units // part))
    spread = text.translate({ord(character): _FIRST_HALF + character for character in doubles})
    count = start = 0
    while start < units:
        start += part
        if start < units and spread[start - 1] == _FIRST_HALF:
            start -= 1  # the whole pair goes into the next part
        count += 1
    return Segments(encoding, units, count)
