"""A campaign over time: contacts by interval, rates, attempts by the quarter of an hour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from clarion.store.schema import TICK_SECONDS, ticks
from clarion.store.store import Store
from clarion.store.timeline import LEAST, POINTS, QuarterHour, Span, Tick, Tries
from tests.store.scene import Scene, row, sent
from tests.store.test_pages import fail_and_send

MakeScene = Callable[..., Scene]
BEGIN = 1_000_000
"""Where a scene's clock begins."""


def tick(store: Store, key: int, at: int, contacted: int) -> None:
    with store.database.write() as connection:
        connection.execute(ticks.insert().values(campaign_key=key, at=at, contacted=contacted))


def test_contacts_are_added_up_by_interval(make_scene: MakeScene) -> None:
    scene = make_scene(1)
    assert scene.store.timeline.span(scene.key) is None
    for at, n in ((BEGIN, 2), (BEGIN + 5, 3), (BEGIN + 60, 4)):
        tick(scene.store, scene.key, at, n)
    assert scene.store.timeline.span(scene.key) == Span(BEGIN, BEGIN + 65)
    assert scene.store.timeline.contacted(scene.key, 60) == [Tick(999_960, 5), Tick(1_000_020, 4)]
    assert scene.store.timeline.contacted(scene.key, 5) == [Tick(BEGIN, 2), Tick(BEGIN + 5, 3), Tick(BEGIN + 60, 4)]


@pytest.mark.parametrize("fraction", [0.0, 0.4, 0.6])
def test_attempts_are_counted_by_the_quarter_hour_in_which_they_began(make_scene: MakeScene, fraction: float) -> None:
    scene = make_scene(0, retry={"attempts": 3, "delay": 60})
    scene.after(799.0 + fraction)  # 1,000,800 begins a quarter of an hour
    scene.import_rows([row(1, "+14155550001"), replace(row(2, "+14155550002"), time_zone="Asia/Kolkata")])
    fail_and_send(scene)
    before, after = 999_900, 1_000_800
    assert scene.store.timeline.quarters(scene.key, own_zones=False) == [
        QuarterHour(before, None, "failed", 1),
        QuarterHour(before, None, "sent", 1),
        QuarterHour(after, None, "sent", 1),
    ]
    own = scene.store.timeline.quarters(scene.key, own_zones=True)
    assert [one for one in own if one.time_zone] == [QuarterHour(before, "Asia/Kolkata", "sent", 1)]
    assert sum(one.count for one in own) == 3
    assert scene.store.timeline.tries(scene.key) == Tries(3, 2)


def test_a_campaign_that_contacted_nobody_has_no_rates(store: Store, scene: Scene) -> None:
    assert store.timeline.rates(scene.key, 1_000.0) is None


def test_rates_count_every_contact_and_leave_out_what_has_not_gone_by(store: Store, scene: Scene) -> None:
    for at, n in ((1_000, 10), (1_010, 20), (1_015, 5)):
        tick(store, scene.key, at, n)
    found = store.timeline.rates(scene.key, 1_017.0)
    assert found is not None
    assert (found.begins, found.span, found.ends) == (1_000.0, TICK_SECONDS, 1_015.0)
    assert found.per_minute == (120.0, 0.0, 240.0)


def test_rates_of_a_long_campaign_stay_few(store: Store, scene: Scene) -> None:
    tick(store, scene.key, 0, 60)
    tick(store, scene.key, 86_395, 60)
    found = store.timeline.rates(scene.key, 86_400.0)
    assert found is not None
    assert len(found.per_minute) <= POINTS
    assert sum(rate * found.span / 60.0 for rate in found.per_minute) == 120.0


def test_a_campaign_of_seconds_is_told_second_by_second(make_scene: MakeScene) -> None:
    scene = make_scene(3)
    opened = scene.open_chunk()
    for wait in (0.0, 2.2, 0.5):
        scene.after(wait)
        scene.record(scene.contact(opened), sent())
    found = scene.store.timeline.rates(scene.key, scene.now + 1.0)
    assert found is not None
    assert (found.begins, found.span, len(found.per_minute)) == (BEGIN, 1.0, LEAST)
    assert found.per_minute[:4] == (60.0, 0.0, 120.0, 0.0)
