"""Rows on their way from a file into the books."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import Conflict, NotFound
from clarion.domain.target import SkipReason
from clarion.store import files
from tests.store.scene import Scene, row

MakeScene = Callable[..., Scene]


def test_rows_become_targets_in_order(make_scene: MakeScene) -> None:
    scene = make_scene()
    scene.import_rows(
        [
            row(2, "+14155550001", variables={"name": "Zoë"}, time_zone="Europe/Berlin", segments=2),
            row(3, "+14155550002", variables={}, text="Own\0 text"),
            row(4, "+14155550001"),
            row(5, "", skip=SkipReason.MISSING_PHONE, detail='the cell "phone" is empty'),
        ]
    )
    first, second, third, fourth = scene.store.targets.page(scene.key)
    assert (first.position, first.row, first.address, first.state) == (1, 2, "+14155550001", "pending")
    assert (first.variables, first.time_zone, first.segments) == ('{"name":"Zoë"}', "Europe/Berlin", 2)
    assert (second.text, second.variables) == ("Own text", None)
    assert (third.state, third.outcome, third.detail) == (
        "skipped",
        "duplicate",
        "+14155550001 stands in row 2 already",
    )
    assert (fourth.state, fourth.outcome) == ("skipped", "missing_phone")
    books = scene.books()
    assert (books.total, books.pending, books.skipped) == (4, 2, 2)
    assert scene.store.events.of_target(scene.key, 4)[0].detail == 'row 5: the cell "phone" is empty'


def test_duplicates_are_found_across_batches_and_files(make_scene: MakeScene) -> None:
    scene = make_scene()
    bad = row(2, "+14155550001", skip=SkipReason.INVALID_TIME_ZONE, detail="no zone")
    scene.import_rows([bad, row(3, "+14155550002")])
    scene.import_rows([row(4, "+14155550001"), row(5, "+14155550002")])
    assert [scene.state(n)[0] for n in (1, 2, 3, 4)] == ["skipped", "pending", "pending", "skipped"]
    again = scene.new_file()
    result = scene.store.importing.add(scene.key, again, [row(2, "+14155550001"), row(3, "+14155550009")], 0, scene.now)
    assert (result.accepted, result.skipped) == (1, {"duplicate": 1})
    assert scene.state(6) == ("pending", None)
    scene.books()


def test_people_who_opted_out_are_skipped(make_scene: MakeScene) -> None:
    scene = make_scene()
    scene.store.suppressions.add(scene.tenant, "+14155550002", "person", "asked by phone", scene.now)
    scene.import_rows([row(2, "+14155550001"), row(3, "+14155550002")])
    assert [scene.state(n) for n in (1, 2)] == [("pending", None), ("skipped", "opted_out")]
    assert "do-not-contact" in scene.target(2).detail


def test_of_two_importers_one_adds_each_batch(make_scene: MakeScene) -> None:
    scene = make_scene()
    file_id = scene.new_file()
    batches = [[row(n, scene.address(n)), row(n + 1, scene.address(n + 1))] for n in (1, 3)]
    add = scene.store.importing.add
    add(scene.key, file_id, batches[0], 0, scene.now)
    with pytest.raises(Conflict, match="rows after 0 of this file were imported by another worker"):
        add(scene.key, file_id, batches[0], 0, scene.now)
    add(scene.key, file_id, batches[1], 2, scene.now)
    with pytest.raises(Conflict):
        add(scene.key, file_id, batches[1], 2, scene.now)
    assert [target.row for target in scene.store.targets.page(scene.key)] == [1, 2, 3, 4]
    assert scene.books().pending == 4


@pytest.mark.parametrize("status", [CampaignStatus.CANCELLING, CampaignStatus.CANCELLED, CampaignStatus.COMPLETED])
def test_an_importer_that_comes_too_late_adds_nothing(scene: Scene, status: CampaignStatus) -> None:
    scene.close(status)
    with pytest.raises(Conflict, match=f"the campaign is {status}"):
        scene.import_people(1)
    assert scene.books().total == 3


def test_a_batch_may_be_large(make_scene: MakeScene) -> None:
    scene = make_scene(1_500)
    assert scene.books().pending == 1_500
    scene.import_rows([row(9, scene.address(700))])
    assert scene.books().skipped == 1


def test_a_file_is_kept_in_pieces_beyond_its_import(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PART", 10)
    original = tmp_path / "people.csv"
    original.write_bytes(b"phone\n" + b"+14155550001\n" * 5)
    store = scene.store.files
    file_id = store.keep(scene.key, original)
    kept = store.get(file_id)
    assert (kept.name, kept.size, kept.rows_read, kept.imported_at) == ("people.csv", 71, 0, None)
    store.write_to(file_id, tmp_path / "copy.csv")
    assert (tmp_path / "copy.csv").read_bytes() == original.read_bytes()
    store.finish(kept, 5, scene.now)
    assert store.get(file_id).imported_at == scene.now
    assert store.of_campaign(scene.key)[-1].id == file_id
    store.write_to(file_id, tmp_path / "copy.csv")
    assert (tmp_path / "copy.csv").read_bytes() == original.read_bytes()
    assert scene.store.events.of_campaign(scene.key)[-1].detail == "people.csv: 5 rows"
    with pytest.raises(NotFound, match="no audience file number 987654321"):
        store.get(987654321)
