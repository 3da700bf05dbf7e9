"""Bodies that are too large, too deep, or hold what no text has; and where pages of lists begin."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from clarion.domain.errors import BadInput
from starter.rest.bodies import DEEPEST, check_json
from starter.rest.paging import cursor_at, number_after, page, text_after
from tests.starter.rest.doorway import Doorway


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "is not JSON"),
        (b"\xff{}", "UTF-8"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "too many digits"),
        (b"[" * 5_000 + b"]" * 5_000, "levels"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "levels"),
        (b'{"a": ["\\u0000"]}', "NUL"),
        (b'{"\\u0000": 1}', "NUL"),
        (b'"\\ud800"', "half a character"),
    ],
)
def test_what_nothing_behind_could_take_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        check_json(body)


@pytest.mark.parametrize(
    "body", [b"", b"null", b'{"a": "\\u00e9 \\ud83d\\ude00 \\\\u0000"}', json.dumps([[1.5, "x"]] * 1_000).encode()]
)
def test_json_is_taken(body: bytes) -> None:
    check_json(body)


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(door: Doorway) -> None:
    headers = {"Content-Type": "application/json", "Content-Length": str(17 * 1024 * 1024)}
    answer = await door.client().post("/campaigns", content=b"{}", headers=headers)
    assert answer.status_code == 413
    assert "16 MB" in answer.json()["detail"]
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_body_that_does_not_say_how_large_it_is_is_counted(door: Doorway) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(18):
            yield b" " * 1024 * 1024

    answer = await door.client().post("/campaigns", content=endless(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_a_page_names_where_the_next_one_begins() -> None:
    first = page([1, 2, 3], 2, int)
    assert (list(first.items), number_after(first.next)) == ([1, 2], 2)
    assert page([3], 2, int).next is None
    assert text_after(cursor_at("+1")) == "+1"
    assert (number_after(None, 7), text_after(None)) == (7, "")


@pytest.mark.parametrize("cursor", ["x", "-", "AAAA", cursor_at("a"), cursor_at(-1), cursor_at(2**63), cursor_at(True)])
def test_a_cursor_that_is_none_is_refused(cursor: str) -> None:
    with pytest.raises(BadInput):
        number_after(cursor)


def test_a_cursor_cannot_bring_what_the_database_does_not_take() -> None:
    with pytest.raises(BadInput):
        text_after(cursor_at("\0"))
