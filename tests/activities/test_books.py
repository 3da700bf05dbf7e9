"""Status, limits, waiting for receipts, cancelling, trying again, and closing the books."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

import pytest
from sqlalchemy import update
from temporalio.exceptions import ApplicationError

from activities.books import BookActivities
from clarion.contracts import Pacing, PacingChange, Retry, RetryOrder, SettleOrder, StatusChange
from clarion.domain.campaign import CampaignStatus
from clarion.providers.raw import RawReceipt
from clarion.providers.twilio_webhooks import TwilioReceipts
from clarion.store.entries import Intend
from clarion.store.schema import books
from tests.activities.office import GRACE, Office, row, run, temporal

CLOSED = CampaignStatus.PAUSED


@pytest.fixture
def keeper(office: Office) -> BookActivities:
    office.store.inbox.readers = {"twilio": TwilioReceipts("")}
    return BookActivities(office.store, office.clock)


def receipt(office: Office, position: int, status: str) -> None:
    attempt = f"{office.key}.{position}.1"
    form = urlencode({"MessageSid": f"SM{position}", "MessageStatus": status})
    office.store.inbox.keep([RawReceipt("twilio", "main", "status", form, attempt, office.clock())], office.clock())


async def test_a_status_is_written_and_nothing_new_starts_any_more(office: Office, keeper: BookActivities) -> None:
    office.new_campaign([row(1)])
    change = StatusChange(campaign=office.campaign, status=CLOSED, reason="lunch", open=False)
    snapshot = await run(keeper.record_status, change)
    found = office.store.campaigns.get(office.key)
    assert (found.status, found.reason, found.open, snapshot.books.pending) == (CLOSED, "lunch", False, 1)
    assert (await office.dispatch()).worked == 0
    assert office.effects == 0


async def test_a_status_that_was_given_up_long_ago_is_not_written(office: Office, keeper: BookActivities) -> None:
    office.new_campaign()
    for scheduled_at, status in ((100.0, CLOSED), (60.0, CampaignStatus.RUNNING)):
        change = StatusChange(campaign=office.campaign, status=status, open=status is not CLOSED)
        await run(keeper.record_status, change, environment=temporal(scheduled_at=scheduled_at))
    assert office.store.campaigns.get(office.key).status is CLOSED


async def test_limits_are_written(office: Office, keeper: BookActivities) -> None:
    office.new_campaign()
    await run(keeper.change_pacing, PacingChange(campaign=office.campaign, pacing=Pacing(concurrency=7, per_second=2)))
    found = office.store.campaigns.get(office.key)
    assert (found.lanes, found.spec.limits.per_second) == (7, 2)


async def test_failed_targets_are_tried_again_once(office: Office, keeper: BookActivities) -> None:
    office.new_campaign([row(1), row(2)], validity="1h")
    office.clock.ahead += 3601
    await office.dispatch()
    assert office.states() == ["failed", "failed"]
    asked_at = office.clock() + 1
    office.clock.ahead += 2
    order = RetryOrder(campaign=office.campaign, retry=Retry())
    assert await run(keeper.requeue_failed, order, environment=temporal(scheduled_at=asked_at)) == 2
    await office.dispatch(2)
    assert office.states() == ["failed", "failed"]
    assert await run(keeper.requeue_failed, order, environment=temporal(2, asked_at)) == 0
    details = [event.detail for event in office.store.events.of_campaign(office.key) if event.kind == "retry"]
    assert details == ["2 failed targets are tried again", "0 failed targets are tried again"]


async def test_settling_applies_receipts_and_ends_when_nothing_is_awaited(
    office: Office, keeper: BookActivities
) -> None:
    office.new_campaign([row(1), row(2)], receipts=True)
    await office.send_all()
    assert office.states() == ["active", "active"]
    order = SettleOrder(campaign=office.campaign, seconds=20)
    settling = asyncio.create_task(run(keeper.settle, order))
    for position in (1, 2):
        receipt(office, position, "delivered")
    snapshot = await settling
    assert (snapshot.books.succeeded, snapshot.outcomes) == (2, {"delivered": 2})


async def test_settling_takes_sent_as_the_last_word_when_the_time_is_up(office: Office, keeper: BookActivities) -> None:
    office.new_campaign([row(1)], receipts=True)
    await office.send_all()
    order = SettleOrder(campaign=office.campaign, seconds=0)
    assert (await run(keeper.settle, order)).books.active == 1
    office.clock.ahead += 61
    assert (await run(keeper.settle, order)).outcomes == {"sent": 1}
    assert office.state(1) == ("succeeded", "sent")


async def test_a_cancelled_campaign_awaits_no_receipts(office: Office, keeper: BookActivities) -> None:
    office.new_campaign([row(1)], receipts=True)
    await office.send_all()
    await run(keeper.settle, SettleOrder(campaign=office.campaign, seconds=20, await_receipts=False))
    assert office.state(1) == ("succeeded", "sent")


async def test_settling_ends_when_a_target_is_due(office: Office, keeper: BookActivities) -> None:
    office.new_campaign([row(1)])
    office.breaks(dropped=1.0)
    await office.dispatch()
    office.clock.ahead += GRACE
    snapshot = await run(keeper.settle, SettleOrder(campaign=office.campaign, seconds=20))
    assert snapshot.next_due_at is not None
    assert snapshot.next_due_at <= office.clock()


async def test_settling_ends_when_the_worker_is_asked_to_stop(office: Office, keeper: BookActivities) -> None:
    office.new_campaign([row(1)], receipts=True)
    await office.send_all()
    environment = temporal()
    environment.worker_shutdown()
    order = SettleOrder(campaign=office.campaign, seconds=3600)
    assert (await run(keeper.settle, order, environment=environment)).books.active == 1


async def test_settling_frees_what_a_lost_chunk_held(office: Office, keeper: BookActivities) -> None:
    office.new_campaign([row(1), row(2)])
    opened = office.open_chunk()
    first, _ = office.claim(opened)
    await office.ledger.submit(Intend(first.key, opened.fence, 0))
    await run(keeper.settle, SettleOrder(campaign=office.campaign, seconds=0))
    assert (office.states(), office.claimed()) == (["unknown", "pending"], 0)


async def test_cancelling_leaves_alone_what_is_under_way(office: Office, keeper: BookActivities) -> None:
    office.new_campaign([row(1)], receipts=True)
    await office.send_all()
    office.add([row(2), row(3)])
    snapshot = await run(keeper.cancel_remaining, office.campaign)
    assert (snapshot.books.active, snapshot.books.cancelled) == (1, 2)
    assert office.states() == ["active", "cancelled", "cancelled"]


async def test_books_that_do_not_balance_are_not_closed(office: Office, keeper: BookActivities) -> None:
    office.new_campaign([row(1)])
    assert (await run(keeper.close_books, office.campaign)).books == office.books
    with office.store.database.write() as connection:
        connection.execute(update(books).where(books.c.campaign_key == office.key).values(n=books.c.n + 1))
    with pytest.raises(ApplicationError, match="the books do not balance") as caught:
        await run(keeper.close_books, office.campaign)
    assert (caught.value.type, caught.value.non_retryable) == ("BooksDoNotBalance", False)
    assert caught.value.next_retry_delay is not None
