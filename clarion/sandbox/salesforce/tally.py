"""Counts what was asked of Salesforce: what a drill compares with what it thinks has happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from clarion.sandbox.vendor import Json


class Tally:
    """The counts since the start or the last reset."""

    def __init__(self) -> None:
        self.logins = 0
        self.failed_logins = 0
        self.expired_sessions = 0
        """Requests that came with a session that was over."""
        self.used = 0
        """Requests that count against the day's allowance."""
        self._requests: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._fetched: Counter[str] = Counter()
        self._writes: dict[str, Counter[str]] = {}
        self._refused_writes: Counter[str] = Counter()

    def request(self, kind: str) -> None:
        """Count a request that was let in."""
        self.used += 1
        self._requests[kind] += 1

    def refused(self, code: str) -> None:
        """Count a request that was refused as a whole."""
        self._refused[code] += 1

    def fetched(self, ids: Iterable[str]) -> None:
        """Count leads that were found and told."""
        self._fetched.update(list(ids))

    def written(self, id18: str, fields: Iterable[str]) -> None:
        """Count what was written to a lead."""
        self._writes.setdefault(id18, Counter()).update(list(fields))  # of a mapping it would add up the values

    def refused_write(self, code: str) -> None:
        """Count a lead that was not written to."""
        self._refused_writes[code] += 1

    def view(self, allowed: int, *, detail: bool) -> Mapping[str, Json]:
        """Summarise; with ``detail`` also how often each lead was fetched, and each of its fields written."""
        fields: Counter[str] = Counter()
        for counts in self._writes.values():
            fields.update(counts)
        view: dict[str, Json] = {
            "logins": self.logins,
            "failed_logins": self.failed_logins,
            "expired_sessions": self.expired_sessions,
            "requests": dict(self._requests),
            "refused": dict(self._refused),
            "api_usage": {"used": self.used, "allowed": allowed},
            "leads_fetched": len(self._fetched),
            "leads_fetched_again": sum(1 for count in self._fetched.values() if count > 1),
            "leads_written": len(self._writes),
            "leads_written_again": sum(1 for counts in self._writes.values() if max(counts.values()) > 1),
            "fields_written": dict(fields),
            "refused_writes": dict(self._refused_writes),
        }
        if detail:
            view["fetched"] = dict(self._fetched)
            view["written"] = {id18: dict(counts) for id18, counts in self._writes.items()}
        return view
