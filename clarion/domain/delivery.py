"""The delivery of one event to one webhook of ours: where it stands, what an answer means, when it is tried again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

DELAYS = (5.0, 30.0, 120.0, 900.0, 3600.0, 21600.0, 86400.0)
"""Seconds before the second, third, … try; after the last one a delivery is dead."""

LONGEST_PATIENCE = 86400.0
"""Seconds that a receiver may ask for at most."""

JITTER = 0.2
"""Share by which a delay may grow, so that many deliveries that failed at once do not come back at once."""

GONE = 410


class DeliveryState(StrEnum):
    """Where the delivery of one event to one hook stands."""

    WAITING = "waiting"
    """Due now or later."""
    DELIVERED = "delivered"
    DEAD = "dead"
    """Tried for the last time; only a person sends it again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one try to deliver."""

    status: int | None
    """HTTP status; None when there was no answer."""
    error: str | None = None
    """Why it is not delivered, in words without the address."""
    retry_after: float | None = None
    """Seconds of patience that the receiver asks for."""

    @property
    def is_good(self) -> bool:
        """Whether the receiver has taken it."""
        return self.status is not None and 200 <= self.status < 300 and self.error is None


@dataclass(frozen=True, slots=True)
class Fate:
    """What follows from an answer."""

    state: DeliveryState
    due_at: float
    """Epoch seconds of the next try, where it waits."""


def fate(answer: Answer, tries: int, now: float, chance: float, delays: Sequence[float] = DELAYS) -> Fate:
    """Decide what follows from an answer to try number ``tries``; ``chance`` is from 0 up to 1."""
    if answer.is_good:
        return Fate(DeliveryState.DELIVERED, now)
    if answer.status == GONE or tries > len(delays):
        return Fate(DeliveryState.DEAD, now)
    delay = delays[tries - 1] * (1 + JITTER * chance)
    return Fate(DeliveryState.WAITING, now + max(delay, patience(answer)))


def patience(answer: Answer) -> float:
    """Seconds for which a receiver wants to hear nothing."""
    return min(max(answer.retry_after or 0.0, 0.0), LONGEST_PATIENCE)
