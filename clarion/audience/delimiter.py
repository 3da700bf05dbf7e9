"""Guesses what separates the cells of a CSV file, from its header and first rows."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from clarion.domain.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_USUAL = (",", ";", "\t", "|")
_LAST_RESORT = ":"
"""Times and addresses are full of colons, so one counts only when nothing else separates anything."""
_ROWS = 200
_WORDS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "colon": ":"}
_EXCEL_HINT = re.compile(r"^\ufeff?\"?sep=(.)\"?[\r\n]*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cut:
    """How a line is cut into cells."""

    delimiter: str = ","
    skip_spaces: bool = False
    """Spaces after a delimiter are decoration: ``Ann, "Lee, Jr", 415``."""

    def reader(self, lines: Iterable[str], *, strict: bool = False, quoted: bool = True) -> Iterator[list[str]]:
        """Return the standard library's reader over the lines."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            skipinitialspace=self.skip_spaces,
            strict=strict,
            quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        )


def checked_delimiter(given: str) -> str:
    """Return the delimiter a person asked for, one character or its English name; raise BadInput for anything else."""
    delimiter = _WORDS.get(given.lower(), given)
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise BadInput(f'The delimiter must be one character such as "," or ";" or the word "tab", not "{given}".')
    return delimiter


def excel_hint(first_line: str) -> str | None:
    """Return the delimiter named by a first line ``sep=;``, which Excel writes, obeys and does not show."""
    found = _EXCEL_HINT.match(first_line)
    return found.group(1) if found and found.group(1) != '"' else None


def sniff(lines: Sequence[str]) -> Cut:
    """Return the cut that gives most rows as many cells as the header has; a file of one column gets the comma."""
    return _best(lines, _USUAL) or _best(lines, (_LAST_RESORT,)) or Cut()


def _best(lines: Sequence[str], delimiters: Iterable[str]) -> Cut | None:
    found: tuple[float, int] | None = None
    best = None
    for cut in (Cut(delimiter, skip) for skip in (False, True) for delimiter in delimiters):
        score = _score(lines, cut)
        if score and (found is None or score > found):
            found, best = score, cut
    return best


def _score(lines: Sequence[str], cut: Cut) -> tuple[float, int] | None:
    """Share of rows as wide as the header, then width; None when the header is not divided at all."""
    try:
        widths = [len(row) for row in islice(cut.reader(lines), _ROWS) if row]
    except csv.Error:
        return None
    if not widths or widths[0] < 2:
        return None
    if len(widths) == 1:
        return (0.5, widths[0])
    return (widths[1:].count(widths[0]) / (len(widths) - 1), widths[0])
