"""Errors that a person can act on: each is one clear sentence with the way out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ClarionError(Exception):
    """Base of every error that Clarion raises on purpose; its text is shown to the user as it is."""


class BadInput(ClarionError):
    """Something the user gave cannot be used."""


class NotFound(ClarionError):
    """Something the user named does not exist."""


class Conflict(ClarionError):
    """What was asked does not fit the state things are in."""


class Unreachable(ClarionError):
    """A service that Clarion needs does not answer."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` (did you mean "x"?)`` for the nearest known word, or an empty string."""
    near = difflib.get_close_matches(word.lower(), {k.lower(): k for k in known}, n=1, cutoff=0.5)
    by_lower = {k.lower(): k for k in known}
    return f' (did you mean "{by_lower[near[0]]}"?)' if near else ""
