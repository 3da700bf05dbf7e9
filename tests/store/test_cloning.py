"""Copies of campaigns: the same words, and the same bytes piece by piece."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from clarion.contracts import CampaignRef
from clarion.domain.errors import Conflict
from clarion.store import files
from clarion.store.schema import audience_files, audience_parts, campaigns
from tests.store.scene import Scene


def draft_with_files(scene: Scene, folder: Path, *contents: bytes) -> CampaignRef:
    ref = scene.store.campaigns.create(scene.tenant, "source", scene.store.campaigns.get(scene.key).spec, scene.now)
    for number, content in enumerate(contents):
        path = folder / f"people{number}.csv"
        path.write_bytes(content)
        scene.store.files.keep(ref.key, path)
    return ref


def rows_of(scene: Scene, ref: CampaignRef) -> int:
    here = (campaigns.c.tenant == ref.tenant) & (campaigns.c.campaign_id == ref.campaign_id)
    with scene.store.database.read() as connection:
        return connection.execute(select(func.count()).select_from(campaigns).where(here)).scalar_one()


def test_a_copy_has_the_words_and_the_bytes(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PART", 10)
    contents = (b"phone\n" + b"+14155550001\n" * 5, b"phone\n+14155550002\n")
    source = draft_with_files(scene, tmp_path, *contents)
    first = scene.store.files.of_campaign(source.key)[0]
    scene.store.files.finish(first, 5, scene.now)
    spec = scene.store.campaigns.get(source.key).spec
    ref = scene.store.cloning.copy(source, "copy", spec, scene.now)
    campaign = scene.store.campaigns.find(scene.tenant, "copy")
    assert (campaign.ref, campaign.spec, campaign.status, campaign.total) == (ref, spec, "draft", 0)
    assert (campaign.origin_key, campaign.template) == (source.key, False)
    copied = scene.store.files.of_campaign(ref.key)
    assert [(file.name, file.imported_at, file.rows_read) for file in copied] == [
        ("people0.csv", None, 0),
        ("people1.csv", None, 0),
    ]
    assert copied[0].sha256 == first.sha256
    for file, content in zip(copied, contents, strict=True):
        scene.store.files.write_to(file.id, tmp_path / "out.csv")
        assert (tmp_path / "out.csv").read_bytes() == content


def test_a_copy_outlives_its_source_and_goes_with_its_bytes(scene: Scene, tmp_path: Path) -> None:
    source = draft_with_files(scene, tmp_path, b"phone\n+14155550001\n")
    spec = scene.store.campaigns.get(source.key).spec
    ref = scene.store.cloning.copy(source, "copy", spec, scene.now, template=True)
    assert scene.store.campaigns.get(ref.key).template
    assert scene.store.campaigns.delete_draft(source)
    (file,) = scene.store.files.of_campaign(ref.key)
    scene.store.files.write_to(file.id, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == b"phone\n+14155550001\n"
    assert scene.store.campaigns.delete_draft(ref)
    with scene.store.database.read() as connection:
        left = select(func.count()).select_from(audience_parts).where(audience_parts.c.file_id == file.id)
        assert connection.execute(left).scalar_one() == 0


def test_a_taken_id_is_refused_and_nothing_is_copied(scene: Scene, tmp_path: Path) -> None:
    source = draft_with_files(scene, tmp_path, b"phone\n+14155550001\n")
    spec = scene.store.campaigns.get(source.key).spec
    with scene.store.database.read() as connection:
        before = connection.execute(select(func.count()).select_from(audience_files)).scalar_one()
    with pytest.raises(Conflict, match='campaign "c1" exists already'):
        scene.store.cloning.copy(source, "c1", spec, scene.now)
    with scene.store.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(audience_files)).scalar_one() == before


def test_a_campaign_whose_bytes_are_gone_is_refused_whole(scene: Scene) -> None:
    spec = scene.store.campaigns.get(scene.key).spec
    with pytest.raises(Conflict, match='the audience files of campaign "c1" are not kept any more'):
        scene.store.cloning.copy(scene.ref, "copy", spec, scene.now)
    assert rows_of(scene, CampaignRef(tenant=scene.tenant, campaign_id="copy", key=0)) == 0
