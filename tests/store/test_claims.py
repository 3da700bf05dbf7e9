"""Chunks: who may work on what, and what becomes of it when its worker goes away."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import Conflict
from clarion.store.entries import Granted, Postpone, Refusal, Withdraw
from clarion.store.schema import targets
from tests.store.scene import GRACE, START, Scene, rejected, sent, unknown

MakeScene = Callable[..., Scene]


def test_a_chunk_takes_what_is_due_in_order(make_scene: MakeScene) -> None:
    scene = make_scene(5)
    opened = scene.open_chunk()
    attempts = [scene.contact(opened) for _ in range(3)]
    scene.record(attempts[0], rejected(retryable=True))
    scene.record(attempts[1], unknown())
    scene.record(attempts[2], sent())
    scene.after(3600)
    claimed = scene.claim(opened, 10)
    assert [(c.key.position, c.state) for c in claimed] == [
        (2, "unknown"),
        (1, "waiting"),
        (4, "pending"),
        (5, "pending"),
    ]
    assert scene.claim(opened, 10) == []
    assert (claimed[2].address, claimed[2].variables, claimed[2].segments) == (scene.address(4), '{"name":"Ann"}', 1)


def test_a_chunk_takes_no_more_than_it_wants(scene: Scene) -> None:
    opened = scene.open_chunk()
    assert [c.key.position for c in scene.claim(opened, 2)] == [1, 2]


def test_what_is_not_due_is_not_taken(scene: Scene) -> None:
    opened = scene.open_chunk()
    first = scene.claim(opened, 1)[0]
    scene.post(Postpone(first.key, opened.fence, scene.now + 10, "window"))
    scene.after(9)
    assert [c.key.position for c in scene.claim(opened, 9)] == [2, 3]
    scene.after(1)
    assert [c.key.position for c in scene.claim(opened, 9)] == [1]


def test_a_closed_campaign_only_looks_up(scene: Scene) -> None:
    opened = scene.open_chunk()
    scene.record(scene.contact(opened), unknown())
    scene.after(GRACE)
    scene.close()
    assert [c.state for c in scene.claim(opened, 9)] == ["unknown"]


def test_what_a_chunk_did_not_start_goes_back(scene: Scene) -> None:
    opened = scene.open_chunk()
    first, _, _ = scene.claim(opened, 3)
    granted = scene.intend(first, opened)
    assert isinstance(granted, Granted)
    scene.record(granted.attempt, sent())
    assert scene.close_chunk(opened) == 1
    assert [scene.target(n).chunk for n in (1, 2, 3)] == [None] * 3
    again = scene.open_chunk()
    assert [c.key.position for c in scene.claim(again, 9)] == [2, 3]


def test_a_later_attempt_takes_over_and_reports_the_same_whole(make_scene: MakeScene) -> None:
    scene = make_scene(6)
    first = scene.open_chunk(1)
    done, under_way, *_ = scene.claim(first, 4, 1)
    granted = [answer for t in (done, under_way) if isinstance(answer := scene.intend(t, first), Granted)]
    scene.record(granted[0].attempt, sent())
    second = scene.open_chunk(1, attempt=2)
    assert second.taken == 4
    assert [c.key.position for c in second.left] == [3, 4]
    assert scene.state(2) == ("unknown", "unknown")
    assert scene.target(2).due_at == granted[1].slot_at + GRACE
    assert scene.target(2).chunk is None
    for target in second.left:
        answer = scene.intend(target, second)
        assert isinstance(answer, Granted)
        scene.record(answer.attempt, sent())
    assert scene.close_chunk(second, 1) == 4
    assert scene.open_chunk(1, attempt=3).taken == 4
    scene.books()


def test_a_worker_that_was_cut_off_can_contact_nobody_any_more(make_scene: MakeScene) -> None:
    scene = make_scene(4)
    zombie = scene.open_chunk(1)
    old = scene.claim(zombie, 2, 1)
    owner = scene.open_chunk(1, attempt=2)
    assert scene.claim(zombie, 9, 1) == []
    assert [scene.intend(target, zombie) for target in old] == [Refusal.FENCED] * 2
    assert scene.close_chunk(zombie, 1) == 2
    assert {scene.target(n).fence for n in (1, 2)} == {owner.fence}
    with pytest.raises(Conflict, match="later execution, attempt 2"):
        scene.open_chunk(1, attempt=1)
    with pytest.raises(Conflict):
        scene.open_chunk(1, attempt=9, ordered_at=START - 60)


def test_the_word_of_a_worker_that_was_cut_off_still_counts(scene: Scene) -> None:
    zombie = scene.open_chunk(1)
    target = scene.claim(zombie, 1, 1)[0]
    granted = scene.intend(target, zombie)
    assert isinstance(granted, Granted)
    scene.open_chunk(1, attempt=2)
    scene.record(granted.attempt, sent("SM3"))
    assert scene.state(1) == ("active", "sent")
    assert scene.attempt(granted.attempt).provider_reference == "SM3"
    scene.books()


def test_a_lookup_that_comes_late_cannot_undo_the_next_attempt(scene: Scene) -> None:
    opened = scene.open_chunk()
    first = scene.contact(opened)
    scene.record(first, unknown())
    scene.post(Withdraw(first, scene.now, "retry", "never arrived"))
    second = scene.contact(opened)
    assert second.number == 2
    scene.post(Withdraw(first, scene.now, "retry", "never arrived"))
    assert scene.state(1) == ("active", None)
    scene.record(first, sent())
    assert scene.state(1) == ("active", None)
    assert "late_receipt" in scene.events(1)
    scene.books()


def test_a_number_that_is_used_again_is_another_chunk(make_scene: MakeScene) -> None:
    """A campaign that is opened again counts its chunks from 1."""
    scene = make_scene(4)
    first = scene.open_chunk(1)
    scene.claim(first, 2, 1)
    scene.intend(scene.claim(first, 1, 1)[0], first)
    second = scene.open_chunk(1, ordered_at=START + 60)
    assert (second.taken, second.left) == (0, ())
    assert scene.state(3) == ("unknown", "unknown")
    assert [c.key.position for c in scene.claim(second, 9, 1)] == [1, 2, 4]


def test_a_reserved_slot_is_awaited_before_an_unknown_is_looked_up(make_scene: MakeScene) -> None:
    scene = make_scene(2, limits={"per_minute": 10})
    opened = scene.open_chunk(1)
    answers = [scene.intend(target, opened) for target in scene.claim(opened, 2, 1)]
    assert isinstance(answers[1], Granted)
    assert answers[1].slot_at > scene.now + 5
    scene.open_chunk(1, attempt=2)
    assert scene.target(2).due_at == answers[1].slot_at + GRACE


def test_claims_that_nobody_holds_any_more_are_freed(make_scene: MakeScene) -> None:
    scene = make_scene(4)
    opened = scene.open_chunk()
    scene.intend(scene.claim(opened, 3)[0], opened)
    assert scene.store.claims.release_stranded(scene.key, scene.now) == 3
    assert scene.state(1) == ("unknown", "unknown")
    assert scene.store.claims.release_stranded(scene.key, scene.now) == 0
    with scene.store.database.read() as connection:
        held = connection.execute(
            targets.select().where(targets.c.campaign_key == scene.key, targets.c.chunk.is_not(None))
        )
        assert held.all() == []
    scene.books()


def test_what_a_lookup_needs_is_found(scene: Scene) -> None:
    opened = scene.open_chunk()
    attempt = scene.contact(opened)
    scene.record(attempt, sent("SM5"))
    row = scene.store.claims.attempt(scene.target_key(1), 1)
    assert (row.id, row.intended_at, row.provider_reference) == (attempt, scene.now, "SM5")
    assert scene.store.claims.known_references(scene.address(1)) == {"SM5"}
    assert scene.store.claims.known_references(scene.address(2)) == set()


def test_closing_a_chunk_strands_what_is_under_way(scene: Scene) -> None:
    opened = scene.open_chunk()
    attempt = scene.contact(opened)
    scene.close(CampaignStatus.PAUSED)
    assert scene.close_chunk(opened) == 1
    assert scene.state(1) == ("unknown", "unknown")
    assert scene.attempt(attempt).outcome == "unknown"
