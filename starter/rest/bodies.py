"""What requests may hold: how large their bodies are, what their JSON is made of, and which words name things."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Annotated

from fastapi import Path, Query
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clarion.domain.errors import BadInput
from starter.rest.problems import problem

MEGABYTE = 1024 * 1024
LARGEST_JSON = 16 * MEGABYTE
DEEPEST = 40
"""Levels of lists and groups inside each other."""

CampaignId = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="The id of a campaign of yours.",
        examples=["spring-2026"],
    ),
]
Search = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="Part of a name or an id, in capitals or small letters.",
    ),
]


class Bodies:
    """Refuses bodies that are too large, and JSON that no database or program could take. An ASGI middleware."""

    def __init__(self, app: ASGIApp, *, largest: int, largest_json: int = LARGEST_JSON) -> None:
        """``largest`` is in bytes, and holds for what is not JSON: uploads."""
        self._app = app
        self._largest = largest
        self._largest_json = largest_json

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        is_json = _is_json(headers.get("content-type", ""))
        limit = self._largest_json if is_json else self._largest
        try:
            told = headers.get("content-length", "")
            if told.isdecimal() and int(told[:19]) > limit:
                raise _too_large(limit)
            receive = _counted(receive, limit)
            if is_json:
                body = await _all(receive)
                check_json(body)
                receive = _again(body, receive)
        except HTTPException as error:
            await problem(HTTPStatus(error.status_code), error.detail)(scope, receive, send)
        except BadInput as error:
            await problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def check_json(body: bytes) -> None:
    """Check that a body is JSON in a form that everything behind can take. Raises BadInput."""
    if not body:
        return
    try:
        content = json.loads(body, parse_constant=_no_number)
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        raise BadInput(f"the body is not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    except UnicodeDecodeError:
        raise BadInput("the body is not UTF-8; send JSON in UTF-8") from None
    except ValueError:
        raise BadInput("the body has a number with too many digits; write it as text") from None
    # Written out, such characters cannot be in JSON: without an escape there is none.
    _check_inside(content, texts=b"\\u" in body)


def _check_inside(content: object, *, texts: bool) -> None:
    level = [content]
    for _ in range(DEEPEST):
        below: list[object] = []
        for one in level:
            if isinstance(one, dict):
                below.extend(one.values())
                if texts:
                    below.extend(one)
            elif isinstance(one, list):
                below.extend(one)
            elif texts and isinstance(one, str):
                _check_text(one)
        if not below:
            return
        level = below
    raise _too_deep()


def _check_text(text: str) -> None:
    if "\0" in text:
        raise BadInput(r"a text in the body holds the character NUL (\u0000), which no text has; leave it out")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise BadInput(r"a text in the body holds half a character (\ud800 to \udfff without its other half)")


def _no_number(word: str) -> object:
    raise BadInput(f"the body holds {word}, which is no number in JSON; leave it out, or give null")


def _too_deep() -> BadInput:
    return BadInput(f"the body has lists or groups inside each other on more than {DEEPEST} levels; make it flatter")


def _too_large(limit: int) -> HTTPException:
    most = f"{limit / MEGABYTE:g} MB"
    otherwise = "as a file" if limit == LARGEST_JSON else "raise CLARION_MAX_UPLOAD_MB"
    return HTTPException(413, f"the request is larger than {most}; send it in several, or {otherwise}")


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _counted(receive: Receive, limit: int) -> Receive:
    """Pass on what comes, up to a limit. Raises HTTPException, which FastAPI lets through where it reads a body."""
    came = 0

    async def counted() -> Message:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        if came > limit:
            raise _too_large(limit)
        return message

    return counted


async def _all(receive: Receive) -> bytes:
    pieces = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise HTTPException(400, "the request ended before its body did")
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces)


def _again(body: bytes, receive: Receive) -> Receive:
    """Give a body that has been read, and afterwards what else comes: that the caller has gone."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
