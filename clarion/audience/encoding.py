"""Finds out how a text file is encoded, by reading all of it once in pieces: a guess from its start would be wrong."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clarion.domain.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PIECE = 1 << 20
_HEAD = 1 << 16
_LONGEST_LINE = 4 * _PIECE
_FALLBACK = "windows-1252"
_COMMON = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "windows-1252", "windows-1250", "iso-8859-1", "mac-roman")

# UTF-32's little-endian mark begins with UTF-16's, so it is tried first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SIGNATURES = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook; if it is a workbook, name it .xlsx"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls); save it as .xlsx or CSV"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"%PDF", "a PDF document; export the table as CSV"),
    (b"\x89PNG", "a picture; export the table as CSV"),
    (b"\xff\xd8\xff", "a picture; export the table as CSV"),
    (b"GIF8", "a picture; export the table as CSV"),
    (b"SQLite format 3\0", "a database; export the table as CSV"),
    (b"PAR1", "a Parquet file; export the table as CSV"),
)
_CONTROL = bytes(b for b in range(32) if b not in b"\0\t\n\v\f\r\x1a\x1b") + b"\x7f"
_BINARY_SHARE = 0.02
_FEW_ODD = 8
_FEW_NUL = 64
"""Fewer of them are an accident in a small file, not the sign of a binary one."""
_NUL_SHARE = 0.3
UNREADABLE = re.compile("[\udc80-\udcff\ufffd]")
"""What a byte that does not belong to the encoding becomes when it is read with `TextForm.errors`."""


@dataclass(frozen=True, slots=True)
class TextForm:
    """How to open a text file: pass `encoding` and `errors` to `open`."""

    encoding: str
    errors: str = "strict"
    """Not ``strict`` exactly when some bytes do not decode: the rows they stand in are bad, the others are good."""
    has_nul: bool = False


@dataclass(slots=True)
class _Scan:
    broken: int = 0
    """How many characters did not decode."""
    wide: int = 0
    """Bytes beyond one per character: in UTF-8, a measure of how much well-formed non-ASCII text there is."""
    has_nul: bool = False
    complaint: str = ""


def detect_encoding(path: Path, name: str, given: str | None = None) -> TextForm:
    """Return how to read the file, or raise BadInput when it is empty, binary or not in the encoding that was given."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    marked = next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)
    found = marked or _unmarked_utf16(head)
    encoding = _as_asked(given, found, name) if given else found
    _refuse_binary(head, name, wide=(encoding or "").startswith(("utf-16", "utf-32")))
    if given and encoding:
        return _as_given(path, name, encoding)
    if encoding and encoding != "utf-8-sig":
        scan = _scan(path, name, encoding, "replace")
        return TextForm(encoding, "replace" if scan.broken else "strict", scan.has_nul)
    return _eight_bit(path, name, encoding or "utf-8")


def _as_given(path: Path, name: str, encoding: str) -> TextForm:
    scan = _scan(path, name, encoding, "replace")
    if scan.complaint:
        raise BadInput(f"{name} is not in {encoding}: {scan.complaint}; leave the encoding out, or give the right one.")
    return TextForm("utf-8-sig" if encoding == "utf-8" else encoding, has_nul=scan.has_nul)


def _eight_bit(path: Path, name: str, encoding: str) -> TextForm:
    """Choose between UTF-8 and Windows-1252.

    A file that is UTF-8 but for a few bytes stays UTF-8: read as Windows-1252 it would turn every good "José" into
    "JosÃ©" and send that to people.
    """
    scan = _scan(path, name, encoding, "surrogateescape")
    if not scan.broken:
        return TextForm(encoding, has_nul=scan.has_nul)
    if encoding == "utf-8-sig" or scan.wide >= scan.broken:
        return TextForm(encoding, "surrogateescape", scan.has_nul)
    legacy = _scan(path, name, _FALLBACK, "surrogateescape")
    return TextForm(_FALLBACK, "surrogateescape" if legacy.broken else "strict", legacy.has_nul)


def _as_asked(given: str, found: str | None, name: str) -> str:
    """Return Python's name of the encoding a person asked for; the byte order of "utf-16" is the one that was found."""
    try:
        str(b"a", given, "replace")  # refuses codecs that make no text, such as base64
        encoding = codecs.lookup(given).name
    except (LookupError, ValueError):
        near, common = did_you_mean(given, _COMMON), ", ".join(_COMMON)
        raise BadInput(f'There is no text encoding "{given}"{near}; common ones are {common}.') from None
    if encoding not in ("utf-16", "utf-32"):
        return encoding
    if found is None or not found.startswith(encoding):
        raise BadInput(f"{name} is not in {given}: it lacks the mark such files begin with; leave the encoding out.")
    return found


def _unmarked_utf16(head: bytes) -> str | None:
    """Recognise UTF-16 without its mark by where the zero bytes of Latin letters, digits and commas stand."""
    pairs = len(head) // 2
    if not pairs:
        return None
    even, odd = head[0 : 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if odd > max(_FEW_ODD, _NUL_SHARE * pairs) and even * 20 < odd:
        return "utf-16-le"
    if even > max(_FEW_ODD, _NUL_SHARE * pairs) and odd * 20 < even:
        return "utf-16-be"
    return None


def _refuse_binary(head: bytes, name: str, *, wide: bool) -> None:
    if not head.strip(b"\0 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise BadInput(f"{name} is empty; it needs a first row with the column names and a row per target.")
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            raise BadInput(f"{name} is not a text file but {what}.")
    odd_bytes = len(head) - len(head.translate(None, _CONTROL))
    many_odd = odd_bytes > max(_FEW_ODD, _BINARY_SHARE * len(head))
    if not wide and (many_odd or head.count(0) > max(_FEW_NUL, _NUL_SHARE * len(head))):
        raise BadInput(f"{name} is not a text file, it is full of control characters; export the table as CSV or XLSX.")


def _pieces(path: Path, name: str) -> Iterator[bytes]:
    unbroken = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            unbroken = 0 if b"\n" in piece or b"\r" in piece else unbroken + len(piece)
            if unbroken >= _LONGEST_LINE:
                size = f"{_LONGEST_LINE >> 20} MB"
                raise BadInput(f"{name} has a line of more than {size}, so it is no table; put one target on a line.")
            yield piece


def _scan(path: Path, name: str, encoding: str, tolerant: str) -> _Scan:
    """Decode the whole file; strictly, and from the first bad byte on with the error handler `tolerant`."""
    scan = _Scan()
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    lines = 1

    def take(piece: bytes, *, final: bool = False) -> None:
        try:
            text = decoder.decode(piece, final)
        except UnicodeDecodeError as error:
            line = lines + error.object[: error.start].count(b"\n")
            shown = error.object[error.start : error.end][:4].hex(" ")
            scan.complaint = scan.complaint or f"line {line} holds the bytes {shown}"
            decoder.errors = tolerant
            text = decoder.decode(piece, final)
        if decoder.errors != "strict":
            scan.broken += len(UNREADABLE.findall(text))
        scan.wide += len(piece) - len(text)
        scan.has_nul = scan.has_nul or "\0" in text

    for piece in _pieces(path, name):
        take(piece)
        lines += piece.count(b"\n")
    take(b"", final=True)
    return scan
