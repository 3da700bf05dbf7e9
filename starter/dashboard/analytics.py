"""What worked, over all campaigns of a tenant: by hour of the day, and by campaign."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from starter.dashboard.rendering import page
from starter.dashboard.visitors import Reader

router = APIRouter(prefix="/analytics")


@router.get("")
async def analytics(request: Request, visitor: Reader) -> Response:
    """Show what worked."""
    del visitor
    return page(request, "analytics.html")
