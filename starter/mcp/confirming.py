"""Tokens that say "this very content was checked": signed for one tenant, good for 15 minutes, kept nowhere."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from clarion.domain.errors import BadInput, Conflict
from clarion.store.store import Store
from starter.signing import Signer

GOOD_FOR = 15 * 60.0
"""Seconds between a check and the start that it confirms."""
PREFIX = "ok1"
ID_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Confirming:
    """Gives out and recognises the tokens of one tenant. Blocking: the secret stands in the store."""

    store: Store
    tenant: str

    def token(self, content: str, now: float) -> tuple[str, float]:
        """Return a token for a content, named by its `digest`, and when it ends (epoch seconds)."""
        expires_at = int(now + GOOD_FOR)
        # Two checks of the same content are two campaigns if both are started; one token is one campaign.
        stem = f"{PREFIX}_{expires_at:x}_{secrets.token_hex(6)}"
        return f"{stem}_{self._signer.sign(self._signed(stem, content), now)}", float(expires_at)

    def recognise(self, token: str | None, content: str, now: float) -> float:
        """Return when a token ends. Raises BadInput for what is no token of this tenant and this content."""
        if not token:
            raise BadInput(
                "confirm is missing; call check_campaign with the same arguments, show its result to the person who "
                "decides, and send the confirm that it returned"
            )
        stem, _, signature = token.rpartition("_")
        if not self._signer.matches(signature, self._signed(stem, content), now):
            raise BadInput(
                "confirm was not returned by check_campaign for this very content; call check_campaign with exactly "
                "these arguments and send the confirm that it returns"
            )
        _, end, _ = stem.split("_")  # it was signed by us
        return float(int(end, 16))

    @property
    def _signer(self) -> Signer:
        return Signer(self.store, "confirm")

    def _signed(self, stem: str, content: str) -> str:
        return f"{self.tenant}\n{stem}\n{content}"


def digest(content: Mapping[str, object]) -> str:
    """Return the fingerprint of a content: the same for the same JSON, in whatever order its keys stand."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def campaign_id_of(token: str, slug: str) -> str:
    """Return the id of the one campaign that a token starts, however often the start is asked for."""
    return f"{slug[:40]}-{hashlib.sha256(token.encode()).hexdigest()[:ID_DIGITS]}"


def require_good(expires_at: float, now: float) -> None:
    """Raise Conflict for a token that has ended."""
    if now >= expires_at:
        raise Conflict(
            f"confirm has ended, as it is good for {GOOD_FOR / 60:g} minutes; call check_campaign again and send the "
            "new one"
        )
