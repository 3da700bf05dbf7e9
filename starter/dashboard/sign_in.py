"""Signing in with an API key, signing out, and how the pages look."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from starter.dashboard.rendering import PREFIX, THEME, Theme, page
from starter.dashboard.sessions import COOKIE, LONGEST, Sessions
from starter.dashboard.visitors import installation_of
from starter.keys import Refused

router = APIRouter()


@router.get("/sign-in")
async def form(request: Request) -> Response:
    """Ask for a key."""
    return page(request, "sign_in.html")


@router.post("/sign-in")
async def sign_in(request: Request, key: Annotated[str, Form(max_length=200)] = "") -> Response:
    """Open a session for who shows a key."""
    try:
        cookie = await Sessions(installation_of(request).store).open(key, time.time())
    except Refused as error:
        return page(request, "sign_in.html", 401, error=str(error))
    answer = RedirectResponse(f"{PREFIX}/", 303)
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=int(LONGEST),
        path=PREFIX,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/sign-out")
async def sign_out() -> Response:
    """End the session in this browser; revoking the key ends all of its sessions."""
    answer = RedirectResponse(f"{PREFIX}/sign-in", 303)
    answer.delete_cookie(COOKIE, path=PREFIX)
    return answer


@router.post("/theme")
async def theme(look: Annotated[Theme, Form()], back: Annotated[str, Form()] = "") -> Response:
    """Keep how the pages shall look in this browser."""
    inside = back.startswith(f"{PREFIX}/") and "\\" not in back and "//" not in back and back.isprintable()
    answer = RedirectResponse(back if inside else f"{PREFIX}/", 303)
    answer.set_cookie(THEME, look.value, max_age=365 * 86400, path=PREFIX, httponly=True, samesite="strict")
    return answer
