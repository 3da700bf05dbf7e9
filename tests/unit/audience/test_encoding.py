"""Text files of every encoding people save them in; what cannot be read is the row's problem, or said at once."""

from __future__ import annotations

import codecs
import gzip
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clarion.audience.source import open_audience
from clarion.domain.errors import BadInput
from clarion.domain.target import SkipReason

TABLE = "name,phone\nJosé,1\nZoë,2\nAndré – ok,3\n"
NAMES = ["José", "Zoë", "André – ok"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "customers.csv"


def names(file: Path, encoding: str | None = None) -> list[str]:
    with open_audience(file, encoding=encoding) as reader:
        assert reader.columns == ("name", "phone")
        return [row.cells["name"] for row in reader.rows()]


@pytest.mark.parametrize(
    ("content", "described"),
    [
        (TABLE.encode(), "utf-8"),
        (codecs.BOM_UTF8 + TABLE.encode(), "utf-8"),
        (TABLE.encode("utf-16"), "utf-16"),
        (codecs.BOM_UTF16_BE + TABLE.encode("utf-16-be"), "utf-16"),
        (TABLE.encode("utf-16-le"), "utf-16-le"),
        (TABLE.encode("utf-16-be"), "utf-16-be"),
        (TABLE.encode("utf-32"), "utf-32"),
        (TABLE.encode("cp1252"), "windows-1252"),
    ],
    ids=["utf-8", "utf-8 mark", "utf-16-le mark", "utf-16-be mark", "utf-16-le", "utf-16-be", "utf-32", "windows-1252"],
)
def test_the_encoding_is_found(file: Path, content: bytes, described: str) -> None:
    file.write_bytes(content)
    assert names(file) == NAMES
    with open_audience(file) as reader:
        assert reader.description == f"CSV, {described}, delimiter ','"


def test_one_late_byte_decides_for_the_whole_file(file: Path) -> None:
    file.write_bytes(b"name,phone\n" + b"Ann,1\n" * 400_000 + "Zoë,2\n".encode("cp1252"))
    assert names(file)[-1] == "Zoë"


def test_a_character_on_the_border_of_two_pieces_is_whole(file: Path) -> None:
    head = b"name,phone\n"
    for shift in range(4):
        filler = b"x" * ((1 << 20) - len(head) - len(",1\n") - shift)
        # Lines short enough for a cell, up to the border of the first piece that is scanned.
        lines = b"".join(filler[i : i + 99] + b",1\n" for i in range(0, len(filler) - 400, 102))
        rest = (1 << 20) - shift - len(head) - len(lines)
        file.write_bytes(head + lines + b"y" * (rest - 1) + "🙂é,2\n".encode())
        assert names(file)[-1].endswith("🙂é")


def test_a_few_foreign_bytes_spoil_their_rows_and_not_the_names_of_the_others(file: Path) -> None:
    file.write_bytes(TABLE.encode() + "Hélène,4\n".encode("cp1252") + b"Ben,5\n")
    with open_audience(file) as reader:
        rows = list(reader.rows())
    assert [row.cells["name"] for row in rows] == [*NAMES, "H\ufffdl\ufffdne", "Ben"]
    assert [row.faults for row in rows] == [
        None,
        None,
        None,
        {"name": 'a byte in "name" is not utf-8 text: "H\ufffdl\ufffdne"'},
        None,
    ]


def test_bytes_that_no_encoding_explains_spoil_their_rows(file: Path) -> None:
    file.write_bytes("name,phone\nZoë,1\n".encode("cp1252") + b"\x81,2\n")
    with open_audience(file) as reader:
        assert [sorted(row.faults or ()) for row in reader.rows()] == [[], ["name"]]


def test_a_utf_16_file_cut_in_half_a_character_loses_that_row_only(file: Path) -> None:
    file.write_bytes(TABLE.encode("utf-16")[:-3])
    with open_audience(file) as reader:
        rows = list(reader.rows())
    assert [row.cells["name"] for row in rows] == NAMES
    assert [row.problem is None and row.faults is None for row in rows] == [True, True, False]


@pytest.mark.parametrize("encoding", ["windows-1252", "latin-1", "cp1250"])
def test_a_given_encoding_is_used(file: Path, encoding: str) -> None:
    file.write_bytes("name,phone\nZoë,1\n".encode(encoding))
    assert names(file, encoding) == ["Zoë"]


def test_a_given_utf_8_may_have_its_mark(file: Path) -> None:
    file.write_bytes(codecs.BOM_UTF8 + TABLE.encode())
    assert names(file, "UTF-8") == NAMES


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("utf-8", "customers.csv is not in utf-8: line 3 holds the bytes eb; leave the encoding out"),
        ("ascii", "customers.csv is not in ascii: line 3 holds the bytes eb"),
        ("utf-16", "customers.csv is not in utf-16: it lacks the mark"),
        ("utf-32", "customers.csv is not in utf-32: it lacks the mark"),
        ("utf8-8", 'There is no text encoding "utf8-8" (did you mean "utf-8"?)'),
        ("base64", 'There is no text encoding "base64"'),
        ("a\0b", "There is no text encoding"),
    ],
)
def test_a_wrong_encoding_is_refused_in_one_sentence(file: Path, given: str, sentence: str) -> None:
    file.write_bytes("name,phone\nAnn,1\nZoë,22\n".encode("cp1252"))
    with pytest.raises(BadInput) as refusal:
        open_audience(file, encoding=given)
    assert str(refusal.value).startswith(sentence)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"\n \r\n", codecs.BOM_UTF8, codecs.BOM_UTF16_LE, b"\0" * 900])
def test_an_empty_file_is_called_empty(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(BadInput, match=r"customers\.csv is empty; it needs a first row with the column names"):
        open_audience(file)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04" + bytes(200), "name it .xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(200), "save it as .xlsx or CSV"),
        (gzip.compress(TABLE.encode()), "unpack it first"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (random.Random(1).randbytes(5_000), "full of control characters"),
        (bytes(range(256)) * 4, "full of control characters"),
    ],
    ids=["zip", "old Excel", "gzip", "pdf", "png", "noise", "all bytes"],
)
def test_a_binary_called_csv_is_refused(file: Path, content: bytes, what: str) -> None:
    file.write_bytes(content)
    with pytest.raises(BadInput) as refusal:
        open_audience(file)
    assert "customers.csv is not a text file" in str(refusal.value)
    assert what in str(refusal.value)


def test_a_stray_control_character_is_no_binary(file: Path) -> None:
    file.write_bytes(b"name,phone\nAnn\x07,1\n")
    assert names(file) == ["Ann\x07"]


def test_problems_of_row_and_bytes_go_together(file: Path) -> None:
    file.write_bytes(TABLE.encode() + b"\xff,4,5\n")
    with open_audience(file) as reader:
        bad = list(reader.rows())[-1]
    assert bad.reason is SkipReason.WRONG_CELL_COUNT
    assert bad.cells["name"] == "\ufffd"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(
    start=st.sampled_from([b"", b"a,b\n", "é,b\n".encode(), codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF32_BE]),
    content=st.binary(max_size=80),
    kind=st.sampled_from(["csv", "jsonl"]),
)
def test_any_bytes_give_storable_text_or_one_sentence(file: Path, start: bytes, content: bytes, kind: str) -> None:
    file.write_bytes(start + content)
    try:
        with open_audience(file, name=f"customers.{kind}") as reader:
            texts = [*reader.columns, *(part for row in reader.rows() for pair in row.cells.items() for part in pair)]
    except BadInput as refusal:
        texts = [str(refusal)]
        assert "customers." in texts[0]
    for text in texts:
        assert "\0" not in text
        assert text.encode("utf-8").decode() == text
