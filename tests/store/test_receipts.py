"""Receipts and answers: whenever they come, however often, in whatever order."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import pytest
from sqlalchemy import select

from clarion.domain.attempt import AttemptId
from clarion.domain.campaign import CampaignStatus
from clarion.store.entries import Granted, Refusal, Withdraw
from clarion.store.schema import receipts
from tests.store.scene import COST, GRACE, Scene, rejected, sent, unknown

MakeScene = Callable[..., Scene]


def test_a_receipt_may_come_before_the_answer_to_the_create(scene: Scene) -> None:
    attempt = scene.contact(scene.open_chunk())
    assert scene.receive(attempt, "delivered", sid="SM4") == "applied"
    assert scene.state(1) == ("succeeded", "delivered")
    scene.record(attempt, sent("SM4"))
    assert scene.state(1) == ("succeeded", "delivered")
    assert scene.attempt(attempt).provider_status == "delivered"
    assert scene.books().succeeded == 1


@pytest.mark.parametrize("order", list(permutations(["queued", "sent", "delivered"])))
def test_receipts_come_in_any_order(scene: Scene, order: tuple[str, ...]) -> None:
    attempt = scene.contact(scene.open_chunk())
    for status in (*order, *order):
        scene.receive(attempt, status)
    scene.record(attempt, sent())
    assert scene.state(1) == ("succeeded", "delivered")
    assert scene.attempt(attempt).provider_status == "delivered"
    assert scene.books().succeeded == 1


def test_the_first_last_word_stands(scene: Scene) -> None:
    attempt = scene.contact(scene.open_chunk())
    scene.record(attempt, sent())
    assert scene.receive(attempt, "undelivered", code=30005) == "applied"
    assert scene.receive(attempt, "delivered") == "known"
    assert scene.state(1)[1] == "undelivered"
    scene.books()


def test_a_receipt_that_blames_the_account_stops_the_campaign(scene: Scene) -> None:
    opened = scene.open_chunk()
    scene.record(attempt := scene.contact(opened), sent())
    scene.receive(attempt, "undelivered", code=30034)
    assert scene.target(1).state == "waiting"
    campaign = scene.store.campaigns.get(scene.key)
    assert not campaign.open
    assert "registered" in campaign.halt
    scene.books()


def test_a_passing_failure_in_a_receipt_is_tried_again(scene: Scene) -> None:
    opened = scene.open_chunk()
    scene.record(attempt := scene.contact(opened), sent())
    scene.receive(attempt, "undelivered", code=30003)
    target = scene.target(1)
    assert (target.state, target.outcome, target.due_at) == ("waiting", "undelivered", scene.now + 60)
    scene.now = target.due_at
    claimed = scene.claim(opened, 1)[0]
    assert claimed.key.position == 1
    granted = scene.intend(claimed, opened)
    assert isinstance(granted, Granted)
    assert scene.receive(attempt, "delivered") == "known"
    assert scene.state(1) == ("active", "undelivered")
    scene.books()


def test_an_unknown_attempt_is_settled_by_its_receipt(scene: Scene) -> None:
    opened = scene.open_chunk()
    scene.record(attempt := scene.contact(opened), unknown())
    assert scene.receive(attempt, "sent") == "applied"
    assert scene.state(1) == ("active", "sent")
    scene.record(attempt, unknown())
    assert scene.state(1) == ("active", "sent")


def test_a_status_that_we_do_not_know_proves_that_the_text_exists(scene: Scene) -> None:
    scene.record(attempt := scene.contact(scene.open_chunk()), unknown())
    assert scene.receive(attempt, "pondering") == "applied"
    assert scene.state(1) == ("active", "sent")
    assert scene.receive(attempt, "musing") == "known"


def test_a_receipt_takes_a_target_away_from_the_chunk_that_looks_it_up(scene: Scene) -> None:
    opened = scene.open_chunk()
    scene.record(attempt := scene.contact(opened), unknown())
    scene.after(GRACE)
    scene.claim(opened, 1)
    scene.receive(attempt, "delivered")
    scene.post(Withdraw(attempt, scene.now, "retry", "never arrived"))
    assert scene.state(1) == ("succeeded", "delivered")
    assert scene.target(1).chunk is None
    scene.books()


def test_a_receipt_for_a_text_that_never_arrived_is_believed(scene: Scene) -> None:
    """The lookup was wrong: whoever has claimed the target for the next attempt is turned away, the money counts."""
    opened = scene.open_chunk()
    scene.record(attempt := scene.contact(opened), unknown())
    scene.post(Withdraw(attempt, scene.now, "retry", "never arrived"))
    assert (scene.spent(), scene.target(1).tries) == (0, 0)
    claimed = scene.claim(opened, 1)[0]
    assert claimed.key.position == 1
    assert scene.receive(attempt, "delivered") == "applied"
    assert scene.intend(claimed, opened) is Refusal.FENCED
    assert scene.state(1) == ("succeeded", "delivered")
    assert (scene.spent(), scene.target(1).tries) == (COST, 1)
    scene.books()


def test_a_receipt_for_an_earlier_attempt_is_noted_and_changes_nothing(scene: Scene) -> None:
    opened = scene.open_chunk()
    scene.record(first := scene.contact(opened), unknown())
    scene.post(Withdraw(first, scene.now, "retry", "never arrived"))
    second = scene.contact(opened)
    assert scene.receive(first, "delivered") == "applied"
    assert scene.state(1) == ("active", None)
    assert "late_receipt" in scene.events(1)
    scene.record(second, sent())
    assert scene.state(1) == ("active", "sent")
    scene.books()


def test_a_receipt_may_come_after_the_campaign_is_over(scene: Scene) -> None:
    opened = scene.open_chunk()
    attempts = [scene.contact(opened) for _ in range(3)]
    scene.record(attempts[0], sent())
    scene.record(attempts[1], sent())
    scene.record(attempts[2], unknown())
    scene.after(7200)
    assert scene.store.sweeps.conclude_overdue(scene.key, scene.now) == 2
    assert scene.state(1) == ("succeeded", "sent")
    scene.close(CampaignStatus.COMPLETED)
    scene.receive(attempts[0], "delivered")
    scene.receive(attempts[1], "undelivered", code=30003)
    scene.receive(attempts[2], "sent")
    ends = [("succeeded", "delivered"), ("failed", "undelivered"), ("succeeded", "sent")]
    assert [scene.state(n) for n in (1, 2, 3)] == ends
    assert scene.books().open == 0


def test_receipts_that_fit_nothing_are_set_aside(scene: Scene) -> None:
    scene.record(scene.contact(scene.open_chunk()), sent())
    assert scene.receive(AttemptId(scene.key, 1, 9), "delivered") == "unmatched"
    assert scene.receive(AttemptId(987654321, 1, 1), "delivered") == "unmatched"
    assert scene.receive("nonsense", "delivered") == "unmatched"
    scene.keep("status", {"Nothing": "useful"}, f"{scene.key}.1.1")
    assert scene.inbox.apply(scene.now) == {"unreadable": 1}
    assert scene.inbox.waiting() == 0
    assert scene.state(1) == ("active", "sent")


def test_many_receipts_are_applied_together(make_scene: MakeScene) -> None:
    scene = make_scene(8)
    opened = scene.open_chunk()
    for attempt in [scene.contact(opened) for _ in range(8)]:
        scene.record(attempt, sent(f"SM{attempt.position}"))
        for status in ("sent", "delivered"):
            scene.keep("status", {"MessageSid": f"SM{attempt.position}", "MessageStatus": status}, str(attempt))
    assert scene.inbox.apply(scene.now) == {"applied": 8, "known": 8}
    assert scene.inbox.apply(scene.now) == {}
    assert scene.books().succeeded == 8


def test_one_receipt_that_cannot_be_applied_does_not_hold_up_the_others(scene: Scene) -> None:
    class Stumbling:
        def status(self, form: dict[str, str], attempt: str | None) -> object:
            if form["MessageSid"] == "BAD":
                raise ZeroDivisionError
            return scene.inbox.readers["twilio"].status(form, attempt)

    attempt = scene.contact(scene.open_chunk())
    scene.keep("status", {"MessageSid": "BAD", "MessageStatus": "sent"}, str(attempt))
    scene.keep("status", {"MessageSid": "SM1", "MessageStatus": "delivered"}, str(attempt))
    inbox = type(scene.inbox)(scene.store.database, scene.tenant, {"twilio": Stumbling()}, GRACE)  # type: ignore[dict-item]
    assert inbox.apply(scene.now) == {"failed": 1}
    assert inbox.apply(scene.now) == {"applied": 1}
    assert scene.state(1) == ("succeeded", "delivered")
    with scene.store.database.read() as connection:
        query = select(receipts.c.result).where(receipts.c.attempt == str(attempt)).order_by(receipts.c.id)
        assert connection.execute(query).scalars().all() == ["failed", "applied"]


def test_stop_suppresses_in_all_campaigns_and_start_lifts_it(scene: Scene) -> None:
    opened = scene.open_chunk()
    scene.record(scene.contact(opened), sent())
    person = scene.address(1)
    assert scene.hear(person, "STOP", "IN1") == "applied"
    assert scene.store.suppressions.among(scene.tenant, [person, scene.address(2)]) == {person}
    assert "inbound_stop" in scene.events(1)
    scene.after(1)
    assert scene.hear(person, "start", "IN2") == "applied"
    assert scene.store.suppressions.among(scene.tenant, [person]) == set()
    texts = scene.store.conversations(scene.key)
    assert [(text.body, text.kind, text.position) for text in texts] == [("STOP", "stop", 1), ("start", "start", 1)]


def test_a_repeated_webhook_does_not_repeat_the_wish(scene: Scene) -> None:
    person = scene.address(1)
    scene.hear(person, "STOP", "IN1")
    scene.after(1)
    scene.hear(person, "START", "IN2")
    scene.after(1)
    assert scene.hear(person, "STOP", "IN1") == "known"
    assert scene.store.suppressions.among(scene.tenant, [person]) == set()


def test_a_start_that_is_applied_late_does_not_lift_a_later_stop(scene: Scene) -> None:
    person = scene.address(1)
    early = scene.now
    scene.after(10)
    scene.hear(person, "STOP", "IN1")
    scene.now = early
    scene.hear(person, "START", "IN0")
    assert scene.store.suppressions.among(scene.tenant, [person]) == {person}


def test_stop_and_start_and_stop_again_in_one_batch(scene: Scene) -> None:
    person = scene.address(1)
    for n, word in enumerate(("STOP", "START", "STOP")):
        scene.after(1)
        scene.keep("inbound", scene.text(person, word, f"IN{n}"), None)
    assert scene.inbox.apply(scene.now) == {"applied": 3}
    assert scene.store.suppressions.among(scene.tenant, [person]) == {person}


def test_a_text_from_a_stranger_is_kept(scene: Scene) -> None:
    assert scene.hear("+4915112345678", "Who is this? \0", "IN9") == "applied"
    assert scene.hear("whatsapp:+491511234567890123456789012345", "hm", "IN8") == "applied"
    assert scene.store.conversations(scene.key) == []


def test_an_opt_out_in_a_receipt_suppresses(scene: Scene) -> None:
    scene.record(attempt := scene.contact(scene.open_chunk()), sent())
    scene.receive(attempt, "failed", code=21610)
    assert scene.state(1) == ("skipped", "opted_out")
    assert scene.store.suppressions.among(scene.tenant, [scene.address(1)]) == {scene.address(1)}
    assert scene.spent() == 0


def test_a_rejection_that_is_repeated_in_a_receipt_is_known(scene: Scene) -> None:
    scene.record(attempt := scene.contact(scene.open_chunk()), rejected())
    assert scene.receive(attempt, "failed", code=30001) == "known"
    assert scene.books().failed == 1
