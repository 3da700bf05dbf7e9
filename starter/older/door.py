"""The older systems' routes on the web door: their paths, as they were, and whatever else is asked for stays ours."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from starter.live.broadcast import Live
from starter.older.routes import router
from starter.rest.bodies import MEGABYTE, Bodies
from starter.rest.problems import tell_problems
from starter.wiring import Installation

PREFIXES = ("/api/retell-mcp", "/api/batch", "/api/v2/batch", "/older", "/excel", "/batch")


class Whole(BaseRoute):
    """Hands everything below a prefix to another application, which sees the whole path."""

    def __init__(self, prefix: str, app: FastAPI) -> None:
        """Serve ``prefix`` and what is below it."""
        self._prefix = prefix
        self._app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say whether a request is for us."""
        is_ours = scope["type"] == "http" and f"{scope['path']}/".startswith(f"{self._prefix}/")
        return (Match.FULL if is_ours else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer it."""
        await self._app(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: object) -> NoMatchFound:  # type: ignore[override]
        """There are no names here."""
        raise NoMatchFound(name, path_params)


def add_older(app: FastAPI, installation: Installation, live: Live) -> None:
    """Add the older routes to the web door."""
    older = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    older.state.installation = installation
    older.state.live = live
    older.add_middleware(Bodies, largest=int(installation.settings.max_upload_mb * MEGABYTE))
    tell_problems(older)
    older.include_router(router)
    app.router.routes.extend(Whole(prefix, older) for prefix in PREFIXES)
