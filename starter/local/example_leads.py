"""Makes workbooks of lead ids that look like those people have: mostly clean, some odd, some useless; flat memory.

Everything in them is made up. What the sandbox's Salesforce says about an id stands in docs/sandbox.md: ids of deleted,
converted and unknown leads end as that page says.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import cycle
from pathlib import Path
from typing import IO, TypeAlias

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import Cell
from openpyxl.styles import Font
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from clarion.domain.errors import BadInput
from clarion.domain.lead_id import checksum

Value: TypeAlias = str | float | None
SHEET = "Leads"
COLUMNS = ("Lead ID", "Company", "Owner", "Region", "Segment", "Last campaign")
MOST_ROWS = 1_048_575
"""What a sheet holds below its header."""
MOST_BAD = 0.5
RECENT = 1_000
"""Rows back that a repeated one may lie."""


class Kind(StrEnum):
    """What a row of an example is."""

    ORDINARY = "ordinary"
    SHORT = "15 characters"
    CASE_LOST = "case lost"
    SPACED = "spaces around"
    LINK = "address of its page"
    HIDING = "hides instructions"
    SILENT = "no phone or e-mail"
    BARE = "nearly empty lead"
    EMPTY = "empty"
    WRONG_CHECKSUM = "wrong checksum"
    ACCOUNT = "id of an account"
    REPEATED = "repeated"
    REPEATED_SHORT = "repeated in 15 characters"
    FORMULA = "formula"
    NUMBER = "number"
    WORDS = "words"
    UNKNOWN = "unknown"
    DELETED = "deleted"
    CONVERTED = "converted"
    DECLINED = "AI declines"


ODD = (Kind.SHORT, Kind.CASE_LOST, Kind.SPACED, Kind.LINK, Kind.HIDING, Kind.SILENT, Kind.BARE)
"""Rows that can be used all the same."""
USELESS = (
    Kind.EMPTY, Kind.WRONG_CHECKSUM, Kind.ACCOUNT, Kind.REPEATED, Kind.REPEATED_SHORT, Kind.FORMULA, Kind.NUMBER,
    Kind.WORDS,
)  # fmt: skip
"""Rows that are left out when they are read."""
GONE = (Kind.UNKNOWN, Kind.DELETED, Kind.CONVERTED, Kind.DECLINED)
"""Rows whose lead cannot be had from Salesforce, is a customer already, or gets no assessment."""
BAD = (*USELESS, *GONE)

_ENDINGS: Mapping[Kind, tuple[str, ...]] = {
    Kind.HIDING: tuple(str(ending) for ending in range(9411, 9419)),
    Kind.SILENT: ("9404",),
    Kind.BARE: ("9405",),
    Kind.UNKNOWN: ("9401",),
    Kind.DELETED: ("9402",),
    Kind.CONVERTED: ("9403",),
    Kind.DECLINED: ("9421",),
}
"""How the 15 characters of an id end that mean something in the sandbox."""
_MAGIC = "94"
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SPACE = len(_LETTERS) ** 6
_STRIDE = 7_368_787_363  # a prime, so that every id comes up once before any comes up twice
_WORDS = ("ask sales", "see notes", "n/a", "not in CRM yet", "00Q?")
_COMPANIES = ("Northwind", "Harbor", "Cedar", "Keystone", "Vista", "Juniper", "Ironwood", "Meridian", "Orchard")
_TRADES = ("Logistics", "Foods", "Systems", "Health", "Energy", "Retail", "Labs", "Media", "Partners")
_OWNERS = ("Dana Whitfield", "Marcus Lindqvist", "Ines Carvalho", "Tom Akande", "Yuki Tanaka", "Helen Brandt")
_REGIONS = ("West", "Central", "East", "Canada", "EMEA")
_SEGMENTS = ("Enterprise", "Mid-market", "Small business")
_CAMPAIGNS = ("Spring fair", "Webinar 12", "Newsletter", "Referral", None)
_WIDTHS = (24, 26, 18, 12, 16, 16)


def write_example(path: Path, rows: int, bad: float = 0.02, seed: int = 0) -> Mapping[Kind, int]:
    """Write a workbook of ``rows`` leads, the share ``bad`` of them bad and as many odd; return how many of each kind.

    The same seed makes the same rows. With at least twelve bad rows there is one of every kind. Raises BadInput for
    numbers that cannot be, and for a path that cannot be written.
    """
    if not 1 <= rows <= MOST_ROWS:
        raise BadInput(f"an example has 1 to {MOST_ROWS:,} rows, as a sheet does, and not {rows:,}")
    if not 0 <= bad <= MOST_BAD:
        raise BadInput(f"the share of bad rows is from 0 to {MOST_BAD}, and not {bad:g}")
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            counts = _write(file, rows, bad, seed)
        part.replace(path)
    except OSError as error:
        raise BadInput(f'"{path}" cannot be written: {error.strerror or error}') from None
    finally:
        part.unlink(missing_ok=True)
    return counts


def _write(file: IO[bytes], rows: int, bad: float, seed: int) -> Mapping[Kind, int]:
    book = Workbook(write_only=True)
    sheet = book.create_sheet(SHEET)
    _prepare(sheet)
    counts: Counter[Kind] = Counter()
    for kind, cell, others in _rows(rows, bad, seed):
        sheet.append([_text(sheet, cell) if isinstance(cell, str) and kind is not Kind.FORMULA else cell, *others])
        counts[kind] += 1
    _explain(book, counts)
    book.save(file)
    return counts


def _rows(rows: int, bad: float, seed: int) -> Iterator[tuple[Kind, Value, list[str | None]]]:
    """Yield the kind of each row, what stands in its column of ids, and its other cells."""
    dice = random.Random(f"leads/{seed}")  # noqa: S311 -- made-up leads, not a secret
    maker = _Maker(dice)
    spoiled, odd = cycle(BAD), cycle(ODD)
    yield Kind.ORDINARY, maker.cell(Kind.ORDINARY), _others(dice)  # so that there is always one to repeat
    left_bad = min(round(rows * bad), rows - 1)
    left_odd = min(left_bad, rows - 1 - left_bad)
    for left in range(rows - 1, 0, -1):
        # Drawn so that in the end exactly as many have come as there should be, in flat memory.
        draw = dice.randrange(left)
        kind = Kind.ORDINARY
        if draw < left_bad:
            left_bad, kind = left_bad - 1, next(spoiled)
        elif draw < left_bad + left_odd:
            left_odd, kind = left_odd - 1, next(odd)
        yield kind, maker.cell(kind), _others(dice)


class _Maker:
    """Makes what stands in the column of ids."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._ids = _Ids(dice.randrange(_SPACE), dice.randrange(62))
        self._earlier: deque[str] = deque(maxlen=RECENT)

    def cell(self, kind: Kind) -> Value:
        """Return the cell of a row of this kind."""
        if kind in _ENDINGS:
            return self._ids.next(self._dice.choice(_ENDINGS[kind]))
        if kind in USELESS:
            return self._useless(kind)
        found = self._ids.next()
        self._earlier.append(found)
        shapes = {
            Kind.SHORT: found[:15],
            Kind.CASE_LOST: found.lower(),
            Kind.SPACED: f"\u00a0{found} ",
            Kind.LINK: f"https://clarion.lightning.force.com/lightning/r/Lead/{found}/view",
        }
        return shapes.get(kind, found)

    def _useless(self, kind: Kind) -> Value:
        letters, again = self._ids.next()[3:15], self._dice.choice(self._earlier)
        cells: dict[Kind, Value] = {
            Kind.REPEATED: again,
            Kind.REPEATED_SHORT: again[:15],
            # F says that the first character is a capital, and that is the digit 0: no change of case can mend it.
            Kind.WRONG_CHECKSUM: f"00Q{letters}F{checksum('00Q' + letters)[1:]}",
            Kind.ACCOUNT: f"001{letters}{checksum('001' + letters)}",
            Kind.FORMULA: f'=CONCATENATE("00Q","{letters}")',
            Kind.NUMBER: float(self._dice.randrange(10**14, 10**15)),
            Kind.WORDS: self._dice.choice(_WORDS),
        }
        return cells.get(kind)


class _Ids:
    """An endless row of ids of one organization, none twice."""

    def __init__(self, start: int, pod: int) -> None:
        self._next = start
        self._begin = f"00Q5{_LETTERS[pod]}0000"

    def next(self, ending: str = "") -> str:
        """Return the next id, of 18 characters; it means something special in the sandbox only if ``ending`` does."""
        while True:
            self._next = (self._next + _STRIDE) % _SPACE
            letters, number = "", self._next
            for _ in range(6):
                number, digit = divmod(number, 62)
                letters += _LETTERS[digit]
            if not letters[2:].startswith(_MAGIC):
                break
        # An ending takes the place of the zeros before it, so that the six letters keep telling ids apart.
        id15 = self._begin + letters if not ending else f"00Q{_LETTERS[0]}{letters}0{ending}"
        return id15 + checksum(id15)


def _others(dice: random.Random) -> list[str | None]:
    company = f"{dice.choice(_COMPANIES)} {dice.choice(_TRADES)}"
    return [company, *(dice.choice(cells) for cells in (_OWNERS, _REGIONS, _SEGMENTS, _CAMPAIGNS))]


def _prepare(sheet: WriteOnlyWorksheet) -> None:
    sheet.freeze_panes = "A2"
    for place, width in enumerate(_WIDTHS):
        sheet.column_dimensions["ABCDEF"[place]].width = width  # type: ignore[attr-defined]  # the stubs do not know it
    head = [_text(sheet, name) for name in COLUMNS]
    for cell in head:
        cell.font = Font(bold=True)
    sheet.append(head)


def _explain(book: Workbook, counts: Mapping[Kind, int]) -> None:
    """Add a sheet that says what was made, so that nobody takes it for real."""
    sheet = book.create_sheet("About")
    sheet.append(["Made up by Clarion: no lead in this workbook exists."])
    sheet.append([])
    for kind in Kind:
        sheet.append([kind.value, counts.get(kind, 0)])


def _text(sheet: WriteOnlyWorksheet, text: str) -> Cell:
    """Return a cell that holds a text, whatever it looks like."""
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    return cell
