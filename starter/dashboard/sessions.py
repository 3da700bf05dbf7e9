"""Sign-in to the dashboard: an API key is shown once, and a signed cookie stands for it afterwards."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from clarion.store.keys import ApiKey
from clarion.store.store import Store
from starter.keys import Keys, could_be_id
from starter.signing import Signer

COOKIE = "clarion_session"
LONGEST = 12 * 3600.0
"""Seconds after which a session ends, whatever the key may."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Opens sessions and recognises them; nothing is kept of them but the key that they stand for."""

    store: Store

    async def open(self, token: str, now: float) -> str:
        """Return the cookie for somebody who shows an API key. Raises Refused for a key that opens nothing."""
        key = await Keys(self.store).recognise(token.strip(), now)
        told = f"{key.id}.{int(now)}.{secrets.token_urlsafe(9)}"
        return f"{told}.{await asyncio.to_thread(self._signer.sign, _signed(told, key), now)}"

    async def recognise(self, cookie: str, now: float) -> ApiKey | None:
        """Tell whose session a cookie is; None once it is over, or the key was revoked or has expired."""
        told, _, signature = cookie.rpartition(".")
        key_id, _, rest = told.partition(".")
        begun = rest.partition(".")[0]
        if (
            not (could_be_id(key_id) and begun.isascii() and begun.isdigit())
            or not 0 <= now - int(begun[:15]) < LONGEST
        ):
            return None
        key = await asyncio.to_thread(self.store.keys.get, key_id)
        if key is None or not key.is_valid(now):
            return None
        is_ours = await asyncio.to_thread(self._signer.matches, signature, _signed(told, key), now)
        return key if is_ours else None

    @property
    def _signer(self) -> Signer:
        return Signer(self.store, "dashboard-session")


def _signed(told: str, key: ApiKey) -> str:
    return f"{told}.{key.hash}"
