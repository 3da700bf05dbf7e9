"""Rows of leads: their ids put right or refused with a reason, and all their cells kept for the result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from openpyxl import Workbook

from clarion.audience.checks import CheckedRow, RowChecker
from clarion.audience.row import Row
from clarion.audience.source import open_audience
from clarion.domain.campaign import CampaignSpec, parse_spec
from clarion.domain.errors import BadInput
from clarion.domain.target import SkipReason

NOW = 1_780_000_000.0
ID15 = "00Q5e00000A1bCd"
ID18 = "00Q5e00000A1bCdEAJ"
COLUMNS = ("Lead ID", "First Name", "Notes")
GOOD = {"Lead ID": ID18, "First Name": "Ann", "Notes": ""}


def spec_of(audience: dict[str, object] | None = None, **keys: object) -> CampaignSpec:
    content: dict[str, object] = {
        "name": "Fair",
        "channel": "lead_analysis",
        "audience": {"file": "leads.xlsx", "lead_id": "Lead ID", **(audience or {})},
    }
    return parse_spec({**content, **keys})


def check(cells: dict[str, str], spec: CampaignSpec | None = None, columns: Sequence[str] = COLUMNS) -> CheckedRow:
    return RowChecker(spec or spec_of(), columns, NOW).check(Row(7, {**GOOD, **cells}))


def then(when: str = "score > 50", **campaign: object) -> CampaignSpec:
    return spec_of(then={"when": when, "campaign": {"channel": "sms", "message": "Hi", **campaign}})


def test_a_good_row_is_ready_with_all_its_cells_as_they_are() -> None:
    assert check({"First Name": " Ann "}) == CheckedRow(
        row=7,
        address=ID18,
        variables={"Lead ID": ID18, "First Name": " Ann ", "Notes": ""},
        text=None,
        time_zone=None,
        segments=0,
    )


@pytest.mark.parametrize(
    "cell", [ID15, ID18.lower(), ID18.upper(), f" '{ID18} ", f"https://x.my.salesforce.com/{ID15}"]
)
def test_an_id_is_put_right_and_its_cell_still_shows_what_was_there(cell: str) -> None:
    row = check({"Lead ID": cell})
    assert (row.address, row.variables["Lead ID"], row.skip) == (ID18, cell, None)


@pytest.mark.parametrize(
    ("cell", "reason", "detail"),
    [
        (" ", SkipReason.MISSING_LEAD_ID, 'the cell "Lead ID" is empty'),
        (
            "001xx000003DGb1",
            SkipReason.WRONG_OBJECT,
            (
                'Lead ID "001xx000003DGb1" is not the id of a lead that can be used: it is the id of an account (001), '
                "not of a lead (00Q); give the ids of leads"
            ),
        ),
        (
            "1.23E+15",
            SkipReason.INVALID_LEAD_ID,
            (
                'Lead ID "1.23E+15" is not the id of a lead that can be used: it is a number, maybe made by a '
                "spreadsheet; format the column as text and insert the ids again"
            ),
        ),
    ],
)
def test_a_row_without_a_usable_id_says_why_and_keeps_its_cells(cell: str, reason: SkipReason, detail: str) -> None:
    row = check({"Lead ID": cell})
    assert (row.skip, row.detail, row.address) == (reason, detail, None)
    assert row.variables == {**GOOD, "Lead ID": cell}


def test_a_cell_that_cannot_be_read_matters_only_where_the_id_stands() -> None:
    checker = RowChecker(spec_of(), COLUMNS, NOW)
    cells = {**GOOD, "Notes": "#REF!"}
    kept = checker.check(Row(2, cells, faults={"Notes": "broken"}))
    assert (kept.skip, kept.variables) == (None, cells)
    left_out = checker.check(Row(2, cells, faults={"Lead ID": "broken"}))
    assert (left_out.skip, left_out.detail) == (SkipReason.UNREADABLE_ROW, "broken")


def test_a_row_that_cannot_be_read_at_all_keeps_what_could_be_made_out() -> None:
    broken = Row(9, {"Lead ID": "00Q"}, problem="it has 1 cell", reason=SkipReason.WRONG_CELL_COUNT)
    row = RowChecker(spec_of(), COLUMNS, NOW).check(broken)
    assert (row.skip, row.address, row.variables) == (SkipReason.WRONG_CELL_COUNT, None, {"Lead ID": "00Q"})


def test_time_zones_of_those_who_are_contacted_afterwards_are_read() -> None:
    follows = {"when": "score > 50", "campaign": {"channel": "sms", "message": "Hi"}}
    spec = spec_of({"time_zone": "Notes"}, then=follows)
    assert check({"Notes": "Europe/Berlin"}, spec).time_zone == "Europe/Berlin"
    assert check({"Notes": "Berlin"}, spec).skip is SkipReason.INVALID_TIME_ZONE


def test_a_column_of_ids_that_is_not_there_is_said() -> None:
    sentence = 'There is no column "Lead ID" for the lead ids \\(did you mean "LeadId"\\?\\); the columns are "LeadId"'
    with pytest.raises(BadInput, match=sentence):
        RowChecker(spec_of(), ("LeadId", "Name"), NOW)


@pytest.mark.parametrize(
    "spec",
    [
        then("score > 50 and Company != 'Acme' and first_name != Notes"),
        then(message="Hi {{ first_name }} of {{ Company }}: {{ next_step }} {{ unknown|default('') }}"),
        then(channel="call", message=None, call={"agent": "a", "context": "{{ reasons }}", "variables": ["tier"]}),
    ],
)
def test_what_follows_may_use_answers_fields_and_columns(spec: CampaignSpec) -> None:
    assert check({}, spec).skip is None


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (
            then("scroe > 50"),
            (
                'then.when needs scroe (did you mean "score"?), which is no answer, no field of the lead and no '
                "column; there are score, tier, reasons, risks, next_step, Name, "
            ),
        ),
        (then(message="Hi {{ frist_name }}"), 'then.campaign.message needs frist_name (did you mean "first_name"?)'),
        (
            then(channel="call", message=None, call={"agent": "a", "prompt": "{{ x }}"}),
            "then.campaign.call.prompt needs x",
        ),
        (
            then(channel="call", message=None, call={"agent": "a", "variables": ["tire"]}),
            'then.campaign.call.variables needs tire (did you mean "tier"?)',
        ),
        (
            then(channel="call", message=None, call={"agent": "a"}, fallback={"message": "{{ nam }}"}),
            'then.campaign.fallback.message needs nam (did you mean "Name"?)',
        ),
    ],
)
def test_what_follows_cannot_use_what_nobody_gives(spec: CampaignSpec, sentence: str) -> None:
    with pytest.raises(BadInput) as refused:
        RowChecker(spec, COLUMNS, NOW)
    assert str(refused.value).startswith(sentence)
    assert len(str(refused.value).splitlines()) == 1


def test_a_workbook_of_ids_is_checked_row_by_row(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.create_sheet("Leads of May")
    for row in (["Name", "Lead ID"], ["Ann", ID18.lower()], ["Bo", 1.23e15], ["Cy", "=A1"], ["Di", None], ["Ed", ID15]):
        sheet.append(row)
    path = tmp_path / "leads.xlsx"
    book.save(path)
    with open_audience(path, sheet="Leads of May") as reader:
        checker = RowChecker(spec_of(), reader.columns, NOW)
        rows = [checker.check(row) for row in reader.rows()]
    assert [(row.row, row.address, row.skip) for row in rows] == [
        (2, ID18, None),
        (3, None, SkipReason.INVALID_LEAD_ID),
        (4, None, SkipReason.UNREADABLE_ROW),
        (5, None, SkipReason.MISSING_LEAD_ID),
        (6, ID18, None),
    ]
    assert rows[1].variables == {"Name": "Bo", "Lead ID": "1230000000000000"}
