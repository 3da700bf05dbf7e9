"""Calls: they go on for minutes, and whoever holds one keeps it until it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from clarion.domain.attempt import NEVER
from clarion.domain.call import AnsweredBy, Stage
from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import Outcome
from clarion.store.entries import GiveUp, Postpone, Refusal, Withdraw
from tests.store.call_scene import call, ended, placed, tell
from tests.store.scene import GRACE, START, Scene, unknown

MakeScene = Callable[..., Scene]


def test_a_call_that_was_placed_stays_with_its_lane(calls: Scene) -> None:
    opened = calls.open_chunk()
    attempt = call(calls, opened)
    target = calls.target(1)
    assert (target.state, target.outcome, target.due_at) == ("active", "placed", NEVER)
    assert (target.chunk, target.fence) == (1, opened.fence)
    assert calls.attempt(attempt).ended_at is None
    tell(calls, attempt, placed(), stage=Stage.RINGING)
    assert calls.state(1) == ("active", "placed")
    tell(calls, attempt, ended(), stage=Stage.ENDED)
    assert calls.state(1) == ("succeeded", "answered")
    assert calls.target(1).chunk is None
    assert calls.books().succeeded == 1


def test_under_way_is_what_was_intended_or_placed(calls: Scene) -> None:
    def stands() -> tuple[int, dict[str, int]]:
        snapshot = calls.store.campaigns.snapshot(calls.key, calls.now)
        return snapshot.under_way, snapshot.stages

    opened = calls.open_chunk()
    assert stands() == (0, {"placed": 0, "ringing": 0, "answered": 0})
    first = call(calls, opened)
    second = call(calls, opened)
    calls.contact(opened)
    assert stands() == (3, {"placed": 2, "ringing": 0, "answered": 0})
    tell(calls, first, placed(), stage=Stage.RINGING)
    tell(calls, second, placed(), stage=Stage.ANSWERED)
    assert stands() == (3, {"placed": 0, "ringing": 1, "answered": 1})
    assert calls.store.calls.under_way(calls.key) == 3
    tell(calls, second, ended(), stage=Stage.ENDED)
    assert stands() == (2, {"placed": 0, "ringing": 1, "answered": 0})


def test_texts_have_no_stages(scene: Scene) -> None:
    scene.contact(scene.open_chunk())
    snapshot = scene.store.campaigns.snapshot(scene.key, scene.now)
    assert (snapshot.under_way, snapshot.stages) == (1, {})


def test_a_call_outlives_its_chunk_and_any_lane_may_attend_to_it(calls: Scene) -> None:
    opened = calls.open_chunk()
    attempt = call(calls, opened)
    calls.claim(opened, 1)
    assert calls.close_chunk(opened) == 1
    assert calls.state(1) == ("active", "placed")
    assert (calls.target(1).chunk, calls.target(1).due_at) == (None, calls.now)
    assert calls.store.campaigns.snapshot(calls.key, calls.now).next_due_at is not None
    assert "unattended" in calls.events(1)
    again = calls.open_chunk()
    claimed = calls.claim(again, 1)[0]
    assert (claimed.key.position, claimed.state, claimed.attempts) == (1, "active", 1)
    assert calls.intend(claimed, again) is Refusal.FENCED
    tell(calls, attempt, ended(Outcome.NO_ANSWER, retryable=True), stage=Stage.ENDED)
    assert calls.state(1) == ("waiting", "no_answer")
    calls.books()


def test_calls_go_before_lookups_and_retries_and_new_ones(make_calls: MakeScene) -> None:
    scene = make_calls(5, retry={"attempts": 2, "delay": 1})
    opened = scene.open_chunk()
    call(scene, opened)
    scene.record(scene.contact(opened), unknown())
    tell(scene, call(scene, opened), ended(Outcome.BUSY, retryable=True), stage=Stage.ENDED)
    scene.close_chunk(opened)
    scene.after(GRACE)
    opened = scene.open_chunk()
    states = [(c.key.position, c.state) for c in scene.claim(opened, 4)]
    assert states == [(1, "active"), (2, "unknown"), (3, "waiting"), (4, "pending")]


def test_a_closed_campaign_takes_calls_and_lookups_alone(calls: Scene) -> None:
    opened = calls.open_chunk()
    call(calls, opened)
    calls.record(calls.contact(opened), unknown())
    calls.close_chunk(opened)
    calls.after(GRACE)
    calls.close(CampaignStatus.CANCELLING)
    opened = calls.open_chunk()
    assert [c.state for c in calls.claim(opened, 9)] == ["active", "unknown"]


def test_a_later_attempt_at_a_chunk_gets_its_calls_back(make_calls: MakeScene) -> None:
    scene = make_calls(4)
    first = scene.open_chunk(1)
    begun = [call(scene, first, 1), scene.contact(first, 1)]
    waiting = scene.claim(first, 1, 1)[0]
    second = scene.open_chunk(1, attempt=2)
    assert [(c.key.position, c.state) for c in second.left] == [(1, "active"), (2, "active"), (3, "pending")]
    assert second.taken == 3
    assert {scene.target(n).fence for n in (1, 2, 3)} == {second.fence}
    assert scene.intend(waiting, first) is Refusal.FENCED
    assert [scene.attempt(attempt).outcome for attempt in begun] == ["placed", None]
    scene.post(Withdraw(begun[1], scene.now, "retry", "the provider has nothing"))
    assert scene.state(2) == ("waiting", None)
    tell(scene, begun[0], ended(), stage=Stage.ENDED)
    assert scene.state(1) == ("succeeded", "answered")
    scene.books()


def test_a_number_that_is_used_again_frees_the_calls(calls: Scene) -> None:
    first = calls.open_chunk(1)
    call(calls, first, 1)
    calls.contact(first, 1)
    second = calls.open_chunk(1, ordered_at=START + 60)
    assert second.left == ()
    assert [calls.state(n) for n in (1, 2)] == [("active", "placed"), ("unknown", "unknown")]
    assert [(c.key.position, c.state) for c in calls.claim(second, 9, 1)] == [(1, "active"), (3, "pending")]


def test_what_nobody_holds_is_freed_and_its_calls_can_be_taken(calls: Scene) -> None:
    opened = calls.open_chunk()
    call(calls, opened)
    calls.contact(opened)
    assert calls.store.claims.release_stranded(calls.key, calls.now) == 2
    assert [calls.state(n) for n in (1, 2)] == [("active", "placed"), ("unknown", "unknown")]
    assert calls.target(1).due_at == calls.now
    calls.books()


def test_a_stranded_call_of_which_a_word_comes_can_be_attended_to(calls: Scene) -> None:
    first = calls.open_chunk()
    attempt = calls.contact(first)
    calls.close_chunk(first)
    assert calls.state(1) == ("unknown", "unknown")
    calls.record(attempt, placed())
    target = calls.target(1)
    assert (target.state, target.outcome, target.due_at, target.chunk) == ("active", "placed", calls.now, None)
    assert calls.claim(calls.open_chunk(), 1)[0].state == "active"
    calls.books()


def test_who_looks_a_call_up_and_finds_it_going_on_keeps_it(calls: Scene) -> None:
    opened = calls.open_chunk()
    attempt = calls.contact(opened)
    calls.record(attempt, unknown())
    calls.after(GRACE)
    assert calls.claim(opened, 1)[0].state == "unknown"
    calls.record(attempt, placed())
    assert (calls.state(1), calls.target(1).chunk) == (("active", "placed"), 1)


@pytest.mark.parametrize("end", ["withdraw", "postpone", "postpone for ever"])
def test_a_lookup_that_a_word_overtook_leaves_the_call_to_others(calls: Scene, end: str) -> None:
    opened = calls.open_chunk()
    attempt = calls.contact(opened)
    calls.record(attempt, unknown())
    calls.after(GRACE)
    claimed = calls.claim(opened, 1)[0]
    calls.record(attempt, placed())
    if end == "withdraw":
        calls.post(Withdraw(attempt, calls.now, "retry", "never arrived"))
    else:
        due_at = calls.now + 2 if end == "postpone" else NEVER
        calls.post(Postpone(claimed.key, opened.fence, due_at, "lookup", "could not be read"))
    target = calls.target(1)
    assert (target.state, target.outcome, target.chunk) == ("active", "placed", None)
    assert target.due_at == calls.now + (2 if end == "postpone" else 0)
    calls.books()


def test_nobody_puts_off_or_gives_up_who_is_being_called(calls: Scene) -> None:
    opened = calls.open_chunk()
    attempt = calls.contact(opened)
    target = calls.target_key(1)
    give_up = GiveUp(target, opened.fence, Outcome.EXPIRED, "")
    calls.post(Postpone(target, opened.fence, calls.now + 5, "window"), give_up)
    assert (calls.state(1), calls.target(1).chunk) == (("active", None), 1)
    calls.record(attempt, placed())
    calls.post(give_up)
    assert (calls.state(1), calls.target(1).chunk) == (("active", "placed"), 1)


def test_a_call_whose_end_nobody_can_tell_is_unknown_and_looked_up(calls: Scene) -> None:
    opened = calls.open_chunk()
    attempt = call(calls, opened)
    calls.record(attempt, unknown())
    assert calls.state(1) == ("unknown", "unknown")
    assert (calls.target(1).due_at, calls.target(1).chunk) == (calls.now + GRACE, None)
    tell(calls, attempt, ended(), stage=Stage.ENDED)
    assert calls.state(1) == ("succeeded", "answered")
    calls.books()


def test_a_call_that_the_provider_had_taken_on_is_never_taken_back(calls: Scene) -> None:
    opened = calls.open_chunk()
    attempt = call(calls, opened)
    calls.record(attempt, unknown())
    calls.post(Withdraw(attempt, calls.now, "retry", "the provider knows nothing of it"))
    assert calls.state(1) == ("unknown", "unknown")
    assert (calls.target(1).due_at, calls.target(1).tries) == (NEVER, 1)
    assert calls.attempt(attempt).outcome == "unknown"
    calls.books()


def test_a_call_that_was_given_up_and_goes_on_after_all_stops_the_next_one(calls: Scene) -> None:
    """The lookup was wrong: whoever holds the target for the next call is turned away."""
    opened = calls.open_chunk()
    attempt = calls.contact(opened)
    calls.record(attempt, unknown())
    calls.post(Withdraw(attempt, calls.now, "retry", "never arrived"))
    claimed = calls.claim(opened, 1)[0]
    assert claimed.key.position == 1
    calls.record(attempt, placed())
    assert calls.intend(claimed, opened) is Refusal.FENCED
    assert (calls.state(1), calls.target(1).chunk) == (("active", "placed"), None)
    assert calls.target(1).tries == 1
    calls.books()


def test_a_late_word_about_an_earlier_call_leaves_the_next_alone(calls: Scene) -> None:
    opened = calls.open_chunk()
    first = calls.contact(opened)
    calls.record(first, unknown())
    calls.post(Withdraw(first, calls.now, "retry", "never arrived"))
    second = calls.contact(opened)
    calls.record(second, placed("CA2"))
    tell(calls, first, placed("CA1"), stage=Stage.RINGING)
    assert [calls.attempt(attempt).outcome for attempt in (first, second)] == ["not_sent", "placed"]
    tell(calls, first, ended(), stage=Stage.ENDED, cost=0.2)
    assert calls.attempt(first).outcome == "answered"
    assert calls.state(1) == ("active", "placed")
    assert "late_receipt" in calls.events(1)
    calls.books()


@pytest.mark.parametrize("status", [CampaignStatus.COMPLETED, CampaignStatus.CANCELLED])
def test_a_call_that_goes_on_when_its_campaign_is_over_is_unknown(calls: Scene, status: CampaignStatus) -> None:
    opened = calls.open_chunk()
    attempt = call(calls, opened)
    other = calls.contact(opened)
    calls.close_chunk(opened)
    calls.close(status)
    assert calls.state(1) == ("unknown", "unknown")
    tell(calls, other, placed("CA2"), stage=Stage.RINGING)
    assert calls.state(2) == ("unknown", "unknown")
    assert calls.store.campaigns.snapshot(calls.key, calls.now).under_way == 0
    tell(calls, attempt, ended(), stage=Stage.ENDED)
    assert calls.state(1) == ("succeeded", "answered")
    calls.books()


def test_calls_under_way_are_no_receipts_to_be_awaited(calls: Scene) -> None:
    opened = calls.open_chunk()
    call(calls, opened)
    calls.close_chunk(opened)
    assert calls.store.sweeps.conclude_overdue(calls.key, calls.now, before=float("inf")) == 0
    assert calls.state(1) == ("active", "placed")


def test_voicemail_is_a_success_where_it_was_to_be_left_a_message(make_calls: MakeScene) -> None:
    spec = {"call": {"prompt": "Be kind.", "voicemail_message": "Call us.", "machine": "leave_message"}}
    for spec_of_calls, end in (({}, "failed"), (spec, "succeeded")):
        scene = make_calls(1, **spec_of_calls)
        tell(scene, call(scene, scene.open_chunk()), ended(Outcome.VOICEMAIL, retryable=True), stage=Stage.ENDED)
        assert scene.state(1) == (end, "voicemail")
        scene.books()


def test_a_person_whom_only_a_machine_answered_for_was_reached_by_voicemail(calls: Scene) -> None:
    opened = calls.open_chunk()
    attempt = call(calls, opened)
    tell(calls, attempt, placed(), stage=Stage.ANSWERED, answered_by=AnsweredBy.MACHINE)
    tell(calls, attempt, ended(), stage=Stage.ENDED)
    assert calls.attempt(attempt).outcome == Outcome.VOICEMAIL


def test_a_provider_code_is_kept_whole_or_not_at_all(calls: Scene) -> None:
    opened = calls.open_chunk()
    for code, kept in (("dial_no_answer", "dial_no_answer"), ("telephony_provider_unavailable", None)):
        attempt = call(calls, opened)
        tell(calls, attempt, replace(ended(Outcome.NO_ANSWER), provider_code=code), stage=Stage.ENDED)
        assert calls.attempt(attempt).provider_code == kept
