"""Reads a form with a file in it (RFC 7578), without copying the file."""

from __future__ import annotations

import re
from dataclasses import dataclass

BOUNDARY = re.compile(r"boundary=\"?([^\";]+)\"?", re.IGNORECASE)
NAME = re.compile(rb"[; ]name=\"([^\"]*)\"", re.IGNORECASE)
FILENAME = re.compile(rb"filename=\"([^\"]*)\"", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form."""

    content: memoryview
    filename: str | None


def fields_of(content_type: str, body: bytes) -> dict[str, Field]:
    """Read the fields by name; what is not well formed has none."""
    told = BOUNDARY.search(content_type)
    if told is None:
        return {}
    mark, whole, found = b"--" + told.group(1).encode(), memoryview(body), {}
    start = body.find(mark)
    while start >= 0:
        start += len(mark) + 2
        head = body.find(b"\r\n\r\n", start)
        end = body.find(b"\r\n" + mark, head)
        if head < 0 or end < 0:
            break
        name, filename = NAME.search(body[start - 2 : head]), FILENAME.search(body[start:head])
        if name is not None:
            shown = filename.group(1).decode("utf-8", "replace") if filename else None
            found[name.group(1).decode("utf-8", "replace")] = Field(whole[head + 4 : end], shown)
        start = end + 2
    return found
