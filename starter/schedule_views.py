"""What the front doors tell of schedules."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict

from clarion.domain.schedule import Overlap
from clarion.store.templates import Firing


class State(StrEnum):
    """How a schedule stands in Temporal."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"
    """No moment is left before its `until`."""
    MISSING = "missing"
    """Temporal does not know it; resuming it puts it there again."""
    ORPHANED = "orphaned"
    """Its template has been removed."""
    UNKNOWN = "unknown"
    """Temporal cannot be asked."""


class FiringView(BaseModel):
    """What came of a moment. ``at`` is in epoch seconds."""

    model_config = ConfigDict(frozen=True)

    at: float
    campaign_id: str | None
    reason: str
    """Why no campaign has begun."""

    @classmethod
    def of(cls, firing: Firing) -> FiringView:
        """Show a line of a template's log."""
        detail = firing.detail
        return cls(at=firing.at, campaign_id=detail if firing.fired else None, reason="" if firing.fired else detail)


class ScheduleView(BaseModel):
    """A schedule: when its campaigns begin, and what has come of it."""

    model_config = ConfigDict(frozen=True)

    schedule_id: str
    """Also the id of its template."""
    name: str
    state: State
    reason: str
    """Why it is paused, or what is wrong with it."""
    cron: str
    time_zone: str
    until: AwareDatetime | None
    overlap: Overlap
    catch_up: float
    """Seconds."""
    next: tuple[float, ...]
    """The next moments, in epoch seconds."""
    firings: tuple[FiringView, ...]
    """What has come of the last ones, the latest first."""


def orphan(name: str) -> ScheduleView:
    """Show a schedule that Temporal has and no template wants."""
    return ScheduleView(
        schedule_id=name,
        name="",
        state=State.ORPHANED,
        reason=f"its template has been removed; end it with `clarion schedule remove {name}`",
        cron="",
        time_zone="",
        until=None,
        overlap=Overlap.SKIP,
        catch_up=0.0,
        next=(),
        firings=(),
    )
