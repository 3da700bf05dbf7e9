"""Tickets: what a browser shows instead of an API key where it can send no header; signed, and soon worthless."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass

from clarion.store.keys import ApiKey
from clarion.store.store import Store
from starter.keys import Refused
from starter.signing import Signer

LASTS = 30.0
"""Seconds; the time to open a connection, not the time that it may stay open."""


@dataclass(frozen=True, slots=True)
class Tickets:
    """Makes and recognises the tickets of an installation. Nothing of them is stored."""

    store: Store

    async def make(self, key_id: str, now: float) -> tuple[str, float]:
        """Return a ticket that stands for a key in what only reads, and until when (epoch seconds)."""
        until = now + LASTS
        content = _encode(json.dumps([key_id, until]).encode())
        return f"{content}.{await asyncio.to_thread(self._signer.sign, content, now)}", until

    async def recognise(self, ticket: str, now: float) -> ApiKey:
        """Return the key that a ticket stands for. Raises Refused."""
        content, _, signature = ticket.partition(".")
        if not await asyncio.to_thread(self._signer.matches, signature, content, now):
            raise Refused("this ticket is none of ours; POST /api/v1/tickets gives one")
        key_id, until = json.loads(_decode(content))  # it was signed by us
        if now >= until:
            raise Refused(f"this ticket was good for {LASTS:g} seconds only; POST /api/v1/tickets gives another")
        key = await asyncio.to_thread(self.store.keys.get, key_id)
        if key is None or not key.is_valid(now):
            raise Refused("the key that this ticket stands for has ended; `clarion keys create` makes a new one")
        return key

    @property
    def _signer(self) -> Signer:
        return Signer(self.store, "tickets")


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
