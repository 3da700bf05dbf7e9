"""JSON Lines: one object a line; a broken line costs that line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clarion.audience.row import Row
from clarion.audience.source import open_audience
from clarion.domain.errors import BadInput
from clarion.domain.target import SkipReason


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "leads.jsonl"


def rows_of(file: Path, *lines: str) -> list[Row]:
    file.write_text("\n".join(lines), encoding="utf-8")
    with open_audience(file) as reader:
        return list(reader.rows())


def test_values_become_the_text_a_person_would_write(file: Path) -> None:
    line = {
        "phone": 14155550123,
        "f": 14155550123.0,
        "part": 0.1,
        "yes": True,
        "no": None,
        "list": ["é", 1],
        "s": " x ",
    }
    rows = rows_of(file, json.dumps(line))
    assert rows[0].cells == {
        "phone": "14155550123",
        "f": "14155550123",
        "part": "0.1",
        "yes": "true",
        "no": "",
        "list": '["é", 1]',
        "s": " x ",
    }


def test_numbers_are_line_numbers_and_blank_lines_are_no_rows(file: Path) -> None:
    rows = rows_of(file, '{"a": 1}', "", " \t", '{"a": 2}', "")
    assert [(row.number, row.cells) for row in rows] == [(1, {"a": "1"}), (4, {"a": "2"})]


def test_later_objects_may_have_other_keys(file: Path) -> None:
    file.write_text('{"a": 1, " b ": 2}\n{"a": 1, "c": 3}\n')
    with open_audience(file) as reader:
        assert reader.columns == ("a", "b")
        assert list(reader.rows())[1].cells == {"a": "1", "c": "3"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"a": 1', "not valid JSON"),
        ("hello", "not valid JSON"),
        ("[1, 2]", "not an object in braces but a list"),
        ('"text"', 'not an object in braces but "text"'),
        ('{"a": NaN}', "NaN is not a value that JSON knows"),
        ('{"a": "\\ud800"}', "text that is not Unicode"),
        ('{"\\udfff": 1}', "text that is not Unicode"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ' + "9" * 5000 + "}", "thousands of digits"),
    ],
    ids=["cut off", "no JSON", "list", "string", "NaN", "half a character", "half a key", "nested", "huge number"],
)
def test_a_broken_line_is_a_problem_of_its_row(file: Path, line: str, why: str) -> None:
    rows = rows_of(file, '{"a": 1}', line, '{"a": 2}')
    assert [row.reason for row in rows] == [None, SkipReason.UNREADABLE_ROW, None]
    assert rows[1].number == 2
    assert why in (rows[1].problem or "")


def test_a_broken_first_line_does_not_hide_the_columns(file: Path) -> None:
    rows = rows_of(file, "oops", '{"a": 1}')
    assert [row.problem is None for row in rows] == [False, True]


def test_bytes_that_are_not_unicode_spoil_their_row(file: Path) -> None:
    file.write_bytes('{"a": "é é é"}\n'.encode() + b'{"a": "\xff"}\n{"a": "z"}\n')
    with open_audience(file) as reader:
        assert [row.problem is None for row in reader.rows()] == [True, False, True]


def test_nul_vanishes(file: Path) -> None:
    assert rows_of(file, '{"a": "x\\u0000y"}')[0].cells == {"a": "xy"}


def test_a_mark_at_the_start_is_no_part_of_the_line(file: Path) -> None:
    file.write_bytes(b'\xef\xbb\xbf{"a": 1}\n')
    with open_audience(file) as reader:
        assert reader.columns == ("a",)


def test_a_list_is_refused_with_a_way_to_convert_it(file: Path) -> None:
    with pytest.raises(BadInput, match=r"one JSON list, not JSON Lines.*jq"):
        rows_of(file, "[", '{"a": 1}', "]")


def test_one_object_over_many_lines_is_refused(file: Path) -> None:
    with pytest.raises(BadInput, match=r"leads.jsonl is not JSON Lines.*line 1: the line is not valid JSON"):
        rows_of(file, "{", '  "a": 1', "}")


@pytest.mark.parametrize("skip", [0, 1, 2, 7])
def test_a_resumed_pass_goes_on_where_the_first_one_stopped(file: Path, skip: int) -> None:
    file.write_text('{"a": 1}\n\noops\n{"a": 2}\n')
    with open_audience(file) as reader:
        assert list(reader.rows(skip)) == list(reader.rows())[skip:]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(lines=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)))
def test_no_line_raises(file: Path, lines: list[str]) -> None:
    rows = rows_of(file, '{"a": 1}', *lines, '{"a": 2}')
    assert rows[0].cells == {"a": "1"}
    assert rows[-1].cells == {"a": "2"}
    assert rows[-1].number == len(lines) + 2
