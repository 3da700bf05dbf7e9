"""A report as an Excel workbook, written row by row so that memory stays flat."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ERROR_CODES, ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from starter.reports.parts import FORMULA_STARTS, Sheet, Written
from starter.reports.parts import Cell as Value

ROWS_PER_SHEET = 1_048_575
"""What a sheet holds below its header."""
LONGEST_CELL = 32_767
_NUMBER = re.compile(r"[+-]?[0-9 ().-]+")
"""Phone numbers and numbers: whatever a spreadsheet reads them as, it runs nothing, and people copy them."""
WIDTHS = {"address": 17, "detail": 50, "text": 50, "provider_reference": 36, "summary": 50, "transcript": 60}
MOMENT_WIDTH, USUAL_WIDTH = 26, 14


def write_workbook(path: Path, report: Written) -> int:
    """Write the sheets of a report, one after the other; return the number of its rows.

    Rows go on in a further sheet where one is full.
    """
    book = Workbook(write_only=True)
    written = 0
    for sheet in report.sheets():
        if sheet.columns is None:
            _pairs(book, sheet)
        else:
            rows = _rows(book, sheet, sheet.columns)
            written += rows if sheet.is_result else 0
    book.save(path)
    return written


def _rows(book: Workbook, part: Sheet, columns: Sequence[str]) -> int:
    """Write rows below their columns, on as many sheets as they need; return their number."""
    written, rows = 0, iter(part.rows)
    for number in range(1, 1_000):
        page = islice(rows, ROWS_PER_SHEET)
        head = next(page, None)
        if head is None and number > 1:
            break
        sheet = book.create_sheet(part.title if number == 1 else f"{part.title} {number}")
        _prepare(sheet, columns)
        for cells in chain([head] if head is not None else [], page):
            sheet.append([_cell(sheet, value) for value in cells])
            written += 1
    return written


def _pairs(book: Workbook, part: Sheet) -> None:
    sheet = book.create_sheet(part.title)
    _widen(sheet, "A", 26)
    _widen(sheet, "B", 40)
    for name, value in part.rows:
        sheet.append([_bold(sheet, str(name)), _cell(sheet, value)])


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
    if text.startswith(FORMULA_STARTS) and not _NUMBER.fullmatch(text):
        return _quoted(sheet, text)
    return _text(sheet, text) if text in ERROR_CODES else text


def _clean(text: str) -> str:
    return ILLEGAL_CHARACTERS_RE.sub("\ufffd", text)[:LONGEST_CELL]


def _text(sheet: WriteOnlyWorksheet, text: str) -> Cell:
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    return cell


def _quoted(sheet: WriteOnlyWorksheet, text: str) -> Cell:
    """Return a text that stays one when somebody edits its cell, where a spreadsheet would else read it anew."""
    cell = _text(sheet, text)
    cell.quotePrefix = True
    return cell


def _widen(sheet: WriteOnlyWorksheet, column: str, width: float) -> None:
    sheet.column_dimensions[column].width = width  # type: ignore[attr-defined]  # the stubs do not know it


def _bold(sheet: WriteOnlyWorksheet, text: str) -> Cell:
    cell = _text(sheet, _clean(text))
    cell.font = Font(bold=True)
    return cell
