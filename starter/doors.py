"""All front doors of the web process on one application: REST, live events, MCP, older routes, dashboard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.routing import Route

from starter.codec_door import add_codec
from starter.dashboard.door import add_dashboard, dashboard_open
from starter.live.broadcast import Live
from starter.mcp.door import PATH as MCP
from starter.mcp.door import McpDoor
from starter.older.door import add_older
from starter.rest.app import rest_app
from starter.wiring import Installation


def add_doors(app: FastAPI, installation: Installation) -> None:
    """Add every door to the application that has the webhooks."""
    app.state.live = Live(installation.store)
    app.state.on_shutdown.append(app.state.live.close)
    app.mount("/api/v1", rest_app(installation, app.state.live))
    add_codec(app, installation)
    app.state.mcp = McpDoor(installation)
    app.router.routes.append(Route(MCP, app.state.mcp))
    add_older(app, installation, app.state.live)
    add_dashboard(app, installation)


@asynccontextmanager
async def doors_open(app: FastAPI, installation: Installation) -> AsyncIterator[None]:
    """Run what the doors need beside their requests."""
    del installation
    async with app.state.mcp.running(), dashboard_open(app):
        try:
            yield
        finally:
            await app.state.live.aclose()
