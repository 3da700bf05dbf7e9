"""What an analysis asks about a lead, what that may cost, and what an AI's reply means."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from activities.lead_door import Door
from clarion.domain.assessment import (
    Assessment,
    AssessSpec,
    BadAnswer,
    answer_schema,
    expected_tokens,
    prompt,
    read_answer,
)
from clarion.domain.attempt import Verdict
from clarion.domain.target import Outcome
from clarion.domain.throttle import Throttle
from clarion.providers.lead_ports import Analyst, Question, Reply

LONGEST_ANSWER = 32_000
"""Tokens that an answer may have at most, however often a shorter one was cut off."""

BATCH_PRICE = 0.5
"""What an answer costs in a batch, as a share of its price."""


@dataclass(slots=True)
class Analysing:
    """What asking needs to know about an account."""

    analyst: Analyst
    price_input: float
    """Money per million tokens, like the next."""
    price_output: float
    throttle: Throttle
    door: Door = field(init=False)

    def __post_init__(self) -> None:
        """Let the lanes of all chunks in this process share one door."""
        self.door = Door(self.throttle, time.monotonic)

    def cost(self, input_tokens: float, output_tokens: float, *, batch: bool = False) -> int:
        """Return what tokens cost, in millionths."""
        price = input_tokens * self.price_input + output_tokens * self.price_output
        return math.ceil(round(price * (BATCH_PRICE if batch else 1.0), 3))


@dataclass(frozen=True, slots=True)
class Answered:
    """What a reply comes to."""

    verdict: Verdict
    assessment: Assessment
    cost: int
    """In millionths."""


@dataclass(slots=True)
class Inquiry:
    """One campaign's questions to one account."""

    spec: AssessSpec
    analysing: Analysing
    _instructions: str = field(init=False)
    _schema: Mapping[str, object] = field(init=False)
    _same: int = field(init=False)
    """Tokens that are the same in every question."""

    def __post_init__(self) -> None:
        """Work out what all questions have in common."""
        self._instructions, self._schema = prompt(self.spec), answer_schema(self.spec.fields)
        self._same = expected_tokens(self._instructions, "", self._schema)

    def question(self, attempt: str, lead: str, cut_off: int) -> Question:
        """Write a question about a lead, given as JSON; its answer was ``cut_off`` so many times before."""
        longest = min(self.spec.max_output_tokens << min(cut_off, 12), LONGEST_ANSWER)
        return Question(attempt, self.spec.model, self._instructions, lead, self._schema, longest, self.spec.effort)

    @property
    def same_bytes(self) -> int:
        """Bytes that are the same in every question, about."""
        return len(self._instructions.encode()) + len(json.dumps(self._schema))

    def input_tokens(self, lead: str) -> int:
        """Return about how many tokens a question has."""
        return self._same + len(lead.encode(errors="replace")) // 4

    def weight(self, lead: str, longest: int) -> int:
        """Return what a question weighs against OpenAI's limit of tokens: the larger of what it has and may bring."""
        return max(self.input_tokens(lead), longest)

    def reserve(self, lead: str, longest: int, *, batch: bool = False) -> int:
        """Return what a question may cost, in millionths; ``longest``: tokens that its answer may have."""
        return self.analysing.cost(self.input_tokens(lead), longest, batch=batch)

    def read(self, reply: Reply, key: str, *, batch: bool = False) -> Answered:
        """Say what a reply to the question named ``key`` means."""
        answer, verdict = None, reply.verdict
        if verdict is None:
            try:
                answer = read_answer(reply.text or "", self.spec.fields)
                verdict = Verdict(Outcome.ASSESSED, final=True, provider_reference=reply.reference)
            except BadAnswer as error:
                verdict = Verdict(
                    *(Outcome.INVALID_ANSWER, True, True), provider_reference=reply.reference, detail=str(error)
                )
        tokens = reply.input_tokens, reply.output_tokens
        assessment = Assessment(key, self.spec.model, answer, *tokens, batch)
        return Answered(verdict, assessment, self.analysing.cost(*tokens, batch=batch))
