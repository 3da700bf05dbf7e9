"""The dashboard as one application under /dashboard: its pages, and what is said when one of them fails."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from clarion.domain.errors import BadInput, ClarionError
from starter.dashboard.accounts import router as accounts
from starter.dashboard.analytics import router as analytics
from starter.dashboard.campaign import router as campaign
from starter.dashboard.checks import Checks
from starter.dashboard.creating import router as creating
from starter.dashboard.editing import router as editing
from starter.dashboard.errors import router as errors
from starter.dashboard.guards import Guard
from starter.dashboard.hooks import router as hooks
from starter.dashboard.keys import router as keys
from starter.dashboard.listing import router as listing
from starter.dashboard.optouts import router as optouts
from starter.dashboard.rendering import HERE, PREFIX, go, page
from starter.dashboard.reports import router as reports
from starter.dashboard.scheduling import router as scheduling
from starter.dashboard.sign_in import router as sign_in
from starter.dashboard.single import router as single
from starter.dashboard.snapshots import Snapshots
from starter.dashboard.steering import router as steering
from starter.dashboard.targets import router as targets
from starter.dashboard.templating import router as templating
from starter.dashboard.transcripts import router as transcripts
from starter.dashboard.visitors import SignedOut
from starter.rest.problems import STATUS, NotAllowed
from starter.wiring import Installation

log = logging.getLogger(__name__)

ROUTERS: tuple[APIRouter, ...] = (
    sign_in,
    listing,
    creating,
    single,
    templating,
    scheduling,
    analytics,
    accounts,
    optouts,
    hooks,
    keys,
    campaign,
    editing,
    steering,
    targets,
    transcripts,
    errors,
    reports,
)


def add_dashboard(app: FastAPI, installation: Installation) -> None:
    """Put the dashboard under /dashboard, and send whoever asks for nothing in particular there."""
    dashboard = dashboard_app(installation)
    app.mount(PREFIX, dashboard)
    app.state.dashboard = dashboard

    @app.get("/", include_in_schema=False)
    async def root() -> Response:
        return RedirectResponse(f"{PREFIX}/", 307)


@asynccontextmanager
async def dashboard_open(app: FastAPI) -> AsyncIterator[None]:
    """End what the pages have begun when the block ends."""
    try:
        yield
    finally:
        await app.state.dashboard.state.checks.stop()


def dashboard_app(installation: Installation) -> FastAPI:
    """Build the application on an installation."""
    app = FastAPI(title="Clarion dashboard", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.installation = installation
    app.state.snapshots = Snapshots()
    app.state.checks = Checks()
    public = installation.settings.public_url
    app.add_middleware(
        Guard,
        own_host=urlsplit(public).netloc if public else "",
        largest=int(installation.settings.max_upload_mb * 1_000_000),
    )
    _tell_errors(app)
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    for router in ROUTERS:
        app.include_router(router)
    return app


def _tell_errors(app: FastAPI) -> None:
    @app.exception_handler(SignedOut)
    async def signed_out(request: Request, error: SignedOut) -> Response:
        del error
        if "hx-request" in request.headers:  # an open page asks for news: the page itself has to go
            return Response(status_code=401, headers={"HX-Redirect": f"{PREFIX}/sign-in"})
        return RedirectResponse(f"{PREFIX}/sign-in", 303)

    @app.exception_handler(ClarionError)
    async def ours(request: Request, error: ClarionError) -> Response:
        back = getattr(request.state, "back", None)
        if back is not None:
            return go(back, str(error), bad=True)
        return _error_page(request, _status_of(error), str(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"][1:]))
        return await ours(request, BadInput(f"{where} cannot be read: {first['msg']}"))

    @app.exception_handler(HTTPException)
    async def of_framework(request: Request, error: HTTPException) -> Response:
        said = "there is no such page; go back to the list of campaigns" if error.status_code == 404 else error.detail
        return _error_page(request, HTTPStatus(error.status_code), said)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        log.error("a page of the dashboard failed", exc_info=error)
        said = "something in Clarion failed; the log of the web door says what, and trying again may help"
        return _error_page(request, HTTPStatus.INTERNAL_SERVER_ERROR, said)


def _status_of(error: ClarionError) -> HTTPStatus:
    if isinstance(error, NotAllowed):
        return HTTPStatus.FORBIDDEN
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), HTTPStatus.BAD_REQUEST)


def _error_page(request: Request, status: HTTPStatus, said: str) -> Response:
    return page(request, "error.html", status, title=status.phrase, said=said)
