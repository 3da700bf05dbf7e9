"""Questions as OpenAI's Responses API takes them, and its responses in our words; live and in batches alike."""

from __future__ import annotations

from pydantic import ValidationError

from clarion.domain.attempt import Verdict
from clarion.domain.target import Outcome
from clarion.providers.lead_ports import Question, Quota, Reply
from clarion.providers.lenient import Maybe, Read
from clarion.providers.openai_errors import CONTENT_CODES, NO_QUOTA, NOTHING_SAID, ErrorBody
from clarion.providers.ports import Unavailable

SCHEMA_NAME = "assessment"
LONGEST_DETAIL = 500
"""Characters of a refusal that are kept."""

INCOMPLETE: dict[str, tuple[Outcome, str]] = {
    "max_output_tokens": (Outcome.TRUNCATED, "the answer was longer than its tokens allow, and cut off"),
    "content_filter": (Outcome.FILTERED, "OpenAI's content filter stopped the answer"),
}
"""By reason: why a response is not complete."""


class _Content(Read):
    type: str = ""
    text: Maybe[str] = None
    refusal: Maybe[str] = None


class _Item(Read):
    type: str = ""
    content: Maybe[tuple[_Content, ...]] = None


class _Usage(Read):
    input_tokens: Maybe[int] = None
    output_tokens: Maybe[int] = None


class _Incomplete(Read):
    reason: Maybe[str] = None


class Body(Read):
    """A response, or an error in its place."""

    id: Maybe[str] = None
    status: Maybe[str] = None
    error: Maybe[ErrorBody] = None
    incomplete_details: Maybe[_Incomplete] = None
    output: Maybe[tuple[_Item, ...]] = None
    usage: Maybe[_Usage] = None


def request_body(question: Question) -> dict[str, object]:
    """Write a question: what we want in the instructions, the lead alone in the user's message, nothing kept there."""
    # Half a surrogate pair, which Excel and CRMs let pass, cannot be sent.
    lead = question.lead.encode(errors="replace").decode()
    thinking = {} if question.effort is None else {"reasoning": {"effort": question.effort}}
    return {
        "model": question.model,
        **thinking,
        "instructions": question.instructions,
        "input": [{"role": "user", "content": lead}],
        "text": {"format": {"type": "json_schema", "name": SCHEMA_NAME, "strict": True, "schema": question.schema}},
        "max_output_tokens": question.max_output_tokens,
        "store": False,
        "metadata": {"attempt": question.attempt},
    }


def read_body(content: bytes) -> Body:
    """Read an answer of the API. Raises Unavailable when it is none."""
    try:
        return Body.model_validate_json(content)
    except ValidationError:
        raise Unavailable("OpenAI's answer cannot be read.") from None


def error_body(content: bytes) -> ErrorBody:
    """Read what an answer that is not a 2xx says is wrong; a proxy's says nothing."""
    try:
        return Body.model_validate_json(content).error or NOTHING_SAID
    except ValidationError:
        return NOTHING_SAID


def reply(body: Body, quota: Quota = NO_QUOTA) -> Reply:
    """Say what a response is: an answer's text, or why there is none. Raises Unavailable when it is no response."""
    if body.status is None:
        raise Unavailable("OpenAI's answer is no response.")
    usage = body.usage or _Usage()
    content = [part for item in body.output or () if item.type == "message" for part in item.content or ()]
    text = "".join(part.text or "" for part in content if part.type == "output_text")
    verdict = _verdict(body, next((part.refusal or "" for part in content if part.type == "refusal"), None), text)
    return Reply(
        text if verdict is None else None,
        verdict,
        max(usage.input_tokens or 0, 0),
        max(usage.output_tokens or 0, 0),
        body.id,
        quota,
    )


def _verdict(body: Body, refused: str | None, text: str) -> Verdict | None:
    if refused is not None:
        return _ended(body, Outcome.REFUSED, refused or "the model declined to answer")
    if body.status == "completed":
        return None if text else _ended(body, Outcome.FAILED, "OpenAI's response holds no answer", retryable=True)
    if body.status == "incomplete":
        return _cut_off(body)
    error = body.error or NOTHING_SAID
    if error.code is not None and error.code in CONTENT_CODES:
        return _ended(body, *CONTENT_CODES[error.code])
    said = f": {error.message}" if error.message else ""
    return _ended(body, Outcome.FAILED, f"OpenAI's response has the status {body.status}{said}", retryable=True)


def _cut_off(body: Body) -> Verdict:
    reason = (body.incomplete_details.reason if body.incomplete_details else None) or "no reason given"
    outcome, detail = INCOMPLETE.get(reason, (Outcome.FAILED, f"OpenAI's response is incomplete: {reason}"))
    return _ended(body, outcome, detail, retryable=outcome is not Outcome.FILTERED)


def _ended(body: Body, outcome: Outcome, detail: str, *, retryable: bool = False) -> Verdict:
    return Verdict(
        outcome,
        final=True,
        retryable=retryable,
        provider_reference=body.id,
        provider_status=body.status,
        provider_code=body.error.code if body.error else None,
        detail=detail[:LONGEST_DETAIL],
    )
