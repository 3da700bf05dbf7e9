"""The circuit breaker: whether the last calls of a campaign failed so often that it must stop itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from clarion.domain.call import BreakerRules
from clarion.domain.target import Outcome

FAILURES = frozenset({Outcome.FAILED, Outcome.UNKNOWN})
"""What speaks against the channel; that nobody answers, or a number is wrong, speaks about the person."""


class Ended(NamedTuple):
    """A call that came to an end."""

    attempt: str
    failed: bool


def remember(recent: Sequence[Ended], ended: Ended, rules: BreakerRules) -> tuple[Ended, ...]:
    """Return the last calls with one more, the oldest dropped."""
    return (*recent, ended)[-rules.of :]


def tripped(recent: Sequence[Ended], rules: BreakerRules) -> str:
    """Say why the campaign has to stop, naming the calls that failed; empty while all is well."""
    failed = [ended.attempt for ended in recent if ended.failed]
    # Divided, not multiplied: 7 of 100 are 0.07 exactly as written, while 0.07 * 100 comes out above 7.
    if len(recent) < min(rules.at_least, rules.of) or len(failed) / len(recent) < rules.share:
        return ""
    return f"{len(failed)} of the last {len(recent)} calls failed: {', '.join(failed)}"
