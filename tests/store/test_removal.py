"""Taking campaigns away with everything kept of them, and nothing of anybody else's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import Conflict, NotFound
from clarion.store import removal
from clarion.store.schema import metadata
from clarion.store.store import Store
from tests.starter.installation import NOW, TENANT, UNDELIVERED, OneCampaign, Place, new_store, people


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    store = new_store(tmp_path)
    yield Place(tmp_path, store)
    store.close()


def ended(campaign: OneCampaign) -> OneCampaign:
    campaign.status(CampaignStatus.COMPLETED)
    return campaign


def counts(store: Store, key: int) -> dict[str, int]:
    """Rows by table that belong to a campaign."""
    with store.database.read() as connection:
        return {
            table.name: n
            for table in metadata.sorted_tables
            if "campaign_key" in table.c
            and (n := connection.execute(select(func.count()).where(table.c.campaign_key == key)).scalar_one())
        }


def test_nothing_is_left_of_it_and_all_of_the_others(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "PIECE", 2)
    one, other = place.imported(people(7)), place.calls(people(5), "other")
    for campaign in (one, other):
        campaign.run()
    one.contact(*[UNDELIVERED] * 5)
    for _ in range(3):
        other.call(UNDELIVERED, summary="x")
    before = counts(place.store, other.ref.key)
    assert {"targets", "attempts", "events", "books", "chunks", "audience_files"} <= counts(
        place.store, one.ref.key
    ).keys()
    place.store.removal.remove(ended(one).ref)
    assert counts(place.store, one.ref.key) == {}
    assert counts(place.store, other.ref.key) == before
    with pytest.raises(NotFound):
        place.store.campaigns.find(TENANT, "spring")
    place.imported(people(1))


def test_what_a_crash_left_over_goes_with_the_next(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = ended(place.imported(people(3))), ended(place.imported(people(3), "other"))

    def die(_: object, key: int) -> None:
        raise RuntimeError(key)

    with monkeypatch.context() as patched:
        patched.setattr(removal.Removal, "_delete_lines", die)
        with pytest.raises(RuntimeError):
            place.store.removal.remove(one.ref)
    assert counts(place.store, one.ref.key)
    assert [found.ref.campaign_id for found in place.store.campaigns.list(TENANT)] == ["other"]
    place.store.removal.remove(other.ref)
    assert counts(place.store, one.ref.key) == {}


def test_what_lives_stays(place: Place) -> None:
    campaign = place.imported(people(1))
    campaign.run()
    with pytest.raises(Conflict, match="cancel it"):
        place.store.removal.remove(campaign.ref)
    assert place.store.campaigns.get(campaign.ref.key).status is CampaignStatus.RUNNING


def test_a_follower_goes_before_what_it_follows_and_after_that_has_ended(place: Place) -> None:
    fallback = {"on": ["voicemail"], "message": "We called you."}
    parent = place.calls(people(2), fallback=fallback)
    parent.run()
    texts = place.store.campaigns.find(TENANT, parent.texts())
    place.store.campaigns.set_status(texts.ref.key, CampaignStatus.CANCELLED, "", NOW)
    with pytest.raises(Conflict, match="may still send it targets"):
        place.store.removal.remove(texts.ref)
    ended(parent)
    with pytest.raises(Conflict, match="delete that one first"):
        place.store.removal.remove(parent.ref)
    place.store.removal.remove(texts.ref)
    place.store.removal.remove(parent.ref)
    assert place.store.campaigns.list(TENANT) == []


def test_another_tenants_campaign_is_none(place: Place) -> None:
    campaign = ended(place.imported(people(1)))
    with pytest.raises(NotFound):
        place.store.removal.remove(campaign.ref.model_copy(update={"tenant": "other"}))


def test_a_sweep_ends_with_its_process_and_the_next_one_goes_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "PIECE", 2)
    one = ended(place.imported(people(7)))
    ending = removal.Removal(place.store.database)
    ending.end()
    ending.remove(one.ref)
    with pytest.raises(NotFound):
        place.store.campaigns.find(TENANT, "spring")
    assert 0 < counts(place.store, one.ref.key)["targets"] < 7
    place.store.removal.sweep()
    assert counts(place.store, one.ref.key) == {}
