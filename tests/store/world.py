"""The world outside the store, as a state machine tells it: a provider that keeps score of what really happened.

Every attempt has a truth: whether it reached the provider, and what becomes of it there. Whatever the store is told is
true, if late, repeated, out of order or lost. So whenever the same person is reached twice while the first text still
stands, the store has broken its first promise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from clarion.domain.attempt import AttemptId, Verdict
from clarion.domain.target import Outcome
from clarion.store.claims import ClaimedTarget, OpenChunk
from clarion.store.entries import Granted
from tests.store.scene import sent, unknown

SLACK = 3.0
"""Seconds past its slot until which a lane uses an intent."""

FAILING = {"undelivered/30003", "undelivered/30005", "failed/30001"}
"""Ends of a text after which another one is a retry and no repetition."""

FATES = sorted({*FAILING, "delivered/"})


@dataclass
class Contact:
    """One granted intent, and what became of it outside."""

    attempt: AttemptId
    slot_at: float
    reached: bool = False
    over: bool = False
    """Nobody will use the intent any more."""
    fate: str = "delivered/"
    failed: bool = False
    """The provider has told that the text did not arrive."""

    @property
    def stands(self) -> bool:
        return self.reached and not self.failed

    @property
    def sid(self) -> str:
        return f"SM-{self.attempt}"

    @property
    def answer(self) -> Verdict:
        """What the provider says about a text that reached it."""
        return sent(self.sid)


@dataclass
class Holder:
    """A worker that opened a chunk, and may have lost it since without knowing."""

    number: int
    opened: OpenChunk
    targets: list[ClaimedTarget] = field(default_factory=list)


@dataclass
class World:
    """All contacts there have been."""

    contacts: dict[AttemptId, Contact] = field(default_factory=dict)
    repeated: list[AttemptId] = field(default_factory=list)
    """Texts that reached somebody whom an earlier text had reached."""

    def grant(self, granted: Granted) -> None:
        self.contacts[granted.attempt] = Contact(granted.attempt, granted.slot_at)

    def of_target(self, position: int) -> Iterable[Contact]:
        return (contact for contact in self.contacts.values() if contact.attempt.position == position)

    def usable(self, now: float) -> list[Contact]:
        """Intents that a lane may still use, whoever has its chunk by now."""
        return [contact for contact in self.contacts.values() if not contact.over and now <= contact.slot_at + SLACK]

    def waiting(self) -> list[Contact]:
        """Intents that were not used yet; those that were not used in time come first."""
        waiting = [contact for contact in self.contacts.values() if not contact.over]
        return sorted(waiting, key=lambda contact: contact.slot_at)

    def reached(self) -> list[Contact]:
        return [contact for contact in self.contacts.values() if contact.reached]

    def reach(self, contact: Contact, fate: str) -> None:
        """Let a text reach the provider."""
        if any(earlier.stands for earlier in self.of_target(contact.attempt.position)):
            self.repeated.append(contact.attempt)
        contact.reached, contact.over, contact.fate = True, True, fate


REFUSALS = {
    "refused": Verdict(Outcome.FAILED, final=True, retryable=True, detail="refused for now"),
    "invalid": Verdict(Outcome.INVALID_NUMBER, final=True, detail="no such number"),
    "opted_out": Verdict(Outcome.OPTED_OUT, final=True, suppress=True, detail="opted out"),
    "lost": unknown(),
}
"""Answers to a text that reached nobody."""
