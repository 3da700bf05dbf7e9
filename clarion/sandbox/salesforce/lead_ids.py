"""Reads record ids: 15 characters that tell upper from lower case, or 18 with a checksum of the case at the end."""

from __future__ import annotations

import re

LEAD = "00Q"
"""What the ids of leads begin with."""
_SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[A-Z0-5]{3})?")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def suffix(id15: str) -> str:
    """Return the three characters that say which of the 15 are capitals, five of them each."""
    return "".join(
        _LETTERS[sum(1 << bit for bit, letter in enumerate(id15[start : start + 5]) if letter.isupper())]
        for start in (0, 5, 10)
    )


def read_id(raw: object) -> str | None:
    """Return the 18 characters of any record's id; None for what is no id."""
    if not isinstance(raw, str) or not _SHAPE.fullmatch(raw):
        return None
    known = raw[:15] + suffix(raw[:15])
    return known if raw in {known, raw[:15]} and len(raw) in {15, 18} else None


def is_lead(id18: str) -> bool:
    """Whether an id names a lead and not a record of another kind."""
    return id18.startswith(LEAD)
