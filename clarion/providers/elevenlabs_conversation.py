"""Reads ElevenLabs' conversation object, which its API answers with and its webhooks carry."""

from __future__ import annotations

from pydantic import Field, JsonValue

from clarion.domain.attempt import AttemptId
from clarion.domain.call import AnsweredBy, CallFacts, CallWord, Speaker, Stage, Turn
from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome
from clarion.providers.elevenlabs_statuses import UNDERWAY, verdict_on
from clarion.providers.lenient import Maybe, Read, as_texts

SPEAKERS = {"agent": Speaker.AGENT, "user": Speaker.PERSON}


class _Said(Read):
    role: str = ""
    message: Maybe[str] = None
    time_in_call_secs: Maybe[float] = None


class _PhoneCall(Read):
    call_result: Maybe[str] = None


class _Feature(Read):
    used: Maybe[bool] = None


class _Features(Read):
    voicemail_detection: Maybe[_Feature] = None


class _Error(Read):
    code: Maybe[int] = None


class _Metadata(Read):
    call_duration_secs: Maybe[float] = None
    cost_fiat: Maybe[float] = None
    termination_reason: Maybe[str] = None
    error: Maybe[_Error] = None
    phone_call: Maybe[_PhoneCall] = None
    features_usage: Maybe[_Features] = None


class _Collected(Read):
    value: Maybe[JsonValue] = None


class _Criterion(Read):
    result: Maybe[str] = None


class _Analysis(Read):
    call_successful: Maybe[str] = None
    transcript_summary: Maybe[str] = None
    data_collection_results: Maybe[dict[str, Maybe[_Collected]]] = None
    evaluation_criteria_results: Maybe[dict[str, Maybe[_Criterion]]] = None


class _InitiationData(Read):
    user_id: Maybe[str] = None


class Correlated(Read):
    """The parts that name a conversation, and our attempt."""

    conversation_id: str = Field(min_length=1)
    user_id: Maybe[str] = None
    conversation_initiation_client_data: Maybe[_InitiationData] = None

    @property
    def attempt(self) -> str | None:
        """Our attempt id; None for a conversation that is not one of ours, or does not say."""
        initiation = self.conversation_initiation_client_data
        for user in (initiation.user_id if initiation else None, self.user_id):
            try:
                return str(AttemptId.parse(user or ""))
            except BadInput:
                continue
        return None


class Conversation(Correlated):
    """A conversation as ElevenLabs describes it; what it leaves out is not known yet."""

    status: Maybe[str] = None
    metadata: Maybe[_Metadata] = None
    analysis: Maybe[_Analysis] = None
    transcript: Maybe[tuple[Maybe[_Said], ...]] = None

    def word(self, unless: str = "") -> CallWord:
        """Say in our words how the call stands; ``unless`` is the status where the object names none."""
        status = self.status or unless
        metadata = self.metadata or _Metadata()
        detection = metadata.features_usage.voicemail_detection if metadata.features_usage else None
        code = metadata.error.code if metadata.error else None
        verdict = verdict_on(
            status,
            metadata.phone_call.call_result if metadata.phone_call else None,
            self.conversation_id,
            detected_voicemail=detection is not None and detection.used is True,
            error=None if code is None else str(code),
        )
        is_over = verdict.outcome is not Outcome.PLACED
        was_answered = verdict.outcome in {Outcome.ANSWERED, Outcome.VOICEMAIL}
        return CallWord(
            verdict,
            CallFacts(
                stage=Stage.ENDED if is_over else UNDERWAY.get(status, Stage.PLACED),
                answered_by=AnsweredBy.MACHINE if verdict.outcome is Outcome.VOICEMAIL else None,
                duration=metadata.call_duration_secs if is_over and was_answered else None,
                cost=metadata.cost_fiat if is_over else None,
                disconnection_reason=metadata.termination_reason or None,
                summary=(self.analysis.transcript_summary or None) if self.analysis else None,
                turns=self._turns(),
                analysis=self._assessment(),
            ),
        )

    def _turns(self) -> tuple[Turn, ...]:
        """Steps without words (tool calls) are left out."""
        return tuple(
            Turn(SPEAKERS.get(said.role, Speaker.OTHER), said.message, said.time_in_call_secs)
            for said in self.transcript or ()
            if said is not None and said.message
        )

    def _assessment(self) -> dict[str, str]:
        """What was collected, how each criterion was met, and the whole; the whole wins where names are the same."""
        found = self.analysis
        if found is None:
            return {}
        collected = {name: one.value for name, one in (found.data_collection_results or {}).items() if one}
        criteria = {name: one.result for name, one in (found.evaluation_criteria_results or {}).items() if one}
        return as_texts({**collected, **criteria, "call_successful": found.call_successful})
