"""What can be made to go wrong at a provider, and the seeded dice that decide when."""

from __future__ import annotations

import random
import time
from collections import Counter
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from clarion.sandbox.vendor import Refusal, Share


class Faults(BaseModel):
    """The faults of one provider, as ``POST /_sandbox/faults`` sets them; shares are of requests or of callbacks.

    A request is refused (``rate_limited``, ``server_error``) before it has an effect. ``dropped`` and
    ``server_error_after`` strike only requests that had an effect: it stands, but the client is not told.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate_limited: Share = 0.0
    retry_after: float = Field(default=1.0, ge=0)
    """Seconds announced with a rate limit."""
    server_error: Share = 0.0
    server_error_after: Share = 0.0
    dropped: Share = 0.0
    slow: Share = 0.0
    slow_seconds: float = Field(default=5.0, ge=0)
    lost_callbacks: Share = 0.0
    late_callbacks: Share = 0.0
    late_seconds: float = Field(default=5.0, ge=0)
    repeated_callbacks: Share = 0.0
    shuffled_callbacks: Share = 0.0
    """Share of effects whose earlier callbacks arrive after the last one."""
    outage: float = Field(default=0.0, ge=0)
    """Seconds from now during which every request gets a 503 or a cut connection; reads as what is left."""
    account_suspended: bool = False
    max_concurrent: int | None = Field(default=None, gt=0)
    """Requests of one account under way at once; more are refused."""
    refused: Share = 0.0
    """Share of questions to an AI that it declines to answer; like the next three, the question decides."""
    truncated: Share = 0.0
    """Share of answers cut short; whole when asked for again with at least twice the tokens."""
    filtered: Share = 0.0
    """Share of answers stopped by a content filter."""
    garbled: Share = 0.0
    """Share of answers that do not keep to the schema they were to have."""
    expired: Share = 0.0
    """Share of a batch's lines that are not worked on before it expires."""


class Mishap(StrEnum):
    """What happens to the answer of a request whose effect stands."""

    CUT = "cut"
    SERVER_ERROR = "server_error"


class VendorFaults:
    """The faults in force at one provider. Draws come from a generator of its own, so that a seed repeats a run."""

    def __init__(self, seed: int, provider: str) -> None:
        self._dice = random.Random(f"{seed}/{provider}")
        self._outage_ends = 0.0
        self._running: Counter[str] = Counter()
        self.now = Faults()

    def set(self, faults: Faults) -> None:
        """Put these faults in force instead of the earlier ones."""
        self.now = faults
        self._outage_ends = time.monotonic() + faults.outage if faults.outage else 0.0

    def view(self) -> Faults:
        """The faults in force, with what is left of an outage."""
        left = max(0.0, self._outage_ends - time.monotonic()) if self._outage_ends else 0.0
        return self.now.model_copy(update={"outage": round(left, 3)})

    def strikes(self, share: float) -> bool:
        """Draw: does a fault with this share strike now?"""
        return share > 0 and self._dice.random() < share

    def enter(self, account: str) -> int:
        """Count a request in; returns how many of this account are under way, this one included."""
        self._running[account] += 1
        return self._running[account]

    def leave(self, account: str) -> None:
        """Count a request out."""
        self._running[account] -= 1

    def in_outage(self) -> bool:
        """Whether the provider is down."""
        return bool(self._outage_ends) and time.monotonic() < self._outage_ends

    def refusal(self, running: int, usual_limit: int | None) -> Refusal | None:
        """Decide whether a request is refused before it has an effect."""
        now = self.now
        limit = now.max_concurrent or usual_limit
        if self.in_outage():
            return Refusal.OUTAGE
        if now.account_suspended:
            return Refusal.SUSPENDED
        if limit is not None and running > limit:
            return Refusal.TOO_MANY_AT_ONCE
        if self.strikes(now.rate_limited):
            return Refusal.RATE_LIMITED
        if self.strikes(now.server_error):
            return Refusal.SERVER_ERROR
        return None

    def mishap(self) -> Mishap | None:
        """Decide whether the answer of a request whose effect stands is lost."""
        if self.strikes(self.now.dropped):
            return Mishap.CUT
        if self.strikes(self.now.server_error_after):
            return Mishap.SERVER_ERROR
        return None
