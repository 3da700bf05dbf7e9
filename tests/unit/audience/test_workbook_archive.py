"""Workbooks that are dangerous to open are refused before anything of them is unpacked."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from openpyxl import Workbook

from clarion.audience import workbook_archive
from clarion.audience.source import open_audience
from clarion.audience.workbook_archive import MEGABYTE, Bounds
from clarion.domain.errors import BadInput

NEEDED = {"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"}
LAUGHS = b"".join(b'<!ENTITY a%d "%s">' % (n, b"lol" * 10 if n == 0 else b"&a%d;" % (n - 1) * 10) for n in range(9))
SHARED = "xl/sharedStrings.xml"
SHEET = "xl/worksheets/sheet1.xml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "customers.xlsx"


def save(file: Path, parts: Mapping[str, bytes], *, locked: bool = False) -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    data = bytearray(sink.getvalue())
    if locked:
        at = data.index(b"PK\x01\x02")  # the first entry of the list of parts
        data[at + 8] |= 1
    file.write_bytes(data)


def sentence(file: Path) -> str:
    with pytest.raises(BadInput) as refusal:
        open_audience(file)
    return str(refusal.value)


def test_an_archive_of_something_else_is_no_workbook(file: Path) -> None:
    save(file, {"readme.txt": b"hello"})
    assert "is a zip archive and not an Excel workbook" in sentence(file)
    save(file, {"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<document/>"})
    assert "is a zip archive and not an Excel workbook" in sentence(file)


def test_a_part_with_a_password_is_refused(file: Path) -> None:
    save(file, NEEDED, locked=True)
    assert "is locked with a password" in sentence(file)


def test_a_bomb_is_known_by_how_little_it_is_packed_into(file: Path) -> None:
    save(file, {**NEEDED, SHARED: bytes(64 * MEGABYTE)})
    assert file.stat().st_size < MEGABYTE
    assert "more than 200 times its size" in sentence(file)


def test_many_small_parts_count_together(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_archive, "BOUNDS", Bounds(total=3_000_000))
    save(file, {**NEEDED, **{f"xl/media/{n}.bin": bytes(MEGABYTE) for n in range(3)}})
    assert "would unpack to more than 3 MB" in sentence(file)


def test_a_part_that_is_read_whole_may_be_less_large_than_a_sheet(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_archive, "BOUNDS", Bounds(sheet=4 * MEGABYTE, part=MEGABYTE))
    save(file, {**NEEDED, SHARED: bytes(MEGABYTE + 1)})
    assert f"more than 1 MB ({SHARED})" in sentence(file)


def test_a_workbook_of_very_many_parts_is_refused(file: Path) -> None:
    save(file, {**NEEDED, **{f"xl/media/{n}": b"" for n in range(10_001)}})
    assert "consists of more than 10,000 parts" in sentence(file)


def test_entities_that_multiply_are_not_resolved(file: Path) -> None:
    book = Workbook()
    book.worksheets[0].append(["name"])
    book.worksheets[0].append(["Ann"])
    book.save(file)
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts[SHEET]
    begin = sheet.index(b"<worksheet")
    parts[SHEET] = b"<!DOCTYPE worksheet [" + LAUGHS + b"]>" + sheet[begin:].replace(b"name", b"&a8;")
    save(file, parts)
    assert "is damaged" in sentence(file)


def test_a_large_table_of_the_same_few_values_is_taken(file: Path) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("People")
    sheet.append(["name", "phone", "plan"])
    for _ in range(50_000):
        sheet.append(["Ann", "+14155552000", "basic"])
    book.save(file)
    with open_audience(file) as reader:
        assert next(iter(reader.rows())).cells == {"name": "Ann", "phone": "+14155552000", "plan": "basic"}
