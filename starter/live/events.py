"""What watchers of campaigns are told: models of the events, and each event as it goes over the wire, made once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Literal, Self

from fastapi.sse import format_sse_event
from pydantic import BaseModel, ConfigDict

from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import Outcome
from clarion.store.tail import LoggedEvent
from starter.progress import Progress

OUTCOMES = frozenset(outcome.value for outcome in Outcome)
HEARTBEAT = format_sse_event(comment="still here")


class LiveType(StrEnum):
    """What an event is about; the name of the server-sent event."""

    STATUS = "status"
    """The campaign changed its status."""
    OUTCOME = "outcome"
    """An attempt at a target came to something."""
    SKIPPED = "skipped"
    """A target will never be contacted."""
    ERROR = "error"
    """The campaign was halted by what every target would meet, or something about a target could not be done."""
    LIMITS = "limits"
    """The campaign's limits were changed."""
    LOG = "log"
    """Everything else that stands in the log."""
    PROGRESS = "progress"
    """How the campaign stands; no line of the log, so it has no id."""
    END = "end"
    """The campaign is over and everything has been told; the stream ends."""


ABOUT_CAMPAIGNS = {"status": LiveType.STATUS, "limits": LiveType.LIMITS, "halted": LiveType.ERROR}
ABOUT_TARGETS = {"skipped": LiveType.SKIPPED, "not_written": LiveType.ERROR}


class LiveModel(BaseModel):
    """Base: frozen. Times are epoch seconds."""

    model_config = ConfigDict(frozen=True)


class LogEvent(LiveModel):
    """A line of the log."""

    id: int
    type: LiveType
    campaign_id: str
    at: float
    kind: str
    """The log's own word, such as `imported`; of an outcome the outcome itself."""
    position: int | None
    """Which target of the campaign it is about; null: the campaign as a whole."""
    outcome: Outcome | None
    detail: str
    """Empty for targets: what the log says of them may name a number."""

    @classmethod
    def of(cls, line: LoggedEvent) -> Self:
        """Tell a line, without what it says of a person."""
        kinds = ABOUT_CAMPAIGNS if line.position is None else ABOUT_TARGETS
        kind = kinds.get(line.kind, LiveType.LOG)
        of_outcome = line.position is not None and line.kind in OUTCOMES
        return cls(
            id=line.id,
            type=LiveType.OUTCOME if of_outcome else kind,
            campaign_id=line.campaign_id,
            at=line.at,
            kind=line.kind,
            position=line.position,
            outcome=Outcome(line.kind) if of_outcome else None,
            detail=line.detail if line.position is None else "",
        )


class ProgressEvent(LiveModel):
    """How a campaign stands."""

    type: Literal[LiveType.PROGRESS] = LiveType.PROGRESS
    campaign_id: str
    at: float
    progress: Progress


class EndEvent(LiveModel):
    """A campaign is over."""

    type: Literal[LiveType.END] = LiveType.END
    campaign_id: str
    at: float
    status: CampaignStatus


@dataclass(frozen=True, slots=True)
class Frame:
    """One event as it goes over the wire, whoever watches."""

    id: int | None
    text: str
    """As JSON: what a WebSocket gets, and the data of a server-sent event."""
    sse: bytes

    @classmethod
    def of(cls, event: LogEvent | ProgressEvent | EndEvent) -> Self:
        """Encode an event."""
        text = event.model_dump_json()
        event_id = event.id if isinstance(event, LogEvent) else None
        name = None if event_id is None else str(event_id)
        return cls(event_id, text, format_sse_event(data_str=text, event=event.type, id=name))


@dataclass(frozen=True)
class Batch:
    """Frames that follow one another; shared by all who get them."""

    frames: Sequence[Frame]

    @cached_property
    def sse(self) -> bytes:
        """All of them, for one write."""
        return b"".join(frame.sse for frame in self.frames)

    @property
    def last(self) -> int:
        """The id of its last line of the log; 0 where it has none."""
        return self.frames[-1].id or 0

    def after(self, event_id: int) -> Batch:
        """Leave out what somebody has seen who has seen this id."""
        first = self.frames[0].id
        if first is None or first > event_id:
            return self
        return Batch([frame for frame in self.frames if (frame.id or 0) > event_id])


def batch_of(lines: Sequence[LoggedEvent]) -> Batch:
    """Encode lines of the log."""
    return Batch([Frame.of(LogEvent.of(line)) for line in lines])
