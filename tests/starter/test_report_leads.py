"""The report of an analysis of leads: the input in its order, the assessment beside it, and every row accounted for."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from openpyxl import load_workbook

from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import Outcome
from clarion.store.phases import Phase
from tests.starter.analysis import COST, GOOD, LEADS, POOR, THEN, Analysis, analysis, ids, lead, lead_id
from tests.starter.installation import NOW, Place

COLUMNS = (
    *("Lead ID", "City", "lead_id", "state", "outcome", "detail", "score", "tier", "reasons"),
    *("Lead: Name", "Lead: Company", "Lead: Phone"),
    *("row", "attempts", "model", "reused", "input_tokens", "output_tokens", "cost", "written_at", "write_error"),
)


@pytest.fixture
def done(place: Place) -> Analysis:
    """Six rows: a good lead, a poor one, one refused, one that there is not, one that is a customer, and a bad id."""
    short = lead_id(1)[:15].lower() + lead_id(1)[15:]
    rows = ids(5, "0035e00000A1bCdEAJ")
    rows[1][0] = short
    found = analysis(place, rows)
    found.campaign.run()
    found.phase(Phase.CHECKED, 6, 0.5)
    found.fetch(lead(1), lead(2) | {"Name": "=cmd|'/c calc'!A1"}, lead(3), None)
    found.fetch(lead(5), converted=True)
    found.phase(Phase.FETCHED, 5, 2.0)
    found.answer(GOOD, POOR)
    found.fail(Outcome.REFUSED)
    found.phase(Phase.ASSESSED, 3, 1.5)
    found.campaign.status(CampaignStatus.COMPLETED, at=NOW + 20)
    return found


def csv_rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))


def sheet(path: Path, name: str, width: int = 2) -> list[tuple[object, ...]]:
    """Read a sheet; cells that are empty at the end of a row are not in the file."""
    with closing(load_workbook(path, read_only=True)) as book:
        return [(*row, *[None] * (width - len(row))) for row in book[name].iter_rows(values_only=True)]


def test_a_workbook_has_every_row_of_the_input_in_order_with_the_answers_beside_it(done: Analysis) -> None:
    result = done.place.clarion("report", "spring", "--out", "r.xlsx")
    assert (result.code, result.out) == (0, "")
    assert "6 rows written to r.xlsx" in result.err
    path = done.place.folder / "r.xlsx"
    with closing(load_workbook(path, read_only=True)) as book:
        assert book.sheetnames == ["Leads", "Invalid IDs", "Failures", "Summary"]
    head, *rows = sheet(path, "Leads", len(COLUMNS))
    assert head == COLUMNS
    told = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    assert [row["row"] for row in told] == [2, 3, 4, 5, 6, 7]
    assert [row["City"] for row in told] == ["City 1", "City 2", "City 3", "City 4", "City 5", "Elsewhere"]
    assert (told[0]["Lead ID"], told[0]["lead_id"]) == (lead_id(1)[:15].lower() + lead_id(1)[15:], lead_id(1))
    assert [row["outcome"] for row in told] == [
        *("assessed", "assessed", "refused", "not_found", "converted", "wrong_object")
    ]
    assert [row["score"] for row in told] == [90, 12, None, None, None, None]
    assert (told[0]["tier"], told[0]["reasons"]) == ("A", "=Large; Asked for it")
    assert told[1]["Lead: Name"] == "=cmd|'/c calc'!A1"
    assert (told[0]["model"], told[0]["reused"], told[0]["input_tokens"]) == ("gpt-5-mini", "no", 700)
    assert sum(float(str(row["cost"])) for row in told) == pytest.approx(3 * COST / 1e6)


def test_no_cell_is_a_formula(done: Analysis) -> None:
    done.place.clarion("report", "spring", "--out", "r.xlsx")
    with zipfile.ZipFile(done.place.folder / "r.xlsx") as archive:
        sheets = [archive.read(name) for name in archive.namelist() if name.startswith("xl/worksheets/")]
    assert not any(b"<f>" in one for one in sheets)
    done.place.clarion("report", "spring", "--out", "r.csv")
    rows = csv_rows(done.place.folder / "r.csv")
    assert (rows[0]["reasons"], rows[1]["Lead: Name"]) == ("'=Large; Asked for it", "'=cmd|'/c calc'!A1")


def test_bad_ids_and_failures_have_sheets_of_their_own(done: Analysis) -> None:
    done.place.clarion("report", "spring", "--out", "r.xlsx")
    path = done.place.folder / "r.xlsx"
    head, bad = sheet(path, "Invalid IDs")
    assert head == ("row", "Lead ID", "reason", "detail")
    assert bad[:3] == (7, "0035e00000A1bCdEAJ", "wrong_object")
    assert "it is the id of a contact" in str(bad[3])
    head, *failures = sheet(path, "Failures")
    assert head == ("row", "lead_id", "state", "outcome", "detail", "attempts")
    assert [row[:4] for row in failures] == [
        (4, lead_id(3), "failed", "refused"),
        (5, lead_id(4), "failed", "not_found"),
        (6, lead_id(5), "skipped", "converted"),
    ]


def test_the_summary_has_totals_choices_scores_tokens_cost_and_the_time_of_each_phase(done: Analysis) -> None:
    done.place.clarion("report", "spring", "--out", "r.xlsx")
    told = {row[0]: row[1] for row in sheet(done.place.folder / "r.xlsx", "Summary")}
    assert (told["books: total"], told["books: succeeded"], told["books: failed"]) == (6, 2, 2)
    assert (told["outcome: assessed"], told["outcome: wrong_object"]) == (2, 1)
    assert (told["tier: A"], told["tier: B"], told["tier: C"]) == (1, 0, 1)
    assert (told["score: average"], told["score: lowest"], told["score: highest"]) == (51, 12, 90)
    assert (told["score: 10 to <20"], told["score: 90 to 100"]) == (1, 1)
    assert (told["input_tokens"], told["output_tokens"], told["reused"]) == (2_100, 270, 0)
    assert told["cost"] == pytest.approx(3 * COST / 1e6)
    assert (told["seconds"], told["fetched: seconds"], told["fetched: leads per second"]) == (20, 2, 2.5)
    assert (told["assessed: success rate"], told["checked: leads"]) == (pytest.approx(0.6667), 6)


def test_csv_and_json_have_the_same_columns_and_json_keeps_lists_and_numbers(done: Analysis) -> None:
    done.place.clarion("report", "spring", "--out", "r.csv")
    assert tuple(csv_rows(done.place.folder / "r.csv")[0]) == COLUMNS
    told = done.place.clarion("report", "spring", "--json").json
    assert told["rows"][0]["reasons"] == ["=Large", "Asked for it"]
    assert (told["rows"][0]["score"], told["rows"][0]["reused"]) == (90, False)
    assert set(told["rows"][0]) <= set(COLUMNS)
    assert (told["leads"]["choices"]["tier"], told["leads"]["assessed"]) == ({"A": 1, "B": 0, "C": 1}, 2)
    assert told["summary"]["phases"][1]["phase"] == "fetched"
    done.place.clarion("report", "spring", "--out", "r.json")
    assert json.loads((done.place.folder / "r.json").read_text(encoding="utf-8")) == told


def test_columns_of_the_input_keep_their_names_and_ours_give_way(place: Place) -> None:
    rows = [["Lead ID", "score", "row"], [lead_id(1), "mine", "7"]]
    found = analysis(place, rows)
    found.campaign.run()
    found.fetch(lead(1))
    found.answer(GOOD)
    place.clarion("report", "spring", "--out", "r.csv")
    (row,) = csv_rows(place.folder / "r.csv")
    assert (row["score"], row["Assessment: score"]) == ("mine", "90")
    assert (row["row"], row["Assessment: row"]) == ("7", "2")


def test_a_reused_answer_stands_in_the_report_of_the_next_campaign_and_costs_nothing(place: Place) -> None:
    for name in ("first", "second"):
        found = analysis(place, ids(1), name)
        found.campaign.run()
        found.fetch(lead(1))
        if name == "first":
            found.answer(GOOD)
    place.clarion("report", "second", "--out", "r.csv")
    (row,) = csv_rows(place.folder / "r.csv")
    assert (row["score"], row["reused"], row["cost"], row["attempts"]) == ("90", "yes", "0.0", "0")
    assert place.clarion("report", "second", "--json").json["leads"]["reused"] == 1


def test_what_follows_stands_in_the_summary(place: Place) -> None:
    found = analysis(place, ids(2), then=THEN)
    found.campaign.run()
    found.fetch_all()
    found.answer(GOOD, POOR)
    child = found.followed()
    assert found.campaign.store.feeding.pull(child.key, NOW) == 1
    place.clarion("report", "spring", "--out", "r.xlsx")
    told = {row[0]: row[1] for row in sheet(place.folder / "r.xlsx", "Summary")}
    assert (told["then"], told["then: channel"], told["then: total"], told["then: pending"]) == (
        *("spring.then", "sms"),
        *(1, 1),
    )


def test_without_a_file_answers_and_errors_are_shown(done: Analysis) -> None:
    shown = done.place.clarion("report", "spring").out
    for word in ("2 leads assessed", "tier", "51.0 on average", "2,100 in, 270 out", "refused", "wrong object"):
        assert word in shown


def test_a_large_report_is_complete_and_in_order(place: Place) -> None:
    found = analysis(place, ids(2_100), limits={"concurrency": 500})
    found.campaign.run()
    found.fetch_all()
    found.answer(*[GOOD] * 400)
    place.clarion("report", "spring", "--out", "r.csv")
    rows = csv_rows(place.folder / "r.csv")
    assert [int(row["row"]) for row in rows] == list(range(2, 2_102))
    assert sum(row["score"] == "90" for row in rows) == 400


def test_a_campaign_that_has_read_nothing_yet_has_its_columns(place: Place) -> None:
    place.store.campaigns.create("default", "empty", analysis(place, ids(1)).campaign.store.campaigns.get(1).spec, NOW)
    done = place.clarion("report", "empty", "--out", "r.csv")
    assert (done.code, csv_rows(place.folder / "r.csv")) == (0, [])
    assert LEADS["channel"] == "lead_analysis"
