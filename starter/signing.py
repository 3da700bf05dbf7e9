"""Signatures of an installation: what one process has signed all others recognise, and nothing is kept of it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from clarion.store.store import Store

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for one purpose. Blocking: the secret stands in the store, where the first who needs it puts it."""

    store: Store
    purpose: str
    """Names the secret: a signature made for one purpose means nothing for another."""

    def sign(self, content: str, now: float) -> str:
        """Return the signature of a content, in hexadecimal; ``now`` is in epoch seconds."""
        secret = self.store.keys.secret(self.purpose, secrets.token_urlsafe(SECRET_BYTES), now)
        return hmac.new(secret.encode(), content.encode(), hashlib.sha256).hexdigest()

    def matches(self, signature: str, content: str, now: float) -> bool:
        """Say whether a signature is ours and of this content; takes as long for every wrong one."""
        return hmac.compare_digest(signature.encode(), self.sign(content, now).encode())
