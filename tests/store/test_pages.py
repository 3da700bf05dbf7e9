"""Lists by the page: the same from both databases, and each page read by its index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import insert, text

from clarion.domain.target import Outcome
from clarion.store.migrate import migrate
from clarion.store.pages import AttemptPlace, TextPlace
from clarion.store.schema import conversations
from clarion.store.store import Store
from tests.store.call_scene import call, ended, new_call_scene, tell
from tests.store.scene import COST, GRACE, Scene, new_scene, rejected, sent
from tests.store.test_plans import WHOLE_CAMPAIGN, WHOLE_TABLE, explained

MakeScene = Callable[..., Scene]


def fail_and_send(scene: Scene) -> None:
    """Try the first person twice and the second one once."""
    opened = scene.open_chunk()
    first = scene.contact(opened)
    scene.record(first, rejected(retryable=True))
    scene.record(scene.contact(opened), sent())
    scene.after(60)
    scene.record(scene.contact(scene.open_chunk()), sent("SM2"))


def test_attempts_are_leafed_through_in_the_order_of_the_audience(make_scene: MakeScene) -> None:
    scene = make_scene(2, retry={"attempts": 3, "delay": 60})
    fail_and_send(scene)
    pages = scene.store.pages
    found, place = [], AttemptPlace()
    while rows := pages.attempts(scene.key, place, 1):
        found.append((rows[0].position, rows[0].number, rows[0].outcome, rows[0].address, rows[0].segments))
        place = AttemptPlace(rows[0].position, rows[0].number)
    assert found == [
        (1, 1, Outcome.FAILED, scene.address(1), 1),
        (1, 2, Outcome.SENT, scene.address(1), 1),
        (2, 1, Outcome.SENT, scene.address(2), 1),
    ]
    assert [row.cost for row in pages.attempts(scene.key, AttemptPlace(1, 1), 9)] == [COST, COST]


def test_calls_are_leafed_through_with_or_without_those_that_nothing_is_told_of(make_calls: MakeScene) -> None:
    scene = make_calls(3, limits={"concurrency": 3})
    opened = scene.open_chunk()
    for n, summary in enumerate((None, "Yes.", None), 1):
        tell(scene, call(scene, opened, reference=f"CA{n}"), ended(), summary=summary)
    page = scene.store.calls.page
    assert [one.attempt.position for one in page(scene.key, AttemptPlace(), 2)] == [1, 2]
    assert [one.attempt.position for one in page(scene.key, AttemptPlace(2, 1), 2)] == [3]
    assert [one.summary for one in page(scene.key, AttemptPlace(), 9, told_only=True)] == ["Yes."]


def test_answers_of_one_moment_are_told_apart_by_their_reference(make_scene: MakeScene) -> None:
    scene = make_scene(1)
    with scene.store.database.write() as connection:
        for name in "bca":
            named = {"provider_reference": f"{scene.key}{name}", "campaign_key": scene.key, "tenant": scene.tenant}
            said = {"address": scene.address(1), "position": 1, "body": name, "kind": "text", "received_at": 0.1 + 0.2}
            connection.execute(insert(conversations).values({**named, **said}))
    first, second = scene.store.pages.conversations(scene.key, TextPlace(), 2)
    (third,) = scene.store.pages.conversations(scene.key, TextPlace(second.received_at, second.reference), 2)
    assert first.body + second.body + third.body == "abc"


def test_targets_are_found_by_outcome_and_among_positions(make_scene: MakeScene) -> None:
    scene = make_scene(2, retry={"attempts": 1})
    opened = scene.open_chunk()
    scene.record(scene.contact(opened), rejected())
    page = scene.store.targets.page
    assert [row.position for row in page(scene.key, outcome="failed")] == [1]
    assert [row.position for row in page(scene.key, among=[2, 9])] == [2]
    assert [row.position for row in page(scene.key, among=[])] == []


def test_a_list_of_opt_outs_is_added_at_once(scene: Scene) -> None:
    addresses = [scene.address(position) for position in range(1, 1_203)]
    suppressions = scene.store.suppressions
    suppressions.add(scene.tenant, addresses[0], "stop", "", 1.0)
    new = suppressions.add_all(scene.tenant, addresses, "person", "asked\0", 2.0)
    assert new == set(addresses[1:])
    kept, added = (suppressions.find(scene.tenant, address) for address in addresses[:2])
    assert kept is not None
    assert added is not None
    assert (kept.source, kept.at, added.source, added.detail) == ("stop", 1.0, "person", "asked")
    assert suppressions.find("somebody", addresses[0]) is None
    assert suppressions.add_all(scene.tenant, [], "person", "", 2.0) == set()


def test_no_page_reads_the_whole_campaign(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'own.db'}", tenant="t", grace=GRACE)
    migrate(store.database)
    texts, calls = new_scene(store, 200), new_call_scene(store, 200)
    with store.database.write() as connection:
        connection.execute(text("ANALYZE"))
    with explained(store.database) as plans:
        store.pages.attempts(texts.key, AttemptPlace(50, 1), 10)
        store.pages.conversations(texts.key, TextPlace(1.0, "a"), 10)
        store.calls.page(calls.key, AttemptPlace(50, 1), 10)
        store.calls.page(calls.key, AttemptPlace(50, 1), 10, told_only=True)
        store.targets.page(texts.key, after=50, limit=10)
    store.close()
    steps = {step: statement for statement, plan in plans.items() for step in plan}
    assert len(plans) == 5
    assert {step: steps[step] for step in (*WHOLE_CAMPAIGN, *WHOLE_TABLE) if step in steps} == {}
    assert "USE TEMP B-TREE FOR ORDER BY" not in steps  # those of one moment alone are sorted
