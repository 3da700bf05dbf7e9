"""A report as an Excel workbook, written row by row so that memory stays flat."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ERROR_CODES, ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

if TYPE_CHECKING:
    from starter.report import Cell as Value
    from starter.report import Report

ROWS_PER_SHEET = 1_048_575
"""What a sheet holds below its header."""
LONGEST_CELL = 32_767
WIDTHS = {"address": 17, "detail": 50, "text": 50, "provider_reference": 36}
MOMENT_WIDTH, USUAL_WIDTH = 26, 14


def write_workbook(path: Path, report: Report) -> int:
    """Write a summary and the rows, on as many sheets as they need; return the number of rows."""
    book = Workbook(write_only=True)
    _summary(book, report)
    rows = report.rows()
    written = 0
    for number in range(1, 1_000):
        page = islice(rows, ROWS_PER_SHEET)
        head = next(page, None)
        if head is None and number > 1:
            break
        sheet = book.create_sheet("Targets" if number == 1 else f"Targets {number}")
        _prepare(sheet, report.columns)
        for cells in chain([head] if head is not None else [], page):
            sheet.append([_cell(sheet, value) for value in cells])
            written += 1
    book.save(path)
    return written


def _summary(book: Workbook, report: Report) -> None:
    sheet = book.create_sheet("Summary")
    _widen(sheet, "A", 26)
    _widen(sheet, "B", 40)
    for name, value in report.summary():
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
    text = ILLEGAL_CHARACTERS_RE.sub("\ufffd", value)[:LONGEST_CELL]
    if text.startswith("=") or text in ERROR_CODES:
        cell = WriteOnlyCell(sheet, text)
        cell.data_type = "s"
        return cell
    return text


def _widen(sheet: WriteOnlyWorksheet, column: str, width: float) -> None:
    sheet.column_dimensions[column].width = width  # type: ignore[attr-defined]  # the stubs do not know it


def _bold(sheet: WriteOnlyWorksheet, text: str) -> Cell:
    cell = WriteOnlyCell(sheet, text)
    cell.font = Font(bold=True)
    return cell
