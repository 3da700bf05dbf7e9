"""Templates, and what becomes of the moments of their schedules."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from clarion.contracts import CampaignRef
from clarion.domain.campaign import CampaignStatus, parse_spec
from clarion.domain.errors import Conflict, NotFound
from clarion.store.templates import Fired, Firing, campaign_of
from tests.store.scene import START, Scene

ACCOUNTS = frozenset({"main"})


def template(scene: Scene, folder: Path | None, **schedule: object) -> CampaignRef:
    spec = parse_spec(
        {
            "name": "Weekly",
            "channel": "sms",
            "audience": {"file": "people.csv", "address": "phone"},
            "message": "Hi.",
            "schedule": {"cron": "0 9 * * mon", "time_zone": "UTC", **schedule},
        }
    )
    ref = scene.store.templates.create(scene.tenant, "weekly", spec, scene.now)
    if folder is not None:
        (folder / "people.csv").write_bytes(b"phone\n+14155550001\n")
        scene.store.files.keep(ref.key, folder / "people.csv")
    return ref


def test_a_template_is_no_campaign(scene: Scene) -> None:
    ref = template(scene, None)
    assert scene.store.templates.keys(scene.tenant) == [ref.key]
    assert [campaign.ref.campaign_id for campaign in scene.store.campaigns.list(scene.tenant)] == ["c1"]
    assert scene.store.campaigns.get(ref.key).template
    with pytest.raises(Conflict, match='"weekly" exists already'):
        template(scene, None)


def test_a_draft_becomes_a_template_and_one_again(scene: Scene) -> None:
    spec = scene.store.campaigns.get(scene.key).spec
    draft = scene.store.campaigns.create(scene.tenant, "draft", spec, scene.now)
    scene.store.templates.make(draft.key, scene.now)
    assert scene.store.templates.keys(scene.tenant) == [draft.key]
    scene.store.templates.unmake(draft.key, scene.now)
    assert scene.store.templates.keys(scene.tenant) == []
    with pytest.raises(Conflict, match="only a draft can become a template"):
        scene.store.templates.make(scene.key, scene.now)


def test_a_moment_has_one_campaign_however_often_it_is_tried(scene: Scene, tmp_path: Path) -> None:
    ref = template(scene, tmp_path)
    fired = scene.store.templates.fire(ref, START, ACCOUNTS, scene.after(1))
    assert fired.ref is not None
    assert fired.ref.campaign_id == campaign_of("weekly", START) == "weekly.19700112T134640Z"
    assert scene.store.templates.fire(ref, START, ACCOUNTS, scene.after(1)) == fired
    campaign = scene.store.campaigns.get(fired.ref.key)
    assert (campaign.status, campaign.template, campaign.origin_key) == (CampaignStatus.DRAFT, False, ref.key)
    assert campaign.spec.schedule is None
    (file,) = scene.store.files.of_campaign(fired.ref.key)
    scene.store.files.write_to(file.id, tmp_path / "copy.csv")
    assert (tmp_path / "copy.csv").read_bytes() == b"phone\n+14155550001\n"
    assert scene.store.templates.firings(ref.key) == [Firing(START + 1, True, "weekly.19700112T134640Z")]


def test_of_two_tries_at_once_both_find_the_same(scene: Scene, tmp_path: Path) -> None:
    ref = template(scene, tmp_path)
    found: list[Fired] = []
    threads = [
        threading.Thread(target=lambda: found.append(scene.store.templates.fire(ref, START, ACCOUNTS, START + 1)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert len(scene.store.templates.firings(ref.key)) == 1


def test_a_moment_is_skipped_while_an_earlier_campaign_runs(scene: Scene, tmp_path: Path) -> None:
    ref = template(scene, tmp_path)
    first = scene.store.templates.fire(ref, START, ACCOUNTS, scene.after(1))
    assert first.ref is not None
    scene.store.campaigns.set_status(first.ref.key, CampaignStatus.PAUSED, "", scene.now)
    second = scene.store.templates.fire(ref, START + 60, ACCOUNTS, scene.after(60))
    assert second == Fired(None, 'campaign "weekly.19700112T134640Z" has not ended yet, and overlap is skip')
    assert scene.store.templates.firings(ref.key)[0] == Firing(
        scene.now, False, f"1970-01-12 13:47:40 UTC: {second.reason}"
    )
    scene.store.campaigns.set_status(first.ref.key, CampaignStatus.CANCELLED, "", scene.now)
    assert scene.store.templates.fire(ref, START + 120, ACCOUNTS, scene.after(60)).ref is not None


def test_overlap_can_be_allowed(scene: Scene, tmp_path: Path) -> None:
    ref = template(scene, tmp_path, overlap="allow")
    first = scene.store.templates.fire(ref, START, ACCOUNTS, scene.after(1))
    assert first.ref is not None
    scene.store.campaigns.set_status(first.ref.key, CampaignStatus.RUNNING, "", scene.now)
    assert scene.store.templates.fire(ref, START + 60, ACCOUNTS, scene.after(60)).ref is not None


def test_what_keeps_a_campaign_from_beginning_is_said(scene: Scene, tmp_path: Path) -> None:
    empty = template(scene, None, catch_up="10m")
    fire = scene.store.templates.fire
    assert fire(empty, START, ACCOUNTS, START + 601).reason == "nobody could start it within 600 s; it was 601 s late"
    assert fire(empty, START, frozenset(), START).reason == 'account "main" is not set up any more'
    assert fire(empty, START, ACCOUNTS, START).reason == "the template has no contacts"
    (tmp_path / "people.csv").write_bytes(b"phone\n+14155550001\n")
    scene.store.files.keep(empty.key, tmp_path / "people.csv")
    scene.store.campaigns.create(
        scene.tenant, campaign_of("weekly", START), scene.store.campaigns.get(scene.key).spec, START
    )
    assert fire(empty, START, ACCOUNTS, START).reason.endswith('Z" belongs to another campaign')
    assert len(scene.store.templates.firings(empty.key)) == 4
    assert scene.store.campaigns.delete_draft(empty)
    with pytest.raises(NotFound, match='template "weekly" has been removed'):
        fire(empty, START + 60, ACCOUNTS, START + 60)
