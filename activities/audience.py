"""The activity that streams an audience file into the store, checking every row."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from temporalio import activity

from activities.failures import as_failures, in_thread
from activities.heartbeat import beating
from clarion.audience.checks import CheckedRow, RowChecker
from clarion.audience.source import open_audience
from clarion.contracts import ImportOrder, Snapshot
from clarion.store.files import AudienceFile
from clarion.store.store import Store

BATCH = 1_000
"""Rows per transaction: long enough to be fast, short enough that lanes of other campaigns do not wait."""


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
            stop = threading.Event()
            progress = {"rows": 0}
            try:
                async with beating(lambda: dict(progress)):
                    file = await in_thread(store.files.get, order.file_id)
                    if file.imported_at is None:
                        await in_thread(self._import, order, file, progress, stop)
            finally:
                stop.set()
            return await in_thread(store.campaigns.snapshot, order.campaign.key, self._clock())

    def _import(self, order: ImportOrder, file: AudienceFile, progress: dict[str, int], stop: threading.Event) -> None:
        store = self._store
        spec = store.campaigns.get(order.campaign.key).spec
        with tempfile.TemporaryDirectory(prefix="clarion-") as folder:
            path = Path(folder) / f"audience{Path(file.name).suffix}"
            store.files.write_to(file.id, path)
            source = spec.audience
            with open_audience(
                path, name=file.name, sheet=source.sheet, delimiter=source.delimiter, encoding=source.encoding
            ) as reader:
                checker = RowChecker(spec, reader.columns, self._clock())
                rows = (checker.check(row) for row in reader.rows(skip=file.rows_read))
                done = file.rows_read
                for batch in _batches(rows):
                    if stop.is_set():
                        return
                    store.importing.add(order.campaign.key, file.id, batch, done, self._clock())
                    done += len(batch)
                    progress["rows"] = done
        store.files.finish(file.id, self._clock())
        store.events.append(order.campaign.key, self._clock(), "imported", f"{file.name}: {done} rows")


def _batches(rows: Iterator[CheckedRow]) -> Iterator[list[CheckedRow]]:
    while batch := list(islice(rows, BATCH)):
        yield batch
