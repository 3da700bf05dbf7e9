"""The life of a batch: checked, worked on line by line, finished; told as the pauses between its steps."""

from __future__ import annotations

import json
import random
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from clarion.sandbox.openai.batch import Batch
from clarion.sandbox.openai.batch_lines import lines_of
from clarion.sandbox.openai.books import Books
from clarion.sandbox.openai.errors import Wrong, server_error
from clarion.sandbox.openai.fates import Fate, fate_of
from clarion.sandbox.openai.files import Files
from clarion.sandbox.openai.mind import Mind
from clarion.sandbox.openai.questions import read_question
from clarion.sandbox.openai.replies import rendered
from clarion.sandbox.vendor import Answer, World

CHECKING, WORKING, FINISHING = 0.1, 0.8, 0.1
"""Shares of a batch's time."""
AT_A_STRETCH = 0.004
"""Seconds of work after which others get their turn."""
BREATH = 0.004
"""Seconds that others get then."""
LONGEST_PAUSE = 0.1
"""Seconds after which it is looked whether the batch has been cancelled."""
EXPIRED = "This request could not be executed before the completion window expired."
CANCELLED = "The batch was cancelled before this request was executed."


@dataclass(slots=True)
class BatchWork:
    """What happens to one batch."""

    batch: Batch
    world: World
    mind: Mind
    books: Books
    files: Files
    enqueued: Callable[[Batch], int]
    """Tokens that other batches of the same account and model have in line."""

    def life(self) -> Iterator[float]:
        """Do the next step; yield the seconds until the one after it."""
        batch, seconds = self.batch, self.world.settings.openai.batch_seconds * self.world.settings.time_scale
        yield from self._wait(seconds * CHECKING)
        yield from self._check()
        if batch.errors:
            batch.become("failed")
        if not batch.is_over and batch.status != "cancelling":
            batch.total = len(batch.checked.starts)
            batch.become("in_progress")
            yield from self._work(seconds * WORKING)
        if batch.is_over:
            return
        if batch.status != "cancelling":
            batch.become("finalizing")
        yield from self._wait(seconds * FINISHING)
        self._finish()

    def _wait(self, seconds: float) -> Iterator[float]:
        until = time.monotonic() + seconds
        while self.batch.status != "cancelling" and (left := until - time.monotonic()) > 0:
            yield min(left, LONGEST_PAUSE)

    def _check(self) -> Iterator[float]:
        checked, turn = self.batch.checked, time.monotonic()
        for start, line in lines_of(self.batch.input.paper.read):
            checked.take(start, line)
            if time.monotonic() - turn > AT_A_STRETCH:
                yield BREATH
                turn = time.monotonic()
        checked.end()
        self.batch.errors = checked.errors or self._too_much()

    def _too_much(self) -> list[dict[str, object]]:
        limit, model = self.world.settings.openai.enqueued_tokens, self.batch.checked.model
        if limit is None or self.enqueued(self.batch) + self.batch.enqueued_tokens <= limit:
            return []
        message = (
            f"Enqueued token limit reached for {model} in organization org-sandbox. Limit: {limit:,} enqueued tokens. "
            "Please try again once some in_progress batches have been completed."
        )
        return [{"code": "token_limit_exceeded", "message": message, "param": None, "line": None}]

    def _work(self, seconds: float) -> Iterator[float]:
        """Answer the lines in an order of their own, spread over so many seconds."""
        batch, checked = self.batch, self.batch.checked
        order = list(range(batch.total))
        random.Random(f"{self.world.decisions.seed}/{batch.total}").shuffle(order)
        begun = turn = time.monotonic()
        for done, number in enumerate(order):
            if batch.status == "cancelling":
                yield from self._leave(order[done:])
                return
            self._line(json.loads(batch.input.paper.read(checked.starts[number], checked.lengths[number])))
            ahead = begun + seconds * (done + 1) / batch.total - time.monotonic()
            if ahead > BREATH or time.monotonic() - turn > AT_A_STRETCH:
                yield min(max(ahead, BREATH), LONGEST_PAUSE)
                turn = time.monotonic()

    def _line(self, line: dict[str, object]) -> None:
        batch, faults = self.batch, self.world.faults.now
        custom_id, body = str(line["custom_id"]), line["body"]
        if not isinstance(body, dict):
            body = {}
        expires, breaks, *_ = self.world.decisions.shares(f"batch/{custom_id}")
        try:
            if breaks < faults.server_error:
                self._reject(custom_id, server_error())
                return
            question = read_question(batch.endpoint, body, self.world.settings.openai.context_characters)
            if expires < faults.expired or fate_of(question.said, faults, self.world.decisions) is Fate.EXPIRED:
                self._pass_over(custom_id, "batch_expired", EXPIRED)
                batch.expired += 1
                return
            reply = self.mind.reply(question)
        except Wrong as refusal:
            self._reject(custom_id, refusal.answer)
            return
        now = time.time()
        self.books.count(question, reply, now, batch=True)
        batch.completed += 1
        batch.input_tokens += reply.input_tokens
        batch.output_tokens += reply.output_tokens
        response = {"status_code": 200, "request_id": secrets.token_hex(16), "body": rendered(question, reply, now)}
        batch.output.append(_written(custom_id, response, None))

    def _reject(self, custom_id: str, answer: Answer) -> None:
        self.batch.failed += 1
        response = {
            "status_code": answer.status,
            "request_id": secrets.token_hex(16),
            "body": json.loads(answer.body),
        }
        self.batch.rejected.append(_written(custom_id, response, None))

    def _pass_over(self, custom_id: str, code: str, message: str) -> None:
        self.batch.failed += 1
        self.batch.rejected.append(_written(custom_id, None, {"code": code, "message": message}))

    def _leave(self, numbers: list[int]) -> Iterator[float]:
        checked, turn = self.batch.checked, time.monotonic()
        for number in numbers:
            line = json.loads(self.batch.input.paper.read(checked.starts[number], checked.lengths[number]))
            self._pass_over(str(line["custom_id"]), "batch_cancelled", CANCELLED)
            if time.monotonic() - turn > AT_A_STRETCH:
                yield BREATH
                turn = time.monotonic()

    def _finish(self) -> None:
        batch = self.batch
        for paper, kind in ((batch.output, "output"), (batch.rejected, "error")):
            if not paper.size:
                continue
            file = self.files.keep(batch.account, f"{batch.id}_{kind}.jsonl", "batch_output", paper)
            if kind == "output":
                batch.output_file = file.id
            else:
                batch.error_file = file.id
        if batch.status == "cancelling":
            batch.become("cancelled")
        else:
            batch.become("expired" if batch.expired else "completed")


def _written(custom_id: str, response: object, error: object) -> bytes:
    line = {
        "id": f"batch_req_{secrets.token_hex(16)}",
        "custom_id": custom_id,
        "response": response,
        "error": error,
    }
    return json.dumps(line).encode() + b"\n"
