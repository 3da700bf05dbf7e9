"""Lists by the page and figures over time: the same from both databases, and each page read by its index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from clarion.domain.campaign import CampaignStatus, Channel
from clarion.domain.target import Outcome
from clarion.store.courses import QuarterHour, Span, Tick, Tries
from clarion.store.migrate import migrate
from clarion.store.pages import AttemptPlace, TextPlace
from clarion.store.schema import conversations, ticks
from clarion.store.store import Store
from tests.store.call_scene import call, ended, new_call_scene, tell
from tests.store.scene import COST, GRACE, Scene, new_scene, rejected, row, sent
from tests.store.test_plans import WHOLE_CAMPAIGN, WHOLE_TABLE, explained

MakeScene = Callable[..., Scene]
BEGIN = 1_000_000
"""Where a scene's clock begins."""


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


def test_contacts_are_added_up_by_interval(make_scene: MakeScene) -> None:
    scene = make_scene(1)
    assert scene.store.courses.span(scene.key) is None
    with scene.store.database.write() as connection:
        for at, n in ((BEGIN, 2), (BEGIN + 5, 3), (BEGIN + 60, 4)):
            connection.execute(insert(ticks).values(campaign_key=scene.key, at=at, contacted=n))
    assert scene.store.courses.span(scene.key) == Span(BEGIN, BEGIN + 65)
    assert scene.store.courses.contacted(scene.key, 60) == [Tick(999_960, 5), Tick(1_000_020, 4)]
    assert scene.store.courses.contacted(scene.key, 5) == [Tick(BEGIN, 2), Tick(BEGIN + 5, 3), Tick(BEGIN + 60, 4)]


@pytest.mark.parametrize("fraction", [0.0, 0.4, 0.6])
def test_attempts_are_counted_by_the_quarter_hour_in_which_they_began(make_scene: MakeScene, fraction: float) -> None:
    scene = make_scene(0, retry={"attempts": 3, "delay": 60})
    scene.after(799.0 + fraction)  # 1,000,800 begins a quarter of an hour
    scene.import_rows([row(1, "+14155550001"), replace(row(2, "+14155550002"), time_zone="Asia/Kolkata")])
    fail_and_send(scene)
    before, after = 999_900, 1_000_800
    assert scene.store.courses.quarters(scene.key, own_zones=False) == [
        QuarterHour(before, None, "failed", 1),
        QuarterHour(before, None, "sent", 1),
        QuarterHour(after, None, "sent", 1),
    ]
    own = scene.store.courses.quarters(scene.key, own_zones=True)
    assert [one for one in own if one.time_zone] == [QuarterHour(before, "Asia/Kolkata", "sent", 1)]
    assert sum(one.count for one in own) == 3
    assert scene.store.courses.tries(scene.key) == Tries(3, 2)


def test_who_uses_an_account_and_how_fast_it_goes_is_told(make_scene: MakeScene) -> None:
    scene = make_scene(1)
    account = scene.store.campaigns.get(scene.key).account
    (user,) = scene.store.courses.users(scene.tenant, account)
    assert (user.campaign_id, user.status, user.channel) == (scene.ref.campaign_id, "running", Channel.SMS)
    scene.store.campaigns.set_account_pace(scene.tenant, account, Channel.SMS, 2.0, scene.now)
    (pace,) = scene.store.courses.paces(scene.tenant, account)
    assert (pace.channel, pace.spacing) == (Channel.SMS, 2.0)
    assert scene.store.courses.paces("somebody", account) == []
    scene.close(CampaignStatus.COMPLETED)
    assert scene.store.courses.users(scene.tenant, account) == []


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
