"""The files of an account: uploaded for batches, written by batches."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass

from clarion.sandbox.openai.errors import missing, wrong
from clarion.sandbox.openai.multipart import fields_of
from clarion.sandbox.openai.paper import Paper
from clarion.sandbox.vendor import Answer, Call

LARGEST = 200 * 1024 * 1024
"""Bytes of a file for a batch (Batch guide)."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file."""

    id: str
    account: str
    name: str
    purpose: str
    created_at: int
    paper: Paper

    def view(self) -> dict[str, object]:
        """Render as the API does."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.paper.size,
            "created_at": self.created_at,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
        }


class Files:
    """All files."""

    def __init__(self) -> None:
        self._files: dict[str, StoredFile] = {}

    def keep(self, account: str, name: str, purpose: str, paper: Paper) -> StoredFile:
        """Keep a file under an id of its own."""
        file = StoredFile(f"file-{secrets.token_hex(11)}", account, name, purpose, int(time.time()), paper)
        self._files[file.id] = file
        return file

    def find(self, account: str, file_id: str) -> StoredFile | None:
        """Find one of an account's files."""
        file = self._files.get(file_id)
        return file if file and file.account == account else None

    def upload(self, account: str, call: Call) -> Answer:
        """Take an uploaded file. Raises Wrong."""
        fields = fields_of(call.headers.get("Content-Type", ""), call.body)
        purpose, file = fields.get("purpose"), fields.get("file")
        if purpose is None:
            raise missing("purpose")
        if file is None or file.filename is None:
            raise missing("file")
        if bytes(purpose.content) != b"batch":
            message = (
                f"'{bytes(purpose.content).decode('utf-8', 'replace')}' is no purpose of this sandbox: only 'batch'."
            )
            raise wrong(message, "invalid_value", "purpose")
        if len(file.content) > LARGEST:
            message = f"File is too large: {len(file.content)} bytes, and the limit is {LARGEST} for batches."
            raise wrong(message, "file_too_large", "file", status=413)
        if not file.filename.endswith(".jsonl"):
            message = "Invalid file format for Batch API. Must be .jsonl"
            raise wrong(message, "invalid_file_format", "file")
        return _answer(self.keep(account, file.filename, "batch", Paper(file.content)).view())

    def answer(self, account: str, method: str, file_id: str, *, content: bool) -> Answer:
        """Show, hand out or delete a file. Raises Wrong."""
        file = self.find(account, file_id)
        if file is None:
            message = f"No such File object: {file_id}"
            raise wrong(message, None, "id", status=404)
        if content:
            return Answer(200, file.paper.read(), content_type="application/octet-stream")
        if method == "DELETE":
            del self._files[file_id]
            return _answer({"id": file_id, "object": "file", "deleted": True})
        return _answer(file.view())


def _answer(view: dict[str, object]) -> Answer:
    return Answer(200, json.dumps(view).encode())
