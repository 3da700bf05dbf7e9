"""Opens an audience file with the reader that fits it, and checks that it has the columns a campaign needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from clarion.audience.csv_reader import CsvReader
from clarion.audience.jsonl_reader import JsonLinesReader
from clarion.audience.row import AudienceReader
from clarion.domain.errors import BadInput, did_you_mean

_CSV = frozenset({".csv", ".tsv", ".tab", ".txt"})
_XLSX = frozenset({".xlsx", ".xlsm"})
_JSONL = frozenset({".jsonl", ".ndjson", ".json"})
_REFUSED = {
    ".xls": "is an old Excel workbook; save it as .xlsx or CSV",
    ".xlsb": "is a binary Excel workbook; save it as .xlsx or CSV",
    ".ods": "is an OpenDocument sheet; save it as .xlsx or CSV",
    ".numbers": "is a Numbers document; export it as .xlsx or CSV",
    ".zip": "is an archive; unpack it first",
    ".gz": "is an archive; unpack it first",
}


def open_audience(
    path: Path,
    *,
    name: str | None = None,
    sheet: str | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
) -> AudienceReader:
    """Open an audience file; `name` is what the person called it, when the file lies under another name.

    Raises:
        BadInput: the file is missing, empty, of another kind, or has no usable header; the sentence says what to do.
    """
    shown = name or path.name
    _require_file(path, shown)
    kind = Path(shown).suffix.lower()
    try:
        if kind in _CSV:
            return CsvReader(path, shown, delimiter=delimiter, encoding=encoding)
        if kind in _XLSX:
            from clarion.audience.xlsx_reader import XlsxReader  # noqa: PLC0415 - openpyxl is slow to load

            return XlsxReader(path, shown, sheet=sheet)
        if kind in _JSONL:
            return JsonLinesReader(path, shown, encoding=encoding)
    except OSError as error:
        raise BadInput(f"{shown} cannot be read: {error.strerror or error}.") from error
    why = _REFUSED.get(kind, "is of a kind that Clarion does not read; save the table as .csv, .xlsx or .jsonl")
    raise BadInput(f"{shown} {why}.")


def require_columns(columns: Sequence[str], needed: Mapping[str, str]) -> None:
    """Check that every needed column is there; `needed` maps what for ("the phone number") to the column's name.

    Raises:
        BadInput: one is not; the sentence names the columns there are and the nearest one.
    """
    for purpose, column in needed.items():
        if column not in columns:
            there = ", ".join(f'"{name}"' for name in columns)
            hint = "" if not any(map(_looks_like_data, columns)) else " The first row must hold the column names."
            near = did_you_mean(column, columns)
            raise BadInput(f'There is no column "{column}" for {purpose}{near}; the columns are {there}.{hint}')


def require_rows(reader: AudienceReader) -> None:
    """Raise BadInput when the audience has a header and nothing below it."""
    if next(reader.rows(), None) is None:
        raise BadInput(f"{reader.name} has column names but no rows; add a row per target below the first.")


def _looks_like_data(name: str) -> bool:
    return sum(map(str.isdigit, name)) >= 5


def _require_file(path: Path, shown: str) -> None:
    if path.is_dir():
        raise BadInput(f"{shown} is a folder; name a file in it.")
    if path.is_file():
        return
    if path.exists():
        raise BadInput(f"{shown} is not a regular file; save the audience to a file first.")
    folder = path.parent
    if not folder.is_dir():
        raise BadInput(f'There is no file "{path}": the folder "{folder}" does not exist.')
    try:
        near = did_you_mean(path.name, [entry.name for entry in folder.iterdir() if entry.is_file()])
    except OSError:
        near = ""
    raise BadInput(f'There is no file "{path.name}" in {folder.absolute()}{near}.')
