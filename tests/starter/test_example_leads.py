"""Example workbooks hold what they say: every kind of row, as many as asked for, the same for the same seed."""

from __future__ import annotations

import tracemalloc
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from openpyxl import load_workbook

from clarion.audience.xlsx_reader import XlsxReader
from clarion.domain.errors import BadInput
from clarion.domain.lead_id import BadLeadId, repaired
from clarion.domain.target import SkipReason
from clarion.sandbox.decisions import Decisions
from clarion.sandbox.salesforce.leads import Fate, Leads
from starter.local.example_leads import BAD, COLUMNS, GONE, ODD, SHEET, USELESS, Kind, write_example

ROWS = 600
REASONS = {
    Kind.EMPTY: SkipReason.MISSING_LEAD_ID,
    Kind.WRONG_CHECKSUM: SkipReason.INVALID_LEAD_ID,
    Kind.ACCOUNT: SkipReason.WRONG_OBJECT,
    Kind.NUMBER: SkipReason.INVALID_LEAD_ID,
    Kind.WORDS: SkipReason.INVALID_LEAD_ID,
}
FATES = {
    Kind.HIDING: Fate.HIDDEN,
    Kind.SILENT: Fate.SILENT,
    Kind.BARE: Fate.BARE,
    Kind.UNKNOWN: Fate.UNKNOWN,
    Kind.DELETED: Fate.DELETED,
    Kind.CONVERTED: Fate.CONVERTED,
    Kind.DECLINED: Fate.MARKED,
}


def cells(path: Path) -> list[list[object]]:
    book = load_workbook(path, read_only=True)
    try:
        return [list(row) for row in book[SHEET].iter_rows(values_only=True)]
    finally:
        book.close()


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Counter[Kind]]:
    path = tmp_path_factory.mktemp("examples") / "leads.xlsx"
    return path, Counter(write_example(path, ROWS, bad=0.1, seed=3))


def test_it_has_as_many_rows_of_each_kind_as_asked_for(example: tuple[Path, Counter[Kind]]) -> None:
    path, counts = example
    rows = cells(path)
    assert rows[0] == list(COLUMNS)
    assert len(rows) - 1 == counts.total() == ROWS
    assert set(counts) == set(Kind)
    assert sum(counts[kind] for kind in BAD) == sum(counts[kind] for kind in ODD) == 60
    assert max(counts[kind] for kind in BAD) - min(counts[kind] for kind in BAD) <= 1


def test_the_reader_and_the_check_of_ids_find_what_was_made(example: tuple[Path, Counter[Kind]]) -> None:
    path, counts = example
    found: Counter[object] = Counter()
    leads: dict[str, int] = defaultdict(int)
    with XlsxReader(path, path.name, sheet=SHEET) as reader:
        for row in reader.rows():
            if row.faults:
                found["formula"] += 1
                continue
            try:
                lead = repaired(row.cells[COLUMNS[0]])
            except BadLeadId as refused:
                found[refused.reason] += 1
            else:
                found["repaired"] += lead.repaired
                leads[lead.id18] += 1
    expected: Counter[object] = Counter({"formula": counts[Kind.FORMULA], "repaired": counts[Kind.CASE_LOST]})
    for kind, reason in REASONS.items():
        expected[reason] += counts[kind]
    assert found == expected
    again = counts[Kind.REPEATED] + counts[Kind.REPEATED_SHORT]
    assert sum(count - 1 for count in leads.values()) == again
    assert len(leads) == ROWS - again - sum(counts[kind] for kind in (*REASONS, Kind.FORMULA))


def test_the_sandbox_knows_of_the_same_leads_what_was_made(example: tuple[Path, Counter[Kind]]) -> None:
    path, counts = example
    leads = Leads(Decisions(3))
    fates: Counter[Fate] = Counter()
    for row in cells(path)[1:]:
        if isinstance(row[0], str) and row[0].startswith("00Q") and len(row[0]) == 18:
            fates[leads.fate(row[0])] += 1
    assert {fate: fates[fate] for fate in FATES.values()} == {fate: counts[kind] for kind, fate in FATES.items()}
    assert set(fates) == {*FATES.values(), Fate.USUAL}


def test_a_row_is_bad_in_one_way_only() -> None:
    assert set(USELESS) | set(GONE) == set(BAD)
    assert {*BAD, *ODD, Kind.ORDINARY} == set(Kind)
    assert len(BAD) + len(ODD) + 1 == len(Kind)


def test_the_same_seed_makes_the_same_rows(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_example(tmp_path / f"{name}.xlsx", 40, bad=0.1, seed=seed)
    a, b, c = (cells(tmp_path / f"{name}.xlsx") for name in "abc")
    assert a == b
    assert a != c


@pytest.mark.parametrize(
    ("rows", "bad", "spoiled", "odd"), [(1, 0.5, 0, 0), (3, 0.5, 2, 0), (10, 0.0, 0, 0), (9, 0.3, 3, 3)]
)
def test_small_examples_keep_their_numbers(tmp_path: Path, rows: int, bad: float, spoiled: int, odd: int) -> None:
    counts = write_example(tmp_path / "small.xlsx", rows, bad=bad, seed=5)
    assert sum(counts.values()) == rows == len(cells(tmp_path / "small.xlsx")) - 1
    assert sum(counts.get(kind, 0) for kind in BAD) == spoiled
    assert sum(counts.get(kind, 0) for kind in ODD) == odd


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    peaks = []
    for rows in (500, 2_000):
        tracemalloc.start()
        write_example(tmp_path / "large.xlsx", rows)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 100_000


@pytest.mark.parametrize(
    ("rows", "bad", "says"),
    [(0, 0.1, "1 to 1,048,575"), (2_000_000, 0.1, "2,000,000"), (10, 0.6, "0.6"), (10, -0.1, "-0.1")],
)
def test_numbers_that_cannot_be_are_refused(tmp_path: Path, rows: int, bad: float, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        write_example(tmp_path / "none.xlsx", rows, bad=bad)
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nowhere"):
        write_example(tmp_path / "nowhere" / "leads.xlsx", 3)
