"""Calls as lanes, reports and people look at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from clarion.domain.attempt import AttemptId
from clarion.domain.call import AnsweredBy, Speaker, Stage, Turn
from clarion.domain.target import Outcome
from clarion.store.calls import MOST_VALUES, TOP, CallSummary, Watched
from clarion.store.entries import Record
from tests.store.call_scene import MOST, call, ended, placed, tell
from tests.store.scene import COST, Scene, unknown

MakeScene = Callable[..., Scene]
TURNS = (Turn(Speaker.AGENT, "Hello?", 0.0), Turn(Speaker.PERSON, "No.\n\nThanks!", 1.25))


def test_many_calls_of_several_campaigns_are_watched_with_one_query(make_calls: MakeScene) -> None:
    scene, other = make_calls(3, limits={"concurrency": 3}), make_calls(3, limits={"concurrency": 3})
    opened, of_other = scene.open_chunk(), other.open_chunk()
    intended, going = scene.contact(opened), call(scene, opened)
    over = call(other, of_other, reference="CA7")
    tell(scene, going, placed(), stage=Stage.ANSWERED, answered_by=AnsweredBy.HUMAN)
    other.now = other.after(60)
    tell(other, over, ended(), stage=Stage.ENDED, duration=31.5)
    statements: list[object] = []
    engine = scene.store.database.engine
    listening = (engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    event.listen(*listening)
    found = scene.store.calls.watch([intended, going, over, AttemptId(scene.key, 3, 1), AttemptId(other.key, 1, 2)])
    event.remove(*listening)
    assert len([statement for statement in statements if str(statement).startswith("SELECT")]) == 1
    same = (None, scene.now, scene.now)
    assert found == {
        intended: Watched(None, None, None, None, *same, None),
        going: Watched(Outcome.PLACED, "CA1", Stage.ANSWERED, AnsweredBy.HUMAN, *same, None),
        over: Watched(Outcome.ANSWERED, "CA7", Stage.ENDED, None, *same, 31.5),
    }
    assert scene.store.calls.watch([]) == {}


def test_all_calls_to_one_person_are_told(make_calls: MakeScene) -> None:
    scene = make_calls(1, retry={"attempts": 3, "delay": 60})
    begin = scene.now
    tell(scene, call(scene, scene.open_chunk()), ended(Outcome.BUSY, retryable=True), stage=Stage.ENDED)
    scene.after(60)
    attempt = call(scene, scene.open_chunk(), reference="CA2")
    scene.after(5)
    tell(scene, attempt, placed(), stage=Stage.ANSWERED)
    scene.after(30)
    told: dict[str, Any] = {"turns": TURNS, "analysis": {"mood": "cool"}, "summary": "No."}
    tell(scene, attempt, ended(), stage=Stage.ENDED, answered_by=AnsweredBy.HUMAN, duration=29.0, cost=0.25, **told)
    busy, last = scene.store.calls.of_target(scene.key, 1)
    assert (busy.outcome, busy.cost, busy.turns, busy.duration) == (Outcome.BUSY, 0.0, (), None)
    assert (last.attempt, last.address, last.outcome) == (attempt, scene.address(1), Outcome.ANSWERED)
    assert (last.stage, last.answered_by, last.duration) == (Stage.ENDED, AnsweredBy.HUMAN, 29.0)
    assert (last.cost, last.provider_reference, last.provider_status) == (0.25, "CA2", "completed")
    assert (last.turns, last.analysis, last.summary) == (TURNS, {"mood": "cool"}, "No.")
    times = last.intended_at, last.placed_at, last.answered_at, last.ended_at
    assert times == (begin + 60, begin + 60, begin + 65, begin + 95)
    assert scene.store.calls.of_target(scene.key, 2) == []


def test_a_call_of_which_nothing_is_known_is_told_too(calls: Scene) -> None:
    attempt = calls.contact(calls.open_chunk())
    calls.record(attempt, unknown())
    (record,) = calls.store.calls.of_target(calls.key, 1)
    assert (record.outcome, record.stage, record.ended_at) == (Outcome.UNKNOWN, None, calls.now)


def test_transcripts_come_page_by_page_and_whole(make_calls: MakeScene) -> None:
    scene = make_calls(5, retry={"attempts": 2, "delay": 1, "exclude_voicemail": False})
    opened = scene.open_chunk()
    said: list[dict[str, Any]] = [{"turns": TURNS}, {}, {"summary": "Nobody spoke."}, {"turns": TURNS}, {}]
    for facts in said:
        outcome = ended(Outcome.VOICEMAIL, retryable=True) if len(facts) else ended()
        tell(scene, call(scene, opened), outcome, stage=Stage.ENDED, **facts)
    scene.after(1)
    tell(scene, call(scene, opened), ended(), stage=Stage.ENDED, turns=TURNS[:1], duration=3.0)
    transcripts = scene.store.calls.transcripts

    def places(*, after: int = 0, limit: int = 100) -> list[tuple[int, int]]:
        found = transcripts(scene.key, after=after, limit=limit)
        return [(record.attempt.position, record.attempt.number) for record in found]

    assert places() == [(1, 1), (1, 2), (3, 1), (4, 1)]
    assert places(limit=1) == [(1, 1), (1, 2)]
    assert places(after=1, limit=1) == [(3, 1)]
    assert places(after=4) == []
    first, second, *_ = transcripts(scene.key)
    assert (first.turns, first.outcome, first.address) == (TURNS, Outcome.VOICEMAIL, scene.address(1))
    assert (second.turns, second.outcome, second.duration) == (TURNS[:1], Outcome.ANSWERED, 3.0)


def test_the_last_call_to_each_comes_page_by_page(make_calls: MakeScene) -> None:
    scene = make_calls(4, retry={"attempts": 2, "delay": 1})
    opened = scene.open_chunk()
    for outcome in (Outcome.BUSY, Outcome.ANSWERED, Outcome.NO_ANSWER):
        retryable = outcome is not Outcome.ANSWERED
        tell(scene, call(scene, opened), ended(outcome, retryable=retryable), stage=Stage.ENDED)
    scene.after(1)
    tell(scene, call(scene, opened), ended(), stage=Stage.ENDED, turns=TURNS)

    def places(*, after: int = 0, limit: int = 100) -> list[tuple[int, int, str | None]]:
        found = scene.store.calls.latest(scene.key, after=after, limit=limit)
        return [(record.attempt.position, record.attempt.number, record.outcome) for record in found]

    assert places() == [(1, 2, "answered"), (2, 1, "answered"), (3, 1, "no_answer")]
    assert places(limit=1) == [(1, 2, "answered")]
    assert places(after=1, limit=1) == [(2, 1, "answered")]
    assert places(after=3) == []


def test_a_campaign_is_summed_up(make_calls: MakeScene) -> None:
    scene = make_calls(7, breaker={"share": 1})
    opened = scene.open_chunk()
    ends: list[tuple[Outcome, dict[str, Any]]] = [
        (Outcome.ANSWERED, {"duration": 30.0, "cost": 0.5, "analysis": {"mood": "warm", "booked": "true"}}),
        (Outcome.ANSWERED, {"duration": 90.0, "cost": 0.7, "analysis": {"mood": "warm"}}),
        (Outcome.VOICEMAIL, {"duration": 6.0, "cost": 0.1, "analysis": {"mood": "none"}}),
        (Outcome.NO_ANSWER, {}),
        (Outcome.FAILED, {}),
    ]
    for outcome, facts in ends:
        tell(scene, call(scene, opened), ended(outcome), stage=Stage.ENDED, **facts)
    scene.record(scene.contact(opened), placed("CA9"))
    found = scene.store.calls.summary(scene.key)
    assert replace(found, cost=0.0, cost_per_answered=None) == CallSummary(
        calls=6,
        by_outcome={"answered": 2, "voicemail": 1, "no_answer": 1, "failed": 1, "placed": 1},
        by_analysis={"booked": {"true": 1}, "mood": {"warm": 2, "none": 1}},
        total_duration=126.0,
        average_duration=42.0,
        cost=0.0,
        cost_per_answered=None,
    )
    money = 1.3 + COST / 1e6
    assert (found.cost, found.cost_per_answered) == pytest.approx((money, money / 2))
    assert scene.spent() == round(found.cost * 1e6)


def test_a_campaign_without_calls_is_summed_up(calls: Scene) -> None:
    found = calls.store.calls.summary(calls.key)
    assert (found.calls, found.by_outcome, found.average_duration, found.cost_per_answered) == (0, {}, None, None)


def test_values_of_the_analysis_are_the_most_frequent_ones(make_calls: MakeScene) -> None:
    scene = make_calls(TOP + 9)
    opened = scene.open_chunk()
    attempts = [call(scene, opened) for _ in range(TOP + 9)]
    for n, attempt in enumerate(attempts):
        tell(scene, attempt, ended(), stage=Stage.ENDED, analysis={"said": "same" if n % 2 else f"only {n}"})
    by_value = scene.store.calls.summary(scene.key).by_analysis["said"]
    assert len(by_value) <= TOP < MOST_VALUES
    assert next(iter(by_value.items())) == ("same", (TOP + 9) // 2)


def test_a_call_whose_answer_has_not_come_counts_among_those_under_way(calls: Scene) -> None:
    opened = calls.open_chunk()
    attempt = call(calls, opened)
    calls.contact(opened)
    assert calls.store.calls.under_way(calls.key) == 2
    calls.post(Record(attempt, ended(), cost=MOST))
    assert calls.store.calls.under_way(calls.key) == 1


def test_only_calls_that_go_on_are_listed(calls: Scene) -> None:
    opened = calls.open_chunk()
    first, second = call(calls, opened, reference="CA1"), call(calls, opened, reference="CA2")
    tell(calls, first, ended(reference="CA1"))
    tell(calls, second, placed("CA2"), stage=Stage.RINGING)
    (one,) = calls.store.calls.list_under_way(calls.key)
    assert (one.position, one.address, one.stage) == (second.position, calls.address(second.position), Stage.RINGING)
