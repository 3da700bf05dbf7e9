"""The report of a campaign of calls: what each call came to, what all came to, and who said what."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest
from openpyxl import load_workbook

from clarion.domain.call import AnsweredBy, Speaker, Stage, Turn
from clarion.domain.campaign import CampaignStatus
from tests.starter.installation import ANSWERED, BUSY, NOW, VOICEMAIL, Place, people

TURNS = (Turn(Speaker.AGENT, "=Hello Ann0?", 0.5), Turn(Speaker.PERSON, "Yes.\nWho is it?", 2.0))
TALK = {
    "stage": Stage.ENDED,
    "answered_by": AnsweredBy.HUMAN,
    "duration": 42.5,
    "cost": 0.25,
    "disconnection_reason": "user_hangup",
    "recording_url": "https://recordings.example/1.wav",
    "summary": "=She agreed.",
    "turns": TURNS,
    "analysis": {"mood": "=good", "state": "won"},
}
LATER = NOW + 3_600.0


@pytest.fixture
def finished(place: Place) -> Place:
    """Four rows: busy and then a talk, a voicemail, a call without a word on it, and a bad number."""
    campaign = place.calls([*people(3), ["Bob", "12"]])
    campaign.run()
    campaign.call(BUSY, stage=Stage.ENDED, disconnection_reason="dial_busy")
    campaign.call(VOICEMAIL, stage=Stage.ENDED, answered_by=AnsweredBy.MACHINE, duration=3.0, analysis={"mood": "none"})
    campaign.call()
    campaign.call(ANSWERED, at=LATER, **TALK)
    campaign.status(CampaignStatus.RUNNING, at=LATER)
    return place


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))


def test_each_row_has_the_facts_of_its_last_call(finished: Place) -> None:
    assert finished.clarion("report", "spring", "--out", "r.csv").code == 0
    talk, voicemail, going, bad = rows(finished.folder / "r.csv")
    assert (talk["outcome"], talk["attempts"], talk["duration_seconds"]) == ("answered", "2", "42.5")
    assert (talk["answered_by"], talk["stage"], talk["disconnection_reason"]) == ("human", "ended", "user_hangup")
    assert talk["recording_url"] == "https://recordings.example/1.wav"
    assert talk["transcript"] == "agent: =Hello Ann0?\nperson: Yes. Who is it?"
    assert (talk["analysis_state"], voicemail["analysis_state"]) == ("won", "")
    assert (voicemail["outcome"], voicemail["answered_by"]) == ("voicemail", "machine")
    assert (going["outcome"], going["stage"], going["duration_seconds"]) == ("placed", "placed", "")
    assert (bad["state"], bad["stage"], bad["transcript"]) == ("skipped", "", "")
    assert talk["first_name"] == "Ann0"
    assert "segments" not in talk


def test_no_word_of_a_provider_starts_a_formula(finished: Place) -> None:
    finished.clarion("report", "spring", "--out", "r.csv")
    talk = rows(finished.folder / "r.csv")[0]
    assert (talk["summary"], talk["analysis_mood"]) == ("'=She agreed.", "'=good")
    finished.clarion("report", "spring", "--out", "r.xlsx")
    with zipfile.ZipFile(finished.folder / "r.xlsx") as archive:
        sheets = [archive.read(name) for name in archive.namelist() if name.startswith("xl/worksheets/")]
    assert not any(b"<f>" in sheet for sheet in sheets)


def test_a_workbook_sums_the_calls_up_and_has_every_turn(finished: Place) -> None:
    finished.clarion("report", "spring", "--out", "r.xlsx")
    book = load_workbook(finished.folder / "r.xlsx", read_only=True)
    assert book.sheetnames == ["Summary", "Calls", "Targets", "Transcripts"]
    sums = {row[0]: row[1] for row in book["Calls"].iter_rows(values_only=True)}
    assert sums["calls"] == 4
    assert (sums["outcome: answered"], sums["outcome: voicemail"], sums["outcome: busy"]) == (1, 1, 1)
    assert (sums["total_duration_seconds"], sums["average_duration_seconds"]) == (45.5, 22.75)
    spent = finished.looking.progress("spring").spent
    assert sums["cost"] == sums["cost_per_answered_call"] == pytest.approx(spent)
    assert (sums["analysis: mood: =good"], sums["analysis: mood: none"]) == (1, 1)
    head, *turns = book["Transcripts"].iter_rows(values_only=True)
    assert head == ("position", "attempt", "address", "outcome", "at_seconds", "speaker", "text")
    assert turns == [
        (1, 2, "+14155552000", "answered", 0.5, "agent", "=Hello Ann0?"),
        (1, 2, "+14155552000", "answered", 2, "person", "Yes.\nWho is it?"),
    ]


def test_json_has_the_sums_and_the_transcripts(finished: Place) -> None:
    told = finished.clarion("report", "spring", "--json").json
    assert told["calls"]["outcomes"]["answered"] == 1
    assert told["calls"]["cost"] == told["summary"]["spent"]
    assert [call["position"] for call in told["transcripts"]] == [1]
    assert told["transcripts"][0]["turns"][1] == {"speaker": "person", "text": "Yes.\nWho is it?", "at": 2.0}
    assert told["rows"][0]["analysis_mood"] == "=good"
    finished.clarion("report", "spring", "--out", "r.json")
    assert json.loads((finished.folder / "r.json").read_text(encoding="utf-8")) == told


def test_a_column_of_the_audience_hides_none_of_ours(place: Place) -> None:
    told = [["summary", "phone"], ["a good customer", "+14155552000"]]
    place.calls(told, call={"prompt": "You call {{ summary }}."})
    place.clarion("report", "spring", "--out", "r.csv")
    (row,) = rows(place.folder / "r.csv")
    assert (row["summary"], row["variable_summary"]) == ("", "a good customer")


def test_a_rows_own_script_stands_in_the_report(place: Place) -> None:
    told = [["first_name", "phone", "own"], ["Ann", "+14155552000", "Ask her twice."]]
    place.calls(told, audience={"file": "people.csv", "address": "phone", "prompt": "own"})
    place.clarion("report", "spring", "--out", "r.csv")
    (row,) = rows(place.folder / "r.csv")
    assert json.loads(row["script"]) == {"prompt": "Ask her twice."}


def test_a_report_of_more_calls_than_are_read_at_once_is_complete(place: Place) -> None:
    campaign = place.calls(people(230), limits={"per_second": 1_000_000})
    campaign.run()
    for n in range(225):
        campaign.call(ANSWERED, stage=Stage.ENDED, duration=float(n))
    place.clarion("report", "spring", "--out", "r.csv")
    told = [row["duration_seconds"] for row in rows(place.folder / "r.csv")]
    assert told == [str(float(n)) for n in range(225)] + [""] * 5
