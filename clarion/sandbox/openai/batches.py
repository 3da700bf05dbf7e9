"""Where batches are begun, shown, listed and cancelled."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs

from clarion.sandbox.openai.batch import Batch
from clarion.sandbox.openai.batch_lines import Checked
from clarion.sandbox.openai.batch_work import BatchWork
from clarion.sandbox.openai.books import Books
from clarion.sandbox.openai.errors import missing, wrong
from clarion.sandbox.openai.files import Files
from clarion.sandbox.openai.mind import Mind
from clarion.sandbox.openai.questions import Api, parsed, read_metadata
from clarion.sandbox.vendor import Answer, Call, Json, World

LARGEST_PAGE, USUAL_PAGE = 100, 20


class Batches:
    """All batches of all accounts, the oldest first."""

    def __init__(self, world: World, mind: Mind, books: Books, files: Files) -> None:
        self._world, self._mind, self._books, self._files = world, mind, books, files
        self._batches: dict[str, Batch] = {}
        self._is_closed = False

    def begin(self, account: str, call: Call) -> Answer:
        """Begin a batch. Raises Wrong."""
        body = parsed(call.body)
        for name in ("input_file_id", "endpoint", "completion_window"):
            if not isinstance(body.get(name), str):
                raise missing(name)
        if body["endpoint"] not in set(Api):
            message = f"Invalid value: '{body['endpoint']}'. This sandbox knows {' and '.join(Api)}."
            raise wrong(message, "invalid_value", "endpoint")
        if body["completion_window"] != "24h":
            message = f"Invalid value: '{body['completion_window']}'. Value must be '24h'."
            raise wrong(message, "invalid_value", "completion_window")
        file = self._files.find(account, str(body["input_file_id"]))
        if file is None or file.purpose != "batch":
            message = f"No such File object with purpose 'batch': {body['input_file_id']}"
            raise wrong(message, "invalid_request", "input_file_id")
        endpoint, metadata = Api(str(body["endpoint"])), read_metadata(body)
        identity = f"batch_{secrets.token_hex(16)}"
        batch = Batch(identity, account, file, endpoint, metadata or None, Checked(endpoint), time.time())
        self._batches[batch.id] = batch
        work = BatchWork(batch, self._world, self._mind, self._books, self._files, self._enqueued)
        # Steps on the loop instead of a task: a sandbox that ends leaves nothing behind that somebody has to await.
        self._step(work.life())
        return Answer(200, json.dumps(batch.view()).encode(), effect=True)

    def answer(self, account: str, method: str, batch_id: str, *, cancel: bool) -> Answer:
        """Show or cancel a batch. Raises Wrong."""
        batch = self._batches.get(batch_id)
        if batch is None or batch.account != account:
            message = f"No batch found with id '{batch_id}'."
            raise wrong(message, status=404)
        if cancel and method == "POST":
            if batch.is_over or batch.status == "finalizing":
                message = f"Cannot cancel a batch with status '{batch.status}'."
                raise wrong(message, status=409)
            if batch.status != "cancelling":
                batch.become("cancelling")
        return Answer(200, json.dumps(batch.view()).encode())

    def listed(self, account: str, query: str) -> Answer:
        """List batches, the newest first. Raises Wrong."""
        asked = parse_qs(query)
        limit, after = asked.get("limit", [str(USUAL_PAGE)])[0], asked.get("after", [""])[0]
        if not limit.isdecimal() or not 1 <= int(limit) <= LARGEST_PAGE:
            message = f"Invalid 'limit': expected an integer from 1 to {LARGEST_PAGE}, but got {limit}."
            raise wrong(message, "invalid_value", "limit")
        found = [batch for batch in reversed(self._batches.values()) if batch.account == account]
        if after:
            place = next((number for number, batch in enumerate(found) if batch.id == after), None)
            if place is None:
                message = f"No batch found with id '{after}'."
                raise wrong(message, "invalid_value", "after")
            found = found[place + 1 :]
        page = found[: int(limit)]
        view = {
            "object": "list",
            "data": [batch.view() for batch in page],
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
            "has_more": len(found) > len(page),
        }
        return Answer(200, json.dumps(view).encode())

    def view(self) -> list[Json]:
        """Tell of each batch what a drill wants to know."""
        return [
            {
                "id": batch.id,
                "metadata": dict(batch.metadata or {}),
                "status": batch.status,
                "total": batch.total,
                "completed": batch.completed,
                "failed": batch.failed,
            }
            for batch in self._batches.values()
        ]

    def close(self) -> None:
        """Work on no batch any more."""
        self._is_closed = True

    def _enqueued(self, apart: Batch) -> int:
        others = (batch for batch in self._batches.values() if batch is not apart and batch.account == apart.account)
        return sum(batch.enqueued_tokens for batch in others if batch.checked.model == apart.checked.model)

    def _step(self, life: Iterator[float]) -> None:
        if self._is_closed:
            return
        pause = next(life, None)
        if pause is not None:
            step: Callable[[Iterator[float]], None] = self._step
            asyncio.get_running_loop().call_later(pause, step, life)
