"""Bytes kept on disk instead of in memory: what was uploaded, and what a batch writes."""

from __future__ import annotations

import os
import tempfile
import weakref
from pathlib import Path


class Paper:
    """A file without a name, gone with its last user. It grows at the end and is read anywhere."""

    def __init__(self, content: bytes | memoryview = b"") -> None:
        self._handle, path = tempfile.mkstemp(prefix="clarion-sandbox-")
        Path(path).unlink()
        weakref.finalize(self, os.close, self._handle)
        self.size = 0
        self.append(content)

    def append(self, content: bytes | memoryview) -> None:
        """Write at the end."""
        rest = memoryview(content)
        while rest:
            written = os.pwrite(self._handle, rest, self.size)
            self.size += written
            rest = rest[written:]

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        """Read so many bytes from ``start`` on, or all that follow."""
        return os.pread(self._handle, self.size - start if length is None else length, start)
