"""Counts what was answered: how often each question, with what fate, for how many tokens."""

from __future__ import annotations

from collections import Counter

from clarion.sandbox.effects import Effects
from clarion.sandbox.openai.mind import Reply
from clarion.sandbox.openai.questions import Question
from clarion.sandbox.vendor import Json


class Books:
    """The answers given since the start or the last reset."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects
        self._fates: Counter[str] = Counter()
        self._standing: Counter[str] = Counter()
        self._questions: dict[int, int] = {}
        self._tokens = {"input": 0, "output": 0}

    def count(self, question: Question, reply: Reply, at: float, *, batch: bool) -> int:
        """Count an answer; returns how often this question has been answered, now included.

        A target of the effects is what metadata calls ``attempt``, else the question itself. An answer that could not
        be used (refused, truncated) does not stand: asking again is no duplicate.
        """
        digest = question.digest()
        target = question.metadata.get("attempt") or digest
        self._effects.accept(target, at, standing=self._standing[target])
        if reply.usable:
            self._standing[target] += 1
        self._fates[f"batch_{reply.fate}" if batch else str(reply.fate)] += 1
        self._tokens["input"] += reply.input_tokens
        self._tokens["output"] += reply.output_tokens
        # As a number: text would take three times the memory for each of a million questions.
        key = int(digest, 16)
        self._questions[key] = self._questions.get(key, 0) + 1
        return self._questions[key]

    def view(self) -> dict[str, Json]:
        """Tell the counts."""
        return {
            "fates": dict(self._fates),
            "tokens": dict(self._tokens),
            "questions": {
                "distinct": len(self._questions),
                "asked_again": sum(count - 1 for count in self._questions.values()),
            },
        }
