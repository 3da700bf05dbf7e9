"""A report as an Excel workbook, written row by row so that memory stays flat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ERROR_CODES, ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from starter import report_calls
from starter.report_calls import Cell as Value

if TYPE_CHECKING:
    from starter.report import Report

ROWS_PER_SHEET = 1_048_575
"""What a sheet holds below its header."""
LONGEST_CELL = 32_767
WIDTHS = {"address": 17, "detail": 50, "text": 50, "provider_reference": 36, "summary": 50, "transcript": 60}
MOMENT_WIDTH, USUAL_WIDTH = 26, 14


def write_workbook(path: Path, report: Report) -> int:
    """Write a summary, that of the calls, the rows and who said what; return the number of rows.

    Rows go on in a further sheet where one is full.
    """
    book = Workbook(write_only=True)
    _pairs(book, "Summary", report.summary())
    if report.calls is not None:
        _pairs(book, "Calls", report_calls.sums(report.calls))
    written = _sheets(book, "Targets", report.columns, report.rows())
    if report.calls is not None:
        _sheets(book, "Transcripts", report_calls.TURN_COLUMNS, report_calls.turns(report.transcripts()))
    book.save(path)
    return written


def _sheets(book: Workbook, title: str, columns: Sequence[str], rows: Iterator[list[Value]]) -> int:
    """Write rows below their columns, on as many sheets as they need; return their number."""
    written = 0
    for number in range(1, 1_000):
        page = islice(rows, ROWS_PER_SHEET)
        head = next(page, None)
        if head is None and number > 1:
            break
        sheet = book.create_sheet(title if number == 1 else f"{title} {number}")
        _prepare(sheet, columns)
        for cells in chain([head] if head is not None else [], page):
            sheet.append([_cell(sheet, value) for value in cells])
            written += 1
    return written


def _pairs(book: Workbook, title: str, pairs: Iterable[tuple[str, Value]]) -> None:
    sheet = book.create_sheet(title)
    _widen(sheet, "A", 26)
    _widen(sheet, "B", 40)
    for name, value in pairs:
        sheet.append([_bold(sheet, name), _cell(sheet, value)])


def _prepare(sheet: WriteOnlyWorksheet, columns: Sequence[str]) -> None:
    sheet.freeze_panes = "A2"
    for i, name in enumerate(columns, 1):
        usual = MOMENT_WIDTH if name.endswith("_at") else USUAL_WIDTH
        _widen(sheet, get_column_letter(i), WIDTHS.get(name, usual))
    sheet.append([_bold(sheet, name) for name in columns])


def _cell(sheet: WriteOnlyWorksheet, value: Value) -> Value | Cell:
    """Return a value as it may stand in a sheet: what looks like a formula is text and nothing else."""
    if not isinstance(value, str):
        return value
    text = _clean(value)
    return _text(sheet, text) if text.startswith("=") or text in ERROR_CODES else text


def _clean(text: str) -> str:
    return ILLEGAL_CHARACTERS_RE.sub("\ufffd", text)[:LONGEST_CELL]


def _text(sheet: WriteOnlyWorksheet, text: str) -> Cell:
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    return cell


def _widen(sheet: WriteOnlyWorksheet, column: str, width: float) -> None:
    sheet.column_dimensions[column].width = width  # type: ignore[attr-defined]  # the stubs do not know it


def _bold(sheet: WriteOnlyWorksheet, text: str) -> Cell:
    cell = _text(sheet, _clean(text))
    cell.font = Font(bold=True)
    return cell
