"""A chunk of calls, from the claim to the report, against the real store and a carrier that does as it is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from activities import call_chunk
from clarion.domain.attempt import Verdict
from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import Outcome
from clarion.providers.ports import AccountBroken, OutgoingCall, RateLimited, Rejected, Scope, Unavailable
from tests.activities.call_office import CallOffice, Carrier, Mishap
from tests.activities.office import TENANT, person, row, run, temporal


async def test_a_chunk_calls_everybody_once_and_reports_counts_only(calls: CallOffice) -> None:
    calls.carrier.always = Outcome.ANSWERED
    calls.new_campaign([row(n) for n in range(1, 6)])
    report = await calls.call()
    assert (report.worked, report.halt, len(calls.carrier.lines)) == (5, "", 5)
    assert report.snapshot.books == calls.books
    assert calls.books.succeeded == 5
    assert "+1415" not in report.model_dump_json()
    assert (await calls.call(2)).worked == 0


async def test_a_lane_holds_its_call_before_it_begins_the_next(calls: CallOffice) -> None:
    calls.new_campaign([row(1), row(2)])
    running = calls.start()
    await calls.until(lambda: calls.carrier.looks >= 3)
    assert (calls.carrier.calls_to(1), calls.carrier.calls_to(2)) == (1, 0)
    assert [target.chunk for target in calls.store.targets.page(calls.key)] == [1, None]
    calls.carrier.ends(1)
    await calls.until(lambda: calls.carrier.calls_to(2) == 1)
    calls.carrier.ends(2, Outcome.BUSY)
    assert (await running).worked == 2
    assert (calls.state(1), calls.state(2)) == (("succeeded", "answered"), ("waiting", "busy"))


async def test_a_chunk_does_no_more_than_its_size(calls: CallOffice) -> None:
    calls.carrier.always = Outcome.ANSWERED
    calls.new_campaign([row(n) for n in range(1, 6)])
    assert (await calls.call(size=2)).worked == 2
    assert (len(calls.carrier.lines), calls.books.pending, calls.claimed()) == (2, 3, 0)


async def test_a_chunk_whose_time_is_up_begins_no_call(calls: CallOffice) -> None:
    calls.new_campaign([row(1)])
    report = await run(calls.caller().dispatch_call_chunk, calls.call_order(seconds=0.0))
    assert (report.worked, len(calls.carrier.lines), calls.books.pending, calls.claimed()) == (0, 0, 1, 0)


async def test_a_chunk_whose_time_is_up_sees_its_call_through(calls: CallOffice) -> None:
    calls.new_campaign([row(1), row(2)])
    running = calls.start()
    await calls.until(lambda: calls.carrier.going == 1)
    calls.clock.ahead += 21
    calls.carrier.ends(1)
    assert (await running).worked == 1
    assert (calls.state(1)[0], calls.state(2)[0]) == ("succeeded", "pending")


async def test_everybody_is_called_with_their_own_script(calls: CallOffice) -> None:
    class Listening(Carrier):
        async def place(self, call: OutgoingCall):  # type: ignore[no-untyped-def]  # noqa: ANN202
            heard[call.to] = call
            return await super().place(call)

    heard: dict[str, OutgoingCall] = {}
    calls.carrier = Listening(always=Outcome.ANSWERED)
    own = json.dumps({"prompt": "Only for {{ you }}", "agent": "second"})
    spec = {"prompt": "Remind {{ name }}", "agent": "first", "from_number": "+14155550100", "max_minutes": 2}
    calls.new_campaign([row(1, name="Zoë"), row(2, text=own)], call=spec)
    await calls.call()
    first, second = heard[person(1)], heard[person(2)]
    assert (first.script.prompt, first.script.agent) == ("Remind Zoë", "first")
    assert (second.script.prompt, second.script.agent) == ("Only for {{ you }}", "second")
    assert (first.sender, first.longest, first.attempt) == ("+14155550100", 120.0, f"{calls.key}.1.1")


async def test_somebody_whose_script_cannot_be_filled_in_is_given_up(calls: CallOffice) -> None:
    calls.carrier.always = Outcome.ANSWERED
    calls.new_campaign([row(1, name="Ann"), row(2)], call={"prompt": "{{ who }}"})
    await calls.call()
    assert (calls.state(1), len(calls.carrier.lines)) == (("failed", "rejected_content"), 0)


async def test_a_call_is_charged_at_its_most_and_then_at_what_it_cost(calls: CallOffice) -> None:
    calls.new_campaign([row(1), row(2)])
    running = calls.start(size=1)
    await calls.until(lambda: calls.outcome(1) == "placed")
    assert calls.store.campaigns.get(calls.key).spent == 1.2
    calls.carrier.ends(1, duration=45.0, cost=0.31)
    await running
    assert calls.store.campaigns.get(calls.key).spent == 0.31


async def test_money_that_is_spent_stops_the_campaign(calls: CallOffice) -> None:
    calls.new_campaign([row(1), row(2)], budget=2.0)
    running = calls.start()
    await calls.until(lambda: calls.carrier.going == 1)
    calls.carrier.ends(1, cost=1.1)
    report = await running
    assert "budget of 2 is spent" in report.halt
    assert (len(calls.carrier.lines), calls.books.pending, calls.claimed()) == (1, 1, 0)


async def test_an_account_that_is_not_set_up_halts_the_campaign(calls: CallOffice) -> None:
    calls.new_campaign([row(1)], account="other")
    report = await calls.call()
    assert (report.halt, report.worked) == ('account "other" is not set up for calls on this worker', 0)
    assert not calls.store.campaigns.is_open(calls.key)


async def test_a_campaign_of_texts_is_not_called(calls: CallOffice) -> None:
    calls.new_campaign([row(1)], channel="sms", call=None, message="Hello", breaker={})
    with pytest.raises(Exception, match="makes no calls: its channel is sms"):
        await calls.call()


async def test_refused_credentials_halt_the_campaign_and_burn_nobody(calls: CallOffice) -> None:
    calls.carrier.mishaps = [Mishap(AccountBroken("the key is refused"))]
    calls.new_campaign([row(1), row(2)])
    report = await calls.call()
    assert (report.halt, calls.store.campaigns.get(calls.key).spent) == ("the key is refused", 0.0)
    assert [(target.state, target.tries) for target in calls.store.targets.page(calls.key)] == [
        ("waiting", 0),
        ("pending", 0),
    ]


async def test_a_carrier_with_too_many_calls_costs_nobody_a_try(calls: CallOffice) -> None:
    calls.carrier.mishaps = [Mishap(RateLimited("too many at once", retry_after=8, scope=Scope.TARGET))]
    calls.carrier.always = Outcome.ANSWERED
    calls.new_campaign([row(1)])
    await calls.call()
    target = calls.store.targets.get(calls.key, 1)
    assert target is not None
    assert (target.state, target.tries, calls.carrier.lines) == ("waiting", 0, [])
    assert target.due_at > calls.clock() + 5
    calls.clock.ahead += 8
    await calls.call(2)
    assert (calls.state(1), calls.carrier.calls_to(1)) == (("succeeded", "answered"), 1)


async def test_a_carrier_that_wants_patience_gets_it_from_everybody(calls: CallOffice) -> None:
    calls.carrier.mishaps = [Mishap(RateLimited("slow down", retry_after=9))]
    calls.carrier.always = Outcome.ANSWERED
    calls.new_campaign([row(1), row(2)])
    before = calls.clock()
    await calls.call(size=1)
    calls.clock.ahead += 4
    await calls.call(2, size=1)
    assert calls.store.calls.of_target(calls.key, 2)[0].intended_at < before + 9 <= calls.clock()


async def test_a_channel_that_cannot_be_reached_costs_nobody_a_try(calls: CallOffice) -> None:
    calls.carrier.mishaps = [Mishap(Unavailable("no connection")), Mishap(Unavailable("no connection"))]
    calls.new_campaign([row(1), row(2)])
    report = await calls.call()
    assert (report.halt, calls.carrier.lines) == ("", [])
    assert [(t.state, t.tries) for t in calls.store.targets.page(calls.key)] == [("waiting", 0)] * 2


async def test_a_number_that_is_refused_is_settled_and_the_next_is_called(calls: CallOffice) -> None:
    wrong = Rejected("no such number", Verdict(Outcome.INVALID_NUMBER, final=True, detail="no such number"))
    calls.carrier.mishaps = [Mishap(wrong)]
    calls.carrier.always = Outcome.ANSWERED
    calls.new_campaign([row(1), row(2)])
    await calls.call()
    assert (calls.state(1), calls.state(2)) == (("failed", "invalid_number"), ("succeeded", "answered"))


async def test_calls_that_fail_again_and_again_halt_the_campaign_and_are_named(calls: CallOffice) -> None:
    calls.carrier.always = Outcome.FAILED
    calls.new_campaign([row(n) for n in range(1, 9)], breaker={"share": 0.5, "at_least": 3, "of": 10})
    report = await calls.call()
    assert report.halt.startswith("3 of the last 3 calls failed")
    assert f"{calls.key}.2.1" in report.halt
    assert (len(calls.carrier.lines), calls.books.pending, calls.claimed()) == (3, 5, 0)


async def test_nobody_is_called_more_often_a_day_than_allowed(calls: CallOffice) -> None:
    calls.carrier.always = Outcome.NO_ANSWER
    limits = {"concurrency": 5, "per_second": 1000, "per_person_per_day": 2}
    calls.new_campaign([row(1)], limits=limits, retry={"attempts": 5, "delay": 60})
    for number in (1, 2, 3):
        await calls.call(number)
        calls.clock.ahead += 61
    target = calls.store.targets.get(calls.key, 1)
    assert target is not None
    assert (target.state, target.reason, calls.carrier.calls_to(1)) == ("waiting", "daily_cap", 2)
    assert "in a day" in (target.detail or "")
    calls.clock.ahead += 86_400
    await calls.call(4)
    assert calls.carrier.calls_to(1) == 3


async def test_a_target_outside_its_window_waits_for_it(calls: CallOffice) -> None:
    soon = datetime.now(UTC) + timedelta(hours=2)
    window = {"from": f"{soon:%H}:00", "to": f"{soon + timedelta(hours=1):%H}:00", "time_zone": "UTC"}
    calls.new_campaign([row(1)], window=window)
    await calls.call()
    target = calls.store.targets.get(calls.key, 1)
    assert target is not None
    assert (target.state, target.reason, calls.carrier.lines) == ("waiting", "window", [])


async def test_a_target_whose_validity_ran_out_expires(calls: CallOffice) -> None:
    calls.new_campaign([row(1)], validity="1h")
    calls.clock.ahead += 3601
    await calls.call()
    assert (calls.state(1), calls.carrier.lines) == (("failed", "expired"), [])


async def test_a_window_that_closes_before_the_slot_keeps_the_call_back(calls: CallOffice) -> None:
    # The clock stands a moment before the window closes; the second slot lies two seconds after it.
    now = datetime.fromtimestamp(calls.clock(), UTC)
    closes = (now + timedelta(minutes=2)).replace(second=0, microsecond=0)
    calls.clock.ahead += (closes - now).total_seconds() - 1.0
    opens = closes - timedelta(hours=2)
    window = {"from": f"{opens:%H:%M}", "to": f"{closes:%H:%M}", "time_zone": "UTC"}
    calls.carrier.always = Outcome.ANSWERED
    calls.new_campaign([row(1), row(2)], window=window, limits={"per_minute": 20, "concurrency": 1})
    await calls.call()
    assert [calls.carrier.calls_to(n) for n in (1, 2)] == [1, 0]
    assert "its window closed before its slot" in calls.told(2)[-1]


async def test_somebody_who_opts_out_while_waiting_for_a_slot_is_not_called(calls: CallOffice) -> None:
    calls.carrier.always = Outcome.ANSWERED
    calls.new_campaign([row(1), row(2)], limits={"per_minute": 60, "concurrency": 1})
    running = calls.start()
    await calls.until(lambda: calls.state(2)[0] == "active")
    calls.store.suppressions.add(TENANT, person(2), "stop", "", calls.clock())
    await running
    assert (calls.carrier.calls_to(1), calls.carrier.calls_to(2)) == (1, 0)


async def test_a_pause_calls_off_whoever_waits_for_a_slot(calls: CallOffice) -> None:
    calls.carrier.always = Outcome.ANSWERED
    calls.new_campaign([row(1), row(2)], limits={"per_minute": 12, "concurrency": 1})
    running = calls.start()
    await calls.until(lambda: calls.state(2)[0] == "active")
    calls.set_status(CampaignStatus.PAUSED, open_=False)
    await running
    assert (calls.carrier.calls_to(2), calls.claimed(), calls.books.active) == (0, 0, 0)
    assert "called off before its slot" in calls.told(2)[-1]


async def test_a_slow_campaign_does_not_keep_its_chunk_for_ever(
    calls: CallOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_chunk, "LONGEST_WAIT", 60.0)
    calls.carrier.always = Outcome.ANSWERED
    calls.new_campaign([row(1), row(2)], limits={"per_hour": 6})
    report = await calls.call()
    assert (report.worked, calls.carrier.calls_to(2), calls.claimed()) == (1, 0, 0)


async def test_a_zombie_that_opens_its_chunk_late_is_turned_away(calls: CallOffice) -> None:
    calls.carrier.always = Outcome.ANSWERED
    calls.new_campaign([row(1)])
    await calls.start(environment=temporal(attempt=2))
    with pytest.raises(Exception, match="worked on by a later execution"):
        await calls.start(environment=temporal(attempt=1))
