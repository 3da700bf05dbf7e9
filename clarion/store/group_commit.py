"""Group commit: many callers hand in entries, one thread writes all that wait in one transaction, again and again.

The cost of a transaction is shared by all who wait, and nobody waits for more than two of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Self, TypeVar

from clarion.domain.errors import Unreachable

Entry = TypeVar("Entry")
Answer = TypeVar("Answer")

LARGEST_BATCH = 400
"""Entries in one commit; keeps a commit's locks short."""

PATIENCE = 15.0
"""Seconds for which a batch is tried again while the database is away: results are worth waiting for."""

PAUSE = 0.25
"""Seconds between two tries."""


class GroupCommit(Generic[Entry, Answer]):
    """Commits entries through a blocking function that writes a batch and answers each entry.

    While that function raises Unreachable the batch is tried again, so a batch that was written must not take effect
    twice. When it raises anything else, each entry is written by itself: only whoever handed in a bad one learns of it.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Entry], float], Sequence[Answer]],
        clock: Callable[[], float],
        *,
        patience: float = PATIENCE,
    ) -> None:
        """``commit`` takes a batch and the time in epoch seconds, which ``clock`` gives; ``patience`` is in seconds."""
        self._commit = commit
        self._clock = clock
        self._patience = patience
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
        """Hand in an entry; the future is done when it is durable. Entries of one caller keep their order.

        Raises RuntimeError before the start and after the end, when nobody would ever write it.
        """
        if not self._open:
            message = "the group commit is not running; hand in entries inside its `async with` block"
            raise RuntimeError(message)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, answer))
        self._wake.set()
        return answer

    async def _write(self) -> None:
        while self._open or self._waiting:
            if not self._waiting:
                await self._wake.wait()
            self._wake.clear()
            # One turn of the loop, so that callers who wake together are committed together.
            await asyncio.sleep(0)
            batch, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
            if batch and not await self._written(batch, last=len(batch) == 1):
                for one in batch:
                    await self._written([one], last=True)

    async def _written(self, batch: Sequence[tuple[Entry, asyncio.Future[Answer]]], *, last: bool) -> bool:
        """Write a batch and answer it; the ``last`` try passes an error on. Returns whether everyone has an answer."""
        try:
            answers = await self._patiently([entry for entry, _ in batch])
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
        except Exception as error:  # noqa: BLE001 - whoever waits has to learn of it, whatever it is
            if not last and not isinstance(error, Unreachable):
                return False
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
        return True

    async def _patiently(self, entries: Sequence[Entry]) -> Sequence[Answer]:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience
        while True:
            try:
                return await loop.run_in_executor(self._thread, self._commit, entries, self._clock())
            except Unreachable:
                if loop.time() >= until:
                    raise
            await asyncio.sleep(PAUSE)
