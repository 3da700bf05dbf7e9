"""Changes to many targets at once: concluding, cancelling, trying again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import Outcome
from clarion.store import sweeps
from clarion.store.entries import GiveUp
from tests.store.scene import Scene, rejected, sent, unknown

MakeScene = Callable[..., Scene]


def fail(scene: Scene, *outcomes: Outcome) -> None:
    opened = scene.open_chunk()
    for outcome in outcomes:
        scene.record(scene.contact(opened), rejected(outcome))


def test_sent_is_the_last_word_when_no_receipt_comes(make_scene: MakeScene) -> None:
    scene = make_scene(3, receipts={"wait": 100})
    opened = scene.open_chunk()
    scene.record(scene.contact(opened), sent())
    scene.contact(opened)
    assert scene.store.sweeps.conclude_overdue(scene.key, scene.after(99)) == 0
    assert scene.store.sweeps.conclude_overdue(scene.key, scene.after(1)) == 1
    assert [scene.state(n)[0] for n in (1, 2, 3)] == ["succeeded", "active", "pending"]
    scene.books()


def test_a_cancelled_campaign_does_not_wait_for_receipts(scene: Scene) -> None:
    opened = scene.open_chunk()
    scene.record(scene.contact(opened), sent())
    scene.contact(opened)
    assert scene.store.sweeps.conclude_overdue(scene.key, scene.now, before=float("inf")) == 1
    assert [scene.state(n)[0] for n in (1, 2)] == ["succeeded", "active"]


def test_cancelling_leaves_alone_what_is_under_way_or_unknown(make_scene: MakeScene) -> None:
    scene = make_scene(6)
    opened = scene.open_chunk()
    attempts = [scene.contact(opened) for _ in range(4)]
    scene.record(attempts[1], unknown())
    scene.record(attempts[2], sent())
    scene.record(attempts[3], rejected(retryable=True))
    assert scene.store.sweeps.cancel_some(scene.key, scene.now) == 3
    assert scene.store.sweeps.cancel_some(scene.key, scene.now) == 0
    states = [scene.state(n)[0] for n in range(1, 7)]
    assert states == ["active", "unknown", "active", "cancelled", "cancelled", "cancelled"]
    assert scene.books().cancelled == 3


def test_a_sweep_is_cut_into_transactions(make_scene: MakeScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "BULK", 3)
    scene = make_scene(7)
    assert [scene.store.sweeps.cancel_some(scene.key, scene.now) for _ in range(4)] == [3, 3, 1, 0]
    assert scene.books().cancelled == 7


def test_failures_that_another_try_can_help_are_due_again(make_scene: MakeScene) -> None:
    scene = make_scene(5)
    fail(scene, Outcome.FAILED, Outcome.INVALID_NUMBER, Outcome.OPTED_OUT, Outcome.REJECTED_CONTENT)
    opened = scene.open_chunk()
    scene.post(GiveUp(scene.claim(opened, 1)[0].key, opened.fence, Outcome.EXPIRED, "too late"))
    scene.after(1)
    assert scene.store.sweeps.requeue_some(scene.key, (), scene.now, scene.now) == 2
    states = [scene.state(n)[0] for n in range(1, 6)]
    assert states == ["waiting", "failed", "skipped", "failed", "waiting"]
    assert (scene.target(1).tries, scene.target(1).due_at, scene.target(1).reason) == (0, scene.now, "retry")
    assert scene.contact(scene.open_chunk()).number == 2
    scene.books()


def test_somebody_can_say_which_failures_are_tried_again(make_scene: MakeScene) -> None:
    scene = make_scene(2)
    fail(scene, Outcome.FAILED, Outcome.INVALID_NUMBER)
    scene.after(1)
    assert scene.store.sweeps.requeue_some(scene.key, ("invalid_number",), scene.now, scene.now) == 1
    assert [scene.state(n)[0] for n in (1, 2)] == ["failed", "waiting"]


def test_what_fails_anew_meanwhile_is_not_tried_a_third_time(scene: Scene) -> None:
    fail(scene, Outcome.FAILED)
    asked_at = scene.after(1)
    assert scene.store.sweeps.requeue_some(scene.key, (), scene.after(1), asked_at) == 1
    fail(scene, Outcome.FAILED)
    assert scene.state(1) == ("failed", "failed")
    assert scene.store.sweeps.requeue_some(scene.key, (), scene.after(1), asked_at) == 0


def test_what_a_receipt_sets_in_motion_after_the_last_look_is_settled_at_the_end(make_scene: MakeScene) -> None:
    for status, end in ((CampaignStatus.COMPLETED, "failed"), (CampaignStatus.CANCELLED, "cancelled")):
        scene = make_scene(2)
        opened = scene.open_chunk()
        attempts = [scene.contact(opened) for _ in range(2)]
        for attempt in attempts:
            scene.record(attempt, sent())
        scene.store.sweeps.conclude_overdue(scene.key, scene.after(7200))
        scene.receive(attempts[0], "undelivered", code=30003)
        assert scene.state(1)[0] == "waiting"
        scene.close(status)
        assert [scene.state(n) for n in (1, 2)] == [(end, "undelivered"), ("succeeded", "sent")]
        assert scene.books().open == 0
