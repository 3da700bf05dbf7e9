"""Makes audiences that look real: the same rows for the same seed, from a demo's 600 to a bench's million.

python examples/make_audience.py --rows 1000000 --clean --out /tmp/million.csv

The numbers are made up. Those ending in 9001 to 9009 have a meaning in the sandbox: clarion/sandbox/twilio/numbers.py.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import cycle
from pathlib import Path

from openpyxl import Workbook

COLUMNS = ("first_name", "last_name", "phone", "plan", "city", "tz")
FORMATS = ("csv", "xlsx", "jsonl")
BAD_SHARE = 0.035
MAGIC_SHARE = 0.06
ZONE_SHARE = 0.4
MAGIC = tuple(range(9001, 9010))
BAD = (
    *("short phone", "words for phone", "no phone", "no name", "repeated", "wrong zone"),
    *("repeated otherwise", "no such number"),
)
BAD_LINES = ("too many cells", "too few cells")
"""Only a CSV file can have these."""

AREAS = (
    ("415", "San Francisco", "America/Los_Angeles"),
    ("206", "Seattle", "America/Los_Angeles"),
    ("303", "Denver", "America/Denver"),
    ("312", "Chicago", "America/Chicago"),
    ("602", "Phoenix", "America/Phoenix"),
    ("212", "New York", "America/New_York"),
    ("617", "Boston", "America/New_York"),
    ("713", "Houston", "America/Chicago"),
    ("214", "Dallas", "America/Chicago"),
    ("404", "Atlanta", "America/New_York"),
    ("305", "Miami", "America/New_York"),
    ("503", "Portland", "America/Los_Angeles"),
    ("801", "Salt Lake City", "America/Denver"),
    ("702", "Las Vegas", "America/Los_Angeles"),
    ("808", "Honolulu", "Pacific/Honolulu"),
    ("612", "Minneapolis", "America/Chicago"),
    ("505", "Albuquerque", "America/Denver"),
    ("704", "Charlotte", "America/New_York"),
    ("414", "Milwaukee", "America/Chicago"),
    ("619", "San Diego", "America/Los_Angeles"),
)
FIRST_NAMES = (
    *("Ava", "Ben", "Carla", "Daniel", "Elena", "Frank", "Grace", "Henry", "Isabel", "James", "Katherine", "Luis"),
    *("Maria", "Noah", "Olivia", "Peter", "Quinn", "Rosa", "Samuel", "Teresa", "Uma", "Victor", "Wendy", "Xavier"),
    *("Yasmin", "Zachary", "José", "Zoë", "André", "Siobhán", "Mary Ann", "D'Angelo", "Priya", "Kenji", "Oksana"),
)
LAST_NAMES = (
    *("Adams", "Baker", "Chavez", "Delgado", "Edwards", "Fischer", "Garcia", "Hughes", "Ibrahim", "Johnson", "Kim"),
    *("Lopez", "Miller", "Nguyen", "O'Connor", "Patel", "Quintero", "Rossi", "Smith", "Taylor", "Underwood", "Vargas"),
    *("Walker", "Xu", "Young", "Zimmer", "Smith-Jones", "Núñez", "Lee, Jr.", "van Dyke"),
)
PLANS = ("Basic", "Comfort", "Comfort Plus", "Premium", "Family")
SHAPES = ("+1{}{}{}", "({}) {}-{}", "{}-{}-{}", "+1 {} {} {}", "1 {} {} {}", "{}.{}.{}")
WORDS = ("call office", "n/a", "see notes", "unlisted")
ZONES = ("America/Los_Angles", "Pacific Time", "US/Mars")
_LINES = 9_000  # line numbers below the magic ones
_NUMBERS = len(AREAS) * _LINES
_STRIDE = 77_773  # shares no factor with _NUMBERS, so every number comes up once before any comes up twice


class People:
    """An endless row of customers, drawn from one seed."""

    def __init__(self, seed: int, *, clean: bool, lines: bool) -> None:
        """Prepare the draw; `lines` allows rows with too many or too few cells."""
        self._chance = random.Random(seed)
        self._start = self._chance.randrange(_NUMBERS)
        self._clean = clean
        self._bad = cycle((*BAD, *BAD_LINES) if lines else BAD)
        self._recent: deque[list[str]] = deque(maxlen=50)
        self._drawn = self._magic_drawn = 0

    def rows(self, count: int) -> Iterator[list[str]]:
        """Yield that many rows, header not included."""
        for _ in range(count):
            if not self._clean and self._recent and self._chance.random() < BAD_SHARE:
                yield self._spoiled(next(self._bad))
            else:
                row = self._good()
                self._recent.append(row)
                yield row

    def _good(self) -> list[str]:
        chance = self._chance
        if not self._clean and chance.random() < MAGIC_SHARE:
            area, digits = self._magic_number()
        else:
            area, digits = self._number()
        code, city, zone = AREAS[area]
        shape = SHAPES[0] if self._clean else chance.choice(SHAPES)
        return [
            chance.choice(FIRST_NAMES),
            chance.choice(LAST_NAMES),
            shape.format(code, digits[:3], digits[3:]),
            chance.choice(PLANS),
            city,
            zone if chance.random() < ZONE_SHARE else "",
        ]

    def _number(self) -> tuple[int, str]:
        block, place = divmod(self._drawn, _NUMBERS)
        self._drawn += 1
        area, line = divmod((self._start + place * _STRIDE) % _NUMBERS, _LINES)
        return area, f"{555 + block}{line:04}"

    def _magic_number(self) -> tuple[int, str]:
        place, ending = divmod(self._magic_drawn, len(MAGIC))
        self._magic_drawn += 1
        block, area = divmod(place, len(AREAS))
        return area, f"{555 + block}{MAGIC[ending]}"

    def _spoiled(self, how: str) -> list[str]:
        if how == "repeated":
            return list(self._chance.choice(self._recent))
        row = self._good()
        if how == "too many cells":
            return [*row[:4], "moved in May", *row[4:]]
        if how == "too few cells":
            return row[:3]
        return self._with_bad_cell(how, row)

    def _with_bad_cell(self, how: str, row: list[str]) -> list[str]:
        chance, phone = self._chance, row[2]
        again = chance.choice(self._recent)[2].removeprefix("+1").removeprefix("1 ").strip()
        place, cell = {
            "short phone": (2, phone[:6]),
            "words for phone": (2, chance.choice(WORDS)),
            "no phone": (2, ""),
            "no such number": (2, f"+1 155 {phone[-8:]}"),
            "repeated otherwise": (2, f"+1 {again}"),
            "no name": (0, " "),
            "wrong zone": (5, chance.choice(ZONES)),
        }[how]
        row[place] = cell
        return row


def write_audience(path: Path, rows: int, *, seed: int = 1, form: str = "csv", clean: bool = False) -> None:
    """Write an audience of that many rows in one of FORMATS, in the memory of one row."""
    people = People(seed, clean=clean, lines=form == "csv").rows(rows)
    {"csv": _write_csv, "xlsx": _write_xlsx, "jsonl": _write_jsonl}[form](path, people)


def _write_csv(path: Path, rows: Iterable[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def _write_xlsx(path: Path, rows: Iterable[list[str]]) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Customers")
    sheet.append(COLUMNS)
    for row in rows:
        sheet.append(row)
    book.save(path)


def _write_jsonl(path: Path, rows: Iterable[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)


def main() -> None:
    """Write the file that the arguments describe."""
    parser = argparse.ArgumentParser(description="Make an audience of made-up customers.")
    parser.add_argument("--rows", type=int, default=600, help="rows below the header (600)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same rows (1)")
    parser.add_argument("--format", choices=FORMATS, default="csv", help="csv")
    parser.add_argument("--clean", action="store_true", help="no bad rows, no magic numbers, every number in E.164")
    parser.add_argument("--out", type=Path, help="where to write it (customers.<format> beside this script)")
    given = parser.parse_args()
    path = given.out or Path(__file__).with_name(f"customers.{given.format}")
    write_audience(path, given.rows, seed=given.seed, form=given.format, clean=given.clean)
    print(f"{path}: {given.rows:,} rows")


if __name__ == "__main__":
    main()
