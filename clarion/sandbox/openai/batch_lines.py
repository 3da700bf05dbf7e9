"""Checks the lines of a batch's file, in the words of the Batch API's validation; a line's body is not looked into.

The codes are those that batches have been seen to fail with: ``invalid_json_line``, ``duplicate_custom_id``,
``url_mismatch``, ``model_mismatch``, ``empty_file``, ``too_many_tasks``, ``missing_required_parameter``.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

MOST_LINES = 50_000
MOST_ERRORS = 100
"""Errors that are told of one file."""
READ_AT_ONCE = 1024 * 1024

Problem = dict[str, object]
Read = Callable[[int, int], bytes]
"""Reads so many bytes from somewhere in a file; fewer at its end."""


def lines_of(read: Read) -> Iterator[tuple[int, bytes]]:
    """Yield where each line begins, and the line, without its end; empty lines are left out."""
    start, kept, at = 0, b"", 0
    while chunk := read(at, READ_AT_ONCE):
        at += len(chunk)
        *whole, kept = (kept + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield start, line
            start += len(line) + 1
    if kept.strip():
        yield start, kept


@dataclass(slots=True)
class Checked:
    """What the check has found so far."""

    endpoint: str
    starts: array[int] = field(default_factory=lambda: array("q"))
    lengths: array[int] = field(default_factory=lambda: array("l"))
    model: str = ""
    characters: int = 0
    errors: list[Problem] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def take(self, start: int, raw: bytes) -> None:
        """Check the next line."""
        self.starts.append(start)
        self.lengths.append(len(raw))
        number = len(self.starts)
        try:
            line = json.loads(raw)
        except ValueError:
            line = None
        if not isinstance(line, dict):
            self._note("invalid_json_line", "This line is not parseable as valid JSON.", None, number)
            return
        body = line.get("body")
        self.characters += len(raw)
        problem = self._lacking(line) or self._mismatch(line, body if isinstance(body, dict) else {})
        if problem is not None:
            self._note(*problem, number)
        self._seen.add(str(line.get("custom_id")))

    def end(self) -> None:
        """Check what concerns the whole file."""
        self._seen.clear()
        if not self.starts:
            message = "The batch input file is empty. Please ensure that the batch contains at least one request."
            self._note("empty_file", message, None, None)
        if len(self.starts) > MOST_LINES:
            message = f"The batch input file contains too many requests: up to {MOST_LINES} are possible."
            self._note("too_many_tasks", message, None, None)

    def _lacking(self, line: Mapping[str, object]) -> tuple[str, str, str | None] | None:
        for name in ("custom_id", "method", "url", "body"):
            if not line.get(name):
                return "missing_required_parameter", f"Missing required parameter: '{name}'.", name
        return None

    def _mismatch(self, line: Mapping[str, object], body: Mapping[str, object]) -> tuple[str, str, str | None] | None:
        custom_id, model = str(line["custom_id"]), body.get("model")
        if custom_id in self._seen:
            message = f"The custom_id '{custom_id}' for this request is a duplicate of another request."
            return "duplicate_custom_id", f"{message} The custom_id parameter must be unique.", "custom_id"
        if line["url"] != self.endpoint or line["method"] != "POST":
            return "url_mismatch", "The URL provided for this request does not match the batch endpoint.", "url"
        if not isinstance(model, str) or not model:
            return "missing_required_parameter", "Missing required parameter: 'model'.", "body.model"
        if model.startswith("unknown"):
            return "model_not_found", f"The provided model '{model}' is not supported by the Batch API.", "body.model"
        self.model = self.model or model
        if model != self.model:
            message = f"The provided model '{model}' does not match the batch's model '{self.model}'."
            return "model_mismatch", message, "body.model"
        return None

    def _note(self, code: str, message: str, param: str | None, line: int | None) -> None:
        if len(self.errors) < MOST_ERRORS:
            self.errors.append({"code": code, "message": message, "param": param, "line": line})
