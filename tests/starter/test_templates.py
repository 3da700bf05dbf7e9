"""Clones and templates at the command line; nothing of it needs Temporal until something starts."""

from __future__ import annotations

from pathlib import Path

from clarion.domain.campaign import CampaignStatus
from tests.starter.installation import TENANT, Place, people


def bytes_of(place: Place, campaign_id: str) -> list[bytes]:
    found = []
    for file in place.store.files.of_campaign(place.store.campaigns.find(TENANT, campaign_id).ref.key):
        path = place.folder / f"copy-{file.id}"
        place.store.files.write_to(file.id, path)
        found.append(path.read_bytes())
    return found


def test_a_campaign_that_has_ended_is_cloned_with_its_contacts(place: Place) -> None:
    one = place.imported(people(3), start_at="2030-01-01T09:00:00+01:00")
    one.status(CampaignStatus.COMPLETED)
    result = place.clarion("clone", "spring", "--id", "again")
    assert (result.code, result.err) == (0, "")
    assert result.out == "stored again as a draft; start it with `clarion start again`\n"
    campaign = place.store.campaigns.find(TENANT, "again")
    assert (campaign.status, campaign.total, campaign.origin_key) == (CampaignStatus.DRAFT, 0, one.ref.key)
    assert bytes_of(place, "again") == [(place.folder / "spring.csv").read_bytes()]
    assert place.clarion("clone", "spring", "--id", "again").code == 2
    assert 'there is no campaign "sprig" (did you mean "spring"?)' in place.clarion("clone", "sprig").err
    assert "cannot be a campaign id" in place.clarion("clone", "spring", "--id", "no spaces").err


def test_a_follower_cannot_be_cloned(place: Place) -> None:
    fallback = {"on": ["busy"], "message": "Hi."}
    texts = place.calls(people(1), "calls", fallback=fallback).texts()
    result = place.clarion("clone", texts)
    assert result.code == 2
    assert 'follows "calls" and gets its contacts from there; clone "calls" instead' in result.err


def test_a_template_of_a_file(place: Place) -> None:
    place.audience(people(2))
    path = str(place.campaign_file())
    result = place.clarion("template", "save", path, "--name", "weekly")
    assert (result.code, result.err) == (0, "")
    assert "`clarion template start weekly`" in result.out
    (listed,) = place.clarion("template", "list", "--json").json
    assert (listed["template_id"], listed["channel"], listed["schedule"]) == ("weekly", "sms", None)
    assert [file["name"] for file in listed["files"]] == ["people.csv"]
    assert "weekly" not in place.clarion("list").out
    assert "people.csv" in place.clarion("template", "show", "weekly").out
    assert place.clarion("template", "start", "weekly", "--draft", "--id", "monday").code == 0
    assert bytes_of(place, "monday") == bytes_of(place, "weekly")
    assert place.clarion("template", "remove", "weekly").code == 0
    assert "there are no templates" in place.clarion("template", "list").out
    assert bytes_of(place, "monday") == [(place.folder / "people.csv").read_bytes()]


def test_a_template_without_contacts_needs_them_at_the_start(place: Place) -> None:
    path = str(place.campaign_file())
    assert place.clarion("template", "save", path, "--name", "words", "--without-contacts").code == 0
    result = place.clarion("template", "start", "words")
    assert result.code == 2
    assert 'template "words" has no contacts; give some with --audience FILE' in result.err
    other = place.audience(people(4), "march.csv")
    assert place.clarion("template", "start", "words", "--draft", "--id", "march", "--audience", str(other)).code == 0
    assert bytes_of(place, "march") == [other.read_bytes()]
    wrong = place.write("wrong.csv", "a,b\n1,2\n")
    result = place.clarion("template", "start", "words", "--draft", "--id", "april", "--audience", str(wrong))
    assert result.code == 2
    assert "phone" in result.err
    assert 'there is no campaign "april"' in place.clarion("show", "april").err


def test_a_template_of_a_campaign(place: Place) -> None:
    place.imported(people(2))
    assert place.clarion("template", "save", "spring", "--name", "again").code == 0
    assert bytes_of(place, "again") == bytes_of(place, "spring")
    assert "needs a campaign file" in place.clarion("template", "save", "spring", "--without-contacts").err


def test_a_template_is_neither_started_nor_cancelled(place: Place) -> None:
    place.imported(people(2))
    place.clarion("template", "save", "spring", "--name", "again")
    assert "`clarion template start again`" in place.clarion("start", "again").err
    assert "`clarion template remove again`" in place.clarion("cancel", "again").err
    assert place.store.campaigns.find(TENANT, "again").status is CampaignStatus.DRAFT
    result = place.clarion("template", "show", "spring")
    assert result.code == 2
    assert '"spring" is a campaign and no template' in result.err


def test_what_ended_can_be_deleted(place: Place, tmp_path: Path) -> None:
    one = place.imported(people(2))
    one.run()
    assert place.clarion("delete", "spring").code == 2
    one.status(CampaignStatus.COMPLETED)
    assert place.clarion("delete", "spring").code == 0
    assert 'there is no campaign "spring"' in place.clarion("show", "spring").err
