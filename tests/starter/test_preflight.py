"""``clarion check``: the whole audience through the real import, nobody contacted, nothing left behind."""

from __future__ import annotations

import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from clarion.domain.campaign import parse_spec
from clarion.domain.window import Window
from clarion.settings import load_settings
from starter.campaign_file import read_campaign_file
from starter.checking.forecast import expected_end
from starter.checking.preflight import Preflight, Rejected, preflight
from tests.starter.installation import NOW, TENANT, Place, campaign, people

BERLIN = ("Europe/Berlin",)
WORKDAY = Window.model_validate({"from": "09:00", "to": "17:00", "time_zone": "target"})


def checked(place: Place, **keys: object) -> Preflight:
    return preflight(read_campaign_file(place.campaign_file(**keys)), load_settings(), now=NOW)


def test_rows_are_accepted_or_left_out_for_the_reasons_the_import_has(place: Place) -> None:
    place.audience(
        [
            *people(3),
            ["Bob", "12"],
            ["Cid", "+1 415 555 2000"],
            ["", "+14155553000"],
            ["Dan", "34"],
        ]
    )
    found = checked(place)
    assert (found.total, found.accepted, found.rejected) == (7, 3, 4)
    reasons = {reason.reason: reason for reason in found.reasons}
    assert {name: reason.count for name, reason in reasons.items()} == {
        "invalid_phone": 2,
        "duplicate": 1,
        "missing_variable": 1,
    }
    assert reasons["invalid_phone"].rows == (5, 8)
    assert reasons["duplicate"].example == "+14155552000 stands in row 2 already"


def test_people_on_the_do_not_contact_list_are_left_out(place: Place) -> None:
    place.audience(people(3))
    place.campaign_file()
    place.store.suppressions.add(TENANT, "+14155552001", "person", "", NOW)
    found = place.clarion("check", "campaign.yaml", "--json").json
    assert found["accepted"] == 2
    assert found["reasons"] == [
        {"reason": "opted_out", "count": 1, "rows": [3], "example": "+14155552001 is on the do-not-contact list"}
    ]


def test_the_first_row_shows_what_it_would_get(place: Place) -> None:
    place.audience([["first_name", "phone"], ["Ann", "12"], ["Bob", "+14155552001"]])
    found = checked(place)
    assert (found.sample_row, found.sample_text) == (3, "Hi Bob, your service is due.")


def test_a_row_with_its_own_text_shows_that(place: Place) -> None:
    place.audience([["first_name", "phone", "own"], ["Ann", "+14155552001", "Just for you {{ x }}"]])
    found = checked(place, audience={"file": "people.csv", "address": "phone", "message": "own"})
    assert found.sample_text == "Just for you {{ x }}"


def test_segments_and_cost_are_counted_row_by_row(place: Place) -> None:
    place.audience([["first_name", "phone"], ["Ann", "+14155552001"], ["B" * 200, "+14155552002"]])
    found = checked(place, budget=0.02)
    assert found.segments_per_text == {1: 1, 2: 1}
    assert found.expected_cost == pytest.approx(3 * 0.0083)
    assert found.covered == 1


def test_the_widest_limit_says_how_long_it_takes(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.audience(people(61))
    alone = checked(place, limits={"per_second": 10})
    assert alone.expected_end == pytest.approx(NOW + 6.1, abs=0.2)
    monkeypatch.setenv("CLARION_ACCOUNTS__MAIN__PER_MINUTE", "60")
    shared = checked(place, limits={"per_second": 10})
    assert shared.expected_end == pytest.approx(NOW + 61, abs=0.1)


@pytest.mark.parametrize(
    ("work", "end"),
    [
        (0.0, "2026-12-02T09:26:40"),  # within today's hours
        (3_600.0, "2026-12-02T10:26:40"),
        (8 * 3_600.0, "2026-12-03T09:26:40"),  # what today has no room for goes on tomorrow
        (24 * 3_600.0, "2026-12-05T09:26:40"),
    ],
)
def test_a_window_stretches_the_work_over_days(work: float, end: str) -> None:
    from datetime import datetime

    expected = datetime.fromisoformat(end).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    assert expected_end(WORKDAY, [BERLIN], NOW, work) == expected.timestamp()


def test_the_last_time_zone_decides_and_one_that_never_opens_has_no_end() -> None:
    assert expected_end(WORKDAY, [BERLIN, ("Pacific/Honolulu",)], NOW, 60.0) == expected_end(
        WORKDAY, [("Pacific/Honolulu",)], NOW, 60.0
    )
    assert expected_end(WORKDAY, [BERLIN, ()], NOW, 60.0) is None
    assert expected_end(None, [], NOW, 60.0) == NOW + 60.0


def test_an_account_that_is_not_set_up_is_told_and_stops_nothing(place: Place) -> None:
    place.audience(people(1))
    found = checked(place, account="west")
    assert found.accepted == 1
    assert '"west" is not set up' in found.problems[0]


def test_neither_database_nor_temporal_is_needed_or_made(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.audience(people(2))
    place.campaign_file()
    monkeypatch.setenv("CLARION_HOME", str(place.folder / "new-home"))
    result = place.clarion("check", "campaign.yaml", "--json")
    assert (result.code, result.json["accepted"], result.err) == (0, 2, "")
    assert not (place.folder / "new-home").exists()


def test_a_database_that_does_not_answer_is_told_and_stops_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    place.audience(people(2))
    place.campaign_file()
    monkeypatch.setenv("CLARION_DATABASE_URL", f"postgresql+psycopg://me:x@127.0.0.1:{free_port}/clarion")
    result = place.clarion("check", "campaign.yaml", "--json")
    assert (result.code, result.json["accepted"]) == (0, 2)
    assert "the do-not-contact list is not consulted" in result.err


@pytest.mark.parametrize("bad", [0, 3])
def test_rows_that_are_left_out_are_named_in_text_and_in_json(place: Place, bad: int) -> None:
    place.audience([*people(2), *([f"Bad{n}", "12"] for n in range(bad))])
    place.campaign_file()
    listed = place.clarion("check", "campaign.yaml", "--rows", "--json").json
    assert [row["row"] for row in listed["rows"]] == list(range(4, 4 + bad))
    assert listed["rejected"] == bad
    lines = place.clarion("check", "campaign.yaml", "--rows").out.splitlines()
    assert len([line for line in lines if line.startswith("row ") and "invalid phone:" in line]) == bad


def test_many_rows_come_in_batches_and_duplicates_are_found_across_them(place: Place) -> None:
    rows = people(2_300)
    place.audience([*rows, rows[1]])
    seen: list[int] = []
    told: list[Rejected] = []
    found = preflight(
        read_campaign_file(place.campaign_file()),
        load_settings(),
        on_progress=seen.append,
        on_rejected=told.append,
        now=NOW,
    )
    assert seen == [1_000, 2_000, 2_301]
    assert [(row.row, row.outcome) for row in told] == [(2_302, "duplicate")]
    assert found.accepted == 2_300


def test_nothing_is_left_in_the_folder_for_temporary_files(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.audience(people(2))
    place.campaign_file()
    scratch = place.folder / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    assert place.clarion("check", "campaign.yaml").code == 0
    assert list(Path(scratch).iterdir()) == []
    assert place.looking.campaigns() == []


def test_the_examples_that_ship_can_be_started(place: Place) -> None:
    examples = Path(__file__).parents[2] / "examples"
    for example in sorted(examples.glob("*.yaml")):
        result = place.clarion("check", str(example), "--json")
        assert result.code == 0, result.err
        assert result.json["accepted"] > 0


def test_a_spec_is_the_same_whether_it_is_checked_or_stored() -> None:
    spec = parse_spec(campaign())
    assert type(spec).model_validate_json(spec.model_dump_json(by_alias=True)) == spec
