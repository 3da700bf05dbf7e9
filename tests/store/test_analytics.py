"""Attempts of many campaigns by when they were made: each counted once, and read again only after something changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import event

from clarion.domain.campaign import CampaignStatus, Channel
from clarion.domain.target import Outcome, TargetState
from clarion.store import analytics
from clarion.store.analytics import QUARTER, Contacts, Result, Scope
from clarion.store.store import Store
from tests.store.call_scene import call, ended, tell
from tests.store.scene import COST, START, Scene, rejected, sent, unknown

MakeScene = Callable[..., Scene]
FIRST = int(START // QUARTER * QUARTER)


def scope(scene: Scene, since: float = 0.0, **only: object) -> Scope:
    return Scope(scene.tenant, since, **only)  # type: ignore[arg-type]  # fields by name


def contacts(scene: Scene, since: float = 0.0) -> list[Contacts]:
    return sorted(scene.store.analytics.contacts(scope(scene, since)), key=lambda one: (one.at, one.result))


def attempts_read(store: Store, work: Callable[[], object]) -> int:
    """Count how often attempts are read."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "FROM attempts" in statement:
            seen.append(statement)

    event.listen(store.database.engine, "before_cursor_execute", note)
    work()
    event.remove(store.database.engine, "before_cursor_execute", note)
    return len(seen)


def test_attempts_are_counted_by_quarter_and_by_what_they_came_to(make_scene: MakeScene) -> None:
    scene = make_scene(6)
    opened = scene.open_chunk()
    made = [scene.contact(opened) for _ in range(4)]
    scene.record(made[0], sent())
    scene.record(made[1], rejected())
    scene.after(QUARTER)
    scene.record(scene.contact(opened), sent("SM2"))
    scene.record(made[2], unknown())
    assert contacts(scene) == [
        Contacts(FIRST, Channel.SMS, Result.FAILED, 1, 0),
        Contacts(FIRST, Channel.SMS, Result.NEITHER, 1, COST),
        Contacts(FIRST, Channel.SMS, Result.SUCCEEDED, 1, COST),
        Contacts(FIRST + QUARTER, Channel.SMS, Result.SUCCEEDED, 1, COST),
    ]
    assert sum(one.cost for one in contacts(scene)) == scene.spent() - COST  # one is still under way
    assert contacts(scene, FIRST + QUARTER) == [Contacts(FIRST + QUARTER, Channel.SMS, Result.SUCCEEDED, 1, COST)]
    assert contacts(scene, FIRST + 2 * QUARTER) == []


def test_attempts_are_read_again_only_after_something_changed(make_scene: MakeScene) -> None:
    scene = make_scene(3)
    opened = scene.open_chunk()
    scene.record(scene.contact(opened), sent())
    first = contacts(scene)
    assert attempts_read(scene.store, lambda: contacts(scene)) == 0
    scene.record(scene.contact(opened), sent("SM2"))
    assert attempts_read(scene.store, lambda: contacts(scene)) == 1
    assert contacts(scene) == [Contacts(FIRST, Channel.SMS, Result.SUCCEEDED, 2, 2 * COST)] != first


def test_only_so_much_is_remembered(make_scene: MakeScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analytics, "MOST_KEPT", 1)
    scenes = [make_scene(1), make_scene(1)]
    for scene in scenes:
        scene.record(scene.contact(scene.open_chunk()), sent())
        assert contacts(scene) == [Contacts(FIRST, Channel.SMS, Result.SUCCEEDED, 1, COST)]
    assert attempts_read(scenes[1].store, lambda: contacts(scenes[1])) == 0
    assert attempts_read(scenes[0].store, lambda: contacts(scenes[0])) == 1


def test_a_call_counts_once_it_has_ended(calls: Scene) -> None:
    opened = calls.open_chunk()
    attempt = call(calls, opened, reference="CA1")
    assert contacts(calls) == []
    tell(calls, attempt, ended(Outcome.ANSWERED))
    (one,) = contacts(calls)
    assert (one.channel, one.result, one.count) == (Channel.CALL, Result.SUCCEEDED, 1)


def test_campaigns_are_summed_up_from_their_books(make_scene: MakeScene) -> None:
    scene = make_scene(3)
    opened = scene.open_chunk()
    scene.record(scene.contact(opened), sent())
    scene.record(scene.contact(opened), rejected())
    (sums,) = scene.store.analytics.campaigns(scope(scene), 10)
    assert (sums.campaign_id, sums.cost, sums.status) == ("c1", COST, CampaignStatus.RUNNING)
    assert {state: n for state, n in sums.states.items() if n} == {
        TargetState.PENDING: 1,
        TargetState.ACTIVE: 1,
        TargetState.FAILED: 1,
    }
    assert scene.store.analytics.count(scope(scene)) == {Channel.SMS: 1}
    assert scene.store.analytics.count(scope(scene, account="other")) == {}
    assert scene.store.analytics.campaigns(scope(scene, channel=Channel.CALL), 10) == []


def test_campaigns_that_had_ended_by_then_are_left_out(make_scene: MakeScene) -> None:
    scene = make_scene(1)
    scene.record(scene.contact(scene.open_chunk()), sent())
    scene.close(CampaignStatus.COMPLETED)
    assert contacts(scene, START - QUARTER) != []
    assert contacts(scene, START + QUARTER) == []
    assert scene.store.analytics.count(scope(scene, START + 1)) == {}
