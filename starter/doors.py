"""All front doors of the web process on one application: REST, live events, MCP, older routes, dashboard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from starter.codec_door import add_codec
from starter.rest.app import rest_app
from starter.wiring import Installation


def add_doors(app: FastAPI, installation: Installation) -> None:
    """Add every door to the application that has the webhooks."""
    app.mount("/api/v1", rest_app(installation))
    add_codec(app, installation)


@asynccontextmanager
async def doors_open(app: FastAPI, installation: Installation) -> AsyncIterator[None]:
    """Run what the doors need beside their requests."""
    del app, installation
    yield
