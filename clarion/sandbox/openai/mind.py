"""What stands for a language model: decides what becomes of a question and makes up its answer."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from clarion.sandbox.decisions import Decisions
from clarion.sandbox.openai.errors import Wrong, server_error, wrong
from clarion.sandbox.openai.fates import Fate, fate_of
from clarion.sandbox.openai.invention import Invention, facts_in
from clarion.sandbox.openai.questions import Api, Question
from clarion.sandbox.vendor import World

GULLIBLE = "sandbox-gullible"
"""A model that does what it is told: ``<answer>=<value>`` where instructions stand decides that answer."""
DICTATED = re.compile(r"\b([A-Za-z_][A-Za-z0-9_]*)\s*=\s*\"?([A-Za-z0-9_.-]+)")
DECLINED = "I'm sorry, but I can't help with that."


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model says."""

    fate: Fate
    text: str
    """The answer, or the refusal; cut where the fate says so."""
    input_tokens: int
    output_tokens: int

    @property
    def usable(self) -> bool:
        """Whether the question has been answered."""
        return self.fate in {Fate.ANSWERED, Fate.LOST, Fate.SLOW}


class Mind:
    """Answers questions; remembers only which ones it has cut short."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._cut: dict[str, int] = {}

    def reply(self, question: Question) -> Reply:
        """Answer. Raises Wrong where the request is refused as it is, or fails before any effect."""
        fate = fate_of(question.said, self._world.faults.now, self._world.decisions)
        _refuse(fate, question.api)
        if fate is Fate.EXPIRED:
            fate = Fate.ANSWERED  # only a batch can expire, and it looks before it asks
        text = DECLINED if fate is Fate.REFUSED else self._answer(question)
        tokens, most = -(-len(text) // 4), question.max_output_tokens
        if fate is Fate.TRUNCATED and self._is_enough(question, most):
            fate = Fate.ANSWERED
        if fate is Fate.TRUNCATED or (most is not None and tokens > most):
            shown = min(most if most is not None else tokens, max(1, tokens // 2))
            return Reply(Fate.TRUNCATED, text[: shown * 4 - 1], question.input_tokens, most or tokens)
        if fate is Fate.GARBLED:
            text = json.dumps({"answer": "42"})
        return Reply(fate, "" if fate is Fate.FILTERED else text, question.input_tokens, tokens)

    def _is_enough(self, question: Question, most: int | None) -> bool:
        """Whether a question that was cut is now asked with at least twice the tokens of the first time."""
        if most is None:
            return False
        return most >= 2 * self._cut.setdefault(question.digest(), most)

    def _answer(self, question: Question) -> str:
        facts, around = facts_in(question.said)
        if question.schema is None:
            return "The sandbox has no opinion; ask it for structured output."
        seed = hashlib.blake2b(question.said.encode(), digest_size=16).hexdigest()
        draw = _Draw(self._world.decisions, seed)
        told = _dictated(f"{question.instructions}\n{around}") if question.model == GULLIBLE else {}
        return json.dumps(Invention(question.schema, facts, draw, told).answer(), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class _Draw:
    decisions: Decisions
    seed: str

    def __call__(self, name: str) -> float:
        return self.decisions.shares(f"{self.seed}/{name}")[0]


def _dictated(told: str) -> Mapping[str, str]:
    return {name.lower(): value.rstrip(".") for name, value in DICTATED.findall(told)}


def _refuse(fate: Fate, api: Api) -> None:
    param = "input" if api is Api.RESPONSES else "messages"
    match fate:
        case Fate.ERROR:
            raise Wrong(server_error())
        case Fate.REJECTED:
            message = "Invalid prompt: your prompt was flagged as potentially violating our usage policy."
            raise wrong(message, "invalid_prompt", param)
        case Fate.TOO_LONG:
            message = "Your input exceeds the context window of this model. Please adjust your input and try again."
            raise wrong(message, "context_length_exceeded", param)
        case _:
            return
