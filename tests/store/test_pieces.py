"""Sums over whole campaigns: added up piece by piece, and remembered where the campaign is large."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from clarion.domain.target import Outcome, TargetState
from clarion.store import pieces
from clarion.store.faults import Reason
from clarion.store.pieces import FRESH, Piece, Remembered, pieces_of
from clarion.store.store import Store
from tests.store.call_scene import call, ended, new_call_scene, tell
from tests.store.scene import Scene, new_scene, rejected, sent


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", 3)


def contact_all(scene: Scene, people: int) -> None:
    opened = scene.open_chunk()
    for n in range(people):
        scene.record(scene.contact(opened), sent(f"SM{n}") if n % 2 else rejected())


def test_pieces_hold_every_position_once(store: Store, small_pieces: None) -> None:
    scene = new_scene(store, 7)
    with store.database.read() as connection:
        assert list(pieces_of(connection, scene.key)) == [Piece(0, 3), Piece(3, 6), Piece(6, 9)]


def test_reasons_are_added_up_over_pieces_with_the_first_of_each(store: Store, small_pieces: None) -> None:
    scene = new_scene(store, 20)
    contact_all(scene, 16)
    (fault,) = store.faults.of(scene.key)
    assert (fault.reason, fault.count) == (Reason(TargetState.FAILED, Outcome.FAILED, None), 8)
    assert [one.position for one in fault.examples] == [1, 3, 5, 7, 9]
    assert fault.examples[0].detail == "refused"


def test_calls_and_attempts_are_added_up_over_pieces(store: Store, small_pieces: None) -> None:
    scene = new_call_scene(store, 8)
    opened = scene.open_chunk()
    for n in range(8):
        attempt = call(scene, opened, reference=f"CA{n}")
        tell(scene, attempt, ended(reference=f"CA{n}"), duration=10.0 + n, analysis={"mood": "good" if n else "bad"})
    found = store.calls.summary(scene.key)
    assert (found.calls, found.total_duration, found.average_duration) == (8, 108.0, 13.5)
    assert found.by_analysis == {"mood": {"good": 7, "bad": 1}}
    tried = store.timeline.tries(scene.key)
    assert (tried.attempts, tried.targets) == (8, 8)
    assert sum(quarter.count for quarter in store.timeline.quarters(scene.key, own_zones=False)) == 8


class Counting:
    """Adds up how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.now = 0.0

    def __call__(self, _connection: Connection, _campaign_key: int) -> int:
        self.asked += 1
        return self.asked


def test_sums_of_small_campaigns_are_never_old(store: Store) -> None:
    counting = Counting()
    known = Remembered(store.database, counting, clock=lambda: counting.now)
    scene = new_scene(store, 3)
    assert [known.of(scene.key), known.of(scene.key)] == [1, 2]


def test_sums_of_large_campaigns_are_remembered_until_something_changes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "LARGE", 3)
    counting = Counting()
    known = Remembered(store.database, counting, longest=60.0, clock=lambda: counting.now)
    scene = new_scene(store, 3)
    other = new_scene(store, 3)
    assert [known.of(scene.key), known.of(scene.key)] == [1, 1]
    assert known.of(other.key) == 2
    counting.now += FRESH
    assert known.of(scene.key) == 1
    contact_all(scene, 1)
    assert known.of(scene.key) == 3
    contact_all(scene, 1)
    assert known.of(scene.key) == 3, "what has just been added up is shown for some seconds"
    counting.now += FRESH
    assert known.of(scene.key) == 4
    counting.now += 60.0
    assert known.of(scene.key) == 5
