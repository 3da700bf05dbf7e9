"""Whoever watches gets every line of the log once and in order, and how things stand beside it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import NotFound, Unreachable
from clarion.domain.rights import Rights
from clarion.store.database import Database
from starter.keys import Keys
from starter.live import watcher as live_watcher
from starter.live.broadcast import Live
from starter.live.watcher import Watcher
from tests.starter.installation import DELIVERED, LANDLINE, NOW, TENANT, OneCampaign, Place, people

PATIENCE = 60.0


@pytest.fixture
async def live(place: Place) -> AsyncIterator[Live]:
    live = Live(place.store, lambda: NOW, look_every=0.02)
    yield live
    await live.aclose()


@pytest.fixture
def spring(place: Place) -> OneCampaign:
    """A running campaign of six people."""
    campaign = place.imported(people(6))
    campaign.run()
    return campaign


@asynccontextmanager
async def watching(
    live: Live, campaign_id: str | None = "spring", after: int | None = None, tenant: str = TENANT
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    async with live.watching(tenant, campaign_id, after) as watcher:
        yield told(watcher)


async def told(watcher: Watcher) -> AsyncIterator[dict[str, Any]]:
    async for batch in watcher.batches():
        for frame in batch.frames if batch else ():
            yield json.loads(frame.text)


async def until(events: AsyncIterator[dict[str, Any]], holds: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Take events up to the first for which it holds."""
    taken = []
    async with asyncio.timeout(PATIENCE):
        async for found in events:
            taken.append(found)
            if holds(found):
                return taken
    raise AssertionError(taken)


def lines(events: list[dict[str, Any]]) -> list[tuple[str, int | None]]:
    """What came of the log."""
    return [(found["kind"], found["position"]) for found in events if "id" in found]


def last(kind: str) -> Callable[[dict[str, Any]], bool]:
    return lambda found: found.get("kind") == kind


def note(campaign: OneCampaign, kind: str = "note", position: int | None = None, detail: str = "") -> None:
    campaign.store.events.append(campaign.ref.key, NOW, kind, detail, position)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """Collect what is asked of the database."""
    seen: list[str] = []

    def collect(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", collect)
    yield seen
    event.remove(database.engine, "before_cursor_execute", collect)


async def test_tells_how_the_campaign_stands_and_then_what_happens(live: Live, spring: OneCampaign) -> None:
    async with watching(live) as events:
        first = await anext(events)
        assert (first["type"], first["progress"]["books"]["pending"]) == ("progress", 6)
        await asyncio.to_thread(spring.contact, DELIVERED, LANDLINE)
        note(spring, "halted", detail="the account is closed")
        note(spring, "inbound_stop", 1, "+14155552000 said stop")
        found = await until(events, last("inbound_stop"))
    log = [found for found in found if "id" in found]
    assert [(one["type"], one["outcome"], one["position"]) for one in log] == [
        ("outcome", "delivered", 1),
        ("outcome", "invalid_number", 2),
        ("error", None, None),
        ("log", None, 1),
    ]
    assert [one["detail"] for one in log] == ["", "", "the account is closed", ""]
    assert [one["id"] for one in log] == sorted({one["id"] for one in log})


async def test_progress_follows_and_has_no_id(live: Live, spring: OneCampaign) -> None:
    async with watching(live) as events:
        await anext(events)
        await asyncio.to_thread(spring.contact, DELIVERED)
        found = await until(
            events, lambda one: one["type"] == "progress" and one["progress"]["books"]["succeeded"] == 1
        )
    assert ["id" in one for one in found] == [one["type"] != "progress" for one in found]


async def test_goes_on_after_any_id_without_a_gap_or_a_repetition(live: Live, spring: OneCampaign) -> None:
    for n in range(5):
        note(spring, position=n + 1)
    ids = [line.id for line in spring.store.events.after(spring.ref.key, 0)]
    for place, seen in enumerate(ids):
        async with watching(live, after=seen) as events:
            note(spring, f"last-{place}")
            found = await until(events, last(f"last-{place}"))
        expected = [line.id for line in spring.store.events.after(spring.ref.key, seen)]
        assert [one["id"] for one in found if "id" in one] == expected


async def test_begins_at_the_start_or_now(live: Live, spring: OneCampaign) -> None:
    note(spring, "early")
    async with watching(live, after=0) as everything, watching(live) as news:
        note(spring, "late")
        kinds = [kind for kind, _ in lines(await until(everything, last("late")))]
        assert kinds == ["created", "imported", "status", "early", "late"]
        assert lines(await until(news, last("late"))) == [("late", None)]


async def test_an_id_from_the_future_is_taken_for_the_last(live: Live, spring: OneCampaign) -> None:
    async with watching(live, after=10**15) as events:
        note(spring)
        assert lines(await until(events, last("note"))) == [("note", None)]


async def test_one_who_is_slow_misses_nothing(live: Live, spring: OneCampaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_watcher, "MOST_WAITING", 3)
    async with live.watching(TENANT, "spring", None) as slow, watching(live) as quick:
        events = told(slow)
        await anext(events)
        note(spring, "0")
        await until(events, last("0"))
        for n in range(1, 10):
            note(spring, str(n))
            await until(quick, last(str(n)))
        assert slow.behind
        note(spring, "10")
        assert [kind for kind, _ in lines(await until(events, last("10")))] == [str(n) for n in range(1, 11)]


async def test_watches_all_campaigns_of_one_tenant_only(live: Live, place: Place, spring: OneCampaign) -> None:
    summer = place.imported(people(2), "summer")
    spec = place.store.campaigns.get(spring.ref.key).spec
    foreign = place.store.campaigns.create("south", "spring", spec, NOW)
    async with watching(live, None) as events, watching(live, None, tenant="south") as others:
        place.store.events.append(foreign.key, NOW, "foreign", "")
        note(spring, "a")
        note(summer, "b")
        found = await until(events, last("b"))
        assert [(one["campaign_id"], one["kind"]) for one in found if "id" in one] == [("spring", "a"), ("summer", "b")]
        assert {one["campaign_id"] for one in found if one["type"] == "progress"} == {"spring", "summer"}
        assert lines(await until(others, last("foreign"))) == [("foreign", None)]
    begin = found[-2]["id"]
    async with watching(live, None, after=begin) as events:
        note(spring, "c")
        assert [kind for kind, _ in lines(await until(events, last("c")))] == ["b", "c"]


async def test_a_campaign_of_another_tenant_is_not_there(live: Live, spring: OneCampaign) -> None:
    with pytest.raises(NotFound, match='there is no campaign "spring"'):
        async with watching(live, tenant="south"):
            pass
    assert live.watching_now == 0
    assert spring.ref.campaign_id == "spring"


async def test_the_stream_of_a_campaign_that_is_over_ends(live: Live, spring: OneCampaign) -> None:
    async with watching(live) as events:
        await asyncio.to_thread(spring.contact, *[DELIVERED] * 6)
        await asyncio.to_thread(spring.status, CampaignStatus.COMPLETED)
        seen = [one async for one in events]
    assert (seen[-1]["type"], seen[-1]["status"]) == ("end", "completed")
    assert seen[-2]["progress"]["books"]["succeeded"] == 6
    assert [one["outcome"] for one in seen if one["type"] == "outcome"] == ["delivered"] * 6
    assert seen[-3]["kind"] == "status" or seen[-4]["kind"] == "status"
    async with watching(live) as events:
        assert [one["type"] async for one in events] == ["progress", "end"]
    async with watching(live, after=0) as events:
        kinds = [one["type"] async for one in events]
    assert (kinds[0], kinds[-2:], kinds.count("outcome")) == ("progress", ["status", "end"], 6)


async def test_the_stream_of_a_draft_that_is_deleted_ends(live: Live, place: Place, spring: OneCampaign) -> None:
    spec = place.store.campaigns.get(spring.ref.key).spec
    draft = place.store.campaigns.create(TENANT, "draft", spec, NOW)
    async with watching(live, "draft") as events:
        await anext(events)
        assert place.store.campaigns.delete_draft(draft)
        async with asyncio.timeout(PATIENCE):
            assert [one["type"] async for one in events] == []


async def test_many_who_watch_ask_the_store_no_more_than_one(live: Live, spring: OneCampaign) -> None:
    async def watch(watchers: int) -> int:
        """Return how often the log was read for a few events."""
        with statements(spring.store.database) as seen:
            async with asyncio.TaskGroup() as group:
                here = asyncio.Barrier(watchers + 1)
                for _ in range(watchers):
                    group.create_task(one(here))
                await here.wait()
                begun = len(seen)
                note(spring, "done")
        return sum("FROM events" in statement and "max" not in statement for statement in seen[begun:])

    async def one(here: asyncio.Barrier) -> None:
        async with watching(live) as events:
            await anext(events)
            await here.wait()
            await until(events, last("done"))

    alone = await watch(1)
    assert await watch(50) <= alone + 5
    assert live.watching_now == 0


async def test_nothing_is_read_while_nobody_watches(live: Live, spring: OneCampaign) -> None:
    async with watching(live) as events:
        await anext(events)
    await asyncio.sleep(0.1)
    with statements(spring.store.database) as seen:
        await asyncio.sleep(0.1)
    assert seen == []


async def test_everything_ends_when_the_process_does(live: Live, spring: OneCampaign) -> None:
    async with watching(live) as one, watching(live, None) as all_of_them:
        await anext(one)
        live.close()
        async with asyncio.timeout(1):
            assert [found["type"] async for found in one] == []
            assert [found["type"] async for found in all_of_them] == []
    with pytest.raises(Unreachable, match="this process is ending"):
        async with watching(live):
            pass
    assert spring.store.events.newest() > 0


async def test_who_holds_a_key_that_has_ended_is_cut_off(
    live: Live, spring: OneCampaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("starter.live.broadcast.KEYS_EVERY", 0.05)
    keys = Keys(spring.store)
    good, bad = (keys.make(TENANT, name, Rights.READ, NOW)[0] for name in ("good", "bad"))
    async with live.watching(TENANT, "spring", None, good.id) as kept, live.watching(TENANT, None, None, bad.id) as cut:
        keys.store.keys.revoke(TENANT, bad.id, NOW)
        async with asyncio.timeout(PATIENCE):
            assert [one["type"] async for one in told(cut)][1:] == []
        assert not kept.closed
