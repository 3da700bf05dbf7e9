"""Whether a file can be an Excel workbook that is safe to open: looks at the archive's list of parts, unpacks nothing.

What the list says about a part's size is the most that Python's zipfile unpacks of it.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from clarion.domain.errors import BadInput

MEGABYTE = 1 << 20
SHEETS = "xl/worksheets/"
CONTENT_TYPES = "[Content_Types].xml"
"""Every workbook has this part (ECMA-376, part 2)."""
_ENCRYPTED = 0x1
"""The flag of a part that needs a password."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a workbook may be, and become."""

    sheet: int = 2_048 * MEGABYTE
    part: int = 256 * MEGABYTE
    """Parts other than sheets are read into memory whole (shared texts, styles)."""
    total: int = 3_072 * MEGABYTE
    parts: int = 10_000
    ratio: int = 200
    """Times its size in the archive, over all parts. Sheets of the same few values reach 50; a bomb, 1,000."""
    spared: int = 32 * MEGABYTE
    """Up to so many bytes in all, no ratio is too high."""


BOUNDS = Bounds()


def require_workbook(path: Path, name: str) -> None:
    """Look at a file that is said to be a workbook. Raises BadInput, with a sentence that says what to do.

    Raises as well whatever zipfile makes of a damaged archive.
    """
    if not zipfile.is_zipfile(path):
        raise BadInput(f"{name} is not an Excel workbook; name it .csv if it is text, or save it as .xlsx.")
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    if len(parts) > BOUNDS.parts:
        raise BadInput(f"{name} consists of more than {BOUNDS.parts:,} parts; save the one sheet you need as CSV.")
    names = {part.filename for part in parts}
    if CONTENT_TYPES not in names or not any(part.startswith("xl/") for part in names):
        raise BadInput(f"{name} is a zip archive and not an Excel workbook; unpack it, or save the table as .xlsx.")
    if any(part.flag_bits & _ENCRYPTED for part in parts):
        raise BadInput(f"{name} is locked with a password; save it as .xlsx without one.")
    _require_small(parts, name, BOUNDS)


def _require_small(parts: list[zipfile.ZipInfo], name: str, bounds: Bounds) -> None:
    for part in parts:
        limit = bounds.sheet if part.filename.startswith(SHEETS) else bounds.part
        if part.file_size > limit:
            raise _too_large(name, limit, f" ({part.filename})")
    unpacked = sum(part.file_size for part in parts)
    if unpacked > bounds.total:
        raise _too_large(name, bounds.total)
    packed = sum(part.compress_size for part in parts)
    if unpacked > bounds.spared and unpacked > bounds.ratio * packed:
        raise BadInput(
            f"{name} would unpack to {unpacked / MEGABYTE:,.0f} MB, more than {bounds.ratio} times its size, which no "
            "table does; save the one sheet you need as CSV."
        )


def _too_large(name: str, limit: int, where: str = "") -> BadInput:
    return BadInput(
        f"{name} would unpack to more than {limit / MEGABYTE:,.0f} MB{where}; save the one sheet you need as CSV."
    )
