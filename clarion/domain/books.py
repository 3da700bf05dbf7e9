"""The books of a campaign: counts per state that must add up to the audience."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from clarion.domain.target import TargetState


class Books(BaseModel):
    """Targets per state. ``total`` is what the audience holds, counted apart from the states."""

    model_config = ConfigDict(frozen=True)

    total: int = 0
    pending: int = 0
    waiting: int = 0
    active: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    unknown: int = 0
    cancelled: int = 0

    @classmethod
    def of(cls, total: int, by_state: Mapping[str, int]) -> Books:
        """Build from counts by state; a state that nobody is in may be missing."""
        return cls(total=total, **{state.value: by_state.get(state.value, 0) for state in TargetState})

    @property
    def counted(self) -> int:
        """All targets that stand in some state."""
        return sum(getattr(self, state.value) for state in TargetState)

    @property
    def balanced(self) -> bool:
        """Whether every target of the audience is in exactly one state."""
        return self.total == self.counted

    @property
    def open(self) -> int:
        """Targets that may still be contacted or whose contact is under way."""
        return self.pending + self.waiting + self.active

    @property
    def percent(self) -> float:
        """Share of targets with nothing left to do, 0 to 100, one decimal."""
        return round(100.0 * (self.total - self.open - self.unknown) / self.total, 1) if self.total else 0.0

    @property
    def success_rate(self) -> float | None:
        """succeeded / (succeeded + failed), 0 to 1; None before the first result."""
        decided = self.succeeded + self.failed
        return round(self.succeeded / decided, 4) if decided else None
