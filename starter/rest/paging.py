"""Lists a page at a time: each answer names where the next one begins, so that nothing is skipped or told twice."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from clarion.domain.errors import BadInput

MOST = 1_000
USUAL = 100
LARGEST = 2**63 - 1
"""The largest number that the store counts to."""

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=MOST, description="How many, at most.")]
Cursor = Annotated[
    str | None,
    Query(
        max_length=500,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Where the page begins: `next` of the page before it. Without it, at the front.",
    ),
]


class Page(BaseModel, Generic[T]):
    """Part of a list."""

    model_config = ConfigDict(frozen=True)

    items: Sequence[T]
    next: Annotated[str | None, Field(description="The `cursor` of the page that follows; null: this is the last one.")]


def page(found: Sequence[T], limit: int, place: Callable[[T], int | str]) -> Page[T]:
    """Make a page out of one more than ``limit`` where there are as many; ``place`` is what a query goes on after."""
    items = found[:limit]
    return Page(items=items, next=cursor_at(place(items[-1])) if len(found) > limit else None)


def cursor_at(place: int | str) -> str:
    """Write a cursor that goes on after this place."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def number_after(cursor: str | None, front: int = 0) -> int:
    """Return the number to go on after; ``front`` without a cursor. Raises BadInput for one that is not ours."""
    place = front if cursor is None else _place(cursor)
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place <= LARGEST:
        raise not_ours()
    return place


def text_after(cursor: str | None) -> str:
    """Return the text to go on after; empty without a cursor. Raises BadInput for one that is not ours."""
    place = "" if cursor is None else _place(cursor)
    if not isinstance(place, str) or not place.isprintable():
        raise not_ours()
    return place


def _place(cursor: str) -> object:
    try:
        return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise not_ours() from None


def not_ours() -> BadInput:
    """Return what a caller is told of a cursor that another list has given, or none."""
    return BadInput(
        "cursor is none of this list; take `next` of the page before, or leave it out to begin at the front"
    )
