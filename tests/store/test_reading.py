"""What people look at: targets, attempts, events, the do-not-contact list."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import update

from clarion.domain.target import Outcome
from clarion.store import targets
from clarion.store.schema import books
from tests.store.scene import COST, Scene, rejected, sent, unknown

MakeScene = Callable[..., Scene]


def test_targets_are_listed_with_their_last_attempt(scene: Scene) -> None:
    opened = scene.open_chunk()
    scene.record(scene.contact(opened), sent("SM8"))
    scene.record(scene.contact(opened), rejected(Outcome.INVALID_NUMBER))
    first, second, third = scene.store.targets.page(scene.key)
    assert (first.provider_reference, first.cost, first.intended_at) == ("SM8", COST, scene.now)
    assert (second.cost, second.outcome) == (0, "invalid_number")
    assert (third.cost, third.intended_at) == (None, None)
    assert [t.position for t in scene.store.targets.page(scene.key, state="pending")] == [3]
    assert [t.position for t in scene.store.targets.page(scene.key, after=1, limit=1)] == [2]
    assert scene.store.targets.get(scene.key, 9) is None


def test_all_targets_come_in_order_page_by_page(make_scene: MakeScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "PAGE", 3)
    scene = make_scene(7)
    assert [target.position for target in scene.store.targets.all(scene.key)] == [1, 2, 3, 4, 5, 6, 7]


def test_a_target_is_found_by_its_number(scene: Scene) -> None:
    assert scene.store.targets.positions_of(scene.key, scene.address(2)) == [2]
    assert scene.store.targets.positions_of(scene.key, "+490000000") == []


def test_the_books_tell_outcomes(scene: Scene) -> None:
    opened = scene.open_chunk()
    scene.record(scene.contact(opened), unknown())
    rows = [tuple(found) for found in scene.store.targets.by_outcome(scene.key)]
    assert rows == [("pending", "", 2), ("unknown", "unknown", 1)]
    assert scene.store.targets.count_books(scene.key) == scene.books()


def test_an_audit_sees_books_that_do_not_balance(scene: Scene) -> None:
    with scene.store.database.write() as connection:
        connection.execute(update(books).where(books.c.campaign_key == scene.key).values(n=books.c.n + 1))
    audit = scene.store.targets.audit(scene.key)
    assert not audit.balanced
    assert (audit.booked.pending, audit.counted.pending) == (4, 3)


def test_events_are_told_in_order(scene: Scene) -> None:
    events = scene.store.events
    scene.record(scene.contact(scene.open_chunk()), sent())
    events.append(scene.key, scene.now, "note", "for all")
    events.append(scene.key, scene.now, "note", "for one", 2)
    assert [(e.kind, e.position) for e in events.latest(scene.key, 3)] == [("sent", 1), ("note", None), ("note", 2)]
    first = events.latest(scene.key, 3)[0].id
    assert [event.detail for event in events.after(scene.key, first)] == ["for all", "for one"]
    assert [event.detail for event in events.of_target(scene.key, 2)] == ["for one"]
    assert [event.kind for event in events.of_campaign(scene.key)][-1] == "note"


def test_the_do_not_contact_list(scene: Scene) -> None:
    listed, tenant = scene.store.suppressions, scene.tenant
    for n in (3, 1, 2):
        assert listed.add(tenant, f"+1415555000{n}", "person", "asked", scene.now)
    assert not listed.add(tenant, "+14155550001", "stop", "", scene.now)
    assert [person.address[-1] for person in listed.list(tenant)] == ["1", "2", "3"]
    assert [person.address[-1] for person in listed.list(tenant, after="+14155550001", limit=1)] == ["2"]
    assert (listed.list(tenant)[0].source, listed.list(tenant)[0].detail) == ("person", "asked")
    assert listed.remove(tenant, "+14155550001")
    assert not listed.remove(tenant, "+14155550001")
    many = [f"+1415556{n:04}" for n in range(1_000)]
    assert listed.among(tenant, [*many, "+14155550002"]) == {"+14155550002"}
    assert listed.among(tenant, []) == set()
    assert listed.among("somebody-else", ["+14155550002"]) == set()
