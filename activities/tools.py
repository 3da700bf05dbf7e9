"""What every activity that contacts people works with, whatever the channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from activities.pacing import Gate, Turnstile
from clarion.store.ledger import Ledger
from clarion.store.store import Store


@dataclass(frozen=True, slots=True)
class Timing:
    """Spans in seconds."""

    intent_slack: float
    """An intent older than its slot by more than this is taken back."""
    unknown_deadline: float
    """After this an attempt that nobody can account for stays unknown."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Made once for each worker process."""

    store: Store
    ledger: Ledger
    gate: Gate
    turnstile: Turnstile
    timing: Timing
    clock: Callable[[], float]
    """Gives epoch seconds."""
    worker: str
    """Names this process in the store."""
    failed_at: dict[int, float] = field(default_factory=dict)
    """By campaign: when its provider could not be asked, as far as that was news (epoch seconds)."""
