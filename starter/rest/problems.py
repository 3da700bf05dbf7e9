"""Errors as problem details (RFC 9457): what is wrong, in which field, and the way out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from clarion.domain.campaign import CampaignSpec
from clarion.domain.errors import BadInput, ClarionError, Conflict, NotFound, Unreachable
from starter.keys import Refused
from starter.ways_out import for_programs

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

STATUS: Mapping[type[ClarionError], HTTPStatus] = {
    Refused: HTTPStatus.UNAUTHORIZED,
    BadInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Unreachable: HTTPStatus.SERVICE_UNAVAILABLE,
}

WRONG_ADDRESS = "there is nothing at this address; /api/v1/openapi.json describes all there are"

IN_OUR_WORDS = {
    "missing": "it is missing; send it",
    "extra_forbidden": "it is not known here; leave it out, or look into /api/v1/openapi.json for its right name",
}
"""What pydantic says too shortly of a request, by its name of the fault."""

FIELDS = frozenset({*CampaignSpec.model_fields, "id", "contacts", "number", "settings", "batch_size", "ai_batch_size"})
"""What a sentence begins with when it is about that part of a request; other sentences begin with any word."""


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(frozen=True)

    field: str
    """Where, with dots between the names; empty: the request as a whole."""
    detail: str


class Problem(BaseModel):
    """Why a request was refused."""

    model_config = ConfigDict(frozen=True)

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    """One sentence with the way out."""
    errors: Sequence[Fault] = ()


class NotAllowed(ClarionError):
    """The key is known and may not do this."""


class TooLarge(ClarionError):
    """The request is larger than what is taken."""


def problem(status: HTTPStatus, detail: str, errors: Sequence[Fault] = ()) -> JSONResponse:
    """Build the answer for a problem."""
    body = Problem(title=status.phrase, status=status, detail=detail, errors=errors)
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else None
    return JSONResponse(body.model_dump(mode="json"), status, headers, media_type=MEDIA_TYPE)


def problem_of(error: ClarionError) -> JSONResponse:
    """Build the answer for an error of ours."""
    said = for_programs(str(error))
    return problem(_status(error), said, _faults(said) if isinstance(error, BadInput) else ())


def tell_problems(app: FastAPI) -> None:
    """Have an application answer every error with problem details."""

    @app.exception_handler(ClarionError)
    async def ours(_: Request, error: ClarionError) -> JSONResponse:
        return problem_of(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        faults = [
            Fault(field=".".join(map(str, one["loc"][1:])), detail=IN_OUR_WORDS.get(one["type"], one["msg"]))
            for one in error.errors()
        ]
        first = faults[0] if faults else Fault(field="", detail="it cannot be read")
        where = f"{first.field}: " if first.field else ""
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{where}{first.detail}", faults)

    @app.exception_handler(HTTPException)
    async def of_framework(_: Request, error: HTTPException) -> JSONResponse:
        status = HTTPStatus(error.status_code)
        detail = WRONG_ADDRESS if error.detail == HTTPStatus.NOT_FOUND.phrase else str(error.detail)
        told = problem(status, detail)
        told.headers.update(error.headers or {})
        return told

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        log.error("a request failed", exc_info=error)
        detail = "something in Clarion failed; the log of the web door says what, and nothing was changed by halves"
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail)


def _status(error: ClarionError) -> HTTPStatus:
    if isinstance(error, NotAllowed):
        return HTTPStatus.FORBIDDEN
    if isinstance(error, TooLarge):
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), HTTPStatus.BAD_REQUEST)


def _faults(said: str) -> list[Fault]:
    """Split what was said, one sentence a line, into the fields it is about."""
    faults = []
    for line in said.splitlines():
        head, _, _ = line.partition(" ")
        name = head.removesuffix(":")
        is_known = name != head or name.partition(".")[0] in FIELDS
        is_field = is_known and all(part.isidentifier() for part in name.split("."))
        faults.append(Fault(field=name if is_field else "", detail=line))
    return faults
