"""What becomes of a call under way when its chunk is called off, its worker stops, or an operator steps in."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from clarion.contracts import ChunkReport
from clarion.domain.target import Outcome
from tests.activities.call_office import FAR, CallOffice, Carrier
from tests.activities.office import person, row, temporal

CALLED_OFF = ActivityCancellationDetails(cancel_requested=True)


async def on_the_phone(calls: CallOffice) -> tuple[ActivityEnvironment, asyncio.Task[ChunkReport]]:
    """Have a worker call the first of two people."""
    calls.new_campaign([row(1), row(2)])
    environment = temporal()
    running = calls.start(environment=environment)
    await calls.until(lambda: calls.carrier.looks >= 1)
    return environment, running


async def handed_over(running: asyncio.Task[ChunkReport]) -> None:
    """Wait until a chunk has left its call to the next attempt."""
    with pytest.raises(ApplicationError) as caught:
        await running
    assert (caught.value.type, caught.value.non_retryable) == ("WorkerShutdown", False)
    assert caught.value.next_retry_delay is not None
    assert "+1415" not in str(caught.value)


async def test_a_chunk_that_is_called_off_sees_its_call_through_and_begins_no_other(calls: CallOffice) -> None:
    environment, running = await on_the_phone(calls)
    environment.cancel(CALLED_OFF)
    looks = calls.carrier.looks
    await calls.until(lambda: calls.carrier.looks >= looks + 2)
    assert not running.done()
    calls.carrier.ends(1)
    report = await running
    assert (report.worked, calls.carrier.calls_to(2), calls.carrier.hang_ups) == (1, 0, [])
    assert (calls.state(1)[0], calls.state(2)[0], calls.claimed()) == ("succeeded", "pending", 0)


async def test_a_chunk_beats_until_its_call_has_ended(calls: CallOffice) -> None:
    beats: list[dict[str, object]] = []
    calls.new_campaign([row(1), row(2)])
    environment = temporal()
    environment.on_heartbeat = lambda *details: beats.append(details[0])
    running = calls.start(environment=environment)
    await calls.until(lambda: calls.carrier.looks >= 1)
    environment.cancel(CALLED_OFF)
    calls.carrier.answers(1)
    await calls.until(lambda: {"done": 0, "of": 50, "call": "answered"} in beats)
    before = len(beats)
    await calls.until(lambda: len(beats) > before)
    calls.carrier.ends(1)
    await running
    assert person(1) not in str(beats)


async def test_a_chunk_that_is_called_off_before_its_slot_calls_nobody(calls: CallOffice) -> None:
    calls.carrier.always = Outcome.ANSWERED
    calls.new_campaign([row(1), row(2)], limits={"per_minute": 12, "concurrency": 1})
    environment = temporal()
    running = calls.start(environment=environment)
    await calls.until(lambda: calls.state(2)[0] == "active")
    environment.cancel(CALLED_OFF)
    assert (await running).worked == 2
    assert (calls.carrier.calls_to(2), calls.state(2)[0], calls.claimed()) == (0, "waiting", 0)


async def test_a_worker_that_stops_leaves_its_call_to_the_next(calls: CallOffice) -> None:
    environment, running = await on_the_phone(calls)
    environment.worker_shutdown()
    await handed_over(running)
    assert (calls.state(1), calls.claimed(), calls.carrier.going) == (("active", "placed"), 1, 1)
    successor = calls.retry()
    looks = calls.carrier.looks
    await calls.until(lambda: calls.carrier.looks > looks)
    calls.carrier.ends(1)
    await calls.until(lambda: calls.carrier.calls_to(2) == 1)
    calls.carrier.ends(2)
    assert (await successor).worked == 2
    assert (calls.carrier.calls_to(1), calls.books.succeeded) == (1, 2)


@pytest.mark.parametrize("why", ["worker_shutdown", "paused", "reset", "timed_out"])
async def test_an_activity_that_goes_on_elsewhere_leaves_its_call_at_once(calls: CallOffice, why: str) -> None:
    environment, running = await on_the_phone(calls)
    environment.cancel(ActivityCancellationDetails(**{why: True}))
    await handed_over(running)
    assert (calls.state(1), calls.claimed(), calls.carrier.going) == (("active", "placed"), 1, 1)


async def test_a_call_that_is_just_being_placed_is_written_down_before_it_is_left(calls: CallOffice) -> None:
    class Slow(Carrier):
        async def place(self, call):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            word = await super().place(call)
            placing.set()
            await released.wait()
            return word

    placing, released = asyncio.Event(), asyncio.Event()
    calls.carrier = Slow()
    calls.new_campaign([row(1)])
    environment = temporal()
    running = calls.start(environment=environment)
    await placing.wait()
    environment.cancel(ActivityCancellationDetails(worker_shutdown=True))
    released.set()
    await handed_over(running)
    assert (calls.state(1), calls.claimed()) == (("active", "placed"), 1)


async def test_a_worker_that_stops_without_a_call_closes_its_chunk(calls: CallOffice) -> None:
    calls.carrier.always = Outcome.ANSWERED
    calls.new_campaign([row(1), row(2)], limits={"per_minute": 12, "concurrency": 1})
    environment = temporal()
    running = calls.start(environment=environment)
    await calls.until(lambda: calls.state(2)[0] == "active")
    environment.worker_shutdown()
    assert (await running).worked == 2
    assert (calls.carrier.calls_to(2), calls.claimed()) == (0, 0)


@pytest.mark.parametrize("details", [CALLED_OFF, ActivityCancellationDetails(not_found=True)])
async def test_a_call_that_no_attempt_follows_is_left_to_any_lane(
    calls: CallOffice, details: ActivityCancellationDetails
) -> None:
    environment, running = await on_the_phone(calls)
    environment.cancel(details)
    environment.worker_shutdown()
    assert (await running).worked == 1
    assert (calls.state(1), calls.claimed(), calls.carrier.going) == (("active", "placed"), 0, 1)
    calls.carrier.ends(1)
    await calls.call(2, size=1, worker=calls.caller(poll_after=FAR))
    assert (calls.state(1)[0], calls.carrier.calls_to(1), calls.carrier.calls_to(2)) == ("succeeded", 1, 0)
