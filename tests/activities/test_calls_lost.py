"""Calls that nobody holds, and calls of which nobody knows whether they exist: found, held, and never placed twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from clarion.domain.attempt import NEVER
from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import Outcome
from clarion.providers.ports import OutcomeUnknown, Unavailable
from tests.activities.call_office import FAR, CallOffice, Mishap, lost, open_call_office
from tests.activities.office import GRACE, row, temporal
from tests.postgres import PostgresCluster

BRIEF = 0.2
"""Seconds of grace before a lane looks its own call up."""


async def test_a_killed_worker_s_call_is_held_by_the_next_and_not_placed_again(calls: CallOffice) -> None:
    calls.new_campaign([row(1)])
    await calls.dies(put_through=True, told=True)
    running = calls.retry()
    await calls.until(lambda: calls.carrier.looks >= 2)
    calls.carrier.ends(1)
    assert (await running).worked == 1
    assert (calls.carrier.calls_to(1), calls.state(1)) == (1, ("succeeded", "answered"))


async def test_a_call_that_ended_while_nobody_held_it_is_known_at_once(calls: CallOffice) -> None:
    calls.new_campaign([row(1)])
    await calls.dies(put_through=True, told=True)
    calls.carrier.ends(1, Outcome.BUSY)
    await calls.retry(calls.caller(poll_after=FAR))
    assert (calls.carrier.looks, calls.carrier.calls_to(1), calls.outcome(1)) == (1, 1, "busy")


async def test_a_worker_that_was_killed_before_the_answer_has_its_call_found(calls: CallOffice) -> None:
    calls.new_campaign([row(1)])
    await calls.dies(put_through=True)
    running = calls.retry(calls.caller(grace=BRIEF))
    await calls.until(lambda: calls.outcome(1) == "placed")
    calls.carrier.ends(1)
    await running
    assert (calls.carrier.calls_to(1), calls.carrier.finds, calls.state(1)[0]) == (1, 1, "succeeded")


async def test_a_worker_that_was_killed_before_it_called_has_its_target_called(calls: CallOffice) -> None:
    calls.new_campaign([row(1)])
    calls.carrier.always = Outcome.ANSWERED
    await calls.dies(put_through=False)
    report = await calls.retry(calls.caller(grace=BRIEF))
    target = calls.store.targets.get(calls.key, 1)
    assert target is not None
    assert (target.state, target.attempts, target.tries) == ("succeeded", 2, 1)
    assert (calls.carrier.calls_to(1), report.worked, calls.outcome(1)) == (1, 2, "not_sent")


async def test_a_call_in_doubt_is_not_looked_up_before_its_grace_is_over(calls: CallOffice) -> None:
    calls.new_campaign([row(1)])
    await calls.dies(put_through=True)
    running = calls.retry(calls.caller(grace=FAR))
    await calls.until(lambda: calls.claimed() == 1)
    await calls.hears(calls.carrier.to(1))
    await calls.until(lambda: calls.carrier.looks >= 1)
    assert calls.carrier.finds == 0
    calls.carrier.ends(1)
    await running
    assert (calls.carrier.calls_to(1), calls.state(1)[0]) == (1, "succeeded")


async def test_a_zombie_and_its_successor_place_one_call(calls: CallOffice) -> None:
    calls.new_campaign([row(1)])
    cut_off = calls.start(calls.caller(poll_after=FAR))
    await calls.until(lambda: calls.outcome(1) == "placed")
    successor = calls.retry()
    await calls.until(lambda: calls.carrier.looks >= 2)
    calls.carrier.ends(1)
    reports = await asyncio.gather(cut_off, successor)
    assert [report.worked for report in reports] == [1, 1]
    assert (calls.carrier.calls_to(1), calls.state(1)[0]) == (1, "succeeded")


async def test_a_zombie_begins_no_call_after_its_own(calls: CallOffice) -> None:
    calls.new_campaign([row(1), row(2)])
    cut_off = calls.start(calls.caller(poll_after=FAR))
    await calls.until(lambda: calls.outcome(1) == "placed")
    successor = calls.retry()
    await calls.until(lambda: calls.carrier.looks >= 1)
    calls.carrier.ends(1)
    await calls.until(lambda: calls.carrier.calls_to(2) == 1)
    calls.carrier.ends(2)
    await asyncio.gather(cut_off, successor)
    assert [calls.carrier.calls_to(n) for n in (1, 2)] == [1, 1]


@pytest.mark.parametrize("error", [lost(), ZeroDivisionError("nobody thought of this")])
async def test_a_call_whose_answer_was_lost_is_found_and_held(calls: CallOffice, error: Exception) -> None:
    calls.carrier.mishaps = [Mishap(error, put_through=True)]
    calls.new_campaign([row(1), row(2)])
    running = calls.start(calls.caller(grace=BRIEF))
    await calls.until(lambda: calls.outcome(1) == "placed")
    calls.carrier.ends(1)
    await calls.until(lambda: calls.carrier.calls_to(2) == 1)
    calls.carrier.ends(2)
    await running
    assert (calls.carrier.calls_to(1), calls.states()) == (1, ["succeeded"] * 2)


async def test_a_call_whose_answer_was_lost_is_known_from_a_webhook(calls: CallOffice) -> None:
    calls.carrier.mishaps = [Mishap(lost(), put_through=True)]
    calls.new_campaign([row(1)])
    running = calls.start(calls.caller(poll_after=FAR, grace=FAR))
    await calls.until(lambda: calls.carrier.going == 1)
    await calls.hears(calls.carrier.ends(1))
    await running
    assert (calls.carrier.finds, calls.state(1)) == (0, ("succeeded", "answered"))


async def test_a_call_whose_answer_was_lost_is_asked_for_when_a_webhook_names_it(calls: CallOffice) -> None:
    calls.carrier.mishaps = [Mishap(lost(), put_through=True)]
    calls.new_campaign([row(1)])
    running = calls.start(calls.caller(poll_after=FAR, grace=FAR))
    await calls.until(lambda: calls.carrier.going == 1)
    await calls.hears(calls.carrier.ends(1), signed=False)
    await running
    assert (calls.carrier.finds, calls.carrier.calls_to(1), calls.state(1)) == (1, 1, ("succeeded", "answered"))


async def test_a_call_that_cannot_be_found_before_its_grace_is_over_is_not_placed_again(calls: CallOffice) -> None:
    calls.carrier.mishaps = [Mishap(lost(), put_through=True)]
    calls.carrier.forgets = True
    calls.new_campaign([row(1)])
    running = calls.start(calls.caller(poll_after=FAR, grace=FAR))
    await calls.until(lambda: calls.carrier.going == 1)
    await calls.hears(calls.carrier.to(1), signed=False)
    await calls.until(lambda: calls.carrier.finds == 1)
    assert calls.state(1)[0] == "active"
    await calls.hears(calls.carrier.ends(1))
    await running
    assert (calls.carrier.calls_to(1), calls.state(1)[0]) == (1, "succeeded")


async def test_a_call_that_was_never_put_through_costs_no_try(calls: CallOffice) -> None:
    calls.carrier.mishaps = [Mishap(lost())]
    calls.carrier.always = Outcome.ANSWERED
    calls.new_campaign([row(1)])
    await calls.start(calls.caller(grace=BRIEF))
    target = calls.store.targets.get(calls.key, 1)
    assert target is not None
    assert (target.state, target.attempts, target.tries) == ("succeeded", 2, 1)
    assert any("never placed" in line for line in calls.told(1))


async def test_a_call_that_cannot_be_found_for_now_is_looked_for_until_it_can(calls: CallOffice) -> None:
    calls.carrier.mishaps = [Mishap(lost(), put_through=True)]
    calls.carrier.fails = Unavailable("no connection")
    calls.new_campaign([row(1)])
    running = calls.start(calls.caller(grace=BRIEF))
    await calls.until(lambda: calls.carrier.finds >= 2)
    assert calls.state(1)[0] == "active"
    calls.carrier.fails = None
    calls.carrier.ends(1)
    await running
    assert (calls.carrier.calls_to(1), calls.state(1)[0]) == (1, "succeeded")


async def test_a_call_that_cannot_be_found_until_its_deadline_is_unknown(calls: CallOffice) -> None:
    calls.carrier.mishaps = [Mishap(lost(), put_through=True)]
    calls.carrier.fails = OutcomeUnknown("cannot be read")
    calls.new_campaign([row(1)])
    running = calls.start(calls.caller(grace=BRIEF))
    await calls.until(lambda: calls.carrier.finds >= 2)
    calls.clock.ahead += 60 + 120 + 61
    await running
    assert (calls.state(1), calls.carrier.calls_to(1), calls.claimed()) == (("unknown", "unknown"), 1, 0)


async def test_a_call_that_goes_on_without_a_lane_comes_before_everybody_else(calls: CallOffice) -> None:
    calls.new_campaign([row(1), row(2)])
    await calls.dies(put_through=True, told=True)
    calls.store.claims.release_stranded(calls.key, calls.clock())
    running = calls.start(number=2)
    await calls.until(lambda: calls.carrier.looks >= 1)
    assert (calls.carrier.calls_to(1), calls.carrier.calls_to(2)) == (1, 0)
    calls.carrier.ends(1)
    await calls.until(lambda: calls.carrier.calls_to(2) == 1)
    calls.carrier.ends(2)
    assert (await running).worked == 2


async def test_a_closed_campaign_still_attends_to_calls_that_go_on(calls: CallOffice) -> None:
    calls.new_campaign([row(1), row(2)])
    await calls.dies(put_through=True, told=True)
    calls.store.claims.release_stranded(calls.key, calls.clock())
    calls.set_status(CampaignStatus.PAUSED, open_=False)
    calls.carrier.ends(1)
    assert (await calls.call(2)).worked == 1
    assert (calls.state(1)[0], calls.state(2)[0]) == ("succeeded", "pending")


async def unknown(calls: CallOffice, *, put_through: bool) -> None:
    """Leave an unknown target whose lookup is due."""
    calls.new_campaign([row(1)])
    await calls.dies(put_through=put_through)
    calls.store.claims.release_stranded(calls.key, calls.clock())
    assert calls.state(1) == ("unknown", "unknown")
    calls.clock.ahead += GRACE + 1


async def test_an_unknown_call_that_goes_on_is_held(calls: CallOffice) -> None:
    await unknown(calls, put_through=True)
    running = calls.start(number=2)
    await calls.until(lambda: calls.outcome(1) == "placed")
    looks = calls.carrier.looks
    await calls.until(lambda: calls.carrier.looks >= looks + 2)
    calls.carrier.ends(1)
    await running
    assert (calls.carrier.calls_to(1), calls.state(1)[0]) == (1, "succeeded")


async def test_an_unknown_call_that_has_ended_is_written_down(calls: CallOffice) -> None:
    await unknown(calls, put_through=True)
    calls.carrier.ends(1, Outcome.VOICEMAIL)
    await calls.call(2)
    assert (calls.outcome(1), calls.carrier.calls_to(1)) == ("voicemail", 1)


async def test_an_unknown_call_that_never_was_is_placed(calls: CallOffice) -> None:
    await unknown(calls, put_through=False)
    calls.carrier.always = Outcome.ANSWERED
    await calls.call(2)
    assert (calls.outcome(1), calls.outcome(1, 2), calls.carrier.calls_to(1)) == ("not_sent", "answered", 1)


@pytest.mark.parametrize("error", [Unavailable("no connection"), ZeroDivisionError("nobody thought of this")])
async def test_an_unknown_call_that_cannot_be_looked_up_is_left_alone_in_the_end(
    calls: CallOffice, error: Exception
) -> None:
    await unknown(calls, put_through=True)
    calls.carrier.fails = error
    await calls.call(2)
    target = calls.store.targets.get(calls.key, 1)
    assert target is not None
    assert (target.state, target.reason) == ("unknown", "lookup")
    assert calls.clock() < target.due_at < NEVER
    calls.clock.ahead += 4000
    await calls.call(3)
    left = calls.store.targets.get(calls.key, 1)
    assert left is not None
    assert (left.state, left.due_at, calls.carrier.calls_to(1)) == ("unknown", NEVER, 1)


async def test_an_unknown_call_that_should_have_ended_long_ago_holds_no_lane(calls: CallOffice) -> None:
    await unknown(calls, put_through=True)
    calls.clock.ahead += 300
    await calls.call(2)
    target = calls.store.targets.get(calls.key, 1)
    assert target is not None
    assert (target.state, calls.claimed(), calls.carrier.going) == ("unknown", 0, 1)
    assert target.due_at > calls.clock() + 10


async def test_a_retried_chunk_reports_the_same_whole(calls: CallOffice) -> None:
    calls.carrier.always = Outcome.ANSWERED
    calls.new_campaign([row(n) for n in (1, 2, 3)])
    first = await calls.call(size=2)
    again = await calls.start(environment=temporal(attempt=2), size=2)
    assert (first.worked, again.worked, len(calls.carrier.lines)) == (2, 2, 2)


async def test_calls_are_held_and_taken_over_on_postgresql(postgres_cluster: PostgresCluster, tmp_path: Path) -> None:
    with postgres_cluster.database() as url:
        async with open_call_office(url, tmp_path) as calls:
            calls.new_campaign([row(1), row(2)])
            await calls.dies(put_through=True)
            running = calls.retry(calls.caller(grace=BRIEF))
            await calls.until(lambda: calls.outcome(1) == "placed")
            await calls.hears(calls.carrier.ends(1))
            await calls.until(lambda: calls.carrier.calls_to(2) == 1)
            calls.carrier.ends(2)
            assert (await running).worked == 2
            assert (calls.carrier.calls_to(1), calls.books.succeeded) == (1, 2)
