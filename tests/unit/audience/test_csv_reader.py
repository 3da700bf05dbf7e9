"""CSV files as people have them: every row comes out, the good ones as they are, the bad ones with their reason."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clarion.audience.row import Row
from clarion.audience.source import open_audience
from clarion.domain.errors import BadInput
from clarion.domain.target import SkipReason


def rows_of(path: Path, text: str, *, delimiter: str | None = None) -> list[Row]:
    path.write_bytes(text.encode())
    with open_audience(path, delimiter=delimiter) as reader:
        return list(reader.rows())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "customers.csv"


def test_rows_carry_the_numbers_a_spreadsheet_shows(file: Path) -> None:
    rows = rows_of(file, 'name,note\nAnn,"two\nlines"\n\nBen,one\n,,\n')
    assert [(row.number, row.cells) for row in rows] == [
        (2, {"name": "Ann", "note": "two\nlines"}),
        (4, {"name": "Ben", "note": "one"}),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_ending_is_read(file: Path, end: str) -> None:
    rows = rows_of(file, end.join(["name,phone", "Ann,1", '"B\nen",2', ""]))
    assert [row.cells for row in rows] == [{"name": "Ann", "phone": "1"}, {"name": "B\nen", "phone": "2"}]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", ":"])
def test_the_delimiter_is_found(file: Path, delimiter: str) -> None:
    table = [["name", "phone", "note"], ["Ann", "415-555-0101", "a, b; c | d"], ["Ben", "415-555-0102", "at 12:30"]]
    lines = [delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in row) for row in table]
    rows = rows_of(file, "\n".join(lines))
    assert [list(row.cells.values()) for row in rows] == table[1:]
    assert [row.problem for row in rows] == [None, None]


def test_a_file_of_one_column_stays_one_column(file: Path) -> None:
    rows = rows_of(file, "phone\n+1 415-555-0101\n+1 415-555-0102\n")
    assert [row.cells for row in rows] == [{"phone": "+1 415-555-0101"}, {"phone": "+1 415-555-0102"}]


def test_decimal_commas_do_not_win_over_semicolons(file: Path) -> None:
    assert rows_of(file, "price;sum\n1,5;2,5\n3,5;4,5\n")[0].cells == {"price": "1,5", "sum": "2,5"}


def test_a_few_ragged_rows_do_not_hide_the_delimiter(file: Path) -> None:
    lines = ["a;b;c", *["1;2;3"] * 9, "1,2", "1;2;3;4"]
    assert [row.reason for row in rows_of(file, "\n".join(lines))] == [None] * 9 + [SkipReason.WRONG_CELL_COUNT] * 2


def test_the_delimiter_line_that_excel_writes_is_obeyed_and_not_counted(file: Path) -> None:
    rows = rows_of(file, "sep=|\r\nname|phone\r\nA,b;c|1\r\n")
    assert [(row.number, row.cells) for row in rows] == [(2, {"name": "A,b;c", "phone": "1"})]


def test_spaces_before_a_quote_are_decoration(file: Path) -> None:
    rows = rows_of(file, 'name, phone, note\nAnn, 1, "x, y"\nBen, 2, "z, w"\n')
    assert [row.cells for row in rows] == [
        {"name": "Ann", "phone": "1", "note": "x, y"},
        {"name": "Ben", "phone": "2", "note": "z, w"},
    ]


@pytest.mark.parametrize("asked", ["tab", "\\t", "\t"])
def test_a_delimiter_may_be_given(file: Path, asked: str) -> None:
    assert rows_of(file, "a,b\tc\n1,2\t3\n", delimiter=asked)[0].cells == {"a,b": "1,2", "c": "3"}


@pytest.mark.parametrize("asked", [",,", '"', "\n"])
def test_an_impossible_delimiter_is_refused(file: Path, asked: str) -> None:
    with pytest.raises(BadInput, match="must be one character"):
        rows_of(file, "a,b\n1,2\n", delimiter=asked)


def test_too_many_and_too_few_cells_are_problems_of_their_row(file: Path) -> None:
    rows = rows_of(file, "name,phone,plan\nAnn,1,Basic,extra\nBen,2\nCy,3,Basic\nDi,4,Basic,\n")
    assert [(row.number, row.problem) for row in rows] == [
        (2, "the row has 4 cells for 3 columns"),
        (3, "the row has 2 cells for 3 columns"),
        (4, None),
        (5, "the row has 4 cells for 3 columns"),
    ]
    assert rows[0].cells == {"name": "Ann", "phone": "1", "plan": "Basic"}


def test_empty_columns_at_the_end_are_left_out_when_the_header_has_them_too(file: Path) -> None:
    rows = rows_of(file, "name,phone,,\nAnn,1,,\nBen,2\nCy,3,,x\n")
    assert [row.problem for row in rows] == [None, None, "the row has 4 cells for 2 columns"]


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("name,phone,name", 'two columns named "name" (columns 1 and 3)'),
        ("name,,phone", "Column 2 of customers.csv has no name"),
        (' name ,"name "', 'two columns named "name" (columns 1 and 2)'),
        ('"name,phone', "The first row of customers.csv holds no column names"),
        ("x" * 200_000, "The first row of customers.csv holds no column names"),
    ],
)
def test_an_unusable_header_is_refused(file: Path, header: str, sentence: str) -> None:
    with pytest.raises(BadInput) as refusal:
        rows_of(file, f"{header}\n1,2,3\n")
    assert sentence in str(refusal.value)


def test_blank_lines_above_the_header_are_passed_over(file: Path) -> None:
    rows = rows_of(file, "\n,,\n name , phone \nAnn,1\n")
    assert [(row.number, row.cells) for row in rows] == [(4, {"name": "Ann", "phone": "1"})]


def test_nul_characters_vanish(file: Path) -> None:
    rows = rows_of(file, "na\0me,phone\nAnn\0,1\n\0\0\0\n")
    assert [row.cells for row in rows] == [{"name": "Ann", "phone": "1"}]


def test_an_unclosed_quote_costs_its_own_row_only(file: Path) -> None:
    lines = [
        "name,phone,note",
        "Ann,1,ok",
        'Ben,2,"oops',
        *[f"N{i},{i},x" for i in range(300)],
        'Cy,3,"a, b"',
        "Di,4,ok",
    ]
    rows = rows_of(file, "\n".join(lines))
    assert [row.number for row in rows] == list(range(2, 306))
    assert [(row.number, row.reason) for row in rows if row.problem] == [(3, SkipReason.UNREADABLE_ROW)]
    assert rows[1].cells["name"] == "Ben"
    assert rows[-2].cells["note"] == "a, b"


@pytest.mark.parametrize(
    "below",
    ['Cy,3,"a, b"\nDi,4,ok\n', 'Cy,3,5"\nDi,4,ok\n', "Cy,3,x\nDi,4,ok\n", "Cy,3,x\nDi,4,ok", 'Cy,3,""\nDi,4,ok\n'],
    ids=["a quoted cell", "an inch sign", "no quote", "no last line end", "an empty quoted cell"],
)
def test_rows_below_an_unclosed_quote_in_the_first_cell_are_not_lost(file: Path, below: str) -> None:
    rows = rows_of(file, f'name,phone,note\n"Ann,1,x\nBen,2,y\n{below}')
    assert rows[0].reason is SkipReason.UNREADABLE_ROW
    assert [row.cells["name"] for row in rows[1:]] == ["Ben", "Cy", "Di"]
    assert all(row.problem is None for row in rows[1:])


def test_a_quote_open_at_the_very_end_is_a_problem(file: Path) -> None:
    rows = rows_of(file, 'name,phone\nAnn,1\nBen,"2')
    assert [row.reason for row in rows] == [None, SkipReason.UNREADABLE_ROW]


def test_a_cell_of_many_lines_with_cells_too_many_is_one_bad_row(file: Path) -> None:
    rows = rows_of(file, 'name,phone,note\nAnn,"12 Main St\nSpringfield",1,extra\nBen,2,ok\n')
    assert [(row.number, row.reason) for row in rows] == [(2, SkipReason.WRONG_CELL_COUNT), (3, None)]


def test_an_endless_cell_is_a_problem_of_its_row(file: Path) -> None:
    rows = rows_of(file, f"name,phone\nAnn,{'1' * 200_000}\nBen,2\n")
    assert [(row.number, row.reason) for row in rows] == [(2, SkipReason.UNREADABLE_ROW), (3, None)]


def test_a_file_without_lines_is_refused_before_it_fills_the_memory(file: Path) -> None:
    file.write_bytes(b"name,phone " + b"x" * (6 << 20))
    with pytest.raises(BadInput, match="a line of more than 4 MB"):
        open_audience(file)


@pytest.mark.parametrize("skip", [0, 1, 3, 4, 9])
def test_a_resumed_pass_goes_on_exactly_where_the_first_one_stopped(file: Path, skip: int) -> None:
    file.write_text('name,phone\nAnn,1\n\nBen,2,3\n"C\ny",3\n"Di,4\nEd,5\n')
    with open_audience(file) as reader:
        assert list(reader.rows(skip)) == list(reader.rows())[skip:]
        assert [row.number for row in reader.rows()] == [2, 4, 5, 6, 7]


CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\r\t"), max_size=12)
TABLES = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width).filter(lambda row: "".join(row).strip()))
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(table=TABLES, delimiter=st.sampled_from(",;\t|:"))
def test_what_a_csv_writer_writes_comes_back(file: Path, table: list[list[str]], delimiter: str) -> None:
    width = len(table[0]) if table else 1
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter=delimiter)
        writer.writerow([f"c{i}" for i in range(width)])
        writer.writerows(table)
    with open_audience(file, delimiter=delimiter) as reader:
        assert [list(row.cells.values()) for row in reader.rows()] == table


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(body=st.text(st.sampled_from('a1,;"\n\r\t |\0é'), max_size=60))
def test_no_body_of_a_file_raises_or_changes_between_passes(file: Path, body: str) -> None:
    file.write_bytes(f"a,b\n{body}".encode())
    with open_audience(file, delimiter=",") as reader:
        rows = list(reader.rows())
        assert list(reader.rows()) == rows
    assert [row.number for row in rows] == sorted({row.number for row in rows})
    assert all((row.problem is None) == (row.reason is None) for row in rows)
    assert all(row.problem or list(row.cells) == ["a", "b"] for row in rows)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(table=st.lists(st.tuples(st.integers(), st.text("abc d", min_size=1).filter(str.strip)), min_size=1))
def test_a_stray_quote_anywhere_never_takes_another_row_along(file: Path, table: list[tuple[int, str]]) -> None:
    good = [f"{number},{word}" for number, word in table]
    for place in range(len(good)):
        lines = [*good[:place], f'"{good[place]}', *good[place + 1 :]]
        rows = rows_of(file, "\n".join(["number,word", *lines, ""]), delimiter=",")
        usable = [",".join(row.cells.values()) for row in rows if row.problem is None]
        assert usable == [*good[:place], *good[place + 1 :]]
