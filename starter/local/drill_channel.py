"""What a drill has to know of the channel it tries: whom it contacts how often, through whom, and what is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from clarion.domain.books import Books
from clarion.store.store import Store

QUICK: Mapping[str, str] = {"CLARION_UNKNOWN_GRACE": "2", "CLARION_INTENT_SLACK": "2"}
"""The sandbox answers in milliseconds, so nobody need wait as long for what is unknown."""

ANSWER_WITHIN = "3"
"""Seconds to wait for the sandbox's answer."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What really happened, as the sandbox counts it."""

    effects: Mapping[str, int]
    """By address."""
    overlapping: frozenset[str] = frozenset()
    """Addresses that were contacted while an earlier contact still stood."""
    peak: int | None = None
    """Most contacts that went on at once; None where a contact is over at once."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a drill takes as given about a channel."""

    channel: str
    provider: str
    """The vendor, as the sandbox calls it too."""
    targets: int
    """Rows of the audience, unless somebody says otherwise."""
    kill: tuple[str, ...]
    """What is killed, unless somebody says otherwise."""
    lanes: int
    mix: Mapping[str, float]
    """What the provider does wrong with ``--faults mix``."""
    sandbox_options: Sequence[str]
    done: str
    """What has happened to a target that is done, in a word for people."""


class DrillChannel(Protocol):
    """One channel, as a drill tries it."""

    @property
    def terms(self) -> Terms:
        """What is taken as given."""

    def write_audience(self, path: Path, rows: int, seed: int) -> Mapping[str, int]:
        """Write an audience; returns how often the rules say that each address is contacted."""

    def environment(self, sandbox: str, web: str) -> Mapping[str, str]:
        """Return the settings of the account; ``sandbox`` and ``web`` are addresses."""

    def sandbox_settings(self, web: str) -> Mapping[str, object]:
        """Return what the sandbox is told, so that nothing but the audience decides how often anybody is contacted."""

    def spec(self, audience: Path, seed: int, rows: int) -> Mapping[str, object]:
        """Return the campaign, as its file would say it."""

    def lasts(self, rows: int) -> float:
        """Return about how many seconds the campaign takes without kills."""

    def share(self, books: Books) -> float:
        """Return which share of the targets is done, by which the moments of kills are chosen; 0 to 1."""

    def seen(self, sandbox: str, store: Store, key: int) -> Seen:
        """Ask the sandbox what really happened to the campaign of this number in the store. Blocking."""
