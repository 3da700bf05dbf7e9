"""What an operator watches agrees with what was done, and names nobody."""

from __future__ import annotations

from collections.abc import Callable

from clarion.domain.target import Outcome
from clarion.providers.raw import RawReceipt
from clarion.store.gauges import Flow, Gauges, read_gauges
from tests.store.scene import Scene, rejected, sent

MakeScene = Callable[..., Scene]


def flow_of(gauges: Gauges, scene: Scene) -> Flow:
    (flow,) = (flow for flow in gauges.flows if flow.tenant == scene.tenant)
    return flow


def gauges_of(scene: Scene, later: float = 0.0) -> Gauges:
    return read_gauges(scene.store.database, scene.now + later)


def test_targets_contacts_and_rates_are_counted(scene: Scene) -> None:
    opened = scene.open_chunk()
    scene.record(scene.contact(opened), sent("SM1"))
    scene.record(scene.contact(opened), rejected(Outcome.INVALID_NUMBER))
    gauges = gauges_of(scene)
    stocks = {(s.state, s.outcome): s.count for s in gauges.stocks if s.tenant == scene.tenant and s.count}
    assert stocks == {("active", "sent"): 1, ("failed", "invalid_number"): 1, ("pending", ""): 1}
    assert [(c.account, c.channel, c.count) for c in gauges.contacts if c.tenant == scene.tenant] == [
        ("main", "sms", 2)
    ]
    flow = flow_of(gauges, scene)
    assert (flow.account, flow.channel, flow.lanes, flow.active) == ("main", "sms", 50, 1)
    assert flow.per_second == 2 / 60


def test_a_campaign_that_does_nothing_though_it_could_is_seen(scene: Scene) -> None:
    assert flow_of(gauges_of(scene, 300.0), scene).idle >= 290.0
    scene.record(scene.contact(scene.open_chunk()), sent())
    assert flow_of(gauges_of(scene, 30.0), scene).idle == 25.0  # since the end of that contact's span of 5 s


def test_a_paused_campaign_is_not_idle(make_scene: MakeScene) -> None:
    scene = make_scene(3)
    scene.close()
    flow = flow_of(gauges_of(scene, 300.0), scene)
    assert (flow.idle, flow.lanes) == (0.0, 0)


def test_receipts_that_nobody_applies_are_seen(scene: Scene) -> None:
    before = gauges_of(scene).receipts_waiting
    scene.store.inbox.keep([RawReceipt("twilio", "main", "status", "", None, scene.now - 40.0)], scene.now)
    gauges = gauges_of(scene)
    assert gauges.receipts_waiting == before + 1
    assert gauges.receipts_lag >= 40.0
    while scene.inbox.apply(scene.now):
        pass
    assert gauges_of(scene).receipts_lag == 0.0
