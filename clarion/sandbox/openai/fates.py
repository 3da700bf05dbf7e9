"""Decides what becomes of a question: words in the lead's own text decide, then the shares of faults, by the seed."""

from __future__ import annotations

import re
from enum import StrEnum

from clarion.sandbox.decisions import Decisions
from clarion.sandbox.faults import Faults


class Fate(StrEnum):
    """What becomes of a question; a lead whose text says ``sandbox:<fate>`` has chosen its own."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """The model declines to answer."""
    TRUNCATED = "truncated"
    """Cut at ``max_output_tokens``; whole when asked again with at least twice as many."""
    FILTERED = "filtered"
    """Stopped by the content filter."""
    GARBLED = "garbled"
    """The answer does not keep to the schema."""
    FAILED = "failed"
    """The request is answered with 200; the response in it has failed."""
    ERROR = "error"
    """500, each time and before any effect."""
    REJECTED = "rejected"
    """400 invalid_prompt."""
    TOO_LONG = "too_long"
    """400 context_length_exceeded."""
    LOST = "lost"
    """The first answer is lost: the connection closes, and the tokens are spent."""
    SLOW = "slow"
    """The answer takes the faults' ``slow_seconds`` longer."""
    EXPIRED = "expired"
    """In a batch: never worked on."""


MAGIC = re.compile(r"sandbox:([a-z_]+)")


def fate_of(said: str, faults: Faults, decisions: Decisions) -> Fate:
    """Decide for what the user says; the same each time as long as the shares stay."""
    if "sandbox:" in said:
        found = MAGIC.search(said)
        if found and found.group(1) in set(Fate):
            return Fate(found.group(1))
    if not (faults.refused or faults.truncated or faults.filtered or faults.garbled):
        return Fate.ANSWERED
    refused, truncated, filtered, garbled = decisions.shares(f"fate/{said}")
    if refused < faults.refused:
        return Fate.REFUSED
    if truncated < faults.truncated:
        return Fate.TRUNCATED
    if filtered < faults.filtered:
        return Fate.FILTERED
    return Fate.GARBLED if garbled < faults.garbled else Fate.ANSWERED
