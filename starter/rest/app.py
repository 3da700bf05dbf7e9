"""The REST interface as one application, mounted under /api/v1; its OpenAPI description is at /api/v1/openapi.json."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.routing import Match

from starter.live.broadcast import Live
from starter.rest import (
    accounts,
    analyses,
    analytics,
    campaigns,
    contacts,
    events,
    hooks,
    keys,
    looking,
    optouts,
    reports,
    schedules,
    singles,
    steering,
    templates,
)
from starter.rest.bodies import MEGABYTE, Bodies
from starter.rest.problems import MEDIA_TYPE, Problem, problem, tell_problems
from starter.wiring import Installation

VERSION = "1"
ROUTERS: tuple[APIRouter, ...] = (
    campaigns.router,
    steering.router,
    singles.router,
    analyses.router,
    events.router,
    contacts.router,
    looking.router,
    analytics.router,
    reports.router,
    optouts.router,
    accounts.router,
    templates.router,
    schedules.router,
    keys.router,
    hooks.router,
)
"""In the order of the description."""
REFUSALS = (400, 401, 403, 404, 409, 413, 422, 503)


def rest_app(installation: Installation, live: Live | None = None) -> FastAPI:
    """Build the application on an installation; ``live`` tells the events, where others listen to it, too."""
    app = FastAPI(
        title="Clarion",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses={status: {"model": Problem, "description": "Refused"} for status in REFUSALS},
    )
    app.state.installation = installation
    app.state.live = live or Live(installation.store)
    app.add_middleware(Bodies, largest=int(installation.settings.max_upload_mb * MEGABYTE))
    tell_problems(app)
    _tell_methods(app)
    for router in ROUTERS:
        app.include_router(router)
    usual = app.openapi
    app.openapi = lambda: _with_problems(usual())  # type: ignore[method-assign]  # FastAPI's own way to change it
    return app


def _tell_methods(app: FastAPI) -> None:
    """Have a wrong method answered with all that there are; by itself the framework names those of one route."""

    @app.exception_handler(HTTPStatus.METHOD_NOT_ALLOWED)
    async def wrong_method(request: Request, _: Exception) -> Response:
        all_routes = [route for router in ROUTERS for route in router.routes]
        there = [route for route in all_routes if route.matches(request.scope)[0] is not Match.NONE]
        methods = sorted({method for route in there for method in getattr(route, "methods", None) or ()})
        answer = problem(
            HTTPStatus.METHOD_NOT_ALLOWED, f"{request.method} is not possible here; use {', '.join(methods)}"
        )
        answer.headers["Allow"] = ", ".join(methods)
        return answer


BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
"""What pydantic writes as it is where a validator of ours stands before the bound, and what JSON Schema calls it."""


def _with_problems(description: dict[str, Any]) -> dict[str, Any]:
    """Say of refusals that they are problem details; FastAPI takes all answers of a route for one media type."""
    _name_bounds(description["components"])
    for operations in description["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if int(status) in REFUSALS and "application/json" in answer.get("content", {}):
                    answer["content"] = {MEDIA_TYPE: answer["content"].pop("application/json")}
    return description


def _name_bounds(schema: object) -> None:
    if isinstance(schema, list):
        for one in schema:
            _name_bounds(one)
    elif isinstance(schema, dict):
        for word in BOUNDS.keys() & schema.keys():
            if isinstance(schema[word], int | float):
                schema[BOUNDS[word]] = schema.pop(word)
        for one in schema.values():
            _name_bounds(one)
