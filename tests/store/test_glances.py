"""What open pages look at: books of several campaigns at once, rates over time, calls that go on."""

from __future__ import annotations

from collections.abc import Callable

from clarion.domain.call import Stage
from clarion.store.glances import POINTS, Glances
from clarion.store.schema import TICK_SECONDS, ticks
from clarion.store.store import Store
from tests.store.call_scene import call, ended, placed, tell
from tests.store.scene import Scene


def tick(store: Store, key: int, at: int, contacted: int) -> None:
    with store.database.write() as connection:
        connection.execute(ticks.insert().values(campaign_key=key, at=at, contacted=contacted))


def test_books_of_several_campaigns_are_those_of_each(store: Store, make_scene: Callable[..., Scene]) -> None:
    scenes = [make_scene(3), make_scene(0), make_scene(1)]
    found = [store.campaigns.get(scene.key) for scene in scenes]
    assert Glances(store.database).books(found) == {
        scene.key: store.campaigns.snapshot(scene.key, 0.0).books for scene in scenes
    }


def test_a_campaign_that_contacted_nobody_has_no_rates(store: Store, scene: Scene) -> None:
    assert Glances(store.database).rates(scene.key, 1_000.0) is None


def test_rates_count_every_contact_and_leave_out_what_has_not_gone_by(store: Store, scene: Scene) -> None:
    for at, n in ((1_000, 10), (1_010, 20), (1_015, 5)):
        tick(store, scene.key, at, n)
    found = Glances(store.database).rates(scene.key, 1_017.0)
    assert found is not None
    assert (found.begins, found.span, found.ends) == (1_000.0, TICK_SECONDS, 1_015.0)
    assert found.per_minute == (120.0, 0.0, 240.0)


def test_rates_of_a_long_campaign_stay_few(store: Store, scene: Scene) -> None:
    tick(store, scene.key, 0, 60)
    tick(store, scene.key, 86_395, 60)
    found = Glances(store.database).rates(scene.key, 86_400.0)
    assert found is not None
    assert len(found.per_minute) <= POINTS
    assert sum(rate * found.span / 60.0 for rate in found.per_minute) == 120.0


def test_only_calls_that_go_on_are_listed(store: Store, calls: Scene) -> None:
    opened = calls.open_chunk()
    first, second = call(calls, opened, reference="CA1"), call(calls, opened, reference="CA2")
    tell(calls, first, ended(reference="CA1"))
    tell(calls, second, placed("CA2"), stage=Stage.RINGING)
    (one,) = Glances(store.database).calls_now(calls.key)
    assert (one.position, one.address, one.stage) == (second.position, calls.address(second.position), Stage.RINGING)
