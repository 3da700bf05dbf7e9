"""The door to an account's AI: in turn, never more than there is room for, and without a moment lost."""

from __future__ import annotations

import asyncio

import pytest

from activities import lead_door
from activities.lead_door import Door
from clarion.domain.throttle import Throttle, Ticket
from clarion.providers.lead_ports import Allowance, Quota


@pytest.fixture(autouse=True)
def _long_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is not woken is noticed."""
    monkeypatch.setattr(lead_door, "WATCH", 600.0)


def open_door(window: int) -> tuple[Door, Throttle]:
    throttle = Throttle(start=window, most=window)
    return Door(throttle, asyncio.get_running_loop().time), throttle


async def test_whoever_came_first_goes_first() -> None:
    door, throttle = open_door(1)
    entered: list[int] = []

    async def ask(n: int) -> None:
        ticket = await door.enter(10, asyncio.Event())
        assert ticket is not None
        entered.append(n)
        assert throttle.in_flight == 1
        await asyncio.sleep(0)
        door.answered(ticket, Quota())

    async with asyncio.timeout(10):
        await asyncio.gather(*(ask(n) for n in range(20)))
    assert entered == list(range(20))
    assert throttle.in_flight == 0


async def test_those_who_are_called_off_leave_the_others_their_turns() -> None:
    door, _ = open_door(1)
    first = await door.enter(10, asyncio.Event())
    assert first is not None
    off = asyncio.Event()
    second = asyncio.create_task(door.enter(10, off))
    third = asyncio.create_task(door.enter(10, asyncio.Event()))
    await asyncio.sleep(0)
    off.set()
    door.failed()
    async with asyncio.timeout(10):
        assert await second is None
        assert isinstance(await third, Ticket)


async def test_a_lane_that_is_cut_off_while_it_waits_leaves_no_gap() -> None:
    door, throttle = open_door(1)
    ticket = await door.enter(10, asyncio.Event())
    assert ticket is not None
    second, third = (asyncio.create_task(door.enter(10, asyncio.Event())) for _ in range(2))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    door.answered(ticket, Quota())
    async with asyncio.timeout(10):
        assert await third is not None
    assert throttle.in_flight == 1


async def test_what_an_answer_says_of_the_limits_reaches_the_throttle() -> None:
    door, throttle = open_door(5)
    ticket = await door.enter(10, asyncio.Event())
    assert ticket is not None
    door.answered(ticket, Quota(requests=Allowance(60, 0, 60.0)))
    assert throttle.room(asyncio.get_running_loop().time(), 10) > 0


async def test_a_refusal_shuts_the_door_for_all_for_as_long_as_it_says() -> None:
    door, throttle = open_door(5)
    ticket = await door.enter(10, asyncio.Event())
    assert ticket is not None
    door.refused(ticket, 3_600.0, Quota())
    assert throttle.room(asyncio.get_running_loop().time(), 10) > 3_000
    off = asyncio.Event()
    waiting = asyncio.create_task(door.enter(10, off))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    waiting.cancel()
