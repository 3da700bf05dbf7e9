"""A call in Exotel's words: its status, its legs, and the resource as the API shows it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from clarion.sandbox.calls import TALKED, Ending, PhoneCall, Stage
from clarion.sandbox.exotel.orders import Order
from clarion.sandbox.vendor import Json

INDIA = timezone(timedelta(hours=5, minutes=30))
PRICE_PER_MINUTE = 0.5
"""Rupees for each started minute of each leg; the order of magnitude of a call within India."""
SETTLED_AFTER = 300.0
"""Seconds from the end until duration and price are known ("Call Details" page: about five minutes)."""
STATUS_OF = {
    Ending.ANSWERED: "completed",
    Ending.VOICEMAIL: "completed",
    Ending.NO_ANSWER: "no-answer",
    Ending.BUSY: "busy",
    Ending.DECLINED: "busy",
    Ending.FAILED: "failed",
}
STATUS_AT = {Stage.QUEUED: "queued", Stage.RINGING: "ringing", Stage.TALKING: "in-progress"}


@dataclass(frozen=True, slots=True, eq=False)
class ExotelCall:
    """One call. A voicemail that picks up is a short completed call: Exotel tells the two apart as little as here."""

    call: PhoneCall
    order: Order
    scale: float
    """The time scale that held when it was placed."""

    @property
    def sid(self) -> str:
        """Exotel's id."""
        return self.call.id

    @property
    def seconds(self) -> int:
        """Whole seconds of conversation, begun ones included."""
        return math.ceil(self.call.talked)

    def status(self, now: float) -> str:
        """Return Exotel's status at this moment."""
        stage = self.call.stage(now)
        return STATUS_OF[self.call.ending] if stage is Stage.OVER else STATUS_AT[stage]

    def recording(self, now: float) -> str | None:
        """Where the recording is, once there is one."""
        if not self.order.record or not self.seconds or self.call.stage(now) is not Stage.OVER:
            return None
        return f"https://recordings.exotel.com/exotelrecordings/{self.call.account}/{self.sid}.mp3"

    def legs(self, now: float) -> list[tuple[str, int]]:
        """Status and seconds of each leg; an agent who is called first always answers."""
        own = (self.status(now), self.seconds if self.call.stage(now) is Stage.OVER else 0)
        if self.order.second is None:
            return [own]
        agent = "completed" if self.call.stage(now) is Stage.OVER else "in-progress"
        return [(agent, math.ceil(min(now, self.call.over_at) - self.call.placed_at)), own]

    def view(self, now: float, *, details: bool = False) -> dict[str, Json]:
        """Render as the API does; ``details`` adds the legs."""
        call = self.call
        over = call.stage(now) is Stage.OVER
        settled = over and now >= call.over_at + self.scale * SETTLED_AFTER
        minutes = math.ceil(self.seconds / 60) * (1 if self.order.second is None else 2)
        view: dict[str, Json] = {
            "Sid": self.sid,
            "ParentCallSid": None,
            "DateCreated": local(call.placed_at),
            "DateUpdated": local(self.updated_at(now)),
            "AccountSid": call.account,
            "To": self.order.second or self.order.caller_id,
            "From": self.order.first,
            "PhoneNumberSid": self.order.caller_id,
            "Status": self.status(now),
            "StartTime": local(call.placed_at),
            "EndTime": local(call.over_at) if over else None,
            "Duration": str(self.seconds) if settled else None,
            "Price": f"{PRICE_PER_MINUTE * minutes:.3f}" if settled and call.ending in TALKED else None,
            "Direction": "outbound-api",
            "AnsweredBy": None,
            "ForwardedFrom": None,
            "CallerName": None,
            "Uri": f"/v1/Accounts/{call.account}/Calls/{self.sid}",
            "RecordingUrl": self.recording(now),
        }
        if details:
            legs = self.legs(now)
            view["Details"] = {
                "ConversationDuration": self.seconds if over else 0,
                **{f"Leg{number}Status": status for number, (status, _) in enumerate(legs, 1)},
                "Legs": [
                    {"Leg": {"Id": number, "OnCallDuration": seconds}} for number, (_, seconds) in enumerate(legs, 1)
                ],
            }
        return view

    def updated_at(self, now: float) -> float:
        """When its status last changed."""
        call = self.call
        moments = (call.rings_at, call.answers_at, call.over_at)
        return max((at for at in moments if at is not None and at <= now), default=call.placed_at)


def local(at: float) -> str:
    """Write an epoch second as Exotel does: ``2017-03-03 10:48:33``, in Indian time without saying so."""
    return datetime.fromtimestamp(int(at), INDIA).strftime("%Y-%m-%d %H:%M:%S")


def moment(text: str) -> float:
    """Read such a time. Raises ValueError."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=INDIA).timestamp()
