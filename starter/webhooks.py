"""The web door for providers: verifies what they send, keeps it durably, and only then says thank you.

What a receipt means is worked out elsewhere, after it was kept.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Literal, Protocol
from urllib.parse import parse_qsl

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.datastructures import ImmutableMultiDict
from starlette.requests import ClientDisconnect

from clarion.domain.attempt import AttemptId
from clarion.domain.errors import BadInput
from clarion.providers.ports import ReceiptReader
from clarion.providers.raw import RawReceipt
from clarion.providers.twilio_webhooks import SIGNATURE_HEADER, TwilioReceipts, inbound_callback, status_callback
from clarion.settings import Settings

log = logging.getLogger(__name__)

MOST_BYTES = 64 * 1024
MOST_FIELDS = 500
LONGEST_BODY = 10.0
"""Seconds in which the body of a request has to arrive."""
LONGEST_KEEP = 10.0
"""Seconds in which a receipt has to be stored; Twilio waits for 15."""
FORM = "application/x-www-form-urlencoded"
SILENCE = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
"""Tells Twilio to answer an inbound text with nothing."""


class Inbox(Protocol):
    """Where receipts are kept until they have been applied."""

    async def keep(self, receipt: RawReceipt) -> None:
        """Store a receipt; once this returns it is not lost any more."""
        ...


def webhook_routes(settings: Settings, inbox: Inbox) -> APIRouter:
    """Return the routes for the webhooks of all accounts."""
    router = APIRouter(prefix="/webhooks/twilio/{account}", include_in_schema=False)
    door = _Door(settings, inbox)

    @router.post("/status")
    async def status(account: str, request: Request) -> Response:
        await door.admit("status", account, request)
        return Response(status_code=204)

    @router.post("/inbound")
    async def inbound(account: str, request: Request) -> Response:
        await door.admit("inbound", account, request)
        return Response(SILENCE, media_type="text/xml")

    return router


class _Door:
    def __init__(self, settings: Settings, inbox: Inbox) -> None:
        self._public_url = settings.public_url
        self._inbox = inbox
        self._readers: dict[str, ReceiptReader] = {
            name: TwilioReceipts(account.auth_token.get_secret_value())
            for name, account in settings.accounts.items()
            if account.provider == "twilio"
        }

    async def admit(self, kind: Literal["status", "inbound"], account: str, request: Request) -> None:
        """Keep a genuine request. Raises HTTPException for every other."""
        reader = self._readers.get(account)
        if reader is None or self._public_url is None:
            raise HTTPException(404, "No account of that name takes webhooks here.")
        payload = await _form_text(request)
        form = _fields(payload)
        address = (status_callback if kind == "status" else inbound_callback)(self._public_url, account)
        if not _is_genuine(reader, address, request, form):
            raise HTTPException(403, "The signature does not fit; check the auth token and CLARION_PUBLIC_URL.")
        attempt = _attempt(request.query_params.get("attempt"))
        await self._keep(RawReceipt("twilio", account, kind, payload, attempt, time.time()))

    async def _keep(self, receipt: RawReceipt) -> None:
        try:
            async with asyncio.timeout(LONGEST_KEEP):
                await self._inbox.keep(receipt)
        except Exception:
            log.exception("A %s receipt for account %s could not be stored", receipt.kind, receipt.account)
            raise HTTPException(503, "The receipt could not be stored; please send it again.") from None


async def _form_text(request: Request) -> str:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != FORM:
        raise HTTPException(415, f"Webhooks come as {FORM}.")
    body = bytearray()
    try:
        async with asyncio.timeout(LONGEST_BODY):
            async for piece in request.stream():
                body += piece
                if len(body) > MOST_BYTES:
                    raise HTTPException(413, f"A webhook has at most {MOST_BYTES} bytes.")
    except TimeoutError:
        raise HTTPException(408, "The request took too long to arrive.") from None
    except ClientDisconnect:
        raise HTTPException(400, "The request ended before it was complete.") from None
    return body.decode("utf-8", "replace")


def _fields(payload: str) -> ImmutableMultiDict[str, str]:
    """Return every field, empty ones too: they are part of what was signed."""
    try:
        return ImmutableMultiDict(parse_qsl(payload, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise HTTPException(413, f"A webhook has at most {MOST_FIELDS} fields.") from None


def _is_genuine(reader: ReceiptReader, address: str, request: Request, form: Mapping[str, str]) -> bool:
    query = request.scope["query_string"].decode("latin-1")
    try:
        return reader.verify(
            f"{address}?{query}" if query else address, form, request.headers.get(SIGNATURE_HEADER, "")
        )
    except ValueError:  # an address that cannot be taken apart was not signed by the provider
        return False


def _attempt(text: str | None) -> str | None:
    """Return an attempt id of ours; anything else is left to the provider's own reference."""
    try:
        return str(AttemptId.parse(text)) if text else None
    except BadInput:
        return None
