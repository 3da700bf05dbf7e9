"""How a lane learns how its call ended: from webhooks, by asking, or not at all."""

from __future__ import annotations

import itertools

import pytest

from activities import call_lane
from clarion.domain.call import AnsweredBy, Stage
from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import NotFound
from clarion.domain.target import Outcome
from clarion.providers.ports import AccountBroken, OutcomeUnknown, RateLimited, Unavailable
from tests.activities.call_office import FAR, SOON, CallOffice
from tests.activities.office import row


async def test_a_webhook_ends_a_call_without_a_question(calls: CallOffice) -> None:
    calls.new_campaign([row(1)])
    running = calls.start(calls.caller(poll_after=FAR))
    await calls.until(lambda: calls.outcome(1) == "placed")
    await calls.hears(calls.carrier.ends(1, duration=20.0))
    assert (await running).worked == 1
    assert (calls.state(1), calls.carrier.looks) == (("succeeded", "answered"), 0)


async def test_what_a_webhook_tells_of_a_call_that_goes_on_is_known(calls: CallOffice) -> None:
    calls.new_campaign([row(1)])
    running = calls.start(calls.caller(poll_after=FAR))
    await calls.until(lambda: calls.outcome(1) == "placed")
    await calls.hears(calls.carrier.answers(1))
    await calls.until(lambda: calls.store.calls.of_target(calls.key, 1)[0].stage == "answered")
    assert not running.done()
    await calls.hears(calls.carrier.ends(1))
    await running
    assert calls.carrier.looks == 0


async def test_a_call_whose_webhooks_are_lost_is_asked_for_until_it_has_ended(calls: CallOffice) -> None:
    calls.new_campaign([row(1)])
    running = calls.start()
    await calls.until(lambda: calls.carrier.looks >= 2)
    calls.carrier.answers(1)
    await calls.until(lambda: calls.store.calls.of_target(calls.key, 1)[0].stage == "answered")
    assert not running.done()
    calls.carrier.ends(1, Outcome.NO_ANSWER)
    await running
    assert (calls.state(1), calls.carrier.calls_to(1)) == (("waiting", "no_answer"), 1)


async def test_questions_become_rarer_while_nothing_new_is_heard(calls: CallOffice) -> None:
    asked: list[float] = []
    carrier = calls.carrier
    look = carrier.look

    async def noted(reference: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
        asked.append(calls.clock())
        return await look(reference)

    carrier.look = noted  # type: ignore[method-assign]
    calls.new_campaign([row(1)])
    running = calls.start()
    await calls.until(lambda: len(asked) >= 7)
    carrier.ends(1)
    await running
    pauses = [after - before for before, after in itertools.pairwise(asked)]
    assert pauses[4] >= SOON * call_lane.SLOWER**4
    assert all(pause >= SOON * call_lane.SLOWER for pause in pauses)


async def test_a_hint_that_nobody_signed_is_asked_about_at_once(calls: CallOffice) -> None:
    calls.new_campaign([row(1)])
    running = calls.start(calls.caller(poll_after=FAR))
    await calls.until(lambda: calls.outcome(1) == "placed")
    await calls.hears(calls.carrier.ends(1, Outcome.BUSY), signed=False)
    await running
    assert (calls.state(1), calls.carrier.looks) == (("waiting", "busy"), 1)


async def test_a_hint_decides_nothing_by_itself(calls: CallOffice) -> None:
    calls.new_campaign([row(1)])
    running = calls.start(calls.caller(poll_after=FAR))
    await calls.until(lambda: calls.outcome(1) == "placed")
    await calls.hears(calls.carrier.to(1), signed=False)
    await calls.until(lambda: calls.carrier.looks == 1)
    assert (calls.outcome(1), running.done()) == ("placed", False)
    await calls.hears(calls.carrier.ends(1))
    await running


async def test_a_webhook_that_comes_late_takes_nothing_back(calls: CallOffice) -> None:
    calls.new_campaign([row(1)])
    running = calls.start(calls.caller(poll_after=FAR))
    await calls.until(lambda: calls.outcome(1) == "placed")
    early = calls.carrier.to(1)
    await calls.hears(calls.carrier.answers(1))
    await calls.hears(early, stage=Stage.RINGING)
    await calls.hears(calls.carrier.ends(1))
    await running
    assert calls.state(1) == ("succeeded", "answered")


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("slow down", retry_after=0.2),
        Unavailable("no connection"),
        OutcomeUnknown("cannot be read"),
        NotFound("no such call"),
        ZeroDivisionError("nobody thought of this"),
    ],
)
async def test_a_carrier_that_cannot_be_asked_only_delays(calls: CallOffice, error: Exception) -> None:
    calls.carrier.fails = error
    calls.new_campaign([row(1)])
    running = calls.start()
    await calls.until(lambda: calls.carrier.looks >= 2)
    assert (calls.outcome(1), calls.store.campaigns.is_open(calls.key)) == ("placed", True)
    calls.carrier.fails = None
    calls.carrier.ends(1)
    await running
    assert (calls.state(1), len(calls.carrier.lines)) == (("succeeded", "answered"), 1)


async def test_credentials_that_break_while_asking_halt_the_campaign_and_the_call_is_still_held(
    calls: CallOffice,
) -> None:
    calls.carrier.fails = AccountBroken("the key was withdrawn")
    calls.new_campaign([row(1), row(2)])
    running = calls.start()
    await calls.until(lambda: not calls.store.campaigns.is_open(calls.key))
    await calls.hears(calls.carrier.ends(1))
    report = await running
    assert (report.halt, report.worked) == ("the key was withdrawn", 1)
    assert (calls.state(1)[0], calls.state(2)[0]) == ("succeeded", "pending")


async def test_a_call_that_a_machine_answers_is_hung_up_once(calls: CallOffice) -> None:
    calls.new_campaign([row(1)])
    running = calls.start(calls.caller(poll_after=FAR))
    await calls.until(lambda: calls.outcome(1) == "placed")
    await calls.hears(calls.carrier.answers(1, AnsweredBy.MACHINE))
    await running
    assert (calls.carrier.hang_ups, calls.outcome(1)) == (["ref-0"], "voicemail")
    assert "attempt 1: a machine answered" in calls.told(1)


async def test_a_carrier_that_cannot_hang_up_is_asked_to_only_once(calls: CallOffice) -> None:
    calls.carrier.can_hang_up = False
    calls.new_campaign([row(1)])
    running = calls.start()
    await calls.until(lambda: calls.outcome(1) == "placed")
    calls.carrier.answers(1, AnsweredBy.MACHINE)
    await calls.until(lambda: calls.carrier.hang_ups != [])
    looks = calls.carrier.looks
    await calls.until(lambda: calls.carrier.looks >= looks + 2)
    calls.carrier.ends(1, Outcome.VOICEMAIL)
    await running
    assert (len(calls.carrier.hang_ups), calls.outcome(1)) == (1, "voicemail")
    assert "attempt 1: a machine answered, and the provider does not end calls for us" in calls.told(1)


@pytest.mark.parametrize("rule", ["leave_message", "continue"])
async def test_a_machine_is_talked_to_where_the_campaign_says_so(calls: CallOffice, rule: str) -> None:
    calls.new_campaign([row(1)], call={"prompt": "Hello", "machine": rule})
    running = calls.start()
    await calls.until(lambda: calls.outcome(1) == "placed")
    calls.carrier.answers(1, AnsweredBy.MACHINE)
    looks = calls.carrier.looks
    await calls.until(lambda: calls.carrier.looks >= looks + 2)
    calls.carrier.ends(1, Outcome.VOICEMAIL)
    await running
    assert calls.carrier.hang_ups == []


async def test_hanging_up_is_tried_again_when_it_could_not_be_asked_for(
    calls: CallOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_lane, "HANG_UP_AGAIN", 0.05)
    calls.new_campaign([row(1)])
    running = calls.start()
    await calls.until(lambda: calls.outcome(1) == "placed")
    await calls.hears(calls.carrier.answers(1, AnsweredBy.MACHINE))
    calls.carrier.fails = Unavailable("no connection")
    await calls.until(lambda: len(calls.carrier.hang_ups) >= 2)
    calls.carrier.fails = None
    await running
    assert calls.outcome(1) == "voicemail"


async def test_calls_are_hung_up_when_the_campaign_wants_it(calls: CallOffice) -> None:
    calls.new_campaign([row(1), row(2)])
    running = calls.start(calls.caller(poll_after=FAR))
    await calls.until(lambda: calls.outcome(1) == "placed")
    key, now = calls.key, calls.clock()
    calls.store.campaigns.set_status(key, CampaignStatus.CANCELLING, "", now, open_=False, hang_up=True)
    await running
    assert (calls.carrier.hang_ups, calls.outcome(1), calls.carrier.calls_to(2)) == (["ref-0"], "cancelled", 0)


async def test_a_paused_campaign_sees_its_call_through_and_begins_no_other(calls: CallOffice) -> None:
    calls.new_campaign([row(1), row(2)])
    running = calls.start()
    await calls.until(lambda: calls.outcome(1) == "placed")
    calls.set_status(CampaignStatus.PAUSED, open_=False)
    looks = calls.carrier.looks
    await calls.until(lambda: calls.carrier.looks >= looks + 2)
    calls.carrier.ends(1)
    report = await running
    assert (report.worked, calls.carrier.hang_ups, calls.carrier.calls_to(2)) == (1, [], 0)
    assert (calls.state(1)[0], calls.state(2)[0], calls.claimed()) == ("succeeded", "pending", 0)


async def test_a_call_whose_end_nobody_can_tell_becomes_unknown_and_is_looked_up_before_anything_else(
    calls: CallOffice,
) -> None:
    calls.new_campaign([row(1)])
    running = calls.start(calls.caller(margin=30.0))
    await calls.until(lambda: calls.outcome(1) == "placed")
    calls.clock.ahead += 60 + 120 + 31
    await running
    assert (calls.state(1), calls.claimed()) == (("unknown", "unknown"), 0)
    assert "nobody could tell how the call ended" in calls.told(1)[-1]
    calls.carrier.ends(1, Outcome.NO_ANSWER)
    calls.clock.ahead += 20
    await calls.call(2)
    assert (calls.state(1), calls.carrier.calls_to(1)) == (("waiting", "no_answer"), 1)


async def test_a_call_that_is_over_is_seen_to_be_so_at_its_deadline(calls: CallOffice) -> None:
    calls.new_campaign([row(1)])
    a_moment = -(60 + 120) + 0.5
    running = calls.start(calls.caller(poll_after=FAR, margin=a_moment))
    await calls.until(lambda: calls.outcome(1) == "placed")
    calls.carrier.ends(1)
    await running
    assert (calls.state(1), calls.carrier.looks) == (("succeeded", "answered"), 1)
