"""A call at Retell: where it stands at any moment and what the call object says of it then."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from clarion.sandbox.calls import Ending, PhoneCall, Stage
from clarion.sandbox.conversation import Mood, Turn, summary, turns
from clarion.sandbox.retell.orders import AnalysisField, Order
from clarion.sandbox.vendor import Json

PRICES: Mapping[str, float] = {"elevenlabs_tts": 7 / 60, "gpt_4_1": 4.5 / 60, "us_telephony": 1.5 / 60}
"""US cents per second; the order of magnitude of Retell's price list."""
FILES = "https://retell.sandbox.invalid"
NOT_CONNECTED: Mapping[Ending, str] = {
    Ending.NO_ANSWER: "dial_no_answer",
    Ending.BUSY: "dial_busy",
    Ending.FAILED: "dial_failed",
    Ending.DECLINED: "user_declined",
}
SENTIMENTS: Mapping[Mood, str] = {
    Mood.INTERESTED: "Positive",
    Mood.UNDECIDED: "Neutral",
    Mood.DISMISSIVE: "Negative",
    Mood.NEVER_AGAIN: "Negative",
}
USUAL_FIELDS = (
    AnalysisField(name="interested", type="boolean"),
    AnalysisField(name="next_step", type="string"),
)
"""What is extracted where the call does not say."""


@dataclass(slots=True, eq=False)
class RetellCall:
    """One call with the order it came from."""

    phone: PhoneCall
    order: Order
    person: Mood
    ended_by_agent: bool
    analysis_takes: float
    """Seconds from the end to the analysis."""
    told: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the first webhook was heard."""

    @property
    def analysed_at(self) -> float:
        """When the analysis is there (epoch seconds)."""
        return self.phone.over_at + self.analysis_takes

    @property
    def starts_at(self) -> float:
        """Start of the conversation; a call that nobody answered starts and ends in the same moment."""
        answered = self.phone.answers_at
        return answered if answered is not None and self.phone.was_answered else self.phone.over_at

    @property
    def agent_id(self) -> str:
        """The agent of the order, or the one bound to the number it calls from."""
        digest = hashlib.blake2b(self.order.from_number.encode(), digest_size=15).hexdigest()
        return self.order.override_agent_id or f"agent_{digest}"

    def status(self, now: float) -> str:
        """Return Retell's status at this moment."""
        match self.phone.stage(now):
            case Stage.OVER:
                return "ended" if self.phone.was_answered or self.phone.was_cancelled else "not_connected"
            case Stage.TALKING:
                return "ongoing"
            case _:
                return "registered"

    @property
    def reason(self) -> str:
        """Why it ends, or ended."""
        phone = self.phone
        if phone.hung_up_at is not None and phone.hung_up_at < phone.ends_at:
            return "manual_stopped"
        if phone.ending is Ending.VOICEMAIL:
            # Without detection the agent talks until the machine has had enough.
            return "voicemail_reached" if self.order.agent_override.agent.voicemail_option else "user_hangup"
        if phone.ending is not Ending.ANSWERED:
            return NOT_CONNECTED[phone.ending]
        if phone.fate.do_not_call:
            return "user_requested_dnc"
        if phone.fate.endless:
            return "max_duration_reached"
        return "agent_hangup" if self.ended_by_agent else "user_hangup"

    def view(self, now: float, *, transcript: bool = True) -> dict[str, Json]:
        """Render the call object as it is at this moment; lists leave the transcript out."""
        view: dict[str, Json] = {
            "call_type": "phone_call",
            "call_id": self.phone.id,
            "agent_id": self.agent_id,
            "agent_version": self._agent_version,
            "agent_name": self.order.agent_override.agent.agent_name or "Sandbox agent",
            "call_status": self.status(now),
            "direction": "outbound",
            "from_number": self.order.from_number,
            "to_number": self.order.to_number,
            "data_storage_setting": "everything",
            "opt_in_signed_url": False,
        }
        if self.order.metadata is not None:
            view["metadata"] = self.order.metadata
        if self.order.retell_llm_dynamic_variables is not None:
            view["retell_llm_dynamic_variables"] = self.order.retell_llm_dynamic_variables
        if self.order.custom_sip_headers is not None:
            view["custom_sip_headers"] = self.order.custom_sip_headers
        if now >= self.phone.rings_at:
            view["telephony_identifier"] = {"twilio_call_sid": _sid(self.phone.id)}
        if (started := self.start_timestamp(now)) is not None:
            view["start_timestamp"] = started
        if self.phone.stage(now) is Stage.OVER:
            view |= self._ended(transcript=transcript)
        if now >= self.analysed_at:
            view["call_analysis"] = self.analysis()
        return view

    def start_timestamp(self, now: float) -> int | None:
        """Epoch milliseconds; None while it has not started."""
        return _ms(self.starts_at) if self.phone.stage(now) in {Stage.TALKING, Stage.OVER} else None

    @property
    def end_timestamp(self) -> int:
        """Epoch milliseconds."""
        return _ms(self.phone.over_at)

    @property
    def duration_ms(self) -> int:
        """Milliseconds of conversation."""
        return self.end_timestamp - _ms(self.starts_at)

    @property
    def cost(self) -> float:
        """US cents, by the started second."""
        return round(math.ceil(self.phone.talked) * sum(PRICES.values()), 4)

    def analysis(self) -> dict[str, Json]:
        """Assess the call."""
        answered = self.phone.was_answered and self.phone.ending is Ending.ANSWERED
        wanted = self.order.agent_override.agent.post_call_analysis_data
        fields = [one for one in (wanted or USUAL_FIELDS) if one.type != "system-presets"] if answered else []
        return {
            "call_summary": summary(self.phone, self.person),
            "in_voicemail": self.phone.was_answered and self.phone.ending is Ending.VOICEMAIL,
            "user_sentiment": SENTIMENTS[self.person] if answered else "Unknown",
            "call_successful": answered and self.person in {Mood.INTERESTED, Mood.UNDECIDED},
            "custom_analysis_data": {one.name: self._extracted(one) for one in fields},
        }

    @property
    def _agent_version(self) -> int:
        version = self.order.override_agent_version
        return version if isinstance(version, int) else 1

    def _ended(self, *, transcript: bool) -> dict[str, Json]:
        seconds = math.ceil(self.phone.talked)
        view: dict[str, Json] = {
            "end_timestamp": self.end_timestamp,
            "duration_ms": self.duration_ms,
            "disconnection_reason": self.reason,
            "collected_dynamic_variables": {},
            "call_cost": {
                "product_costs": [
                    {"product": product, "unit_price": round(price, 6), "cost": round(seconds * price, 4)}
                    for product, price in (PRICES.items() if seconds else ())
                ],
                "total_duration_seconds": seconds,
                "total_duration_unit_price": round(sum(PRICES.values()), 6),
                "combined_cost": self.cost,
            },
        }
        if self.phone.was_answered:
            view["recording_url"] = f"{FILES}/{self.phone.id}/recording.wav"
            view["public_log_url"] = f"{FILES}/{self.phone.id}/public.log"
        if transcript:
            said = turns(self.phone, self.order.part, self.person)
            view["transcript"] = "".join(f"{'Agent' if turn.by_agent else 'User'}: {turn.text}\n" for turn in said)
            view["transcript_object"] = [_utterance(turn) for turn in said]
            view["transcript_with_tool_calls"] = [_utterance(turn) for turn in said]
        return view

    def _extracted(self, wanted: AnalysisField) -> Json:
        positive = self.person is Mood.INTERESTED
        match wanted.type:
            case "boolean":
                return positive
            case "number":
                return 1 if positive else 0
            case "enum" if wanted.choices:
                return wanted.choices[0 if positive else -1]
            case _:
                return self.person.value


def _utterance(turn: Turn) -> dict[str, Json]:
    words = turn.text.split()
    each = (turn.ends - turn.begins) / max(1, len(words))
    return {
        "role": "agent" if turn.by_agent else "user",
        "content": turn.text,
        "words": [
            {
                "word": word,
                "start": round(turn.begins + place * each, 3),
                "end": round(turn.begins + (place + 1) * each, 3),
            }
            for place, word in enumerate(words)
        ],
    }


def _sid(call_id: str) -> str:
    return "CA" + hashlib.blake2b(call_id.encode(), digest_size=16).hexdigest()


def _ms(at: float) -> int:
    return round(at * 1000)
