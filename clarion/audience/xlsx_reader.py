"""Reads one sheet of an Excel workbook as a stream; every pass parses the sheet anew, so memory stays flat."""

from __future__ import annotations

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice, repeat
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TypeAlias

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.workbook import Workbook

from clarion.audience.cells import text_of
from clarion.audience.row import Row
from clarion.audience.workbook_archive import SHEETS, require_workbook
from clarion.domain.errors import BadInput, did_you_mean

_PIECE = 1 << 20
_MOST_ROWS = 1_048_576
_ERROR_VALUES = frozenset({"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#SPILL!"})
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_RESULT = re.compile(rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f\s[^<>]*/>)\s*<(?:\w+:)?v(?:\s[^<>]*)?>[^<]")
_LONGEST_RESULT_TAG = 256
_ILLEGAL = re.compile("[\0\ud800-\udfff]")
_BROKEN = (
    InvalidFileException,
    SyntaxError,  # of the standard library's XML parser, and of lxml's, which openpyxl uses where it is there
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    AttributeError,
    RuntimeError,  # an encrypted part, or nested too deeply; NotImplementedError is one of these
)
"""What openpyxl lets through when a workbook is damaged."""

_Values: TypeAlias = tuple[object, ...]


class XlsxReader:
    """A sheet of a workbook as an audience. Columns without a name in the first row are not part of it."""

    def __init__(self, path: Path, name: str, *, sheet: str | None = None) -> None:
        self._path = path
        self._name = name
        self._refuse_other_files()
        # Opened here because openpyxl leaves a file open when it fails on it.
        self._file = path.open("rb")
        try:
            with self._whole():
                self._book = _load(self._file, values=True)
            self._sheet = self._choose(sheet)
            with self._whole():
                self._uncalculated = self._has_formulas_without_results()
            self._head = 0
            self._columns, self._places = self._read_header()
        except BaseException:
            self._file.close()
            raise

    @property
    def name(self) -> str:
        return self._name

    @property
    def description(self) -> str:
        return f'XLSX, sheet "{self._sheet}"'

    @property
    def columns(self) -> tuple[str, ...]:
        return self._columns

    def rows(self, skip: int = 0) -> Iterator[Row]:
        """Yield the rows below the header after the first `skip`; rows without a value in any column are left out."""
        return islice(self._rows(), skip, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._book.close()
        self._file.close()

    def _rows(self) -> Iterator[Row]:
        if not self._uncalculated:
            nothing: _Values = ()
            yield from self._rows_with(repeat(nothing))
            return
        with self._path.open("rb") as file:
            yield from self._rows_with(self._stream(_load(file, values=False)))

    def _rows_with(self, formulas: Iterator[_Values]) -> Iterator[Row]:
        places = tuple(zip(self._columns, self._places, strict=True))
        # The streams are equally long; only the endless one of a sheet without formulas goes on.
        for number, (values, raw) in enumerate(zip(self._stream(self._book), formulas, strict=False), 1):
            if number <= self._head:
                continue
            width = len(values)
            cells = {column: _clean(values[i]) if i < width else "" for column, i in places}
            faults = self._faults(cells, raw, places)
            if faults or any(cell and not cell.isspace() for cell in cells.values()):
                yield Row(number, cells, faults=faults or None)

    @staticmethod
    def _faults(cells: dict[str, str], raw: _Values, places: tuple[tuple[str, int], ...]) -> dict[str, str]:
        faults = {
            column: f'the cell "{column}" holds the spreadsheet error {text}'
            for column, text in cells.items()
            if text in _ERROR_VALUES
        }
        for column, place in places if raw else ():
            formula = raw[place] if place < len(raw) else None
            if not cells[column] and formula is not None and text_of(formula).strip():
                faults[column] = (
                    f'the formula in "{column}" has no stored result; save the file in a spreadsheet program'
                )
        return faults

    def _stream(self, book: Workbook) -> Iterator[_Values]:
        sheet = book[self._sheet]
        sheet.reset_dimensions()  # what a file says about its own size is often wrong
        with self._whole():
            for number, values in enumerate(sheet.iter_rows(values_only=True, max_row=_MOST_ROWS + 1), 1):
                if number > _MOST_ROWS:  # without this, a false row number would be filled up to with empty rows
                    raise BadInput(f"{self._name} names a row below the last one of any spreadsheet; save it anew.")
                yield values

    def _read_header(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        for number, values in enumerate(self._stream(self._book), 1):
            names = [_clean(value).strip() for value in values]
            if any(names):
                self._head = number
                break
        else:
            raise BadInput(f'The sheet "{self._sheet}" of {self._name} is empty; {self._sheets("its sheets are")}.')
        places = tuple(i for i, name in enumerate(names) if name)
        columns = tuple(names[i] for i in places)
        twins = [name for name in columns if columns.count(name) > 1]
        if twins:
            raise BadInput(f'{self._name} has two columns named "{twins[0]}"; rename one of them.')
        return columns, places

    def _choose(self, asked: str | None) -> str:
        sheets = self._book.worksheets
        if not sheets:
            raise BadInput(f"{self._name} has no sheet with cells; save the table on a sheet.")
        if asked is None:
            return next((s for s in sheets if s.sheet_state == "visible"), sheets[0]).title
        if asked not in [s.title for s in sheets]:
            near = did_you_mean(asked, [s.title for s in sheets])
            raise BadInput(f'{self._name} has no sheet "{asked}"{near}; {self._sheets("its sheets are")}.')
        return asked

    def _sheets(self, intro: str) -> str:
        return f"{intro} " + ", ".join(f'"{sheet.title}"' for sheet in self._book.worksheets)

    def _has_formulas_without_results(self) -> bool:
        """Tell whether a program wrote formulas that no spreadsheet has calculated yet.

        One stored result means that a spreadsheet saved the file, and then a formula without one shows an empty text.
        The bytes are searched because a second pass with openpyxl, which finds out per cell, doubles the cost.
        """
        found = False
        with zipfile.ZipFile(self._path) as archive:
            for part in archive.namelist():
                if part.startswith(SHEETS) and part.endswith(".xml"):
                    for data in _pieces_with_formulas(archive, part):
                        if _RESULT.search(data):
                            return False
                        found = found or bool(_FORMULA.search(data))
        return found

    def _refuse_other_files(self) -> None:
        with self._path.open("rb") as file:
            start = file.read(8)
        if not start:
            raise BadInput(f"{self._name} is empty; it needs a first row with the column names and a row per target.")
        if start.startswith(b"\xd0\xcf\x11\xe0"):
            raise BadInput(f"{self._name} is an old or a locked workbook; save it as .xlsx without a password.")
        with self._whole():
            require_workbook(self._path, self._name)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Say in one sentence that the workbook is damaged, whichever layer noticed."""
        try:
            yield
        except _BROKEN as error:
            raise BadInput(
                f"{self._name} is damaged or not an Excel workbook; "
                "open it in a spreadsheet program and save it anew, or save it as CSV."
            ) from error


def _load(file: BinaryIO, *, values: bool) -> Workbook:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about decoration: styles, validations, extensions
        return load_workbook(file, read_only=True, data_only=values, keep_links=False)


def _pieces_with_formulas(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """Yield the pieces of a part that may hold a formula; they overlap, so that no tag is cut in two."""
    with archive.open(part) as stream:
        tail = b""
        while piece := stream.read(_PIECE):
            data = tail + piece
            if b"<f" in data or b":f" in data:  # a hundred times faster than the patterns, and enough for most files
                yield data
            tail = data[-_LONGEST_RESULT_TAG:]


def _clean(value: object) -> str:
    text = text_of(value)
    return text if text.isascii() and "\0" not in text else _ILLEGAL.sub("", text)
