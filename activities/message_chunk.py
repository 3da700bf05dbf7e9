"""A chunk of texts: what its lanes do with each target."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from activities.contact_rules import LONGEST_WAIT, LOOKUP_PAUSE
from activities.failures import in_thread
from activities.shared_chunk import SharedChunk
from clarion.domain.attempt import NEVER, AttemptId, Verdict
from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome, TargetState
from clarion.domain.template import MissingVariable, Template
from clarion.domain.versions import versions
from clarion.providers.ports import (
    AccountBroken,
    Messenger,
    OutcomeUnknown,
    OutgoingText,
    ProviderError,
    RateLimited,
    Rejected,
    Unavailable,
)
from clarion.store.claims import ClaimedTarget
from clarion.store.entries import GiveUp, Intend, Postpone, Record

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sending:
    """What sending needs to know about an account."""

    messenger: Messenger
    price_per_segment: float


@dataclass(slots=True)
class MessageChunk(SharedChunk):
    """Texts the targets of a chunk, and looks up what became of texts that nobody knows about."""

    sending: Sending
    _templates: dict[str | None, Template] = field(default_factory=dict, init=False)
    """The campaign's text, by variant where it has some."""

    async def prepare(self, targets: Sequence[ClaimedTarget]) -> None:
        """Read the campaign's texts."""
        del targets
        if not self._templates:
            said = {name: version.message for name, version in versions(self.spec).items()}
            self._templates = {name: Template.parse(message) for name, message in said.items() if message}

    async def work_on(self, target: ClaimedTarget, until: float) -> None:
        """Text somebody, or find out whether that has happened."""
        if target.state is TargetState.UNKNOWN:
            await self._look_up(target)
        elif not self.rules.closed.is_set():
            await self._contact(target, until)

    async def _contact(self, target: ClaimedTarget, until: float) -> None:
        text = self._text(target)
        if text is None or self.rules.put_off(target):
            return
        cost = round(self.sending.price_per_segment * target.segments * 1e6)
        granted = await self.rules.granted(Intend(target.key, self.rules.fence, cost), until + LONGEST_WAIT)
        if granted is not None and await self.rules.is_turn(target, granted):
            await self._send(OutgoingText(str(granted.attempt), target.address, text), granted.attempt)

    async def _send(self, text: OutgoingText, attempt: AttemptId) -> None:
        now = self.tools.clock()
        try:
            verdict = await self.sending.messenger.send(text)
        except Rejected as error:
            verdict = error.verdict
        except OutcomeUnknown as error:
            verdict = Verdict(Outcome.UNKNOWN, final=False, provider_code=error.code, detail=str(error))
        except (RateLimited, Unavailable, AccountBroken) as error:
            self.rules.not_contacted(attempt, error, now)
            return
        except Exception:
            # A fault of ours or the library's over this one text must not stop the others, and may have sent it.
            log.exception("sending attempt %s failed in an unexpected way", attempt)
            verdict = Verdict(Outcome.UNKNOWN, final=False, detail="sending failed in an unexpected way")
        self.rules.note(Record(attempt, verdict))

    async def _look_up(self, target: ClaimedTarget) -> None:
        tools, rules, claims = self.tools, self.rules, self.tools.store.claims
        attempt = await in_thread(claims.attempt, target.key, target.attempts)
        known = await in_thread(claims.known_references, target.address)
        text = OutgoingText(str(attempt.id), target.address, self._text(target) or "")
        try:
            verdict = await self.sending.messenger.find(text, attempt.intended_at, known)
        except ProviderError as error:
            if isinstance(error, AccountBroken):
                rules.halt(str(error))
            waited = tools.clock() - attempt.intended_at
            due_at = NEVER if waited > tools.timing.unknown_deadline else tools.clock() + LOOKUP_PAUSE
            rules.note(Postpone(target.key, rules.fence, due_at, "lookup", f"could not be looked up: {error}"))
            return
        if verdict is None:
            rules.withdraw(attempt.id, tools.clock(), "looked up at the provider: it never arrived there")
        else:
            rules.note(Record(attempt.id, verdict))

    def _text(self, target: ClaimedTarget) -> str | None:
        """Return what to send; None for a target that cannot be filled in, which is given up."""
        if target.text is not None:
            return target.text
        try:
            return self._written(target)
        except (BadInput, MissingVariable) as error:
            if target.state is not TargetState.UNKNOWN:
                self.rules.note(GiveUp(target.key, self.rules.fence, Outcome.REJECTED_CONTENT, str(error)))
            return None

    def _written(self, target: ClaimedTarget) -> str:
        template = self._templates.get(target.variant)
        if template is None:
            raise BadInput(f'the campaign has no text for variant "{target.variant}"')
        return template.render(json.loads(target.variables))
