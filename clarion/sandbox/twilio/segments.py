"""Counts the segments Twilio bills for a text ("What is GSM-7", "SMS character limit" pages)."""

from __future__ import annotations

from collections.abc import Iterable

GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_7_EXTENSION = frozenset("^{}\\[~]|€\f")
"""Each takes two septets, which stay in one part."""


def segments(text: str) -> int:
    """Return how many parts the text is sent in; an empty text still takes one."""
    if GSM_7.issuperset(text):
        return _parts((1 for _ in text), len(text), single=160, each=153)
    if (GSM_7 | GSM_7_EXTENSION).issuperset(text):
        sizes = [2 if letter in GSM_7_EXTENSION else 1 for letter in text]
        return _parts(sizes, sum(sizes), single=160, each=153)
    units = [2 if ord(letter) > 0xFFFF else 1 for letter in text]
    return _parts(units, sum(units), single=70, each=67)


def _parts(sizes: Iterable[int], total: int, *, single: int, each: int) -> int:
    if total <= single:
        return 1
    count, room = 0, 0
    for size in sizes:
        if size > room:
            count, room = count + 1, each
        room -= size
    return count
