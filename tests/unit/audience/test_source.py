"""Opening an audience: the right reader, or one sentence with the way out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clarion.audience.source import open_audience, require_columns, require_rows
from clarion.domain.errors import BadInput


def refusal(path: Path, name: str | None = None) -> str:
    with pytest.raises(BadInput) as caught:
        open_audience(path, name=name)
    return str(caught.value)


def test_a_missing_file_is_answered_with_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("a\n1\n")
    (tmp_path / "invoices.pdf").write_text("")
    assert refusal(tmp_path / "custmers.csv") == (
        f'There is no file "custmers.csv" in {tmp_path} (did you mean "customers.csv"?).'
    )
    assert refusal(tmp_path / "zzz") == f'There is no file "zzz" in {tmp_path}.'


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no" / "a.csv").endswith(f'the folder "{tmp_path / "no"}" does not exist.')


def test_a_folder_is_no_audience(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path.name} is a folder; name a file in it."


def test_a_pipe_is_no_audience(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    assert refusal(tmp_path / "pipe.csv") == "pipe.csv is not a regular file; save the audience to a file first."


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("old.xls", "old.xls is an old Excel workbook; save it as .xlsx or CSV."),
        ("sheet.ods", "sheet.ods is an OpenDocument sheet; save it as .xlsx or CSV."),
        ("a.csv.gz", "a.csv.gz is an archive; unpack it first."),
        ("a.docx", "a.docx is of a kind that Clarion does not read; save the table as .csv, .xlsx or .jsonl."),
        ("README", "README is of a kind that Clarion does not read; save the table as .csv, .xlsx or .jsonl."),
    ],
)
def test_files_of_other_kinds_are_refused(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / name).write_bytes(b"something")
    assert refusal(tmp_path / name) == sentence


@pytest.mark.parametrize("name", ["A.CSV", "a.tsv", "a.txt"])
def test_the_kind_is_told_by_the_name_the_person_gave(tmp_path: Path, name: str) -> None:
    stored = tmp_path / "4f2a"
    stored.write_text("name\tphone\nAnn\t1\n")
    with open_audience(stored, name=name) as reader:
        assert reader.name == name
        assert reader.columns == ("name", "phone")
    stored.write_text("")
    assert refusal(stored, name).startswith(f"{name} is empty")


@pytest.mark.parametrize("content", ["name,phone", "name,phone\n", "name,phone\n\n,\n"])
def test_a_header_alone_is_opened_and_has_no_rows(tmp_path: Path, content: str) -> None:
    file = tmp_path / "customers.csv"
    file.write_text(content)
    with open_audience(file) as reader:
        assert reader.columns == ("name", "phone")
        with pytest.raises(BadInput, match=r"customers\.csv has column names but no rows"):
            require_rows(reader)
    file.write_text("name,phone\nAnn,1\n")
    with open_audience(file) as reader:
        require_rows(reader)


def test_a_wrong_column_is_answered_with_those_there_are() -> None:
    require_columns(["name", "phone"], {"the phone number": "phone"})
    with pytest.raises(BadInput) as caught:
        require_columns(["name", "phone", "tz"], {"the phone number": "phone", "the time zone": "tz_"})
    assert str(caught.value) == (
        'There is no column "tz_" for the time zone (did you mean "tz"?); the columns are "name", "phone", "tz".'
    )


def test_a_file_without_a_header_is_noticed() -> None:
    with pytest.raises(BadInput, match="The first row must hold the column names"):
        require_columns(["Ann", "+14155550123"], {"the phone number": "phone"})
