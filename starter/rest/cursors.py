"""Cursors: where a page has ended, written as text that callers hand back, and read again."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from clarion.store.pages import AttemptPlace, TextPlace
from starter.draft_contacts import DraftPlace
from starter.looking_pages import Slice
from starter.rest.paging import LARGEST, Page, cursor_at, not_ours, text_after

NUMBERS = re.compile(r"\d{1,19}(?:\.\d{1,19})*")

T = TypeVar("T")
Place = TypeVar("Place")


def page_of(part: Slice[T, Place], write: Callable[[Place], int | str]) -> Page[T]:
    """Make an answer of a page; ``write`` makes its end something that a cursor can hold."""
    return Page(items=part.items, next=None if part.next is None else cursor_at(write(part.next)))


def whole(items: Sequence[T]) -> Page[T]:
    """Make an answer of a list that is told at once."""
    return Page(items=items, next=None)


def of_numbers(place: Sequence[int]) -> str:
    """Write a place that consists of numbers."""
    return ".".join(map(str, place))


def of_text(place: TextPlace) -> str:
    """Write the place of a text."""
    return f"{place.received_at!r} {place.reference}"


def attempt_after(cursor: str | None) -> AttemptPlace:
    """Read the place of an attempt; the front without a cursor. Raises BadInput for one that is not of such a list."""
    return AttemptPlace(*_numbers(cursor, 2))


def contact_after(cursor: str | None) -> DraftPlace:
    """Read the place of a contact; the front without a cursor. Raises BadInput for one that is not of such a list."""
    return DraftPlace(*_numbers(cursor, 3))


def text_place_after(cursor: str | None) -> TextPlace:
    """Read the place of a text; the front without a cursor. Raises BadInput for one that is not of such a list."""
    text = text_after(cursor)
    if not text:
        return TextPlace()
    at, _, reference = text.partition(" ")
    try:
        received_at = float(at)
    except ValueError:
        raise not_ours() from None
    if not math.isfinite(received_at):
        raise not_ours()
    return TextPlace(received_at, reference)


def _numbers(cursor: str | None, count: int) -> list[int]:
    text = text_after(cursor)
    if not text:
        return [0] * count
    numbers = [int(part) for part in text.split(".")] if NUMBERS.fullmatch(text) and text.isascii() else []
    if len(numbers) != count or max(numbers) > LARGEST:
        raise not_ours()
    return numbers
