"""The log of all campaigns together: in order and complete, also while transactions commit in another order."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from sqlalchemy import Connection

from clarion.store.database import Database
from clarion.store.migrate import migrate
from clarion.store.posting import Posting
from clarion.store.store import Store
from clarion.store.tail import LoggedEvent, Span
from tests.store.scene import GRACE, START, Scene

MakeScene = Callable[..., Scene]


def tail(scene: Scene, after: int) -> list[str]:
    return [event.detail for event in scene.store.events.tail(after)]


def end(store: Store) -> int:
    found = store.events.end()
    assert found is not None
    return found


def note(scene: Scene, detail: str) -> None:
    scene.store.events.append(scene.key, START, "note", detail)


@contextmanager
def writing(scene: Scene, detail: str) -> Iterator[Connection]:
    """A transaction that has written a line and has not committed."""
    with scene.store.database.write() as connection:
        posting = Posting(connection, START)
        posting.lock([scene.key])
        posting.event(scene.key, None, "note", detail)
        posting.flush()
        yield connection


def test_the_tail_tells_whose_each_line_is(make_scene: MakeScene) -> None:
    one, two = make_scene(), make_scene()
    begin = end(one.store)
    one.store.events.append(one.key, START, "note", "first", 7)
    note(two, "second")
    first, second = one.store.events.tail(begin)
    assert first == LoggedEvent(first.id, one.tenant, "c1", one.key, 7, START, "note", "first")
    assert (second.tenant, second.campaign_key, second.position) == (two.tenant, two.key, None)
    assert second.id > first.id
    assert one.store.events.tail(begin, 1) == [first]
    assert one.store.events.tail(first.id) == [second]
    assert one.store.events.tail(second.id) == []


def test_lines_of_a_transaction_that_was_rolled_back_hold_nothing_up(scene: Scene) -> None:
    begin = end(scene.store)

    class Oops(Exception):
        pass

    with pytest.raises(Oops), writing(scene, "never"):
        raise Oops
    note(scene, "after it")
    assert tail(scene, begin) == ["after it"]


def test_a_line_that_is_committed_late_is_waited_for(make_scene: MakeScene) -> None:
    late, early = make_scene(), make_scene()
    if late.store.database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    begin = end(late.store)
    note(early, "before")
    with writing(late, "late"):
        note(early, "early")
        assert tail(late, begin) == ["before"]
        assert late.store.events.end() is None
        assert tail(late, begin) == ["before"]
    assert tail(late, begin) == ["before", "late", "early"]
    assert end(late.store) == late.store.events.tail(begin)[-1].id


def test_whoever_begins_to_write_later_is_not_waited_for(make_scene: MakeScene) -> None:
    late, early, later = make_scene(), make_scene(), make_scene()
    if late.store.database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    begin = end(late.store)
    with writing(late, "late"):
        note(early, "early")
        assert tail(late, begin) == []
        still_open: AbstractContextManager[Connection] = writing(later, "later")
        still_open.__enter__()
    assert tail(late, begin) == ["late", "early"]
    still_open.__exit__(None, None, None)
    assert tail(late, begin) == ["late", "early", "later"]


def test_a_reader_sees_every_line_of_many_writers_once_and_in_order(make_scene: MakeScene) -> None:
    scenes = [make_scene() for _ in range(4)]
    store = scenes[0].store
    begin = end(store)
    writers = [threading.Thread(target=_write, args=(scene,)) for scene in scenes]
    for writer in writers:
        writer.start()
    seen: list[LoggedEvent] = []
    while True:
        running = any(writer.is_alive() for writer in writers)
        found = store.events.tail(seen[-1].id if seen else begin, 50)
        seen += found
        if not running and not found:
            break
    ids = [event.id for event in seen]
    assert ids == sorted(set(ids))
    wanted = [str(n) for n in range(60) if n % 5]
    assert {scene.key: [e.detail for e in seen if e.campaign_key == scene.key] for scene in scenes} == {
        scene.key: wanted for scene in scenes
    }


def _write(scene: Scene) -> None:
    """Write lines, some of which are rolled back."""
    for n in range(60):
        with writing(scene, str(n)) as connection:
            if n % 5 == 0:
                connection.rollback()


def test_ids_of_a_deleted_draft_are_not_given_out_again(scene: Scene) -> None:
    begin = end(scene.store)
    spec = scene.store.campaigns.get(scene.key).spec
    draft = scene.store.campaigns.create(scene.tenant, "draft", spec, START)
    (created,) = scene.store.events.tail(begin)
    assert created.campaign_id == "draft"
    assert scene.store.campaigns.delete_draft(draft)
    assert tail(scene, begin) == []
    note(scene, "after it")
    (after,) = scene.store.events.tail(created.id)
    assert (after.detail, after.campaign_id) == ("after it", "c1")
    assert scene.store.events.of_campaign(draft.key) == []


def test_a_span_of_the_log_holds_what_is_a_tenants_own(make_scene: MakeScene) -> None:
    one, two = make_scene(), make_scene()
    store = one.store
    begin = end(store)
    for n in range(4):
        note(one, f"one {n}")
        note(two, f"two {n}")
    lines = store.events.tail(begin)
    span = Span(lines[1].id, lines[-2].id)
    mine = store.events.of_tenant(one.tenant, None, span)
    assert mine == [line for line in lines if line.tenant == one.tenant][1:]
    assert store.events.of_tenant(one.tenant, "c1", span) == mine
    assert store.events.of_tenant(one.tenant, "c1", span, 2) == mine[:2]
    assert store.events.of_tenant(one.tenant, "c2", span) == []
    assert store.events.of_tenant("nobody", None, span) == []
    assert store.events.newest(one.key) == lines[-2].id
    assert store.events.newest() == lines[-1].id
    assert store.events.newest(10**9) == 0


def test_the_tail_does_not_look_through_the_log(sqlite_file: str) -> None:
    store = Store(sqlite_file, tenant="t", grace=GRACE)
    migrate(store.database)
    log, span = store.events, Span(5, 9)
    plans = plans_of(
        store.database,
        lambda: (log.tail(5), log.end(), log.of_tenant("t", None, span), log.of_tenant("t", "c", span), log.newest(1)),
    )
    assert [plan for plan in plans if "SCAN events" in plan] == []
    assert "SEARCH events USING INTEGER PRIMARY KEY (rowid>?)" in plans
    store.close()


def plans_of(database: Database, read: Callable[[], object]) -> list[str]:
    """Return how SQLite goes about what is read."""
    seen: list[str] = []

    def explain(statement: str) -> None:
        if statement.startswith("SELECT"):
            seen.append(statement)

    with database.read() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_trace_callback(explain)
        driver_of_pool = driver
    read()
    driver_of_pool.set_trace_callback(None)
    return [row[-1] for statement in seen for row in driver_of_pool.execute(f"EXPLAIN QUERY PLAN {statement}")]
