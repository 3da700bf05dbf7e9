"""A call in Twilio's words: its status, who answered, what it costs, and the resource as the API shows it."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from clarion.sandbox.calls import Ending, PhoneCall, Stage
from clarion.sandbox.twilio.messages import API_VERSION, Account, rfc2822
from clarion.sandbox.twilio.voice_create import VoiceOrder
from clarion.sandbox.vendor import Json

PRICE_PER_MINUTE = 0.014
"""US dollars for each started minute; the order of magnitude of a call within the US."""
PRICED_AFTER = 5.0
"""Seconds from the end until the price is known; before, it is null."""
SPEECH_END = 1.2
"""Seconds of silence after the greeting until a person is told from a machine (MachineDetectionSpeechEndThreshold)."""
MACHINE_AFTER = 4.0
"""Seconds until a greeting is too long for a person's."""
BEEP_AT = 0.6
"""Part of a voicemail's time after which its beep is heard."""
STATUS_OF = {
    Ending.ANSWERED: "completed",
    Ending.VOICEMAIL: "completed",
    Ending.NO_ANSWER: "no-answer",
    Ending.BUSY: "busy",
    Ending.DECLINED: "busy",
    Ending.FAILED: "failed",
}
SIP_CODE_OF = {
    Ending.ANSWERED: 200,
    Ending.VOICEMAIL: 200,
    Ending.NO_ANSWER: 487,
    Ending.BUSY: 486,
    Ending.DECLINED: 603,
    Ending.FAILED: 404,
}
SUBRESOURCES = {
    "events": "Events",
    "notifications": "Notifications",
    "payments": "Payments",
    "recordings": "Recordings",
    "siprec": "Siprec",
    "streams": "Streams",
    "transcriptions": "Transcriptions",
    "user_defined_message_subscriptions": "UserDefinedMessageSubscriptions",
    "user_defined_messages": "UserDefinedMessages",
}


@dataclass(frozen=True, slots=True)
class Detection:
    """What answering machine detection finds: ``after`` seconds from the answer, on the clock."""

    says: str
    after: float


@dataclass(slots=True, eq=False)
class VoiceCall:
    """One call of the Calls resource."""

    call: PhoneCall
    account: Account
    order: VoiceOrder
    scale: float
    """The time scale that held when it was placed."""
    willing_until: float
    """Epoch seconds at which the called end hangs up, when TwiML does not do so before."""
    versions: int = 0
    """How often its end was moved; news of an earlier end are void."""

    @property
    def sid(self) -> str:
        """Twilio's id."""
        return self.call.id

    @property
    def detection(self) -> Detection | None:
        """What detection finds, if it was asked for and the call lasts long enough."""
        call = self.call
        if not self.order.detection or call.answers_at is None:
            return None
        says, after = "human", self.scale * (call.fate.greeting + SPEECH_END)
        if call.ending is Ending.VOICEMAIL:
            if self.order.detection == "DetectMessageEnd":
                says, after = "machine_end_beep", BEEP_AT * (self.willing_until - call.answers_at)
            else:
                says, after = "machine_start", self.scale * MACHINE_AFTER
        if after > self.scale * self.order.detection_limit:
            says, after = "unknown", self.scale * self.order.detection_limit
        return Detection(says, after) if call.answers_at + after <= call.over_at else None

    @property
    def speaks_at(self) -> float | None:
        """When the TwiML begins: at the answer, after the detection where that comes first; None for never."""
        call = self.call
        if call.answers_at is None or not self.order.detection or self.order.detects_aside:
            return call.answers_at
        return call.answers_at + self.detection.after if self.detection else None

    @property
    def seconds(self) -> int:
        """Whole seconds of conversation, begun ones included."""
        return math.ceil(self.call.talked)

    @property
    def recording_sid(self) -> str | None:
        """Its recording, where one was asked for and there is something to hear."""
        return _derived("RE", self.sid) if self.order.record and self.seconds else None

    def end_by(self, at: float) -> bool:
        """Let the TwiML end the call ``at`` this moment unless the called end hangs up before; whether that is new.

        Somebody whose number says that they talk to the limit does so whatever is said to them.
        """
        before = self.call.ends_at
        self.call.ends_at = self.willing_until if self.call.fate.endless else min(self.willing_until, at)
        return self.call.ends_at != before

    def started_at(self, now: float) -> float | None:
        """When it began, as far as is known by now: the answer, before it the first ring, before that None."""
        call = self.call
        if call.stage(now) is Stage.QUEUED:
            return None
        began = call.rings_at if call.answers_at is None or now < call.answers_at else call.answers_at
        return min(began, call.over_at)

    def status(self, now: float) -> str:
        """Return Twilio's status at this moment."""
        call = self.call
        match call.stage(now):
            case Stage.OVER:
                return "canceled" if call.was_cancelled else STATUS_OF[call.ending]
            case Stage.TALKING:
                return "in-progress"
            case Stage.RINGING if call.ending is not Ending.FAILED:
                return "ringing"
            case _:
                return "queued"

    def answered_by(self, now: float) -> str | None:
        """Who answered, once detection knows."""
        found, at = self.detection, self.call.answers_at
        return found.says if found and at is not None and now >= at + found.after else None

    def happenings(self) -> Iterator[tuple[str, float]]:
        """What status callbacks can tell of it, and when it happens."""
        call = self.call
        yield "initiated", call.placed_at
        if call.ending is not Ending.FAILED and call.rings_at <= call.over_at:
            yield "ringing", call.rings_at
        if call.answers_at is not None and call.answers_at <= call.over_at:
            yield "answered", call.answers_at
        yield "completed", call.over_at

    def view(self, now: float) -> dict[str, Json]:
        """Render as Twilio's API does, with every key of its specification."""
        call = self.call
        over = call.stage(now) is Stage.OVER
        priced = over and self.seconds > 0 and now >= call.over_at + self.scale * PRICED_AFTER
        started = self.started_at(now)
        uri = f"/{API_VERSION}/Accounts/{self.account.sid}/Calls/{self.sid}"
        return {
            "account_sid": self.account.sid,
            "answered_by": self.answered_by(now),
            "api_version": API_VERSION,
            "caller_name": None,
            "date_created": rfc2822(int(call.placed_at)),
            "date_updated": rfc2822(int(max(at for _, at in self.happenings() if at <= max(now, call.placed_at)))),
            "direction": "outbound-api",
            "duration": str(self.seconds) if over and self.seconds else None,
            "end_time": rfc2822(int(call.over_at)) if over else None,
            "forwarded_from": None,
            "from": call.sender,
            "from_formatted": _formatted(call.sender),
            "group_sid": None,
            "parent_call_sid": None,
            "phone_number_sid": _derived("PN", call.sender),
            "price": f"{-PRICE_PER_MINUTE * math.ceil(self.seconds / 60):.5f}" if priced else None,
            "price_unit": "USD",
            "queue_time": "0",
            "sid": self.sid,
            "start_time": rfc2822(int(started)) if started is not None else None,
            "status": self.status(now),
            "subresource_uris": {name: f"{uri}/{last}.json" for name, last in SUBRESOURCES.items()},
            "to": call.to,
            "to_formatted": _formatted(call.to),
            "trunk_sid": None,
            "uri": f"{uri}.json",
        }


def _formatted(number: str) -> str:
    return f"({number[2:5]}) {number[5:8]}-{number[8:]}" if re.fullmatch(r"\+1[0-9]{10}", number) else number


def _derived(kind: str, source: str) -> str:
    return kind + hashlib.blake2b(source.encode(), digest_size=16).hexdigest()
