"""Batches at OpenAI: the file that goes there, how a batch stands, and the lines that come back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import BinaryIO

from pydantic import ValidationError

from clarion.domain.attempt import Verdict
from clarion.domain.target import Outcome
from clarion.providers.lead_ports import BatchLine, BatchStage, BatchWord, Question, Reply
from clarion.providers.lenient import Maybe, Read
from clarion.providers.openai_errors import NOTHING_SAID, TOO_MUCH_WAITING, ErrorBody, refusal
from clarion.providers.openai_replies import Body, reply, request_body
from clarion.providers.ports import ProviderError, Rejected, Unavailable

ENDPOINT = "/v1/responses"
NAME_KEY = "clarion"
"""In the metadata of a batch, its name; of its file it stands in the file's name."""
KEPT_SECONDS = 7 * 86_400
"""How long OpenAI keeps a batch's files: long enough for workers that are away over a weekend."""
MOST_LINES, MOST_BYTES = 50_000, 200_000_000
"""That OpenAI takes in one batch."""
LONGEST_LINE = 16_000_000
"""Bytes; what is longer is no answer, and must not fill the memory."""

STAGES: dict[str, BatchStage] = {
    "validating": BatchStage.WORKING,
    "in_progress": BatchStage.WORKING,
    "finalizing": BatchStage.WORKING,
    "cancelling": BatchStage.WORKING,
    "completed": BatchStage.ENDED,
    "expired": BatchStage.ENDED,
    "cancelled": BatchStage.ENDED,
    "failed": BatchStage.FAILED,
}
"""By OpenAI's status; one that it does not have today is waited for."""


class _Counts(Read):
    completed: Maybe[int] = None
    failed: Maybe[int] = None


class _Complaint(ErrorBody):
    line: Maybe[int] = None


class _Complaints(Read):
    data: Maybe[tuple[_Complaint, ...]] = None


class Batch(Read):
    """A batch as OpenAI shows it."""

    id: str
    status: str
    created_at: Maybe[float] = None
    metadata: Maybe[dict[str, str]] = None
    request_counts: Maybe[_Counts] = None
    output_file_id: Maybe[str] = None
    error_file_id: Maybe[str] = None
    errors: Maybe[_Complaints] = None

    def word(self) -> BatchWord:
        """Say how it stands."""
        counts = self.request_counts or _Counts()
        complaints = (self.errors.data if self.errors else None) or ()
        return BatchWord(
            self.id,
            STAGES.get(self.status, BatchStage.WORKING),
            self.status,
            counts.completed or 0,
            counts.failed or 0,
            _sentence(complaints[0], len(complaints)) if complaints else None,
            too_much=any(complaint.code in TOO_MUCH_WAITING for complaint in complaints),
        )


class Page(Read):
    """Some of all batches, the newest first."""

    data: tuple[Batch, ...]
    has_more: bool = False


class File(Read):
    """A file that OpenAI has taken."""

    id: str


class _Answer(Read):
    status_code: int
    body: Body


class _Line(Read):
    custom_id: str
    response: Maybe[_Answer] = None
    error: Maybe[ErrorBody] = None


def write_lines(questions: Iterable[Question], file: BinaryIO) -> None:
    """Write the file of a batch. Raises Rejected when it becomes larger than OpenAI takes."""
    for number, question in enumerate(questions, 1):
        body = request_body(question)
        line = {"custom_id": question.attempt, "method": "POST", "url": ENDPOINT, "body": body}
        file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode(errors="replace") + b"\n")
        if number > MOST_LINES or file.tell() > MOST_BYTES:
            why = f"a batch of more than {number - 1} of these questions is larger than OpenAI takes"
            raise Rejected(f"{why[0].upper()}{why[1:]}.", Verdict(Outcome.FAILED, final=True, detail=why))


async def lines_of(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Yield the lines of a file that comes in pieces, in flat memory. Raises Unavailable for what is no such file.

    Only a newline ends a line: texts may hold other characters that some readers break lines at.
    """
    rest = bytearray()
    async for chunk in chunks:
        rest += chunk
        *whole, last = rest.split(b"\n") if b"\n" in chunk else (rest,)
        for line in whole:
            yield bytes(line)
        rest = last
        if len(rest) > LONGEST_LINE:
            raise Unavailable("A file of results from OpenAI cannot be read: it has no lines.")
    yield bytes(rest)


def read_line(line: bytes) -> BatchLine | None:
    """Read one line of results; None where it tells of no question."""
    if not line.strip():
        return None
    try:
        found = _Line.model_validate_json(line)
    except ValidationError:
        return None
    if found.response is None or found.error is not None:
        error = found.error or NOTHING_SAID
        return BatchLine(found.custom_id, None, error.code or error.message or "there is no response")
    try:
        return BatchLine(found.custom_id, _reply(found.response))
    except ProviderError as error:
        return BatchLine(found.custom_id, None, str(error))


def _reply(answer: _Answer) -> Reply:
    """Read a response in a batch as one that came live. Raises ProviderError where asking again may mend it."""
    if answer.status_code < 300:
        return reply(answer.body)
    error = refusal(answer.status_code, answer.body.error or NOTHING_SAID)
    if isinstance(error, Rejected):
        return Reply(None, error.verdict)
    raise error


def _sentence(complaint: _Complaint, count: int) -> str:
    """What OpenAI finds wrong with a file is about its form and our ids, never about a lead's texts."""
    where = f" (line {complaint.line})" if complaint.line is not None else ""
    more = f", and {count - 1} more" if count > 1 else ""
    return f"{complaint.message or complaint.code or 'no reason given'}{where}{more}"
