"""The REST interface as one application, mounted under /api/v1; its OpenAPI description is at /api/v1/openapi.json."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from starter.rest.problems import MEDIA_TYPE, Problem, tell_problems
from starter.wiring import Installation

VERSION = "1"
ROUTERS: tuple[APIRouter, ...] = ()
"""In the order of the description."""


def rest_app(installation: Installation) -> FastAPI:
    """Build the application on an installation."""
    refusal = {"description": "Refused", "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}}
    app = FastAPI(
        title="Clarion",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        responses=dict.fromkeys((401, 403, 404, 409, 413, 422, 503), refusal),
    )
    app.state.installation = installation
    tell_problems(app)
    for router in ROUTERS:
        app.include_router(router)
    return app
