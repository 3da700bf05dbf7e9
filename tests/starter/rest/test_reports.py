"""Reports over REST: files that a browser saves, in which nothing is a formula."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import httpx
import pytest
from openpyxl import load_workbook

from tests.starter.installation import DELIVERED
from tests.starter.rest.doorway import Doorway
from tests.starter.rest.stage import ANN, HEAD, draft, imported

EVIL = "=HYPERLINK(1)"
PATH = "/campaigns/spring/report"


@pytest.fixture
def finished(door: Doorway) -> Doorway:
    imported(door, [HEAD, [EVIL, ANN], ["Bob", "12"]]).contact(DELIVERED)
    return door


async def test_a_workbook_comes_with_a_name(finished: Doorway, reader: httpx.AsyncClient) -> None:
    answer = await reader.get(PATH)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="spring.xlsx"'
    assert answer.headers["content-type"].endswith("spreadsheetml.sheet")
    sheet = load_workbook(io.BytesIO(answer.content))["Targets"]
    cells = {cell.value: cell for row in sheet.iter_rows() for cell in row}
    assert (cells[EVIL].data_type, cells[ANN].data_type) == ("s", "s")


async def test_csv_has_an_apostrophe_before_what_looks_like_a_formula(
    finished: Doorway, reader: httpx.AsyncClient
) -> None:
    answer = await reader.get(PATH, params={"format": "csv"})
    assert answer.headers["content-disposition"] == 'attachment; filename="spring.csv"'
    lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [line["first_name"] for line in lines] == ["'" + EVIL, ""]
    assert lines[0]["address"] == ANN


async def test_json_holds_values_as_they_are(finished: Doorway, reader: httpx.AsyncClient) -> None:
    told = (await reader.get(PATH, params={"format": "json"})).json()
    assert told["summary"]["books"]["total"] == len(told["rows"]) == 2
    assert told["rows"][0]["first_name"] == EVIL


async def test_a_draft_has_a_report_of_nobody(door: Doorway, reader: httpx.AsyncClient) -> None:
    await draft(door)
    assert (await reader.get(PATH, params={"format": "json"})).json()["rows"] == []


async def test_nothing_is_left_on_the_disk(
    finished: Doorway,
    reader: httpx.AsyncClient,
    south: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    assert (await reader.get(PATH)).status_code == 200
    assert (await south.get(PATH)).status_code == 404
    assert list(folder.iterdir()) == []


async def test_other_formats_are_refused(finished: Doorway, reader: httpx.AsyncClient) -> None:
    assert (await reader.get(PATH, params={"format": "pdf"})).status_code == 422
