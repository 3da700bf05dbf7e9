"""Files that callers send: streamed to the disk, under a name that is safe to keep and to show."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from clarion.domain.errors import BadInput

KINDS = (".csv", ".tsv", ".tab", ".txt", ".xlsx", ".xlsm", ".jsonl", ".ndjson", ".json")
"""How names of audience files end; their content is looked at as well, by whoever reads them."""
MOST_FIELDS = 20
LONGEST_FIELD = 64 * 1024
LONGEST_NAME = 150
"""Characters; a name may be kept in up to 255 bytes or characters."""

_AWKWARD = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Kinds of characters that show nothing, or turn the writing round, so that a name ends otherwise than it seems."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that has come in whole, and what was sent along with it."""

    path: Path
    """Where it lies until the request ends."""
    name: str
    """What the person calls it, made safe."""
    fields: dict[str, str]


@asynccontextmanager
async def uploaded(request: Request, field: str = "file") -> AsyncIterator[Upload]:
    """Take in a form with one file; it is gone when the block ends.

    How large it may be is seen to before (`Bodies`). Raises BadInput for what is no such form, and for a name that
    does not say what kind of file it is.
    """
    form = await _form(request)
    try:
        sent = form.get(field)
        if not isinstance(sent, UploadFile):
            raise BadInput(
                f'the form has no file in its field "{field}"; send one, for example with curl -F {field}=@…'
            )
        name = safe_name(sent.filename or "")
        with tempfile.TemporaryDirectory(prefix="clarion-") as folder:
            path = Path(folder) / f"upload{Path(name).suffix}"
            await asyncio.to_thread(_copy, sent, path)
            yield Upload(path, name, {key: value for key, value in form.multi_items() if isinstance(value, str)})
    finally:
        await form.close()


def safe_name(given: str) -> str:
    """Make a file's name safe to keep and to show. Raises BadInput where it does not end as an audience file does."""
    last = PurePosixPath(given.replace("\\", "/")).name
    seen = "".join(c for c in unicodedata.normalize("NFC", last) if unicodedata.category(c) not in _UNSEEN)
    name = _AWKWARD.sub("_", seen).strip(" .")
    suffix = Path(name).suffix
    if suffix.lower() not in KINDS:
        called = f'"{name[:LONGEST_NAME]}"' if name else "the file"
        raise BadInput(f"{called} does not end like a table that Clarion reads; name it .csv, .xlsx or .jsonl")
    return name.removesuffix(suffix)[: LONGEST_NAME - len(suffix)] + suffix


async def _form(request: Request) -> FormData:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise BadInput("the request is no form with a file; send multipart/form-data, for example with curl -F file=@…")
    parser = MultiPartParser(
        request.headers, request.stream(), max_files=1, max_fields=MOST_FIELDS, max_part_size=LONGEST_FIELD
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise BadInput(f"the form cannot be read: {error.message.rstrip('.')}; send multipart/form-data") from None


def _copy(sent: UploadFile, path: Path) -> None:
    with path.open("wb") as sink:
        shutil.copyfileobj(sent.file, sink, 1 << 20)
