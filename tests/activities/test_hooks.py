"""A worker looks after hooks: a real log, a real HTTP receiver, and what may go wrong between."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.responses import Response
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.hook_watch import HookWatch
from activities.hooks import AT_ONCE, HookActivities
from clarion.contracts import CampaignRef
from clarion.courier import Courier, Parcel, resolve
from clarion.domain.campaign import CampaignStatus, parse_spec
from clarion.domain.delivery import Answer, DeliveryState
from clarion.domain.errors import Unreachable
from clarion.hook_contracts import HookOrder, HookReport
from clarion.store.deliveries import HookStanding
from clarion.store.hook_rows import Hook
from clarion.store.migrate import migrate
from clarion.store.store import Store
from tests.activities.receiver import SECRET, Receiver, always, receiving, taken

TENANT = "default"
SPEC = {
    "name": "Spring",
    "channel": "sms",
    "audience": {"file": "people.csv", "address": "phone"},
    "message": "Hi {{ first_name }}",
}
PATIENCE = 30.0


@dataclass
class Desk:
    """A store with a campaign and a hook, and the worker that looks after it."""

    store: Store
    campaign: CampaignRef
    receiver: Receiver
    hook: Hook
    ahead: float = 0.0
    """Seconds by which the worker's clock has been moved on."""
    resolver: Callable[[str, int], Sequence[str]] = resolve
    to_private: bool = True
    timeout: float = 5.0
    closing: AsyncExitStack = field(default_factory=AsyncExitStack)

    def clock(self) -> float:
        return time.time() + self.ahead

    def happens(self, times: int = 1, kind: str = "retry") -> None:
        for n in range(times):
            self.store.events.append(self.campaign.key, self.clock(), kind, f"once more {n}")

    def activities(self) -> HookActivities:
        courier = Courier(to_private=self.to_private, resolver=self.resolver, timeout=self.timeout)
        self.closing.callback(courier.close)
        return HookActivities(self.store, courier, HookWatch(self.store.deliveries, every=0.02), self.clock)

    async def look(self, seconds: float, environment: ActivityEnvironment | None = None) -> HookReport:
        """Look after the hook for so long."""
        order = HookOrder(hook=self.hook.ref, seconds=seconds)
        async with asyncio.timeout(PATIENCE):
            return await (environment or ActivityEnvironment()).run(self.activities().watch_hook, order)

    async def looks_until(self, holds: Callable[[], bool]) -> None:
        """Look after the hook until it holds, and switch the hook off then."""
        looking = asyncio.create_task(self.look(600.0))
        async with asyncio.timeout(PATIENCE):
            while not holds():
                assert not looking.done()
                await asyncio.sleep(0.01)
        self.store.hooks.change(self.hook.ref, active=False)
        assert (await looking).ended
        self.store.hooks.change(self.hook.ref, active=True)

    def count(self, state: DeliveryState) -> int:
        return self.store.hooks.counts([self.hook.ref.key])[self.hook.ref.key][state]

    def all_delivered(self, number: int) -> Callable[[], bool]:
        return lambda: self.count(DeliveryState.DELIVERED) == number


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with the current schema, to be copied."""
    path = tmp_path_factory.mktemp("schema") / "clarion.db"
    store = Store(f"sqlite:///{path}", tenant=TENANT, grace=10.0)
    migrate(store.database)
    store.close()
    return path


@pytest.fixture
async def desk(tmp_path: Path, migrated: Path) -> AsyncIterator[Desk]:
    shutil.copy(migrated, tmp_path / "clarion.db")
    store = Store(f"sqlite:///{tmp_path / 'clarion.db'}", tenant=TENANT, grace=10.0)
    campaign = store.campaigns.create(TENANT, "spring", parse_spec(SPEC), time.time())
    async with receiving() as receiver, AsyncExitStack() as stack:
        stack.callback(store.close)
        hook = store.hooks.add(
            TENANT, "h1", url=receiver.url, secret=SECRET, types=("campaign",), campaign_id=None, now=time.time()
        )
        yield Desk(store, campaign, receiver, hook, closing=stack)


async def test_every_event_arrives_signed(desk: Desk) -> None:
    desk.happens(3)
    await desk.looks_until(desk.all_delivered(3))
    desk.happens(2)
    await desk.looks_until(desk.all_delivered(5))
    assert desk.receiver.types == ["campaign.retry"] * 5
    assert (len(set(desk.receiver.ids)), desk.receiver.forged) == (5, 0)


async def test_news_are_sent_while_it_looks(desk: Desk) -> None:
    async def happens_later() -> None:
        await asyncio.sleep(0.2)
        desk.store.campaigns.set_status(desk.campaign.key, CampaignStatus.PAUSED, "", desk.clock())

    later = asyncio.create_task(happens_later())
    await desk.looks_until(desk.all_delivered(1))
    await later
    assert desk.receiver.types == ["campaign.paused"]


async def test_it_ends_when_its_time_is_over(desk: Desk) -> None:
    desk.happens()
    report = await desk.look(0.5)
    assert report == HookReport(delivered=1)
    assert await desk.look(0.05) == HookReport()


async def test_what_fails_is_tried_again_when_it_is_due(desk: Desk) -> None:
    async def twice_not(before: int) -> Response:
        return Response(status_code=503 if before < 2 else 200)

    desk.receiver.behave = twice_not
    desk.happens()
    await desk.looks_until(lambda: len(desk.receiver.got) == 1 and desk.count(DeliveryState.WAITING) == 1)
    [delivery] = desk.store.hooks.deliveries(desk.hook.ref)
    assert (delivery.status, delivery.error) == (503, "it answered 503")
    desk.ahead = 7.0
    assert (await desk.look(0.3)).failed == 1
    assert (await desk.look(0.1)) == HookReport()
    desk.ahead = 60.0
    assert (await desk.look(0.3)).delivered == 1
    assert len(desk.receiver.got) == 3
    assert len(set(desk.receiver.ids)) == 1


async def test_no_more_than_so_many_are_under_way_at_once(desk: Desk) -> None:
    gate = asyncio.Event()

    async def held(_: int) -> Response:
        if desk.receiver.now >= AT_ONCE:
            asyncio.get_running_loop().call_later(0.2, gate.set)  # time enough for one too many
        await gate.wait()
        return Response()

    desk.receiver.behave = held
    desk.happens(2 * AT_ONCE)
    await desk.looks_until(desk.all_delivered(2 * AT_ONCE))
    assert desk.receiver.most == AT_ONCE


async def test_a_receiver_that_hangs_holds_up_no_other_hook(desk: Desk) -> None:
    async def never(_: int) -> Response:
        await asyncio.sleep(PATIENCE)
        return Response()

    desk.receiver.behave = never
    activities = desk.activities()
    async with receiving() as quick:
        other = desk.store.hooks.add(
            TENANT, "h2", url=quick.url, secret=SECRET, types=("campaign",), campaign_id=None, now=desk.clock()
        )
        desk.happens(2 * AT_ONCE)
        orders = [HookOrder(hook=hook.ref, seconds=600.0) for hook in (desk.hook, other)]
        looking = [asyncio.create_task(ActivityEnvironment().run(activities.watch_hook, order)) for order in orders]
        async with asyncio.timeout(PATIENCE):
            while len(quick.got) < 2 * AT_ONCE:
                await asyncio.sleep(0.01)
        assert desk.receiver.now == AT_ONCE
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)


async def test_a_receiver_that_is_gone_ends_it(desk: Desk) -> None:
    desk.receiver.behave = always(410)
    desk.happens()
    report = await desk.look(600.0)
    assert report == HookReport(ended=True, failed=1, dead=1)
    assert await desk.look(600.0) == HookReport(ended=True)


async def test_a_removed_hook_ends_it(desk: Desk) -> None:
    looking = asyncio.create_task(desk.look(600.0))
    await asyncio.sleep(0.1)
    desk.store.hooks.remove(desk.hook.ref)
    assert await looking == HookReport(ended=True)


async def test_a_stopping_worker_lets_end_what_is_under_way_and_hands_over(desk: Desk) -> None:
    reached = asyncio.Event()

    async def slowly(_: int) -> Response:
        reached.set()
        await asyncio.sleep(1.0)
        return Response()

    desk.receiver.behave = slowly
    desk.happens(AT_ONCE + 5)
    environment = ActivityEnvironment()
    looking = asyncio.create_task(desk.look(600.0, environment))
    await reached.wait()
    environment.worker_shutdown()
    with pytest.raises(ApplicationError, match="this worker is stopping"):
        await looking
    assert desk.count(DeliveryState.DELIVERED) == len(desk.receiver.got)
    desk.receiver.behave = taken
    await desk.looks_until(desk.all_delivered(AT_ONCE + 5))
    assert len(desk.receiver.got) == AT_ONCE + 5


async def test_what_was_under_way_in_a_killed_worker_is_sent_again_with_the_same_id(desk: Desk) -> None:
    reached = asyncio.Event()

    async def never(_: int) -> Response:
        reached.set()
        await asyncio.sleep(0.5)
        return Response()

    desk.receiver.behave = never
    desk.happens(3)
    looking = asyncio.create_task(desk.look(600.0))
    await reached.wait()
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    desk.receiver.behave = taken
    await desk.looks_until(desk.all_delivered(3))
    assert len(set(desk.receiver.ids)) == 3
    assert len(desk.receiver.got) > 3


async def test_it_tells_every_minute_that_it_looks(desk: Desk) -> None:
    await desk.look(0.1)
    found = desk.store.hooks.find(TENANT, "h1")
    assert found.looked_at is not None
    desk.ahead = 61.0
    await desk.look(0.1)
    assert (desk.store.hooks.find(TENANT, "h1").looked_at or 0) > found.looked_at + 60.0


async def test_it_looks_on_when_the_store_was_away(desk: Desk) -> None:
    class Flickering:
        looks = 0

        def look(self, keys: object) -> dict[int, HookStanding]:
            self.looks += 1
            if self.looks % 2:
                message = "the database is away"
                raise Unreachable(message)
            return {desk.hook.ref.key: HookStanding(wanted=True, newest=0, due_at=None)}

    watch = HookWatch(Flickering(), every=0.01)
    async with watch.on(desk.hook.ref.key) as one, asyncio.timeout(PATIENCE):
        for _ in range(2):
            await one.until(lambda standing: standing is None)
            await one.until(lambda standing: standing is not None)


async def test_nothing_goes_to_machines_of_private_networks(desk: Desk) -> None:
    desk.to_private = False
    desk.happens()
    await desk.look(0.3)
    [delivery] = desk.store.hooks.deliveries(desk.hook.ref)
    assert (delivery.error or "").startswith("its host is private to a machine or network")
    assert desk.receiver.got == []


async def test_a_name_that_turns_into_another_machine_leads_nowhere(desk: Desk) -> None:
    """What was checked is what is connected to, so a name may change its mind as often as it likes."""
    asked: list[str] = []

    def changing(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    desk.store.hooks.change(desk.hook.ref, url=desk.receiver.url.replace("127.0.0.1", "hooks.example.com"))
    desk.to_private, desk.resolver = False, changing
    desk.happens()
    await desk.look(0.3)
    assert (asked, desk.receiver.got) == (["hooks.example.com"], [])
    desk.to_private, desk.ahead = True, 7.0
    await desk.look(0.3)
    assert desk.receiver.hosts == {f"hooks.example.com:{desk.receiver.port}"}
    assert len(desk.receiver.got) == 1


async def test_of_several_machines_only_public_ones_are_connected_to(desk: Desk) -> None:
    desk.to_private, desk.timeout = False, 0.2
    desk.resolver = lambda host, port: ["127.0.0.1", "::1", "192.0.2.1", "240.0.0.1"]
    desk.happens()
    await desk.look(0.3)
    assert desk.receiver.got == []


async def send(desk: Desk, url: str | None = None) -> Answer:
    courier = Courier(to_private=True, timeout=desk.timeout, resolver=desk.resolver)
    desk.closing.callback(courier.close)
    async with courier.wire() as wire:
        return await wire.send(Parcel(url or desk.receiver.url, SECRET, "m1", json.dumps({"id": "m1"}), desk.clock()))


@pytest.mark.parametrize(
    ("status", "headers", "answer"),
    [
        (204, {}, Answer(204)),
        (400, {}, Answer(400, "it answered 400", None)),
        (429, {"retry_after": "120"}, Answer(429, "it answered 429", 120.0)),
        (503, {"retry_after": "99999999999"}, Answer(503, "it answered 503", 86400.0)),
        (503, {"retry_after": "soon"}, Answer(503, "it answered 503", None)),
        (503, {"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, Answer(503, "it answered 503", 0.0)),
        (
            302,
            {"location": "http://127.0.0.1:1/"},
            Answer(302, "it answered 302; redirects are not followed, give the address they lead to"),
        ),
    ],
)
async def test_what_an_answer_means(desk: Desk, status: int, headers: dict[str, str], answer: Answer) -> None:
    desk.receiver.behave = always(status, **headers)
    got = await send(desk)
    assert got == (answer if answer.retry_after != 120.0 else Answer(429, "it answered 429", 120.0))


async def test_what_is_not_there_is_told_without_its_address(desk: Desk, free_port: int) -> None:
    assert await send(desk, f"http://127.0.0.1:{free_port}/x") == Answer(None, "nobody takes connections there")
    assert (await send(desk, desk.receiver.url.replace("http:", "https:"))).error == (
        "no safe connection could be agreed on with it (TLS)"
    )

    def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError

    desk.resolver = unknown
    assert await send(desk) == Answer(None, "its host name cannot be found")


async def test_an_answer_that_never_ends_counts_once_it_has_begun(desk: Desk) -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(1.0)
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    desk.timeout = 0.3
    assert await send(desk, f"http://127.0.0.1:{port}/") == Answer(200)
    server.close()
    await server.wait_closed()
    await asyncio.sleep(1.0)


async def test_a_receiver_that_says_nothing_is_given_up(desk: Desk) -> None:
    async def never(_: int) -> Response:
        await asyncio.sleep(1.0)
        return Response()

    desk.receiver.behave, desk.timeout = never, 0.2
    assert await send(desk) == Answer(None, "no answer within 0.2 s")


async def test_the_log_names_neither_address_nor_secret(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        desk.receiver.behave = always(500)
        desk.happens(2)
        await desk.look(0.3)
    own = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert not any(desk.receiver.url in line or SECRET in line for line in own)
