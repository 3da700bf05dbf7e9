"""ElevenLabs' webhooks: their signature, and what they say about calls."""

from __future__ import annotations

import hmac
import re

from pydantic import Field, ValidationError

from clarion.domain.attempt import Verdict
from clarion.domain.call import CallFacts, CallWord, Stage
from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome
from clarion.providers.elevenlabs_conversation import Conversation, Correlated
from clarion.providers.elevenlabs_statuses import DONE, MACHINES, verdict_on_failure
from clarion.providers.lenient import Maybe, Read
from clarion.providers.ports import CallReader, CallReceipt, Webhook

SIGNATURE_HEADER = "elevenlabs-signature"
TIME = re.compile(r"t=([0-9]{1,12})")
DIGEST = re.compile(r"v0=([0-9a-f]{64})")
TOLERANCE = 1800.0
"""Seconds by which a signature's time may differ from ours."""


class _Kind(Read):
    type: str


class _Telephony(Read):
    call_status: Maybe[str] = Field(default=None, alias="CallStatus")
    answered_by: Maybe[str] = Field(default=None, alias="AnsweredBy")


class _TelephonyData(Read):
    body: Maybe[_Telephony] = None


class _Failure(Correlated):
    failure_reason: Maybe[str] = None
    metadata: Maybe[_TelephonyData] = None


class _Detection(Correlated):
    answered_by: Maybe[str] = None
    metadata: Maybe[_TelephonyData] = None


class _TranscriptionEvent(Read):
    data: Conversation


class _FailureEvent(Read):
    data: _Failure


class _DetectionEvent(Read):
    data: _Detection


class ElevenLabsCalls(CallReader):
    """Reads the webhooks that ElevenLabs signs with one webhook's secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def verify(self, webhook: Webhook, now: float) -> bool:
        """Whether ElevenLabs really sent this, about ``now`` (epoch seconds); without a secret nothing is believed."""
        parts = [part.strip() for part in webhook.headers.get(SIGNATURE_HEADER, "").split(",")]
        times = [match[1] for part in parts if (match := TIME.fullmatch(part))]
        digests = [match[1] for part in parts if (match := DIGEST.fullmatch(part))]
        if not self._secret or len(times) != 1 or abs(now - int(times[0])) > TOLERANCE:
            return False
        expected = hmac.digest(self._secret, times[0].encode() + b"." + webhook.body, "sha256").hex()
        return any(hmac.compare_digest(expected, digest) for digest in digests)

    def receipt(self, payload: str, attempt: str | None) -> CallReceipt | None:
        """Read a stored body. None: no news of a call's life. Raises BadInput when it is not ElevenLabs'."""
        try:
            match _Kind.model_validate_json(payload).type:
                case "post_call_transcription":
                    conversation = _TranscriptionEvent.model_validate_json(payload).data
                    return _receipt(conversation, attempt, conversation.word(unless=DONE))
                case "call_initiation_failure":
                    failure = _FailureEvent.model_validate_json(payload).data
                    return _receipt(failure, attempt, _not_begun(failure))
                case "answering_machine_detection":
                    detection = _DetectionEvent.model_validate_json(payload).data
                    return _receipt(detection, attempt, _detected(detection))
                case _:
                    return None
        except ValidationError:
            raise BadInput(
                "A webhook of ElevenLabs has a type, and data with a conversation_id; this body has not."
            ) from None


def _receipt(about: Correlated, attempt: str | None, word: CallWord | None) -> CallReceipt:
    return CallReceipt(attempt=about.attempt or attempt, provider_reference=about.conversation_id, word=word)


def _not_begun(failure: _Failure) -> CallWord:
    telephony = failure.metadata.body if failure.metadata else None
    verdict = verdict_on_failure(
        failure.failure_reason or "unknown", telephony.call_status if telephony else None, failure.conversation_id
    )
    return CallWord(verdict, CallFacts(stage=Stage.ENDED, disconnection_reason=failure.failure_reason))


def _detected(detection: _Detection) -> CallWord | None:
    """Detection decides nothing: the call may go on, and its own end says how. None: its word is not known."""
    telephony = detection.metadata.body if detection.metadata else None
    answered_by = MACHINES.get(detection.answered_by or (telephony.answered_by if telephony else None) or "")
    if answered_by is None:
        return None
    verdict = Verdict(
        Outcome.PLACED,
        final=False,
        provider_reference=detection.conversation_id,
        provider_status="answering_machine_detection",
    )
    return CallWord(verdict, CallFacts(stage=Stage.ANSWERED, answered_by=answered_by))
