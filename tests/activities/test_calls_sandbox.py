"""Chunks of calls through real dialers and the sandbox: every ending, lost answers, and webhooks of every kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from clarion.providers.ports import Dialer
from clarion.providers.raw import RawReceipt
from clarion.providers.vendors import open_dialer
from clarion.sandbox.faults import Faults
from clarion.sandbox.server import Sandbox
from clarion.sandbox.vendor import Settings
from clarion.settings import Account, Provider
from tests.activities.call_office import FAR, CallOffice
from tests.activities.office import row
from tests.sandbox.parties import WebDoor

PROVIDERS = [Provider.TWILIO, Provider.RETELL]
BRIEF = 0.3
"""Seconds of grace before a call whose answer was lost is looked up."""

ENDINGS = {
    9101: "voicemail",
    9103: "no_answer",
    9105: "busy",
    9106: "failed",
    9108: "answered",
    9109: "answered",
    9111: "answered",
    9113: "answered",
}
"""What becomes of the sandbox's magic numbers."""


@dataclass
class Town:
    """The sandbox, a web door for its webhooks, and a dialer to it."""

    sandbox: Sandbox
    door: WebDoor
    dialer: Dialer
    provider: Provider

    @property
    def effects(self) -> int:
        """How many calls were really placed; fails when anybody was called twice without need."""
        view = self.sandbox.worlds[self.provider.value].calls.view()
        assert view["duplicates"] == []
        assert isinstance(view["accepted"], int)
        return view["accepted"]

    @property
    def most_at_once(self) -> int:
        return self.sandbox.worlds[self.provider.value].calls.peak

    def breaks(self, **faults: float) -> None:
        self.sandbox.worlds[self.provider.value].faults.set(Faults.model_validate(faults))

    async def deliver(self, calls: CallOffice) -> None:
        """Take what comes through the web door to the store, for ever."""
        taken = 0
        while True:
            for heard in self.door.heard[taken:]:
                receipt = RawReceipt(self.provider.value, "main", "call", heard.body, None, calls.clock())
                await asyncio.to_thread(calls.store.inbox.keep, [receipt], calls.clock())
                taken += 1
            await asyncio.sleep(0.02)


@asynccontextmanager
async def town(provider: Provider) -> AsyncIterator[Town]:
    door = WebDoor()
    mix = {"calls": {"no_answer": 0.2, "voicemail": 0.1}}
    async with AsyncExitStack() as stack:
        await door.open()
        stack.push_async_callback(door.close)
        urls = {provider.value: door.url}
        sandbox = Sandbox(settings=Settings(latency_ms=5, time_scale=0.004, mix=mix, webhook_urls=urls))
        await sandbox.start()
        stack.push_async_callback(sandbox.stop)
        account = Account(
            provider=provider,
            sid="AC" + "b2" * 16 if provider is Provider.TWILIO else "",
            auth_token=SecretStr("right"),
            from_number="+14155550100",
            base_url=sandbox.url,
        )
        dialer = await open_dialer(account, None)
        stack.push_async_callback(dialer.close)
        yield Town(sandbox, door, dialer, provider)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_every_ending_is_found_out_by_asking(calls: CallOffice, provider: Provider) -> None:
    async with town(provider) as place:
        spec = {
            "first_message": "Hello {{ name }}, it is time again. " * 6,
            "max_minutes": 2,
        }
        calls.new_campaign([row(n) for n in ENDINGS], call=spec)
        worker = calls.caller(dialer=place.dialer, grace=BRIEF)
        await asyncio.gather(*(calls.call(number, worker=worker) for number in (1, 2, 3)))
        found = {n: calls.outcome(position) for position, n in enumerate(ENDINGS, start=1)}
        assert found == ENDINGS
        assert place.effects == len(ENDINGS)
        assert place.most_at_once <= 3
        assert (calls.books.active, calls.books.unknown, calls.claimed()) == (0, 0, 0)


async def test_webhooks_alone_end_calls(calls: CallOffice) -> None:
    async with town(Provider.RETELL) as place:
        delivering = asyncio.create_task(place.deliver(calls))
        calls.new_campaign([row(n) for n in (9101, 9103, 9108)], call={"prompt": "Hello"})
        await calls.call(worker=calls.caller(dialer=place.dialer, poll_after=FAR))
        assert [calls.outcome(n) for n in (1, 2, 3)] == ["voicemail", "no_answer", "answered"]
        delivering.cancel()


async def test_whatever_goes_wrong_everybody_is_called_as_often_as_the_store_says(calls: CallOffice) -> None:
    async with town(Provider.RETELL) as place:
        delivering = asyncio.create_task(place.deliver(calls))
        place.breaks(
            lost_callbacks=0.3, repeated_callbacks=0.3, shuffled_callbacks=0.2, dropped=0.1, server_error_after=0.1
        )
        calls.new_campaign([row(n) for n in range(1, 25)], call={"prompt": "Hello"})
        worker = calls.caller(dialer=place.dialer, grace=BRIEF)
        reports = await asyncio.gather(*(calls.call(number, worker=worker) for number in range(1, 6)))
        delivering.cancel()
        assert sum(report.worked for report in reports) == 24
        placed = [call for n in range(1, 25) for call in calls.store.calls.of_target(calls.key, n)]
        assert place.effects == sum(call.outcome != "not_sent" for call in placed) == 24
        assert place.most_at_once <= 5
        assert (calls.books.active, calls.books.unknown, calls.books.pending) == (0, 0, 0)
