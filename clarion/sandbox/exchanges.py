"""Keeps the latest exchanges raw, so that anyone can check both sides against the vendors' specifications.

A connection that was cut has no answer and so is no exchange; it shows in the effects only.
"""

from __future__ import annotations

import json
from collections import deque
from typing import NamedTuple

from clarion.sandbox.vendor import Answer, Call, Json

KEPT = 500
KEPT_BYTES = 32 * 1024 * 1024
"""Of all bodies together; the latest exchange is kept however large it is."""


class Exchange(NamedTuple):
    """One request and its answer, unparsed until somebody looks."""

    provider: str
    call: Call
    answer: Answer

    @property
    def size(self) -> int:
        """Bytes of both bodies."""
        return len(self.call.body) + len(self.answer.body)

    def view(self) -> dict[str, Json]:
        """Render for reading: the body as received, the response as JSON (or as text when it is none)."""
        return {
            "provider": self.provider,
            "method": self.call.method,
            "path": self.call.path,
            "query": self.call.query,
            "content_type": self.call.headers.get("Content-Type", ""),
            "body": self.call.body.decode("utf-8", "replace"),
            "status": self.answer.status,
            "response": _parsed(self.answer.body),
        }


class Exchanges:
    """A bounded memory of exchanges; appending is all that happens while a request is served."""

    def __init__(self) -> None:
        self._latest: deque[Exchange] = deque()
        self._bytes = 0

    def record(self, provider: str, call: Call, answer: Answer) -> None:
        """Remember an answered request."""
        exchange = Exchange(provider, call, answer)
        self._latest.append(exchange)
        self._bytes += exchange.size
        while len(self._latest) > KEPT or (self._bytes > KEPT_BYTES and len(self._latest) > 1):
            self._bytes -= self._latest.popleft().size

    def latest(self, limit: int = KEPT) -> list[dict[str, Json]]:
        """Return the latest ones, oldest first."""
        return [exchange.view() for exchange in list(self._latest)[-limit:]] if limit > 0 else []

    def clear(self) -> None:
        """Forget everything."""
        self._latest.clear()
        self._bytes = 0


def _parsed(body: bytes) -> Json:
    if not body:
        return None
    try:
        parsed: Json = json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")
    return parsed
