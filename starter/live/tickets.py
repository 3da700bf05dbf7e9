"""Tickets: what a browser shows instead of an API key where it can send no header; signed, and soon worthless."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass

from clarion.store.keys import ApiKey
from clarion.store.store import Store
from starter.keys import Refused

LASTS = 30.0
"""Seconds; the time to open a connection, not the time that it may stay open."""
NAME = "tickets"


@dataclass(frozen=True, slots=True)
class Tickets:
    """Makes and recognises the tickets of an installation. Nothing of them is stored."""

    store: Store

    async def make(self, key_id: str, now: float) -> tuple[str, float]:
        """Return a ticket that stands for a key in what only reads, and until when (epoch seconds)."""
        until = now + LASTS
        content = _encode(json.dumps([key_id, until]).encode())
        return f"{content}.{_encode(await self._sign(content, now))}", until

    async def recognise(self, ticket: str, now: float) -> ApiKey:
        """Return the key that a ticket stands for. Raises Refused."""
        content, _, signature = ticket.partition(".")
        signed = _decode(signature)
        if not signed or not hmac.compare_digest(signed, await self._sign(content, now)):
            raise Refused("this ticket is none of ours; POST /api/v1/tickets gives one")
        key_id, until = json.loads(_decode(content))
        if now >= until:
            raise Refused(f"this ticket was good for {LASTS:g} seconds only; POST /api/v1/tickets gives another")
        key = await asyncio.to_thread(self.store.keys.get, key_id)
        if key is None or not key.is_valid(now):
            raise Refused("the key that this ticket stands for has ended; `clarion keys create` makes a new one")
        return key

    async def _sign(self, content: str, now: float) -> bytes:
        secret = await asyncio.to_thread(self.store.keys.secret, NAME, secrets.token_urlsafe(32), now)
        return hmac.new(secret.encode(), content.encode(), hashlib.sha256).digest()


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decode(text: str) -> bytes:
    """Return what a text stands for; nothing where it stands for nothing."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
