"""Importing an audience: stopped, started again, raced, called off; every row becomes one target."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError

from activities import audience
from activities.audience import AudienceActivities
from clarion.contracts import ImportOrder
from clarion.domain.campaign import CampaignStatus
from tests.activities.office import PATIENCE, Office, person, run, temporal

ROWS = 400


@pytest.fixture
def order(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ImportOrder:
    """A file of some hundred good rows, a bad and a repeated one, imported in small batches."""
    monkeypatch.setattr(audience, "BATCH", 20)
    office.new_campaign()
    lines = [f"{person(n)},Ann" for n in range(1, ROWS + 1)]
    file = tmp_path / "people.csv"
    file.write_text("\n".join(["phone,name", *lines, "nonsense,Bob", f"{person(7)},Ann"]) + "\n")
    return ImportOrder(campaign=office.campaign, file_id=office.store.files.keep(office.key, file))


class Held:
    """A clock that stops whoever asks it for the tenth time, in the middle of the import, until it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.let_go = threading.Event()

    def __call__(self) -> float:
        self.asked += 1
        if self.asked == 10:
            self.let_go.wait(PATIENCE)
        return time.time()


def importer(office: Office) -> AudienceActivities:
    return AudienceActivities(office.store, office.clock)


def check(office: Office, order: ImportOrder) -> None:
    """Every row is there once, in order."""
    books = office.books
    assert (books.total, books.pending, books.skipped) == (ROWS + 2, ROWS, 2)
    rows = [target.row for target in office.store.targets.all(office.key)]
    assert rows == list(range(2, ROWS + 4))
    assert office.store.files.get(order.file_id).imported_at is not None
    imported = [event.detail for event in office.store.events.of_campaign(office.key) if event.kind == "imported"]
    assert imported == [f"people.csv: {ROWS + 2} rows"]


async def test_every_row_becomes_a_target(office: Office, order: ImportOrder) -> None:
    snapshot = await run(importer(office).import_audience, order)
    assert snapshot.books == office.books
    assert snapshot.outcomes == {"invalid_phone": 1, "duplicate": 1}
    check(office, order)
    await run(importer(office).import_audience, order)
    check(office, order)


async def test_an_import_goes_on_where_a_worker_was_asked_to_stop(office: Office, order: ImportOrder) -> None:
    environment, clock, beats = temporal(), Held(), Counter[str]()
    environment.on_heartbeat = lambda *_: beats.update(["all"])
    activity = AudienceActivities(office.store, clock).import_audience
    running = asyncio.create_task(run(activity, order, environment=environment))
    await office.until(lambda: clock.asked == 10)
    environment.worker_shutdown()
    told = beats["all"]
    await office.until(lambda: beats["all"] > told)
    clock.let_go.set()
    with pytest.raises(ApplicationError, match="another one goes on from there") as caught:
        await running
    assert (caught.value.type, caught.value.non_retryable) == ("Conflict", False)
    assert 0 < office.books.total < ROWS
    await run(importer(office).import_audience, order, environment=temporal(attempt=2))
    check(office, order)


async def test_an_import_that_is_called_off_has_really_stopped(office: Office, order: ImportOrder) -> None:
    environment, clock = temporal(), Held()
    activity = AudienceActivities(office.store, clock).import_audience
    running = asyncio.create_task(run(activity, order, environment=environment))
    await office.until(lambda: clock.asked == 10)
    environment.cancel()
    await asyncio.sleep(0.05)
    assert not running.done()
    clock.let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    asked, total = clock.asked, office.books.total
    assert 0 < total < ROWS
    await asyncio.sleep(0.05)
    assert (clock.asked, office.books.total) == (asked, total)
    await run(importer(office).import_audience, order, environment=temporal(attempt=2))
    check(office, order)


async def test_of_two_importers_that_race_one_goes_through(office: Office, order: ImportOrder) -> None:
    racing = [run(importer(office).import_audience, order, environment=temporal(attempt=n)) for n in (1, 2)]
    ended = await asyncio.gather(*racing, return_exceptions=True)
    lost = [error for error in ended if isinstance(error, ApplicationError)]
    assert len(lost) <= 1
    assert all("imported by another worker" in error.message for error in lost)
    check(office, order)


async def test_a_campaign_that_is_over_takes_no_rows(office: Office, order: ImportOrder) -> None:
    office.set_status(CampaignStatus.CANCELLED, open_=False)
    with pytest.raises(ApplicationError, match="the campaign is cancelled"):
        await run(importer(office).import_audience, order)
    assert office.books.total == 0


async def test_a_file_that_cannot_be_used_is_a_failure_for_good(office: Office, tmp_path: Path) -> None:
    office.new_campaign()
    file = tmp_path / "people.csv"
    file.write_text("mobile,name\n1,Ann\n")
    order = ImportOrder(campaign=office.campaign, file_id=office.store.files.keep(office.key, file))
    with pytest.raises(ApplicationError, match='There is no column "phone"') as caught:
        await run(importer(office).import_audience, order)
    assert (caught.value.type, caught.value.non_retryable) == ("BadInput", True)


async def test_a_file_of_another_campaign_is_not_found(office: Office, order: ImportOrder) -> None:
    office.new_campaign()
    for file_id in (order.file_id, 999):
        with pytest.raises(ApplicationError, match="there is no audience file") as caught:
            await run(importer(office).import_audience, ImportOrder(campaign=office.campaign, file_id=file_id))
        assert caught.value.non_retryable
