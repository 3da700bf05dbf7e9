"""The world outside the store, as the state machine of calls tells it: phones that ring, and a provider that knows.

Whatever the store is told of a call is true, if late, repeated, out of order or lost. So when a phone rings while an
earlier call to it stands, or more often than allowed, the store has broken a promise.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row

from clarion.domain.attempt import NEVER, AttemptId, Verdict
from clarion.domain.call import AnsweredBy, CallFacts, CallWord, Stage
from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome, TargetState
from clarion.providers.ports import CallReceipt, Webhook
from clarion.store.claims import ClaimedTarget, OpenChunk
from clarion.store.entries import Granted
from tests.store.call_scene import ended, placed

SLACK = 3.0
"""Seconds past its slot until which a lane uses an intent."""

FATES = (Outcome.ANSWERED, Outcome.ANSWERED, Outcome.VOICEMAIL, Outcome.NO_ANSWER, Outcome.BUSY, Outcome.FAILED)
AGAIN = frozenset({Outcome.NO_ANSWER, Outcome.BUSY, Outcome.FAILED, Outcome.VOICEMAIL})
"""Ends of a call after which another one is a retry and no repetition; voicemail once somebody asks for it."""

UNDER_WAY = frozenset({None, Outcome.PLACED})
"""Outcomes of an attempt whose call may be going on."""


@dataclass
class Contact:
    """One granted intent, and the call that came of it."""

    attempt: AttemptId
    slot_at: float
    over: bool = False
    """Nobody will use the intent any more."""
    stage: Stage | None = None
    """None: no call was placed."""
    fate: Outcome = Outcome.ANSWERED
    heard: Outcome | None = None
    """The end of which the store was told."""

    @property
    def stands(self) -> bool:
        """Whether another call to the same person would be one too many."""
        return self.stage is not None and self.heard not in AGAIN

    def tell(self, stage: Stage) -> None:
        """Note that the store hears of a stage."""
        if stage is Stage.ENDED:
            self.heard = self.fate

    def word(self, stage: Stage) -> CallWord:
        """What the provider says of a call that has come to a stage."""
        reference = f"CA-{self.attempt}"
        if stage is not Stage.ENDED:
            return CallWord(placed(reference), CallFacts(stage))
        answered = AnsweredBy.HUMAN if self.fate is Outcome.ANSWERED else None
        lasted, cost = (30.0, 0.05) if answered else (None, None)
        facts = CallFacts(stage, answered_by=answered, duration=lasted, cost=cost, summary=self.fate)
        return CallWord(ended(self.fate, retryable=self.fate in AGAIN, reference=reference), facts)


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
    """Calls to somebody whom an earlier call has reached, or is about to."""

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

    def calls(self) -> list[Contact]:
        return [contact for contact in self.contacts.values() if contact.stage is not None]

    def place(self, contact: Contact, fate: Outcome) -> None:
        """Let a phone ring."""
        if any(earlier.stands for earlier in self.of_target(contact.attempt.position)):
            self.repeated.append(contact.attempt)
        contact.over, contact.stage, contact.fate = True, Stage.PLACED, fate


@dataclass
class WorldReader:
    """Reads the webhooks of this world: an attempt, and a stage that its call has come to."""

    world: World

    def verify(self, webhook: Webhook, now: float) -> bool:
        return True

    def receipt(self, payload: str, attempt: str | None) -> CallReceipt | None:
        told, stage = json.loads(payload)
        contact = self.world.contacts.get(AttemptId(*told))
        if contact is None:
            message = "nobody was called"
            raise BadInput(message)
        return CallReceipt(attempt, f"CA-{contact.attempt}", contact.word(Stage(stage)))


def lost() -> Verdict:
    """What a lane says when nobody could tell how a call ended."""
    return Verdict(Outcome.UNKNOWN, final=True, detail="nobody could tell how the call ended")


def check_target(row: Row[Any], said: Mapping[tuple[int, int], str | None]) -> None:
    """Assert that a target, its claim and the outcomes of its attempts (by position and number) fit together.

    ``row.current`` is the fence of the chunk that has claimed it.
    """
    last = said.get((row.position, row.attempts))
    assert row.fence == row.current, "a claim has the fence of its chunk"
    for n in range(1, row.attempts):
        assert said[row.position, n] not in UNDER_WAY, "one call at a time"
    if row.state == TargetState.ACTIVE:
        assert last in UNDER_WAY
        assert (last == Outcome.PLACED) == (row.outcome == Outcome.PLACED)
        assert row.chunk is not None or (last == Outcome.PLACED and row.due_at < NEVER), "claimed or claimable"
    elif row.state == TargetState.UNKNOWN:
        assert last == Outcome.UNKNOWN
    else:
        assert row.attempts == 0 or last not in UNDER_WAY | {Outcome.UNKNOWN}
    if row.state in {TargetState.PENDING, TargetState.WAITING}:
        assert last != Outcome.ANSWERED
        assert (last is None) == (row.attempts == 0)
