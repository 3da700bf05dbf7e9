"""What stands before every page: no foreign site sends forms here, nothing too large comes in, and headers go out."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

READING = frozenset({"GET", "HEAD", "OPTIONS"})
SMALL = 1_000_000
"""Bytes of a form beside the files in it."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    # Not no-referrer: with it browsers hide from us where a form comes from.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
STATIC = "public, max-age=86400"


class _TooLarge(Exception):
    """More has come in than is taken."""


class Guard:
    """Refuses what no page of ours can have sent."""

    def __init__(self, app: ASGIApp, *, own_host: str, largest: int) -> None:
        """``own_host`` is the name under which the outside knows us, ``largest`` the bytes of an upload."""
        self._app = app
        self._own_host = own_host
        self._largest = largest + SMALL

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        if scope["method"] not in READING and not self._is_ours(headers):
            refusal = PlainTextResponse("This form was not sent by a page of this dashboard; open it here again.", 403)
            await refusal(scope, receive, send)
            return
        told = headers.get("content-length", "0")
        if not told.isdigit() or int(told) > self._largest:
            await self._too_large()(scope, receive, send)
            return
        await self._pass_on(scope, receive, send)

    def _is_ours(self, headers: Headers) -> bool:
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site == "same-origin"
        sender = urlsplit(headers.get("origin", "")).netloc
        return bool(sender) and sender in {headers.get("host", ""), self._own_host}

    def _too_large(self) -> PlainTextResponse:
        most = (self._largest - SMALL) / 1_000_000
        return PlainTextResponse(
            f"This upload has more than {most:g} MB; split it, or raise CLARION_MAX_UPLOAD_MB.", 413
        )

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        left, begun = self._largest, False

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise _TooLarge
            return message

        async def with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if "/static/" in scope["path"] and message["status"] == 200:
                    headers["Cache-Control"] = STATIC
            await send(message)

        try:
            await self._app(scope, counted, with_headers)
        except _TooLarge:
            if not begun:
                await self._too_large()(scope, receive, with_headers)
