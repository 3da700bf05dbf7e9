"""Counts what really happened to people: the one number of a drill that nobody else can argue with.

An effect is a request the provider accepted and acts on, whether or not its answer ever reached the client.
A **duplicate** is an effect on a target while an earlier effect on the same target still stands: it was not yet
reported failed, undelivered or canceled, so the person was or may be reached twice. Trying again after such a report is
a legitimate retry and no duplicate; trying again on a guess is one, even if the first effect fails later.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

from clarion.sandbox.vendor import Json


class Effects:
    """The effects of one provider since the start or the last reset."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._times = array("d")
        self._counts: dict[str, int] = {}
        self._duplicates: dict[str, int] = {}
        self._opted_out_contacts = 0
        self.opted_out_refusals = 0

    def count(self, target: str) -> int:
        """How many effects this target has had."""
        return self._counts.get(target, 0)

    def accept(self, target: str, at: float, *, standing: int, opted_out: bool = False) -> None:
        """Count an effect that arrived ``at`` (epoch seconds) while ``standing`` earlier ones on the target stand."""
        self._times.append(at)
        self._counts[target] = self._counts.get(target, 0) + 1
        if standing:
            self._duplicates[target] = max(standing + 1, self._duplicates.get(target, 0))
        if opted_out:
            self._opted_out_contacts += 1

    def view(self, *, detail: bool = False) -> dict[str, Json]:
        """Summarise; with ``detail`` also the count per target.

        ``opted_out_contacts`` are effects on people who had opted out, through whatever sender; ``opted_out_refusals``
        are requests refused because the person had opted out of this very sender.
        """
        view: dict[str, Json] = {
            "accepted": len(self._times),
            "distinct_targets": len(self._counts),
            "duplicates": [{"target": target, "count": count} for target, count in self._duplicates.items()],
            "opted_out_contacts": self._opted_out_contacts,
            "opted_out_refusals": self.opted_out_refusals,
        }
        if detail:
            view["targets"] = dict(self._counts)
        return view

    def times(self, wanted: Callable[[float], bool]) -> list[float]:
        """Arrival times (epoch seconds) in order of arrival."""
        return [at for at in self._times if wanted(at)]
