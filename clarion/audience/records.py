"""Reads CSV records so that one stray quote costs one row: plain CSV reading would swallow all rows up to the next."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from clarion.audience.delimiter import Cut

_MOST_LINES = 200
"""More lines than any cell has; a record that goes on longer has an unclosed quote."""
_UNCLOSED = 'a quote (") is opened in this row and never closed'
_TOO_LONG = f"a cell is longer than {csv.field_size_limit():,} characters"


class Record(NamedTuple):
    """One record. `number` counts records from 1, blank ones included, as a spreadsheet numbers its rows."""

    number: int
    cells: list[str]
    problem: str | None


class _EndlessRecordError(Exception):
    """A record has taken more lines than a record can have."""


class _Feed:
    """Hands lines to the csv module and remembers those of the record being read, so that they can be given back."""

    __slots__ = ("_given_back", "_source", "cut_off", "taken")

    def __init__(self, source: Iterator[str]) -> None:
        self._source = source
        self._given_back: deque[str] = deque()
        self.taken: list[str] = []
        self.cut_off = False
        """The file ended inside the record."""

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= _MOST_LINES:
            raise _EndlessRecordError
        try:
            line = self._given_back.popleft() if self._given_back else next(self._source)
        except StopIteration:
            self.cut_off = bool(self.taken)
            raise
        self.taken.append(line)
        return line

    def give_back_all_but_first(self) -> None:
        self._given_back.extendleft(reversed(self.taken[1:]))


def read_records(lines: Iterator[str], cut: Cut, width: int = 0) -> Iterator[Record]:
    """Yield every record of the lines; `width` is the number of cells a good one has, 0 while that is not known."""
    feed = _Feed(lines)
    reader = cut.reader(feed)
    taken = feed.taken
    number = 0
    while True:
        taken.clear()
        feed.cut_off = False
        problem = None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            cells, problem = [], _TOO_LONG if len(taken) == 1 else _UNCLOSED
        except _EndlessRecordError:
            cells, problem = [], _UNCLOSED
        number += 1
        if problem or feed.cut_off or (len(taken) > 1 and _swallowed(taken, cells, cut, width)):
            problem = problem or _UNCLOSED
            cells = _unquoted(taken[0], cut)
            feed.give_back_all_but_first()
        yield Record(number, cells, problem)


def _swallowed(taken: list[str], cells: list[str], cut: Cut, width: int) -> bool:
    """Tell whether a record of several lines is an unclosed quote that ran on into the rows below it.

    Then text follows where the quote is closed at last, or the cells are too many or too few and whole rows are inside.
    """
    try:
        if next(cut.reader(iter(taken), strict=True)) != cells:
            return True
    except (csv.Error, StopIteration):
        return True
    return bool(width) and len(cells) != width and any(_is_a_row(line, cut, width) for line in taken[1:])


def _is_a_row(line: str, cut: Cut, width: int) -> bool:
    return line.count('"') % 2 == 0 and len(next(cut.reader([line]), [])) == width


def _unquoted(line: str, cut: Cut) -> list[str]:
    """Cut a line without regard to quotes: only to show a person which row is meant."""
    try:
        return next(cut.reader([line], quoted=False), [])
    except csv.Error:
        return []
