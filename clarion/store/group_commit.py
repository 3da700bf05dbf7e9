"""Group commit: many callers hand in entries, one thread writes whatever is waiting in one transaction, again and again.

The cost of a transaction is shared by all who wait, and nobody waits for more than two of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Self, TypeVar

Entry = TypeVar("Entry")
Answer = TypeVar("Answer")

LARGEST_BATCH = 400
"""Entries in one commit; keeps a commit's locks short."""


class GroupCommit(Generic[Entry, Answer]):
    """Commits entries through a blocking function that writes a batch and answers each entry."""

    def __init__(
        self, commit: Callable[[Sequence[Entry], float], Sequence[Answer]], clock: Callable[[], float]
    ) -> None:
        """``commit`` takes a batch and the time in epoch seconds, which ``clock`` gives."""
        self._commit = commit
        self._clock = clock
        self._waiting: list[tuple[Entry, asyncio.Future[Answer]]] = []
        self._wake = asyncio.Event()
        self._open = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="group-commit")
        self._writer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start committing."""
        self._open = True
        self._writer = asyncio.create_task(self._write(), name="group-commit")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Commit what is still waiting and stop."""
        self._open = False
        self._wake.set()
        if self._writer is not None:
            await self._writer
        self._thread.shutdown()

    def submit(self, entry: Entry) -> asyncio.Future[Answer]:
        """Hand in an entry; the future is done when it is durable. Entries of one caller keep their order."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, answer))
        self._wake.set()
        return answer

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._open or self._waiting:
            if not self._waiting:
                await self._wake.wait()
            self._wake.clear()
            # One turn of the loop, so that callers who wake together are committed together.
            await asyncio.sleep(0)
            batch, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
            if not batch:
                continue
            entries = [entry for entry, _ in batch]
            try:
                answers = await loop.run_in_executor(self._thread, self._commit, entries, self._clock())
            except Exception as error:  # noqa: BLE001 - everyone who waits has to learn of it, whatever it is
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            else:
                for (_, future), answer in zip(batch, answers, strict=True):
                    if not future.done():
                        future.set_result(answer)
