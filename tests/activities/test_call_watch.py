"""One pair of eyes for all calls that a process holds."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from activities.call_watch import CallWatch
from clarion.domain.attempt import AttemptId
from clarion.domain.call import AnsweredBy
from clarion.domain.campaign import CampaignStatus
from tests.activities.call_office import CallOffice
from tests.activities.office import row


async def test_a_lane_is_woken_by_its_own_call_and_not_by_another(calls: CallOffice) -> None:
    calls.new_campaign([row(1), row(2)])
    await calls.dies(put_through=True, told=True)
    watcher = CallWatch(calls.store, calls.clock, every=0.01)
    mine, other = AttemptId(calls.key, 1, 1), AttemptId(calls.key, 2, 1)
    async with watcher.on(mine) as watch, watcher.on(other) as idle:
        await watch.news_within(10)
        assert watch.seen is not None
        await idle.news_within(10)  # the flags of the campaign are its first news
        assert (watch.seen.outcome, idle.seen) == ("placed", None)
        await calls.hears(calls.carrier.answers(1, AnsweredBy.MACHINE))
        await watch.news_within(10)
        assert (watch.seen.stage, watch.seen.answered_by) == ("answered", "machine")
        assert not idle.news.is_set()


async def test_a_campaign_s_wish_wakes_all_its_lanes(calls: CallOffice) -> None:
    calls.new_campaign([row(1)])
    watcher = CallWatch(calls.store, calls.clock, every=0.01)
    async with watcher.on(AttemptId(calls.key, 1, 1)) as one, watcher.on(AttemptId(calls.key, 2, 1)) as two:
        for watch in (one, two):
            await watch.news_within(10)
            assert watch.flags is not None
            assert (watch.flags.open, watch.flags.hang_up) == (True, False)
        key, now = calls.key, calls.clock()
        calls.store.campaigns.set_status(key, CampaignStatus.CANCELLING, "", now, open_=False, hang_up=True)
        for watch in (one, two):
            await watch.news_within(10)
            assert watch.flags is not None
            assert (watch.flags.open, watch.flags.hang_up) == (False, True)


async def test_nobody_looks_while_nobody_waits(calls: CallOffice) -> None:
    calls.new_campaign([row(1)])
    before = asyncio.all_tasks()
    watcher = CallWatch(calls.store, calls.clock, every=3600.0)
    async with watcher.on(AttemptId(calls.key, 1, 1)) as watch:
        await watch.news_within(10)
    await calls.until(lambda: asyncio.all_tasks() <= before)
    async with watcher.on(AttemptId(calls.key, 1, 1)) as again:
        await again.news_within(10)
        assert again.flags is not None


async def test_eyes_that_were_blind_for_a_while_see_again(calls: CallOffice, caplog: pytest.LogCaptureFixture) -> None:
    calls.new_campaign([row(1)])
    with calls.store.database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE receipts RENAME TO gone"))
    async with CallWatch(calls.store, calls.clock, every=0.01).on(AttemptId(calls.key, 1, 1)) as watch:
        await calls.until(lambda: "calls under way" in caplog.text)
        assert watch.flags is None
        with calls.store.database.engine.begin() as connection:
            connection.execute(text("ALTER TABLE gone RENAME TO receipts"))
        await watch.news_within(10)
        assert watch.flags is not None
