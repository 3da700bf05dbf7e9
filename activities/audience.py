"""The activity that streams an audience file into the store, checking every row."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from temporalio import activity

from activities.failures import as_failures, in_thread
from activities.heartbeat import beating
from clarion.audience.checks import CheckedRow, RowChecker
from clarion.audience.source import open_audience
from clarion.contracts import ImportOrder, Snapshot
from clarion.domain.errors import Conflict, NotFound
from clarion.store.files import AudienceFile
from clarion.store.store import Store

BATCH = 1_000
"""Rows per transaction: long enough to be fast, short enough that lanes of other campaigns do not wait."""


@dataclass(slots=True)
class Reading:
    """How far the import of a file has come, and whether it has to stop."""

    rows: int
    stop: threading.Event = field(default_factory=threading.Event)


class AudienceActivities:
    """Imports audiences."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        """``clock`` gives epoch seconds."""
        self._store = store
        self._clock = clock

    @activity.defn
    async def import_audience(self, order: ImportOrder) -> Snapshot:
        """Add every row of a file as a target; goes on where an earlier attempt stopped."""
        async with as_failures():
            store = self._store
            file = await in_thread(store.files.get, order.file_id)
            if file.campaign_key != order.campaign.key:
                message = f"there is no audience file {order.file_id} of this campaign"
                raise NotFound(message)
            reading = Reading(file.rows_read)
            async with beating(lambda: {"rows": reading.rows}, on_shutdown=reading.stop.set):
                if file.imported_at is None:
                    await self._import(order, file, reading)
                return await in_thread(store.campaigns.snapshot, order.campaign.key, self._clock())

    async def _import(self, order: ImportOrder, file: AudienceFile, reading: Reading) -> None:
        working = asyncio.create_task(in_thread(self._read, order, file, reading))
        try:
            done = await asyncio.shield(working)
        except asyncio.CancelledError:
            reading.stop.set()
            await asyncio.wait([working])
            raise
        if not done:
            message = f"this worker is stopping after {reading.rows} rows of the file; another one goes on from there"
            raise Conflict(message)

    def _read(self, order: ImportOrder, file: AudienceFile, reading: Reading) -> bool:
        """Import until the end or until told to stop; returns whether the end was reached."""
        store = self._store
        spec = store.campaigns.get(order.campaign.key).spec
        with tempfile.TemporaryDirectory(prefix="clarion-") as folder:
            path = Path(folder) / f"audience{Path(file.name).suffix}"
            store.files.write_to(file.id, path)
            source = spec.audience
            with open_audience(
                path, name=file.name, sheet=source.sheet, delimiter=source.delimiter, encoding=source.encoding
            ) as reader:
                checker = RowChecker(spec, reader.columns, self._clock(), seed=order.campaign.key)
                rows = (checker.check(row) for row in reader.rows(skip=reading.rows))
                began_at = self._clock()
                for batch in _batches(rows):
                    if reading.stop.is_set():
                        return False
                    now = self._clock()
                    seconds = max(0.0, now - began_at)
                    store.importing.add(order.campaign.key, file.id, batch, reading.rows, now, seconds=seconds)
                    reading.rows += len(batch)
                    began_at = self._clock()
        store.files.finish(file, reading.rows, self._clock())
        return True


def _batches(rows: Iterator[CheckedRow]) -> Iterator[list[CheckedRow]]:
    while batch := list(islice(rows, BATCH)):
        yield batch
