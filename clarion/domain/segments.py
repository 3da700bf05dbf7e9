"""How many parts a text message is billed as, by the rules of GSM 03.38 and UCS-2."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€\f")
_GSM = _BASIC | _EXTENDED


class Encoding(StrEnum):
    """The alphabet a carrier sends a text in; one character outside GSM-7 switches the whole text to UCS-2."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


class Segments(NamedTuple):
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
        escaped = characters & _EXTENDED
        units = len(text) + sum(text.count(character) for character in escaped)
        return Segments(Encoding.GSM_7, units, _parts(text, escaped, units, whole=160, part=153))
    paired = {character for character in characters if character > "\uffff"}
    units = len(text) + sum(text.count(character) for character in paired)
    return Segments(Encoding.UCS_2, units, _parts(text, paired, units, whole=70, part=67))


def _parts(text: str, doubles: set[str] | frozenset[str], units: int, *, whole: int, part: int) -> int:
    if units <= whole:
        return 1 if units else 0
    if not doubles:
        return -(-units // part)
    return _walk((2 if character in doubles else 1 for character in text), part)


def _walk(widths: Iterable[int], part: int) -> int:
    count, used = 1, 0
    for width in widths:
        used += width
        if used > part:
            count, used = count + 1, width
    return count
