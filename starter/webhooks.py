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
from clarion.providers.ports import CallReader, ReceiptReader, Webhook
from clarion.providers.raw import RawReceipt
from clarion.providers.twilio_webhooks import SIGNATURE_HEADER, TwilioReceipts, inbound_callback, status_callback
from clarion.providers.vendors import call_reader
from clarion.settings import Provider, Settings

log = logging.getLogger(__name__)

MOST_BYTES = 64 * 1024
MOST_BYTES_OF_A_CALL = 4 * 1024 * 1024
"""A webhook about a call may hold its whole transcript, word by word."""
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
    router = APIRouter(prefix="/webhooks", include_in_schema=False)
    door = _Door(settings, inbox)
    calls = _CallDoor(settings, inbox)

    @router.post("/twilio/{account}/status")
    async def status(account: str, request: Request) -> Response:
        await door.admit("status", account, request)
        return Response(status_code=204)

    @router.post("/twilio/{account}/inbound")
    async def inbound(account: str, request: Request) -> Response:
        await door.admit("inbound", account, request)
        return Response(SILENCE, media_type="text/xml")

    @router.post("/{provider}/{account}/call")
    @router.post("/{provider}/{account}/{secret:path}/call")  # a secret may hold a slash, which is escaped
    async def call(provider: str, account: str, request: Request) -> Response:
        await calls.admit(provider, account, request)
        return Response(status_code=200)  # ElevenLabs takes nothing else for success

    return router


class _Door:
    """Takes what Twilio says about texts."""

    def __init__(self, settings: Settings, inbox: Inbox) -> None:
        self._public_url = settings.public_url
        self._inbox = inbox
        self._readers: dict[str, ReceiptReader] = {
            name: TwilioReceipts(account.auth_token.get_secret_value())
            for name, account in settings.accounts.items()
            if account.provider is Provider.TWILIO
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
        await _keep(self._inbox, RawReceipt("twilio", account, kind, payload, attempt, time.time()))


class _CallDoor:
    """Takes what any vendor says about calls."""

    def __init__(self, settings: Settings, inbox: Inbox) -> None:
        self._public_url = (settings.public_url or "").rstrip("/")
        self._inbox = inbox
        self._accounts = settings.accounts if settings.public_url else {}
        self._readers: dict[str, CallReader] = {}

    async def admit(self, provider: str, name: str, request: Request) -> None:
        """Keep a genuine request. Raises HTTPException for every other."""
        account = self._accounts.get(name)
        if account is None or account.provider != provider:
            raise HTTPException(404, "No account of that name and provider takes webhooks here.")
        body = await _body(request, MOST_BYTES_OF_A_CALL)
        reader = self._readers.get(name)
        if reader is None:
            reader = self._readers[name] = await asyncio.to_thread(call_reader, account)
        now = time.time()
        if not reader.verify(self._webhook(request, body), now):
            raise HTTPException(403, "The signature does not fit; check the account's secrets and CLARION_PUBLIC_URL.")
        attempt = _attempt(request.query_params.get("attempt"))
        receipt = RawReceipt(provider, name, "call", body.decode("utf-8", "replace"), attempt, now)
        await _keep(self._inbox, receipt)

    def _webhook(self, request: Request, body: bytes) -> Webhook:
        # The address as it was sent, escapes and all: the signature covers it byte for byte.
        path = request.scope.get("raw_path", b"").decode("latin-1") or request.url.path
        query = request.scope["query_string"].decode("latin-1")
        url = self._public_url + path + (f"?{query}" if query else "")
        return Webhook(url, {name.lower(): value for name, value in request.headers.items()}, body)


async def _keep(inbox: Inbox, receipt: RawReceipt) -> None:
    try:
        async with asyncio.timeout(LONGEST_KEEP):
            await inbox.keep(receipt)
    except Exception:
        log.exception("A %s receipt for account %s could not be stored", receipt.kind, receipt.account)
        raise HTTPException(503, "The receipt could not be stored; please send it again.") from None


async def _form_text(request: Request) -> str:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != FORM:
        raise HTTPException(415, f"Webhooks come as {FORM}.")
    return (await _body(request, MOST_BYTES)).decode("utf-8", "replace")


async def _body(request: Request, most: int) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(LONGEST_BODY):
            async for piece in request.stream():
                body += piece
                if len(body) > most:
                    raise HTTPException(413, f"A webhook has at most {most} bytes.")
    except TimeoutError:
        raise HTTPException(408, "The request took too long to arrive.") from None
    except ClientDisconnect:
        raise HTTPException(400, "The request ended before it was complete.") from None
    return bytes(body)


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
