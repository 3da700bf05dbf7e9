"""Reads a JSON Lines file: one object on a line, its keys are the columns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self, TextIO

from clarion.audience.cells import text_of
from clarion.audience.encoding import TextForm, detect_encoding
from clarion.audience.row import Row
from clarion.domain.errors import BadInput
from clarion.domain.target import SkipReason

_LINES_TO_FIND_COLUMNS = 1000
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class _Unusable(Exception):
    """A line that is no row; its text is the sentence for the report."""


class JsonLinesReader:
    """A JSON Lines audience; the columns are the keys of its first readable object, later ones may bring more."""

    def __init__(self, path: Path, name: str, *, encoding: str | None = None) -> None:
        self._path = path
        self._name = name
        self._form: TextForm = detect_encoding(path, name, encoding)
        with self._open() as file:
            self._columns = self._find_columns(file)

    @property
    def name(self) -> str:
        return self._name

    @property
    def description(self) -> str:
        return f"JSON Lines, {self._form.encoding.removesuffix('-sig')}"

    @property
    def columns(self) -> tuple[str, ...]:
        return self._columns

    def rows(self, skip: int = 0) -> Iterator[Row]:
        """Yield the rows after the first `skip`; a line that is no object is yielded with its problem."""
        with self._open() as file:
            filled = ((number, line) for number, line in enumerate(file, 1) if not line.isspace())
            for number, line in islice(filled, skip, None):
                try:
                    yield Row(number, _cells(line))
                except _Unusable as error:
                    yield Row(number, {}, str(error), SkipReason.UNREADABLE_ROW)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Do nothing: no file stays open between passes."""

    def _open(self) -> TextIO:
        # Undecodable bytes become lone surrogates, which a row may not hold.
        return self._path.open(encoding=self._form.encoding, errors=self._form.errors)

    def _find_columns(self, file: TextIO) -> tuple[str, ...]:
        complaint = ""
        for number, line in enumerate(islice(file, _LINES_TO_FIND_COLUMNS), 1):
            if line.isspace():
                continue
            if not complaint and line.lstrip().startswith("["):
                raise BadInput(
                    f"{self._name} is one JSON list, not JSON Lines; write one object on a line, "
                    f"for example with: jq -c '.[]' {self._name} > targets.jsonl"
                )
            try:
                return tuple(_cells(line))
            except _Unusable as error:
                complaint = complaint or f"line {number}: {error}"
        raise BadInput(f"{self._name} is not JSON Lines, which hold one whole object on a line ({complaint}).")


def _cells(line: str) -> dict[str, str]:
    try:
        found = json.loads(line.replace("\0", ""), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise _Unusable(f"the line is not valid JSON: {error.msg} at character {error.pos + 1}") from None
    except ValueError:
        raise _Unusable("the line holds a number with thousands of digits") from None
    except RecursionError:
        raise _Unusable("the line is nested too deeply") from None
    if not isinstance(found, dict):
        raise _Unusable(f"the line is not an object in braces but {_kind(found)}")
    cells = {key.strip(): text_of(value) for key, value in found.items()}
    if not line.isascii() or "\\u" in line:
        return _clean(cells)
    return cells


def _clean(cells: dict[str, str]) -> dict[str, str]:
    for key, value in cells.items():
        if _LONE_SURROGATE.search(key) or _LONE_SURROGATE.search(value):
            shown = _LONE_SURROGATE.sub("\ufffd", f"{key}: {value}")
            raise _Unusable(f'the line holds text that is not Unicode: "{shown}"')
    return {key.replace("\0", ""): value.replace("\0", "") for key, value in cells.items()}


def _refuse_constant(constant: str) -> NoReturn:
    raise _Unusable(f"{constant} is not a value that JSON knows")


def _kind(found: object) -> str:
    return "a list" if isinstance(found, list) else f'"{text_of(found)}"'
