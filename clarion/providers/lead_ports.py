"""The ports through which activities reach CRMs and AIs; the ways they can fail us are those of all providers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from clarion.domain.attempt import Verdict
from clarion.domain.lead import Lead, LeadValue
from clarion.providers.ports import ProviderError, RateLimited


class Slow(ProviderError):
    """One question took longer than it may; others need not."""


class CrmError(ProviderError):
    """The CRM refused one whole request in a way that no retry mends: a field that there is not, a right we lack."""


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of writing answers back to one lead."""

    id: str
    error: str | None = None
    """None: written."""


@dataclass(frozen=True, slots=True)
class ApiUsage:
    """Requests of the last 24 hours, over everything that uses the CRM's account."""

    used: int
    allowed: int


class Crm(Protocol):
    """Knows leads. Blocking: call it from a thread. Never retries by itself, but for one renewal of its session.

    Every method raises RateLimited, Unavailable (also for timeouts and errors of its server: asking again is safe),
    AccountBroken or CrmError.
    """

    @property
    def usage(self) -> ApiUsage | None:
        """What the last answer said about the use of the account."""
        ...

    def fetch(self, ids: Sequence[str], fields: Sequence[str]) -> list[Lead | None]:
        """Fetch up to 2,000 leads by ids of 18 characters, in their order; None where there is none for us."""
        ...

    def deleted(self, ids: Sequence[str]) -> set[str]:
        """Say which of up to 400 ids are in the recycle bin."""
        ...

    def write(self, answers: Mapping[str, Mapping[str, LeadValue]]) -> list[WriteResult]:
        """Set fields of up to 200 leads, given by id; each succeeds or fails by itself. Again, it does no harm."""
        ...

    def check(self) -> None:
        """Prove that the credentials are accepted."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """What an AI is asked about one lead."""

    attempt: str
    model: str
    instructions: str
    lead: str
    """The lead's fields, as JSON: data, never instructions."""
    schema: Mapping[str, object]
    """The JSON schema of the answer, strict."""
    max_output_tokens: int
    """What the model thinks before it answers counts, too."""
    effort: str | None = None
    """How long it thinks, in the provider's words; None leaves that to the model."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a provider's headers say is left of one limit; None where they do not say."""

    limit: int
    """In a minute."""
    remaining: int
    reset: float
    """Seconds until it is whole again."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What a provider allows at the moment."""

    requests: Allowance | None = None
    tokens: Allowance | None = None


class TooFast(RateLimited):
    """Refused for its pace, with what the answer said about the limits."""

    def __init__(self, message: str, *, retry_after: float, quota: Quota, code: str | None) -> None:
        super().__init__(message, retry_after=retry_after, code=code)
        self.quota = quota


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for a question: text to be read as an answer, or a verdict why there is none."""

    text: str | None
    verdict: Verdict | None
    """Set exactly when `text` is not: refused, filtered, truncated, failed."""
    input_tokens: int = 0
    output_tokens: int = 0
    reference: str | None = None
    quota: Quota = Quota()


class BatchStage(StrEnum):
    """How far a provider has come with a batch."""

    WORKING = "working"
    ENDED = "ended"
    """Whatever there is of results can be read: all, or some where it expired or was cancelled."""
    FAILED = "failed"
    """It was not begun; the detail says why."""


@dataclass(frozen=True, slots=True)
class BatchWord:
    """What a provider says about a batch at one moment."""

    reference: str
    stage: BatchStage
    status: str
    """In the provider's words."""
    done: int = 0
    failed: int = 0
    detail: str | None = None
    too_much: bool = False
    """It was not begun because too much is waiting already: later it may be."""


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One result of a batch."""

    attempt: str
    reply: Reply | None
    """None: never worked on (expired, cancelled), or failed in a way that asking again may mend."""
    detail: str | None = None


class Analyst(Protocol):
    """Answers questions about leads. Never retries by itself; asking again is safe and costs tokens.

    Every method raises RateLimited, Unavailable (also for timeouts and errors of its server) or AccountBroken.
    """

    @property
    def timeout(self) -> float:
        """Seconds after which a request is given up."""
        ...

    async def ask(self, question: Question) -> Reply:
        """Ask once. Raises also Rejected, when this one question is refused as it is; `Slow` when it took too long."""
        ...

    async def upload(self, name: str, questions: Iterable[Question]) -> str:
        """Send the file of a batch; return its id. Raises also Rejected when it is larger than the provider takes."""
        ...

    async def submit(self, name: str, file: str) -> BatchWord:
        """Begin a batch with the file; ``name`` goes along, to find it by. Raises also Rejected and NotFound."""
        ...

    async def find(self, name: str, since: float) -> BatchWord | None:
        """Look for a batch of this name that was begun after ``since`` (epoch seconds)."""
        ...

    async def look(self, reference: str) -> BatchWord:
        """Say how a batch stands. Raises also NotFound."""
        ...

    async def cancel(self, reference: str) -> None:
        """End a batch early; results so far can be read once it has ended. One that has ended already is left alone."""
        ...

    def results(self, reference: str) -> AsyncIterator[BatchLine]:
        """Yield what has come of an ended batch, in any order, in flat memory."""
        ...

    async def check(self) -> None:
        """Prove that the credentials are accepted, at no cost."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...
