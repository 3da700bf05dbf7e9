"""A conversation at ElevenLabs that is a phone call: where it stands at any moment and what the API shows of it."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from clarion.sandbox.calls import Ending, PhoneCall, Stage
from clarion.sandbox.conversation import Mood, Turn, summary, turns
from clarion.sandbox.elevenlabs.orders import Order
from clarion.sandbox.vendor import Json

CREDITS_PER_SECOND = 10
DOLLARS_PER_SECOND = 0.10 / 60
"""The order of magnitude of ElevenLabs' price list, with the language model."""


class Failure(NamedTuple):
    """Why nobody was reached: in ``call_result``, in the webhook, in Twilio's words, and as a SIP code."""

    result: str
    reason: str
    twilio: str
    code: int


FAILURES: Mapping[Ending, Failure] = {
    Ending.NO_ANSWER: Failure("no_answer", "no-answer", "no-answer", 480),
    Ending.BUSY: Failure("busy", "busy", "busy", 486),
    Ending.DECLINED: Failure("busy", "busy", "busy", 603),
    Ending.FAILED: Failure("failed", "unknown", "failed", 404),
}


@dataclass(slots=True, eq=False)
class Conversation:
    """One call with the order it came from."""

    phone: PhoneCall
    call_sid: str
    order: Order
    person: Mood
    ended_by_agent: bool
    analysis_takes: float
    """Seconds from the end to the analysis."""
    told: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once its webhook was heard."""

    @property
    def failure(self) -> Failure | None:
        """Why nobody is reached, if so."""
        return FAILURES.get(self.phone.ending)

    @property
    def analysed_at(self) -> float:
        """When it is done (epoch seconds); a call that reached nobody needs no analysis."""
        return self.phone.over_at + (0.0 if self.failure else self.analysis_takes)

    @property
    def started(self) -> int:
        """Epoch second it started in, ringing included."""
        return int(self.phone.placed_at)

    @property
    def user_id(self) -> str | None:
        """Whom it is with, in the words of whoever ordered it."""
        return self.order.client_data.user_id

    @property
    def agent_number(self) -> str:
        """The number behind the id it calls from; the same for the same id."""
        digest = hashlib.blake2b(self.order.agent_phone_number_id.encode(), digest_size=6).digest()
        return f"+1500{int.from_bytes(digest, 'big') % 10**7:07d}"

    def status(self, now: float) -> str:
        """Return ElevenLabs' status at this moment."""
        match self.phone.stage(now):
            case Stage.OVER if self.failure:
                return "failed"
            case Stage.OVER:
                return "done" if now >= self.analysed_at else "processing"
            case Stage.TALKING:
                return "in-progress"
            case _:
                return "initiated"

    def seconds(self, now: float) -> int:
        """How long was talked so far, in started seconds."""
        answered = self.phone.answers_at
        return 0 if answered is None else max(0, math.ceil(min(now, self.phone.over_at) - answered))

    def view(self, now: float) -> dict[str, Json]:
        """Render the whole conversation as it is at this moment."""
        over = self.phone.stage(now) is Stage.OVER
        said = self.said(now)
        return {
            "agent_id": self.order.agent_id,
            "agent_name": "Sandbox agent",
            "conversation_id": self.phone.id,
            "status": self.status(now),
            "user_id": self.user_id,
            "branch_id": None,
            "version_id": None,
            "environment": "production",
            "transcript": [_turn(turn) for turn in said],
            "user_message_count": sum(not turn.by_agent for turn in said),
            "agent_message_count": sum(turn.by_agent for turn in said),
            "metadata": self._metadata(now),
            "analysis": self.analysis() if self.status(now) == "done" else None,
            "conversation_initiation_client_data": self._client_data(),
            "has_audio": over and bool(said),
            "has_user_audio": over and bool(said),
            "has_response_audio": over and any(turn.by_agent for turn in said),
            "has_auxiliary_audio": False,
            "tag_ids": [],
        }

    def summarised(self, now: float, *, with_summary: bool) -> dict[str, Json]:
        """Render the line of a list."""
        said = self.said(now)
        done = self.status(now) == "done"
        return {
            "agent_id": self.order.agent_id,
            "agent_name": "Sandbox agent",
            "conversation_id": self.phone.id,
            "start_time_unix_secs": self.started,
            "call_duration_secs": self.seconds(now),
            "cost": self._credits(now),
            "message_count": len(said),
            "status": self.status(now),
            "termination_reason": self._ended(now),
            "call_successful": self._successful if done else "unknown",
            "transcript_summary": summary(self.phone, self.person) if done and with_summary else None,
            "conversation_initiation_source": "twilio",
            "direction": "outbound",
            "tag_ids": [],
        }

    def said(self, now: float) -> list[Turn]:
        """What was said so far."""
        answered = self.phone.answers_at
        if answered is None or now < answered:
            return []
        return [turn for turn in turns(self.phone, self.order.part, self.person) if answered + turn.begins <= now]

    def analysis(self) -> dict[str, Json]:
        """Assess the conversation."""
        collected: list[Json] = []
        if self.phone.ending is Ending.ANSWERED:
            facts = {
                "interested": self.person is Mood.INTERESTED,
                "do_not_call": self.person is Mood.NEVER_AGAIN,
            }
            collected = [_collected(name, value) for name, value in facts.items()]
        return {
            "call_successful": self._successful,
            "transcript_summary": summary(self.phone, self.person),
            "call_summary_title": "Voicemail" if self.phone.ending is Ending.VOICEMAIL else "Outbound call",
            "evaluation_criteria_results": {},
            "evaluation_criteria_results_list": [],
            "data_collection_results": {
                str(one["data_collection_id"]): one for one in collected if isinstance(one, dict)
            },
            "data_collection_results_list": collected,
        }

    @property
    def _successful(self) -> str:
        answered = self.phone.ending is Ending.ANSWERED
        return "success" if answered and self.person in {Mood.INTERESTED, Mood.UNDECIDED} else "failure"

    @property
    def _call_result(self) -> str:
        if self.failure:
            return self.failure.result
        return "voicemail" if self.phone.ending is Ending.VOICEMAIL else "answered"

    def _metadata(self, now: float) -> dict[str, Json]:
        over = self.phone.stage(now) is Stage.OVER
        answered = self.phone.answers_at
        failed = self.failure if over else None
        return {
            "start_time_unix_secs": self.started,
            "accepted_time_unix_secs": int(answered) if answered is not None and now >= answered else None,
            "call_duration_secs": self.seconds(now),
            "cost": self._credits(now),
            "cost_fiat": round(self.seconds(now) * DOLLARS_PER_SECOND, 6) if over else None,
            "authorization_method": "authorization_header",
            "conversation_initiation_source": "twilio",
            "termination_reason": self._ended(now),
            "error": {"code": failed.code, "reason": f"Call ended with status {failed.twilio}"} if failed else None,
            "text_only": False,
            "phone_call": {
                "type": "twilio",
                "direction": "outbound",
                "phone_number_id": self.order.agent_phone_number_id,
                "agent_number": self.agent_number,
                "external_number": self.order.to_number,
                "call_sid": self.call_sid,
                "stream_sid": "MZ" + self.call_sid[2:] if answered is not None and now >= answered else "",
                "call_result": self._call_result if over else None,
            },
            "batch_call": None,
        }

    def _credits(self, now: float) -> int | None:
        return self.seconds(now) * CREDITS_PER_SECOND if self.phone.stage(now) is Stage.OVER else None

    def _ended(self, now: float) -> str:
        if self.phone.stage(now) is not Stage.OVER or self.failure:
            return ""
        if self.phone.ending is Ending.VOICEMAIL:
            return "voicemail_detection tool was called."
        if self.phone.fate.endless:
            return "Conversation duration limit reached"
        return "end_call tool was called." if self.ended_by_agent else "Call ended by remote party"

    def _client_data(self) -> dict[str, Json]:
        echoed: dict[str, Json] = dict(self.order.echoed())
        variables = self.order.client_data.dynamic_variables or {}
        return {
            **echoed,
            "user_id": self.user_id,
            "source_info": {"source": "twilio"},
            "dynamic_variables": {
                **variables,
                "system__agent_id": self.order.agent_id,
                "system__call_sid": self.call_sid,
                "system__called_number": self.order.to_number,
                "system__caller_id": self.agent_number,
                "system__conversation_id": self.phone.id,
            },
        }


def _turn(turn: Turn) -> dict[str, Json]:
    return {
        "role": "agent" if turn.by_agent else "user",
        "message": turn.text,
        "tool_calls": [],
        "tool_results": [],
        "feedback": None,
        "time_in_call_secs": int(turn.begins),
        "interrupted": False,
        "source_medium": "audio",
    }


def _collected(name: str, value: Json) -> dict[str, Json]:
    return {
        "data_collection_id": name,
        "name": name,
        "value": value,
        "json_schema": None,
        "rationale": "Decided by the number called: no language model speaks here.",
    }
