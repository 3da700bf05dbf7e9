"""Reads Retell's call object, which its API answers with and its webhooks carry."""

from __future__ import annotations

from pydantic import Field, JsonValue

from clarion.domain.attempt import AttemptId
from clarion.domain.call import AnsweredBy, CallFacts, CallWord, Speaker, Stage, Turn
from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome
from clarion.providers.lenient import Maybe, Read, as_texts
from clarion.providers.retell_statuses import UNDERWAY, verdict_on

CENTS = 100.0
"""Retell names costs in US cents."""
METADATA_KEY = "attempt"
"""Where our attempt id stands in a call's metadata."""
SPEAKERS = {"agent": Speaker.AGENT, "user": Speaker.PERSON}


class _Word(Read):
    start: Maybe[float] = None


class _Utterance(Read):
    role: str = ""
    content: str
    words: Maybe[tuple[_Word, ...]] = None


class _Cost(Read):
    combined_cost: Maybe[float] = None


class _Analysis(Read):
    call_summary: Maybe[str] = None
    call_successful: Maybe[bool] = None
    user_sentiment: Maybe[str] = None
    in_voicemail: Maybe[bool] = None
    custom_analysis_data: Maybe[dict[str, JsonValue]] = None


class RetellCall(Read):
    """A call as Retell describes it; what it leaves out is not known yet."""

    call_id: str = Field(min_length=1)
    call_status: Maybe[str] = None
    call_type: Maybe[str] = None
    direction: Maybe[str] = None
    metadata: Maybe[dict[str, JsonValue]] = None
    duration_ms: Maybe[float] = None
    disconnection_reason: Maybe[str] = None
    recording_url: Maybe[str] = None
    transcript_object: Maybe[tuple[Maybe[_Utterance], ...]] = None
    call_cost: Maybe[_Cost] = None
    call_analysis: Maybe[_Analysis] = None

    @property
    def attempt(self) -> str | None:
        """Our attempt id; None for a call that is not one of ours."""
        value = (self.metadata or {}).get(METADATA_KEY)
        try:
            return str(AttemptId.parse(value)) if isinstance(value, str) else None
        except BadInput:
            return None

    def word(self) -> CallWord:
        """Say in our words how the call stands."""
        status = self.call_status or ""
        talked = bool(self.duration_ms or self.transcript_object)
        in_voicemail = self.call_analysis is not None and self.call_analysis.in_voicemail is True
        verdict = verdict_on(status, self.disconnection_reason, self.call_id, talked=talked, in_voicemail=in_voicemail)
        is_over = verdict.outcome is not Outcome.PLACED
        return CallWord(
            verdict,
            CallFacts(
                stage=Stage.ENDED if is_over else UNDERWAY.get(status, Stage.PLACED),
                answered_by=self._answered_by(verdict.outcome),
                duration=self.duration_ms / 1000 if self.duration_ms and status != "not_connected" else None,
                cost=self._cost if is_over else None,
                disconnection_reason=self.disconnection_reason,
                recording_url=self.recording_url or None,
                summary=(self.call_analysis.call_summary or None) if self.call_analysis else None,
                turns=self._turns(),
                analysis=self._assessment(),
            ),
        )

    @property
    def _cost(self) -> float | None:
        cents = self.call_cost.combined_cost if self.call_cost else None
        return None if cents is None else cents / CENTS

    def _answered_by(self, outcome: Outcome) -> AnsweredBy | None:
        if outcome is Outcome.VOICEMAIL:
            return AnsweredBy.MACHINE
        is_known = self.call_analysis is not None and self.call_analysis.in_voicemail is False
        return AnsweredBy.HUMAN if outcome is Outcome.ANSWERED and is_known else None

    def _turns(self) -> tuple[Turn, ...]:
        said = [one for one in self.transcript_object or () if one is not None]
        return tuple(
            Turn(
                SPEAKERS.get(one.role, Speaker.OTHER), one.content, next((word.start for word in one.words or ()), None)
            )
            for one in said
        )

    def _assessment(self) -> dict[str, str]:
        """Retell's own fields and the agent's, side by side; its own win where names are the same."""
        found = self.call_analysis
        if found is None:
            return {}
        own: dict[str, JsonValue] = {
            "call_successful": found.call_successful,
            "user_sentiment": found.user_sentiment,
            "in_voicemail": found.in_voicemail,
        }
        return {**as_texts(found.custom_analysis_data or {}), **as_texts(own)}
