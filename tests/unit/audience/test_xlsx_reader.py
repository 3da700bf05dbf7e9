"""Excel workbooks: typed cells become the text a person sees, and what a workbook says about itself is not trusted."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from clarion.audience import workbook_archive
from clarion.audience.row import Row
from clarion.audience.source import open_audience
from clarion.domain.errors import BadInput


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "customers.xlsx"


def save(file: Path, *rows: Iterable[object], change: Callable[[Worksheet], object] | None = None) -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "People"
    for row in rows:
        sheet.append(list(row))
    if change is not None:
        change(sheet)
    book.save(file)


def read(file: Path, sheet: str | None = None) -> list[Row]:
    with open_audience(file, sheet=sheet) as reader:
        return list(reader.rows())


def rewrite(file: Path, part: str, edit: Callable[[bytes], bytes], **added: bytes) -> None:
    """Change the bytes of one part of a workbook, as another program would have written them; add sheet-level parts."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = edit(parts[part])
    parts.update({f"xl/{name}.xml": content for name, content in added.items()})
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (14155550123, "14155550123"),
        (14155550123.0, "14155550123"),
        ("+1 (415) 555-0123", "+1 (415) 555-0123"),
        ("0049 89 123", "0049 89 123"),
        (0.1 + 0.2, "0.3"),
        (0.00001, "0.00001"),
        (-2.5, "-2.5"),
        (True, "true"),
        (datetime(2026, 5, 1), "2026-05-01"),  # noqa: DTZ001 - a spreadsheet's dates have no zone
        (datetime(2026, 5, 1, 9, 30), "2026-05-01 09:30"),  # noqa: DTZ001
        (date(2026, 5, 1), "2026-05-01"),
        (time(9, 30), "09:30"),
        (timedelta(hours=30), "1 day, 6:00:00"),
        ("two\nlines", "two\nlines"),
        ("Zoë 🙂", "Zoë 🙂"),
    ],
)
def test_a_cell_becomes_the_text_a_person_sees(file: Path, value: object, text: str) -> None:
    save(file, ["name", "value"], ["Ann", value])
    assert read(file)[0].cells == {"name": "Ann", "value": text}


def test_rows_carry_the_numbers_the_spreadsheet_shows(file: Path) -> None:
    save(file, [], ["name", "phone"], ["Ann", 1], [], [None, "  "], ["Ben"], [], [])
    assert [(row.number, row.cells) for row in read(file)] == [
        (3, {"name": "Ann", "phone": "1"}),
        (6, {"name": "Ben", "phone": ""}),
    ]


def test_columns_without_a_name_are_no_part_of_the_audience(file: Path) -> None:
    save(
        file, [None, " name ", None, "phone"], ["x", "Ann", "y", 1, "a note"], [None, None, None, None, "a note below"]
    )
    with open_audience(file) as reader:
        assert reader.columns == ("name", "phone")
        assert [row.cells for row in reader.rows()] == [{"name": "Ann", "phone": "1"}]


def test_merged_and_hidden_cells_are_read(file: Path) -> None:
    def change(sheet: Worksheet) -> None:
        sheet.merge_cells("A2:A3")
        sheet.row_dimensions[3].hidden = True
        sheet.column_dimensions["B"].hidden = True

    save(file, ["name", "phone"], ["Ann", 1], [None, 2], change=change)
    assert [row.cells for row in read(file)] == [{"name": "Ann", "phone": "1"}, {"name": "", "phone": "2"}]


def test_texts_that_excel_keeps_apart_from_the_cells_are_read(file: Path) -> None:
    save(file, ["name", "phone"], ["Ann", 1])
    shared = (
        b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>name</t></si><si><t>phone</t></si>'
        b'<si><r><t xml:space="preserve">Zo\xc3\xab </t></r><r><rPr><b/></rPr><t>Lee</t></r></si></sst>'
    )
    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    override = b'<Override PartName="/xl/sharedStrings.xml" ContentType="' + kind + b'"/></Types>'
    rewrite(file, "[Content_Types].xml", lambda xml: xml.replace(b"</Types>", override), sharedStrings=shared)
    cells = b'<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
    cells += b'<row r="2"><c r="A2" t="s"><v>2</v></c><c r="B2"><v>1.4155550123E10</v></c></row>'
    rewrite(
        file, SHEET, lambda xml: re.sub(rb"<sheetData>.*</sheetData>", b"<sheetData>" + cells + b"</sheetData>", xml)
    )
    assert [row.cells for row in read(file)] == [{"name": "Zoë Lee", "phone": "14155550123"}]


@pytest.mark.parametrize("claim", [b"A1", b"A1:B2", b"A1:XFD1048576"])
def test_a_wrong_claim_about_the_size_changes_nothing(file: Path, claim: bytes) -> None:
    save(file, ["name", "phone"], ["Ann", 1], ["Ben", 2])
    rewrite(file, SHEET, lambda xml: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="' + claim + b'"', xml))
    assert [row.cells["name"] for row in read(file)] == ["Ann", "Ben"]


def test_rows_and_cells_without_a_reference_are_read(file: Path) -> None:
    save(file, ["name", "phone"], ["Ann", 1])
    rewrite(file, SHEET, lambda xml: re.sub(rb'(<row|<c) r="[A-Z]*\d+"', rb"\1", xml))
    assert [(row.number, row.cells) for row in read(file)] == [(2, {"name": "Ann", "phone": "1"})]


def test_a_row_beyond_the_end_of_every_spreadsheet_is_refused_and_does_not_hang_the_reader(file: Path) -> None:
    save(file, ["name", "phone"], ["Ann", 1], ["Ben", 2])
    rewrite(file, SHEET, lambda xml: xml.replace(b'<row r="3"', b'<row r="99999999999"'))
    with pytest.raises(BadInput, match="names a row below the last one of any spreadsheet"):
        read(file)


def test_an_error_value_is_a_fault_of_its_cell(file: Path) -> None:
    save(file, ["name", "phone"], ["Ann", "#N/A"], ["Ben", 2])
    assert [row.faults for row in read(file)] == [{"phone": 'the cell "phone" holds the spreadsheet error #N/A'}, None]


def test_a_formula_that_was_never_calculated_is_a_fault_of_its_cell(file: Path) -> None:
    save(file, ["name", "phone"], ["Ann", '="+1415555"&"0101"'], ["Ben", 2], ["=A2", 3])
    rows = read(file)
    assert [sorted(row.faults or ()) for row in rows] == [["phone"], [], ["name"]]
    assert rows[0].faults == {
        "phone": 'the formula in "phone" has no stored result; save the file in a spreadsheet program'
    }


def test_a_calculated_formula_gives_its_result_and_an_empty_one_is_empty(file: Path) -> None:
    save(file, ["name", "phone"], ["=A9", 1], ["=A8", 2])
    rewrite(file, SHEET, lambda xml: re.sub(rb"(<f>A9</f>)<v ?/>|(<f>A9</f>)<v></v>", rb"<f>A9</f><v>7</v>", xml))
    assert [(row.cells["name"], row.faults) for row in read(file)] == [("7", None), ("", None)]


def book_of(file: Path, *titles: str, hidden: str = "") -> None:
    book = Workbook()
    book.remove(book.worksheets[0])
    for title in titles:
        sheet = book.create_sheet(title)
        sheet.append(["name", "from"])
        sheet.append(["Ann", title])
        sheet.sheet_state = "hidden" if title == hidden else "visible"
    book.save(file)


def test_the_sheet_may_be_chosen_and_is_the_first_visible_one_else(file: Path) -> None:
    book_of(file, "Settings", "March", "April", hidden="Settings")
    assert [row.cells["from"] for row in read(file)] == ["March"]
    assert [row.cells["from"] for row in read(file, "April")] == ["April"]
    assert [row.cells["from"] for row in read(file, "Settings")] == ["Settings"]


def test_a_wrong_sheet_is_answered_with_the_sheets_there_are(file: Path) -> None:
    book_of(file, "March", "April")
    with pytest.raises(BadInput) as refusal:
        open_audience(file, sheet="march 26")
    assert str(refusal.value) == (
        'customers.xlsx has no sheet "march 26" (did you mean "March"?); its sheets are "March", "April".'
    )


def test_an_empty_sheet_is_answered_with_the_sheets_there_are(file: Path) -> None:
    save(file)
    with pytest.raises(BadInput, match=r'The sheet "People" of customers\.xlsx is empty; its sheets are "People"'):
        open_audience(file)


def test_two_columns_of_one_name_are_refused(file: Path) -> None:
    save(file, ["name", "phone", "name "], ["Ann", 1, 2])
    with pytest.raises(BadInput, match='two columns named "name"'):
        open_audience(file)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "customers.xlsx is empty"),
        (b"name,phone\nAnn,1\n", "customers.xlsx is not an Excel workbook; name it .csv if it is text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "customers.xlsx is an old or a locked workbook; save it as"),
        (b"PK\x03\x04" + bytes(100), "customers.xlsx is not an Excel workbook"),
    ],
    ids=["empty", "text", "old", "half a zip"],
)
def test_other_files_called_xlsx_are_refused(file: Path, content: bytes, sentence: str) -> None:
    file.write_bytes(content)
    with pytest.raises(BadInput) as refusal:
        open_audience(file)
    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize(
    "part", ["[Content_Types].xml", "xl/workbook.xml", "xl/styles.xml", "xl/_rels/workbook.xml.rels"]
)
@pytest.mark.parametrize("content", [b"", b"<broken", b"<a/>"])
def test_a_damaged_workbook_is_refused_in_one_sentence_or_still_readable(file: Path, part: str, content: bytes) -> None:
    save(file, ["name", "phone"], ["Ann", 1])
    rewrite(file, part, lambda _: content)
    try:
        outcome = ", ".join(row.cells["name"] for row in read(file))
    except BadInput as refusal:
        outcome = str(refusal)
    assert outcome == "Ann" or outcome.startswith("customers.xlsx ")
    assert "\n" not in outcome


def test_damage_below_good_rows_is_said_after_them(file: Path) -> None:
    save(file, ["name", "phone"], ["Ann", 1], ["Ben", 2])
    rewrite(file, SHEET, lambda xml: xml.replace(b'<row r="3"', b'<<row r="3"'))
    with open_audience(file) as reader, pytest.raises(BadInput, match=r"customers\.xlsx is damaged.*save it anew"):
        list(reader.rows())


def test_a_workbook_that_would_unpack_to_gigabytes_is_refused_unread(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(file, ["name", "phone"], *(["Ann", 1] for _ in range(20_000)))
    monkeypatch.setattr(workbook_archive, "BOUNDS", workbook_archive.Bounds(sheet=1 << 20))
    with pytest.raises(
        BadInput, match=r"would unpack to more than 1 MB \(xl/worksheets/sheet1.xml\); save the one sheet"
    ):
        open_audience(file)


@pytest.mark.parametrize("skip", [0, 1, 2, 5])
def test_a_resumed_pass_goes_on_where_the_first_one_stopped(file: Path, skip: int) -> None:
    save(file, ["name"], ["Ann"], [], ["Ben"], ["Cy"])
    with open_audience(file) as reader:
        assert list(reader.rows(skip)) == list(reader.rows())[skip:]
