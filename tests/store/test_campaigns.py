"""Campaigns as rows: creating, finding, status and limits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from clarion.contracts import Pacing
from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import BadInput, Conflict, NotFound
from clarion.store.entries import Granted, TooEarly
from clarion.store.snapshots import books_of
from clarion.store.store import Store
from tests.store.scene import START, Scene, sent, unknown

MakeScene = Callable[..., Scene]


def test_an_id_is_taken_once_for_each_tenant(scene: Scene) -> None:
    spec = scene.store.campaigns.get(scene.key).spec
    with pytest.raises(Conflict, match='campaign "c1" exists already'):
        scene.store.campaigns.create(scene.tenant, "c1", spec, scene.now)
    assert scene.store.campaigns.create(f"{scene.tenant}-b", "c1", spec, scene.now).key != scene.key


def test_a_campaign_is_found_by_its_id(scene: Scene) -> None:
    found = scene.store.campaigns.find(scene.tenant, "c1")
    assert (found.ref, found.name, found.status, found.total) == (scene.ref, "Test", "running", 3)
    assert found == scene.store.campaigns.get(scene.key)
    with pytest.raises(NotFound, match=r'there is no campaign "c2" \(did you mean "c1"\?\)'):
        scene.store.campaigns.find(scene.tenant, "c2")
    for call in (scene.store.campaigns.get, lambda key: scene.store.campaigns.snapshot(key, 1.0)):
        with pytest.raises(NotFound, match="no campaign number 987654321"):
            call(987654321)
    with pytest.raises(NotFound):
        scene.store.campaigns.set_status(987654321, CampaignStatus.PAUSED, "", START)


def test_the_newest_campaigns_come_first(scene: Scene) -> None:
    spec = scene.store.campaigns.get(scene.key).spec
    for name in ("c2", "c3"):
        scene.store.campaigns.create(scene.tenant, name, spec, scene.now)
    listed = scene.store.campaigns.list(scene.tenant, limit=2)
    assert [campaign.ref.campaign_id for campaign in listed] == ["c3", "c2"]


def test_a_draft_can_be_taken_back_with_its_file(scene: Scene, tmp_path: Path) -> None:
    campaigns, files = scene.store.campaigns, scene.store.files
    ref = campaigns.create(scene.tenant, "draft", campaigns.get(scene.key).spec, scene.now)
    (tmp_path / "a.csv").write_text("phone\n1\n")
    files.keep(ref.key, tmp_path / "a.csv")
    assert campaigns.delete_draft(ref)
    assert not campaigns.delete_draft(ref)
    assert not campaigns.delete_draft(scene.ref)
    with pytest.raises(NotFound):
        campaigns.get(ref.key)
    assert files.of_campaign(ref.key) == []


def test_a_status_opens_and_closes_the_gate(scene: Scene) -> None:
    campaigns = scene.store.campaigns
    assert campaigns.is_open(scene.key)
    campaigns.set_status(scene.key, CampaignStatus.PAUSED, "lunch", scene.after(1), open_=False)
    assert not campaigns.is_open(scene.key)
    campaigns.set_status(scene.key, CampaignStatus.SETTLING, "", scene.after(1))
    assert not campaigns.is_open(scene.key)
    campaigns.set_status(scene.key, CampaignStatus.RUNNING, "", scene.after(1), open_=True)
    campaigns.set_status(scene.key, CampaignStatus.COMPLETED, "", scene.after(1), open_=True)
    found = campaigns.get(scene.key)
    assert (found.open, found.started_at, found.finished_at) == (False, START, START + 4)
    kinds = [(event.kind, event.detail) for event in scene.store.events.of_campaign(scene.key)]
    assert kinds[-4:] == [("status", s) for s in ("paused: lunch", "settling", "running", "completed")]
    campaigns.set_status(scene.key, CampaignStatus.PREPARING, "", scene.after(1))
    assert campaigns.get(scene.key).finished_at is None


def test_a_status_from_an_activity_that_was_given_up_is_ignored(scene: Scene) -> None:
    campaigns = scene.store.campaigns
    campaigns.set_status(scene.key, CampaignStatus.RUNNING, "", scene.now, open_=True, ordered_at=100.0)
    campaigns.set_status(scene.key, CampaignStatus.PAUSED, "", scene.now, open_=False, ordered_at=140.0)
    campaigns.set_status(scene.key, CampaignStatus.RUNNING, "", scene.now, open_=True, ordered_at=100.0)
    assert (campaigns.get(scene.key).status, campaigns.is_open(scene.key)) == ("paused", False)
    campaigns.set_status(scene.key, CampaignStatus.SETTLING, "", scene.now, ordered_at=139.0)
    assert campaigns.get(scene.key).status == "settling"
    campaigns.set_status(scene.key, CampaignStatus.PREPARING, "", scene.now)
    campaigns.set_status(scene.key, CampaignStatus.RUNNING, "", scene.now, ordered_at=50.0)
    assert campaigns.get(scene.key).status == "running"


def test_limits_change_one_by_one(make_scene: MakeScene) -> None:
    scene = make_scene(1, limits={"concurrency": 5, "per_second": 10})
    before = scene.store.campaigns.get(scene.key)
    after = scene.store.campaigns.set_pacing(scene.key, Pacing(concurrency=9, budget=12.5), scene.now)
    assert (after.lanes, after.budget, after.spacing) == (9, 12.5, before.spacing)
    after = scene.store.campaigns.set_pacing(scene.key, Pacing(per_minute=6), scene.now)
    assert after.spacing > 10
    assert (after.spec.limits.per_second, after.spec.limits.per_minute, after.lanes) == (10, 6, 9)
    assert scene.store.events.of_campaign(scene.key)[-1].detail == "per_minute 6"


def test_a_limit_that_cannot_be_is_refused(scene: Scene) -> None:
    with pytest.raises(BadInput, match="per_second"):
        scene.store.campaigns.set_pacing(scene.key, Pacing.model_construct(per_second=float("inf")), scene.now)
    with pytest.raises(BadInput, match="concurrency 51 is not possible; give a whole number from 1 to 50"):
        scene.store.campaigns.set_pacing(scene.key, Pacing(concurrency=51, per_second=2), scene.now)
    assert scene.store.campaigns.get(scene.key).spec.limits.per_second != 2
    with pytest.raises(NotFound):
        scene.store.campaigns.set_pacing(987654321, Pacing(per_second=1), scene.now)


def test_a_faster_pace_is_felt_at_once(make_scene: MakeScene) -> None:
    scene = make_scene(2, limits={"per_hour": 60})
    opened = scene.open_chunk()
    first, second = scene.claim(opened, 2)
    assert isinstance(scene.intend(first, opened), Granted)
    assert isinstance(scene.intend(second, opened), TooEarly)
    spacing = scene.store.campaigns.set_pacing(scene.key, Pacing(per_hour=3600), scene.now).spacing
    granted = scene.intend(second, opened)
    assert isinstance(granted, Granted)
    assert granted.slot_at == pytest.approx(scene.now + spacing)


def test_a_slower_pace_is_kept_from_the_last_contact_on(make_scene: MakeScene) -> None:
    scene = make_scene(2, limits={"per_second": 1})
    opened = scene.open_chunk()
    first, second = scene.claim(opened, 2)
    assert isinstance(scene.intend(first, opened), Granted)
    spacing = scene.store.campaigns.set_pacing(scene.key, Pacing(per_minute=10), scene.now).spacing
    granted = scene.intend(second, opened)
    assert isinstance(granted, Granted)
    assert granted.slot_at == pytest.approx(scene.now + spacing)


def test_a_snapshot_tells_how_the_campaign_stands(make_scene: MakeScene) -> None:
    scene = make_scene(6)
    opened = scene.open_chunk()
    attempts = [scene.contact(opened) for _ in range(4)]
    scene.after(2)
    scene.record(attempts[0], sent())
    scene.record(attempts[1], sent())
    scene.receive(attempts[1], "delivered")
    scene.record(attempts[2], unknown())
    shown = scene.store.campaigns.snapshot(scene.key, scene.now)
    assert shown.books == scene.books()
    assert (shown.books.pending, shown.books.active, shown.books.unknown, shown.books.succeeded) == (2, 2, 1, 1)
    assert shown.outcomes == {"sent": 1, "delivered": 1, "unknown": 1}
    assert (shown.under_way, shown.next_due_at, shown.as_of) == (1, 0.0, scene.now)
    assert shown.per_minute == 24
    assert shown.eta == scene.target(3).due_at + 60 * 2 / 24
    assert scene.store.campaigns.snapshot(scene.key, scene.now + 100).per_minute == 0


def test_a_snapshot_of_nothing(make_scene: MakeScene, store: Store) -> None:
    scene = make_scene()
    shown = store.campaigns.snapshot(scene.key, scene.now)
    assert (shown.books.total, shown.next_due_at, shown.eta, shown.nothing_left) == (0, None, None, True)


def test_books_of_several_campaigns_are_those_of_each(store: Store, make_scene: Callable[..., Scene]) -> None:
    scenes = [make_scene(3), make_scene(0), make_scene(1)]
    found = [store.campaigns.get(scene.key) for scene in scenes]
    assert books_of(store.database, {campaign.ref.key: campaign.total for campaign in found}) == {
        scene.key: store.campaigns.snapshot(scene.key, 0.0).books for scene in scenes
    }
