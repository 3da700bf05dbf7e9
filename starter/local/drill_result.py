"""What a drill came to: the result for programs and for people, and the promises that did not hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from clarion.domain.campaign import CampaignStatus
from starter.local.drill_channel import Seen
from starter.progress import Progress

SHOWN = 10
"""Addresses named in a sentence."""


class DrillResult(BaseModel):
    """What a drill came to."""

    model_config = ConfigDict(frozen=True)

    channel: str
    provider: str
    targets: int
    """Rows of the audience that were accepted."""
    expected: int
    """Contacts that the campaign's rules ask for."""
    effects: int
    """Contacts that really happened, as the sandbox counts them."""
    duplicates: int
    """Targets contacted more often than the rules say, or while an earlier contact still stood."""
    lost: int
    """Targets contacted less often than the rules say."""
    balanced: bool
    """Whether the books balanced at every look, and when every target was counted again at the end."""
    peak: int | None
    """Most contacts that went on at once, as the sandbox counts them; None where a contact is over at once."""
    lanes_lost: int
    """Lanes that the account still counted for the campaign some time after its end."""
    kills: int
    recovery_seconds: float | None
    """Longest time until the targets of a killed worker moved again; None when no kill met a claimed target."""
    seed: int
    seconds: float
    faults: str
    database: str
    status: CampaignStatus
    killed: dict[str, int]
    looks: int
    """How often the books were looked at."""
    unknown: int
    """Targets that ended without a known outcome."""
    broken: tuple[str, ...]
    """Promises that did not hold, one sentence each."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found once the campaign had ended, or patience had."""

    expected: Mapping[str, int]
    """By address: how often the rules say that it is contacted."""
    seen: Seen
    progress: Progress
    unbalanced: str = ""
    """The first books that did not balance; empty when all did."""
    most: int | None = None
    """Contacts that may go on at once."""
    held: Mapping[str, int] = field(default_factory=dict)
    """By workflow: lanes that the account still counts for it."""
    stuck: int = 0
    """Killed workers whose targets nobody has taken over."""

    @property
    def too_often(self) -> list[str]:
        """Targets contacted more often than the rules say, or while an earlier contact still stood."""
        more = {address for address, n in self.expected.items() if self._count(address) > n}
        return sorted(more | (self.seen.overlapping & self.expected.keys()))

    @property
    def too_seldom(self) -> list[str]:
        """Targets contacted less often than the rules say."""
        return sorted(address for address, n in self.expected.items() if self._count(address) < n)

    def named(self, addresses: list[str]) -> str:
        """Name some of these addresses, each with its contacts and what they should have been."""
        shown = (f"{address} ({self._count(address)} for {self.expected[address]})" for address in addresses[:SHOWN])
        return ", ".join(shown)

    def _count(self, address: str) -> int:
        return self.seen.effects.get(address, 0)


def broken_promises(found: Findings) -> Iterator[str]:
    """Say in one sentence each what should not have happened."""
    yield from _wrong_contacts(found)
    books, progress = found.progress.books, found.progress
    if books.total - books.skipped != len(found.expected):
        yield f"{books.total - books.skipped} of {len(found.expected)} good rows were accepted"
    if found.unbalanced:
        yield f"the books did not balance: {found.unbalanced}"
    if books.unknown:
        yield f"{books.unknown} targets ended unknown"
    if progress.status is not CampaignStatus.COMPLETED:
        yield f"the campaign is {progress.status} and not completed ({progress.reason or 'no reason given'})"
    if found.stuck:
        yield f"what {found.stuck} of the killed workers held has not moved since"
    for workflow, lanes in sorted(found.held.items()):
        yield f"the account still keeps {lanes} lanes for {workflow}"


def _wrong_contacts(found: Findings) -> Iterator[str]:
    if too_often := found.too_often:
        yield f"contacted too often, or while an earlier contact went on: {found.named(too_often)}"
    if too_seldom := found.too_seldom:
        yield f"contacted too seldom: {found.named(too_seldom)}"
    if strangers := sorted(found.seen.effects.keys() - found.expected.keys()):
        yield f"contacted without being in the audience: {', '.join(strangers[:SHOWN])}"
    if found.most is not None and (found.seen.peak or 0) > found.most:
        yield f"{found.seen.peak} contacts went on at once, where {found.most} were allowed"


def told(result: DrillResult) -> str:
    """The result for people."""
    killed = ", ".join(f"{kind} {n}x" for kind, n in sorted(result.killed.items())) or "nothing"
    recovery = "no kill met a claimed target"
    if result.recovery_seconds is not None:
        recovery = f"{result.recovery_seconds:g} s at most until the targets of a killed worker moved again"
    effects = f"{result.effects} of {result.expected} expected (duplicates {result.duplicates}, lost {result.lost})"
    lines = [
        f"targets    {result.targets}",
        f"effects    {effects}",
        *([] if result.peak is None else [f"at once    {result.peak} at most; lanes lost {result.lanes_lost}"]),
        f"books      {'balanced' if result.balanced else 'NOT BALANCED'}, looked at {result.looks} times and recounted",
        f"killed     {killed}",
        f"recovery   {recovery}",
        f"faults     {result.faults}",
        f"provider   {result.provider} in the sandbox",
        f"database   {result.database}",
        f"campaign   {result.status} after {result.seconds:.0f} s, seed {result.seed}",
        *(f"BROKEN     {sentence}" for sentence in result.broken),
        *([] if result.broken else ["Every promise held."]),
    ]
    return "\n".join(lines)
