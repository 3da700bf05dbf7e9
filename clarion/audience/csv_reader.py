"""Reads a CSV file of any delimiter and encoding, row by row, in the memory of one row."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from clarion.audience.delimiter import Cut, checked_delimiter, excel_hint, sniff
from clarion.audience.encoding import UNREADABLE, TextForm, detect_encoding
from clarion.audience.records import Record, read_records
from clarion.audience.row import Row
from clarion.domain.errors import BadInput
from clarion.domain.target import SkipReason

_SAMPLE_LINES = 400
_SAMPLE_CHARACTERS = 1 << 17
_SPOKEN = {"\t": "tab"}


class CsvReader:
    """A CSV audience; the file is opened anew for every pass over its rows."""

    def __init__(self, path: Path, name: str, *, delimiter: str | None = None, encoding: str | None = None) -> None:
        self._path = path
        self._name = name
        asked = checked_delimiter(delimiter) if delimiter else None
        self._form: TextForm = detect_encoding(path, name, encoding)
        with self._open() as file:
            first, sample = self._sample(file)
            hinted = excel_hint(first)
            self._head_lines = 1 if hinted else 0
            given = asked or hinted
            self._cut = Cut(given) if given else sniff(sample)
        with self._open() as file:
            header = next(self._records(file), None)
        self._columns = self._checked_header(header)
        self._widest = len(header.cells) if header else 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def description(self) -> str:
        delimiter = self._cut.delimiter
        return f"CSV, {self._form.encoding.removesuffix('-sig')}, delimiter {_SPOKEN.get(delimiter, f'{delimiter!r}')}"

    @property
    def columns(self) -> tuple[str, ...]:
        return self._columns

    def rows(self, skip: int = 0) -> Iterator[Row]:
        """Yield the data rows after the first `skip`; a row that cannot be used is yielded with its problem."""
        columns, width, damaged = self._columns, len(self._columns), self._form.errors != "strict"
        with self._open() as file:
            for record in islice(self._records(file, width), skip + 1, None):
                number, cells, problem = record
                if problem is not None or len(cells) != width or damaged:
                    yield self._odd_row(record)
                else:
                    yield Row(number, dict(zip(columns, cells, strict=True)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Do nothing: no file stays open between passes."""

    def _open(self) -> TextIO:
        return self._path.open(encoding=self._form.encoding, errors=self._form.errors, newline="")

    def _records(self, file: TextIO, width: int = 0) -> Iterator[Record]:
        return (r for r in read_records(self._lines(file), self._cut, width) if r.problem or not _is_blank(r.cells))

    def _lines(self, file: TextIO) -> Iterator[str]:
        lines: Iterator[str] = islice(file, self._head_lines, None)
        # No database and no phone can hold the NUL character, and nobody sees it.
        return (line.replace("\0", "") for line in lines) if self._form.has_nul else lines

    def _sample(self, file: TextIO) -> tuple[str, list[str]]:
        first = next(file, "")
        sample: list[str] = []
        size = 0
        for line in chain([first], islice(file, _SAMPLE_LINES)):
            size += len(line)
            if sample and size > _SAMPLE_CHARACTERS:
                break
            sample.append(line.replace("\0", ""))
        return first, sample

    def _checked_header(self, header: Record | None) -> tuple[str, ...]:
        if header is None or header.problem:
            why = f": {header.problem}" if header else ""
            raise BadInput(f"The first row of {self._name} holds no column names{why}; put a name over every column.")
        names = [_shown(name).strip().removeprefix("\ufeff").strip() for name in header.cells]
        while not names[-1]:  # spreadsheets end every row with empty cells when a column was once in use
            names.pop()
        for position, name in enumerate(names, 1):
            if not name:
                raise BadInput(f"Column {position} of {self._name} has no name; give it one in the first row.")
            if name in names[: position - 1]:
                twin = names.index(name) + 1
                where = f"columns {twin} and {position}"
                raise BadInput(f'{self._name} has two columns named "{name}" ({where}); rename one of them.')
        return tuple(names)

    def _odd_row(self, record: Record) -> Row:
        cells, width = record.cells, len(self._columns)
        problem, reason = record.problem, None if record.problem is None else SkipReason.UNREADABLE_ROW
        # Empty cells count unless the header has them too: behind one, the cells before may stand in the wrong columns.
        fits = width <= len(cells) <= self._widest and not "".join(cells[width:]).strip()
        if problem is None and len(cells) != width and not fits:
            named = f"{width} column{'s' if width > 1 else ''}"
            problem, reason = f"the row has {len(cells)} cells for {named}", SkipReason.WRONG_CELL_COUNT
        values = dict(zip(self._columns, cells, strict=False))
        faults = {
            column: f'a byte in "{column}" is not {self._form.encoding.removesuffix("-sig")} text: "{_shown(value)}"'
            for column, value in values.items()
            if UNREADABLE.search(value)
        }
        clean = {column: _shown(value) for column, value in values.items()} if faults else values
        return Row(record.number, clean, problem, reason, faults or None)


def _is_blank(cells: list[str]) -> bool:
    return not cells or (not cells[0].strip() and not "".join(cells).strip())


def _shown(value: str) -> str:
    return UNREADABLE.sub("\ufffd", value)
