"""The gate and the turnstile: the last things between a lane and a person."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from activities import pacing
from activities.pacing import GATE_SECONDS, Gate, Turnstile, sleep_unless
from clarion.domain.campaign import CampaignStatus
from clarion.domain.pace import spacing
from tests.activities.office import Office


@dataclass
class Ticking:
    """A clock that goes on by a step at every look."""

    now: float = 0.0
    step: float = 0.0
    looks: int = 0

    def __call__(self) -> float:
        self.looks += 1
        self.now += self.step
        return self.now


async def test_a_gate_is_looked_at_when_the_last_look_is_old(office: Office) -> None:
    office.new_campaign()
    clock = Ticking()
    gate = Gate(office.store.campaigns, clock)
    assert await gate.is_open(office.key)
    office.set_status(CampaignStatus.PAUSED, open_=False)
    clock.now += GATE_SECONDS / 2 - 0.01
    assert await gate.is_open(office.key)
    clock.now += 0.02
    assert not await gate.is_open(office.key)


async def test_a_gate_that_takes_long_to_look_at_is_not_looked_at_for_ever(office: Office) -> None:
    office.new_campaign()
    clock = Ticking(step=1.0)
    assert await Gate(office.store.campaigns, clock).is_open(office.key)
    assert clock.looks < 10


async def test_many_lanes_share_one_look(office: Office) -> None:
    office.new_campaign()
    clock = Ticking()
    gate = Gate(office.store.campaigns, clock)
    assert all(await asyncio.gather(*(gate.is_open(office.key) for _ in range(20))))
    assert clock.looks == 21 + 1


async def test_a_turnstile_lets_one_through_at_its_slot_and_keeps_the_next_apart() -> None:
    clock = Ticking(now=100.0)
    turnstile, called_off = Turnstile(clock), asyncio.Event()
    once_a_second = spacing(per_second=1)
    assert await turnstile.pass_at(99.0, {"a": once_a_second, "b": 0.0}, called_off)
    assert await turnstile.pass_at(99.0, {"b": once_a_second}, called_off)
    waiting = asyncio.create_task(turnstile.pass_at(99.0, {"a": once_a_second}, called_off))
    await asyncio.sleep(0)
    assert not waiting.done()
    called_off.set()
    assert await waiting is False


async def test_a_turnstile_waits_for_the_slot() -> None:
    loop = asyncio.get_running_loop()
    slot_at = loop.time() + 0.05
    assert await Turnstile(loop.time).pass_at(slot_at, {}, asyncio.Event())
    assert loop.time() >= slot_at


async def test_a_clock_that_was_set_back_does_not_stop_a_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "LONGEST_SLEEP", 0.001)
    clock = Ticking(now=0.0, step=1.0)
    assert await Turnstile(clock).pass_at(50.0, {}, asyncio.Event())
    assert clock.now >= 50


async def test_a_sleep_ends_when_it_is_called_off() -> None:
    called_off = asyncio.Event()
    sleeping = asyncio.create_task(sleep_unless(called_off, 3600))
    await asyncio.sleep(0)
    called_off.set()
    await asyncio.wait_for(sleeping, 10)
    await sleep_unless(asyncio.Event(), 0.0)
