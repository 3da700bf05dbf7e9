"""Webhooks about calls: late, doubled, out of order, unsigned, or about nothing of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Row, select

from clarion.domain.attempt import AttemptId, Verdict
from clarion.domain.call import AnsweredBy, CallFacts, CallWord, Speaker, Stage, Turn
from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome
from clarion.providers.ports import CallReceipt, Webhook
from clarion.providers.raw import RawReceipt
from clarion.store.call_rows import read_analysis, read_turns
from clarion.store.entries import Record, Withdraw
from clarion.store.inbox import Inbox
from clarion.store.schema import calls as call_table
from clarion.store.store import Store
from tests.store.call_scene import call, ended, new_call_scene, placed
from tests.store.scene import GRACE, Scene, unknown

ANSWER = Turn(Speaker.AGENT, "Hello, this is Clarion.", 0.0)
REPLY = Turn(Speaker.PERSON, "Who is this?", 2.5)
GOODBYE = Turn(Speaker.AGENT, "Goodbye.")

LIFE = {
    "placed": CallWord(placed(), CallFacts(Stage.PLACED)),
    "ringing": CallWord(placed(), CallFacts(Stage.RINGING)),
    "answered": CallWord(placed(), CallFacts(Stage.ANSWERED, answered_by=AnsweredBy.UNKNOWN)),
    "human": CallWord(placed(), CallFacts(Stage.ANSWERED, answered_by=AnsweredBy.HUMAN)),
    "ended": CallWord(
        ended(),
        CallFacts(Stage.ENDED, duration=42.0, disconnection_reason="user_hangup", turns=(ANSWER, REPLY)),
    ),
    "analysed": CallWord(
        ended(),
        CallFacts(
            Stage.ENDED,
            cost=0.07,
            recording_url="https://recordings.example/1",
            summary="Asked who we are.",
            turns=(ANSWER, REPLY, GOODBYE),
            analysis={"sentiment": "neutral"},
        ),
    ),
}
"""A call as its provider tells it, in order."""


class SpokenReader:
    """Reads payloads such as "ringing", "ringing CA7" or "? CA7": a word, and the provider's reference."""

    def verify(self, webhook: Webhook, now: float) -> bool:
        return True

    def receipt(self, payload: str, attempt: str | None) -> CallReceipt | None:
        word, _, reference = payload.partition(" ")
        if word == "chatter":
            return None
        if word != "?" and word not in LIFE:
            message = f"{word} is no word about a call"
            raise BadInput(message)
        return CallReceipt(attempt, reference or "CA1", LIFE.get(word))


def inbox(scene: Scene) -> Inbox:
    return Inbox(scene.store.database, scene.tenant, {}, GRACE, {"retell": SpokenReader()})


def hear(scene: Scene, *payloads: str, attempt: AttemptId | str | None) -> list[str]:
    """Let webhooks come in one after another; returns what they came to."""
    box, results = inbox(scene), []
    for payload in payloads:
        named = None if attempt is None else str(attempt)
        box.keep([RawReceipt("retell", "main", "call", payload, named, scene.now)], scene.now)
        (result,) = box.apply(scene.now)
        results.append(result)
    return results


def known(scene: Scene, attempt: AttemptId) -> Row[Any]:
    this = (call_table.c[name] == value for name, value in attempt._asdict().items())
    with scene.store.database.read() as connection:
        return connection.execute(select(call_table).where(*this)).one()


def told(scene: Scene, attempt: AttemptId) -> tuple[object, ...]:
    """Everything that is known of a call but for our clock."""
    row, stands = known(scene, attempt), scene.attempt(attempt)
    facts = row.stage, row.answered_by, row.duration, row.disconnection_reason, row.recording_url, row.summary
    said = read_turns(row.transcript), read_analysis(row.analysis)
    return (
        *facts,
        *said,
        scene.state(1),
        stands.outcome,
        stands.provider_reference,
        stands.provider_status,
        stands.cost,
    )


WHOLE = (
    *("ended", "human", 42.0, "user_hangup", "https://recordings.example/1", "Asked who we are."),
    *((ANSWER, REPLY, GOODBYE), {"sentiment": "neutral"}),
    *(("succeeded", "answered"), "answered", "CA1", "completed", 70_000),
)


def test_a_call_is_told_from_its_beginning_to_its_end(calls: Scene) -> None:
    attempt = calls.contact(calls.open_chunk())
    stages = []
    for word in LIFE:
        calls.after(1)
        assert hear(calls, word, attempt=attempt) == ["applied"]
        stages.append((known(calls, attempt).stage, calls.state(1)[0]))
    assert stages == [
        *(("placed", "active"), ("ringing", "active"), ("answered", "active"), ("answered", "active")),
        *(("ended", "succeeded"), ("ended", "succeeded")),
    ]
    assert told(calls, attempt) == WHOLE
    row, start = known(calls, attempt), calls.now - len(LIFE)
    assert (row.placed_at, row.answered_at, row.ended_at) == (start + 1, start + 3, start + 5)
    assert calls.attempt(attempt).receipt_at == calls.now
    calls.books()


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.permutations(sorted(LIFE)),
    more=st.lists(st.tuples(st.sampled_from(sorted(LIFE)), st.integers(0, 20)), max_size=6),
    before=st.sampled_from(["intended", "answered the create", "stranded", "withdrawn", "cut off"]),
)
def test_whatever_the_order_and_however_often_it_comes_to_the_same(
    store: Store, words: list[str], more: list[tuple[str, int]], before: str
) -> None:
    scene = new_call_scene(store, 1)
    opened = scene.open_chunk(1)
    attempt = scene.contact(opened, 1)
    match before:
        case "answered the create":
            scene.record(attempt, placed())
        case "stranded":
            scene.close_chunk(opened, 1)
        case "withdrawn":
            scene.record(attempt, unknown())
            scene.post(Withdraw(attempt, scene.now, "retry", "never arrived"))
        case "cut off":
            scene.open_chunk(1, attempt=2)
    for word, place in more:
        words.insert(place, word)
    decided = False
    for word in words:
        scene.after(1)
        hear(scene, word, attempt=attempt)
        decided = decided or word in {"ended", "analysed"}
        state, outcome = scene.state(1)
        assert (state, outcome) == (("succeeded", "answered") if decided else ("active", "placed"))
        target = scene.target(1)
        assert decided or target.chunk is not None or target.due_at <= scene.now
        scene.books()
    assert told(scene, attempt) == WHOLE
    assert set(hear(scene, *LIFE, attempt=attempt)) == {"known"}


def test_the_answer_to_the_create_may_come_after_the_end(calls: Scene) -> None:
    attempt = calls.contact(calls.open_chunk())
    hear(calls, "ringing", "ended", attempt=attempt)
    calls.record(attempt, placed())
    assert calls.state(1) == ("succeeded", "answered")
    assert known(calls, attempt).stage == "ended"
    calls.books()


def test_a_webhook_without_our_id_is_known_by_the_reference(calls: Scene) -> None:
    opened = calls.open_chunk()
    first = call(calls, opened, reference=f"CA1-{calls.tenant}")
    second = call(calls, opened, reference=f"CA2-{calls.tenant}")
    assert hear(calls, f"ended CA2-{calls.tenant}", attempt=None) == ["applied"]
    assert [calls.state(n)[0] for n in (1, 2)] == ["active", "succeeded"]
    assert hear(calls, f"analysed CA2-{calls.tenant}", attempt="gibberish") == ["applied"]
    assert known(calls, second).summary == "Asked who we are."
    assert hear(calls, "ended CA-of-nobody", attempt=None) == ["unmatched"]
    assert calls.attempt(first).outcome == "placed"


def test_an_unsigned_hint_only_says_that_there_is_something_to_ask_for(calls: Scene) -> None:
    attempt = call(calls, calls.open_chunk())
    calls.after(5)
    assert hear(calls, "? CA9", attempt=attempt) == ["noted"]
    assert calls.state(1) == ("active", "placed")
    row = calls.attempt(attempt)
    assert (row.receipt_at, row.provider_reference) == (calls.now, "CA1")


def test_what_is_not_about_a_call_of_ours_changes_nothing(calls: Scene, scene: Scene) -> None:
    attempt = call(calls, calls.open_chunk())
    text = scene.contact(scene.open_chunk())
    assert hear(calls, "chatter", "nonsense", attempt=attempt) == ["beside", "unreadable"]
    assert hear(calls, "ended", attempt=text) == ["unmatched"]
    assert hear(calls, "ended CA-of-nobody", attempt=AttemptId(calls.key, 1, 9)) == ["unmatched"]
    assert (calls.state(1), scene.state(1)) == (("active", "placed"), ("active", None))
    calls.inbox.keep([RawReceipt("retell", "main", "call", "ended", str(attempt), calls.now)], calls.now)
    assert calls.inbox.apply(calls.now) == {"unreadable": 1}


def test_many_words_are_applied_together(make_calls: Callable[..., Scene]) -> None:
    scene = make_calls(4)
    opened = scene.open_chunk()
    attempts = [scene.contact(opened) for _ in range(4)]
    box = inbox(scene)
    for attempt in attempts:
        for word in ("analysed", "ringing", "ended", "ended"):
            payload = f"{word} CA{attempt.position}"
            box.keep([RawReceipt("retell", "main", "call", payload, str(attempt), scene.now)], scene.now)
    assert box.apply(scene.now) == {"applied": 8, "known": 8}
    assert scene.books().succeeded == 4
    assert {known(scene, attempt).summary for attempt in attempts} == {"Asked who we are."}


def test_a_word_after_the_campaign_is_over_is_believed(calls: Scene) -> None:
    opened = calls.open_chunk()
    attempt = call(calls, opened)
    calls.close_chunk(opened)
    calls.close(CampaignStatus.COMPLETED)
    assert hear(calls, "ringing", "ended", attempt=attempt) == ["applied", "applied"]
    assert calls.state(1) == ("succeeded", "answered")
    calls.books()


def test_words_of_any_length_and_content_can_be_stored(calls: Scene) -> None:
    attempt = calls.contact(calls.open_chunk())
    facts = CallFacts(
        Stage.ENDED,
        disconnection_reason="d" * 500,
        recording_url="https://example.org/\0" + "r" * 5_000,
        summary="one\0two \ud800 three",
        turns=(Turn(Speaker.OTHER, "\0half a character: \udfff"), Turn(Speaker.PERSON, "Grüße 你好 🎉")),
        analysis={"a\0b": "\ud800", "n": "x" * 9_000},
    )
    words = replace(ended(), provider_reference="r" * 500, provider_status="s" * 500, provider_code="c" * 500)
    calls.post(Record(attempt, words, facts))
    row = known(calls, attempt)
    assert (len(row.disconnection_reason), row.summary) == (64, "onetwo ? three")
    assert [turn.text for turn in read_turns(row.transcript)] == ["half a character: ?", "Grüße 你好 🎉"]
    assert read_analysis(row.analysis) == {"ab": "?", "n": "x" * 9_000}
    assert row.provider_reference == calls.attempt(attempt).provider_reference == "r" * 64
    calls.books()


def test_a_verdict_without_facts_ends_what_is_known(calls: Scene) -> None:
    attempt = call(calls, calls.open_chunk())
    calls.after(9)
    calls.record(attempt, Verdict(Outcome.NO_ANSWER, final=True))
    row = known(calls, attempt)
    assert (row.stage, row.ended_at) == ("ended", calls.now)


@pytest.mark.parametrize("machine", [AnsweredBy.HUMAN, AnsweredBy.MACHINE])
def test_not_to_know_who_answered_does_not_undo_knowing_it(calls: Scene, machine: AnsweredBy) -> None:
    attempt = calls.contact(calls.open_chunk())
    for told_by in (AnsweredBy.UNKNOWN, machine, AnsweredBy.UNKNOWN, None):
        calls.post(Record(attempt, placed(), CallFacts(Stage.ANSWERED, answered_by=told_by)))
    assert known(calls, attempt).answered_by == machine
