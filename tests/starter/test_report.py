"""The report: every row of the audience in order, books that balance, and nothing a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from openpyxl import load_workbook

from clarion.domain.campaign import CampaignStatus
from starter.reports import workbook
from starter.reports.report import COLUMNS, harmless, write_report
from tests.starter.installation import DELIVERED, PRICE, UNDELIVERED, Place, people

EVIL = '=cmd|"/c calc"!A1'
ROWS = [
    ["first_name", "phone"],
    [f'"{EVIL.replace(chr(34), chr(34) * 2)}"', "+14155552001"],
    ["@Zoë", "+14155552002"],
    ["-1", "+14155552003"],
    ["Ann", "12"],
]


@pytest.fixture
def finished(place: Place) -> Place:
    campaign = place.imported(ROWS, retry={"attempts": 2, "delay": "1s"})
    campaign.run()
    campaign.contact(DELIVERED, UNDELIVERED, DELIVERED)
    campaign.contact(DELIVERED, at=1_796_200_100.0)
    campaign.status(CampaignStatus.COMPLETED)
    return place


def csv_rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))


def test_a_csv_has_every_row_in_order_with_its_facts(finished: Place) -> None:
    result = finished.clarion("report", "spring", "--out", "r.csv")
    assert (result.code, result.out) == (0, "")
    assert "4 rows written to r.csv" in result.err
    rows = csv_rows(finished.folder / "r.csv")
    assert [row["position"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["row"] for row in rows] == ["2", "3", "4", "5"]
    assert [row["state"] for row in rows] == ["succeeded", "succeeded", "succeeded", "skipped"]
    assert [row["attempts"] for row in rows] == ["1", "2", "1", "0"]
    assert rows[0]["address"] == "+14155552001"
    assert rows[0]["provider_status"] == "delivered"
    assert rows[3]["outcome"] == "invalid_phone"
    assert '"12" is not a phone number' in rows[3]["detail"]


def test_the_cost_of_all_attempts_adds_up_to_what_was_spent(finished: Place) -> None:
    finished.clarion("report", "spring", "--out", "r.csv")
    rows = csv_rows(finished.folder / "r.csv")
    assert [float(row["cost"]) for row in rows] == [PRICE / 1e6, 2 * PRICE / 1e6, PRICE / 1e6, 0]
    assert sum(float(row["cost"]) for row in rows) == pytest.approx(finished.looking.progress("spring").spent)


def test_times_are_iso_8601_with_their_zone(finished: Place) -> None:
    finished.clarion("report", "spring", "--out", "r.csv")
    contacted = datetime.fromisoformat(csv_rows(finished.folder / "r.csv")[1]["contacted_at"])
    assert contacted.timestamp() == 1_796_200_100.0
    assert contacted.utcoffset() is not None


def test_a_csv_can_start_no_formula(finished: Place) -> None:
    finished.clarion("report", "spring", "--out", "r.csv")
    rows = csv_rows(finished.folder / "r.csv")
    assert [row["first_name"] for row in rows[:3]] == ["'" + EVIL, "'@Zoë", "'-1"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])  # noqa: RUF001 - full width, on purpose
def test_whatever_may_start_a_formula_gets_an_apostrophe(start: str) -> None:
    assert harmless("first_name", f"{start}1") == f"'{start}1"
    assert harmless("text", "a=b") == "a=b"


def test_a_workbook_holds_the_rows_as_text_and_no_formula(finished: Place) -> None:
    assert finished.clarion("report", "spring", "--out", "r.xlsx").code == 0
    book = load_workbook(finished.folder / "r.xlsx", read_only=True)
    rows = list(book["Targets"].iter_rows(values_only=True))
    assert rows[0] == (*COLUMNS, "first_name")
    assert [row[-1] for row in rows[1:4]] == [EVIL, "@Zoë", "-1"]
    assert rows[1][COLUMNS.index("address")] == "+14155552001"
    with zipfile.ZipFile(finished.folder / "r.xlsx") as archive:
        sheets = [archive.read(name) for name in archive.namelist() if name.startswith("xl/worksheets/")]
    assert not any(b"<f>" in sheet for sheet in sheets)


def test_a_text_stays_one_when_its_cell_is_edited_in_a_spreadsheet(finished: Place) -> None:
    finished.clarion("report", "spring", "--out", "r.xlsx")
    sheet = load_workbook(finished.folder / "r.xlsx")["Targets"]
    quoted = [sheet.cell(row, sheet.max_column).quotePrefix for row in (2, 3, 4)]
    assert [bool(one) for one in quoted] == [True, True, False]  # the last one is a number
    address = sheet.cell(2, COLUMNS.index("address") + 1)
    assert (address.value, address.data_type, bool(address.quotePrefix)) == ("+14155552001", "s", False)


def test_a_workbook_sums_up_the_books(finished: Place) -> None:
    finished.clarion("report", "spring", "--out", "r.xlsx")
    book = load_workbook(finished.folder / "r.xlsx", read_only=True)
    summary = {row[0]: row[-1] for row in book["Summary"].iter_rows(values_only=True)}
    assert summary["status"] == "completed"
    assert (summary["books: total"], summary["books: succeeded"], summary["books: skipped"]) == (4, 3, 1)
    assert summary["outcome: delivered"] == 3


def test_more_rows_than_a_sheet_holds_go_on_in_the_next(finished: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "ROWS_PER_SHEET", 2)
    assert write_report(finished.looking, "spring", finished.folder / "r.xlsx") == 4
    book = load_workbook(finished.folder / "r.xlsx", read_only=True)
    assert book.sheetnames == ["Summary", "Targets", "Targets 2"]
    positions = [[row[0] for row in book[name].iter_rows(values_only=True)][1:] for name in book.sheetnames[1:]]
    assert positions == [[1, 2], [3, 4]]


def test_a_workbook_survives_characters_that_excel_cannot_hold(place: Place) -> None:
    place.imported([["first_name", "phone"], ["An\x01n", "+14155552001"]])
    assert place.clarion("report", "spring", "--out", "r.xlsx").code == 0
    book = load_workbook(place.folder / "r.xlsx", read_only=True)
    assert [row[-1] for row in book["Targets"].iter_rows(values_only=True)][1] == "An\ufffdn"


def test_json_holds_the_summary_and_the_rows(finished: Place) -> None:
    finished.clarion("report", "spring", "--out", "r.json")
    written = json.loads((finished.folder / "r.json").read_text(encoding="utf-8"))
    assert written["summary"]["books"]["total"] == len(written["rows"]) == 4
    assert written["rows"][0]["first_name"] == EVIL
    assert finished.clarion("report", "spring", "--json").json == written


def test_a_dash_writes_csv_to_standard_output(finished: Place) -> None:
    result = finished.clarion("report", "spring", "--out", "-")
    assert len(list(csv.reader(io.StringIO(result.out)))) == 5


def test_a_report_takes_the_place_of_an_older_one_at_once_and_leaves_nothing_beside_it(finished: Place) -> None:
    (finished.folder / "r.csv").write_text("old")
    finished.clarion("report", "spring", "--out", "r.csv")
    assert len(csv_rows(finished.folder / "r.csv")) == 4
    assert list(finished.folder.glob(".*part")) == []


def test_a_variable_named_like_a_column_of_ours_does_not_hide_it(place: Place) -> None:
    place.imported([["state", "phone"], ["Ohio", "+14155552001"]], message="Hello {{ state }}")
    place.clarion("report", "spring", "--out", "r.csv")
    (row,) = csv_rows(place.folder / "r.csv")
    assert (row["state"], row["variable_state"]) == ("pending", "Ohio")


def test_without_a_file_the_summary_is_shown(finished: Place) -> None:
    result = finished.clarion("report", "spring")
    assert "completed" in result.out
    assert "invalid phone" in result.out


def test_a_large_report_is_complete(place: Place) -> None:
    place.imported(people(2_500))
    place.clarion("report", "spring", "--out", "r.csv")
    assert [int(row["position"]) for row in csv_rows(place.folder / "r.csv")] == list(range(1, 2_501))
