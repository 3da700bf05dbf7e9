"""Every use case of API keys, once: making, listing, ending, and telling who knocks."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from clarion.domain.errors import BadInput, ClarionError
from clarion.domain.rights import Rights
from clarion.settings import TENANT
from clarion.store.keys import SEEN, ApiKey
from clarion.store.store import Store

PREFIX = "clk"
"""So that a key that leaked is recognised by scanners and by people."""
LONGEST_ID = 16

LONGEST = 36_501 * 86_400.0
"""Seconds until the last moment at which a key may end: what calendars can still write."""


class Refused(ClarionError):
    """Nobody we know knocks, or somebody who may not do this."""


class KeyLine(BaseModel):
    """A key in the list. Times are epoch seconds."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str
    tenant: str
    name: str
    rights: Rights
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    used_at: float | None


class NewKey(KeyLine):
    """A key just made."""

    key: str
    """What is sent as `Authorization: Bearer …`; told this once."""

    @classmethod
    def of(cls, made: ApiKey, key: str) -> NewKey:
        """Join a key's facts and its text."""
        return cls(**KeyLine.model_validate(made).model_dump(), key=key)


@dataclass(frozen=True, slots=True)
class Keys:
    """Makes and recognises the keys of all tenants of an installation."""

    store: Store

    def make(
        self, tenant: str, name: str, rights: Rights, now: float, *, expires_at: float | None = None
    ) -> tuple[ApiKey, str]:
        """Make a key; the text is told once and kept nowhere. Raises BadInput."""
        if not re.fullmatch(TENANT, tenant):
            raise BadInput(f'"{tenant}" cannot be a tenant; use letters, digits, dashes and underscores, 40 at most')
        if not (1 <= len(name.strip()) <= 100 and name.strip().isprintable()):
            raise BadInput("a key needs a name of 1 to 100 characters on one line, so that you know later whose it is")
        if expires_at is not None and expires_at <= now:
            raise BadInput("a key cannot end before it begins; give a later time")
        if expires_at is not None and expires_at > now + LONGEST:
            raise BadInput("a key ends within 100 years (36500 days); leave its end out for one that stays")
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        key = ApiKey(key_id, tenant, name.strip(), rights, _hash(secret), now, expires_at)
        self.store.keys.add(key)
        return key, f"{PREFIX}_{key_id}_{secret}"

    def list(self, tenant: str) -> Sequence[KeyLine]:
        """The keys of a tenant, the oldest first; those that have ended are among them. Blocking."""
        return [KeyLine.model_validate(key) for key in self.store.keys.list(tenant)]

    def end(self, tenant: str, key_id: str, now: float) -> None:
        """End a key at once. Blocking. Raises NotFound where the tenant has none of this id that still works."""
        self.store.keys.revoke(tenant, key_id, now)

    async def recognise(self, token: str, now: float) -> ApiKey:
        """Tell whose a key is. Raises Refused, with the same words whatever is wrong with it."""
        prefix, _, rest = token.partition("_")
        key_id, _, secret = rest.partition("_")
        known = (
            await asyncio.to_thread(self.store.keys.get, key_id) if prefix == PREFIX and could_be_id(key_id) else None
        )
        # A key that is not there takes as long as one that is.
        if not hmac.compare_digest(_hash(secret), known.hash if known else _hash("")) or known is None:
            raise Refused("this key is not known here; `clarion keys create` makes one")
        if not known.is_valid(now):
            raise Refused("this key has ended; `clarion keys create` makes a new one")
        if known.used_at is None or known.used_at < now - SEEN:
            await asyncio.to_thread(self.store.keys.used, known.id, now)
        return known


def could_be_id(text: str) -> bool:
    """Say whether a text can be the public part of a key; what cannot is not asked for, as no database takes NUL."""
    return text.isascii() and text.isalnum() and len(text) <= LONGEST_ID


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
