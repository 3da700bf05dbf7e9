"""A chunk of leads: what its lanes ask about each, live, and what comes of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from activities.contact_rules import Refused
from activities.failures import in_thread
from activities.lead_questions import Inquiry
from activities.shared_chunk import SharedChunk
from clarion.domain.attempt import AttemptId, Verdict
from clarion.domain.target import Outcome
from clarion.domain.throttle import Ticket
from clarion.providers.lead_ports import Question, Quota, Slow, TooFast
from clarion.providers.ports import AccountBroken, RateLimited, Rejected, Unavailable
from clarion.store.claims import ClaimedTarget
from clarion.store.entries import GiveUp, Intend, Record
from clarion.store.leads import LeadQuestion

log = logging.getLogger(__name__)

SLICE = 200
"""Leads claimed in one go: their texts are kept in memory."""

MOST_ATTEMPTS = 20
"""Attempts at one lead after which an AI that does not answer counts as a failure of this lead."""


@dataclass(slots=True)
class LeadChunk(SharedChunk):
    """Asks about the leads of a chunk. Asking again is safe, so nothing is ever looked up."""

    inquiry: Inquiry
    _asked: dict[int, tuple[LeadQuestion, int]] = field(default_factory=dict, init=False)
    """By position what to ask, and how often the answer was cut off before."""

    @property
    def at_once(self) -> int:
        """Leads to claim in one go."""
        return max(SLICE, 2 * self.order.lanes)

    async def prepare(self, targets: Sequence[ClaimedTarget]) -> None:
        """Read what to ask about leads that have just been claimed."""
        self._asked |= await in_thread(self._read, targets)

    async def work_on(self, target: ClaimedTarget, until: float) -> None:
        """Ask about one lead."""
        asked = self._asked.pop(target.key.position, None)
        if self.rules.closed.is_set():
            return
        if asked is None:
            why = "the CRM has no such lead for us; there is nothing to ask about"
            self.rules.note(GiveUp(target.key, self.rules.fence, Outcome.NOT_FOUND, why))
        elif not self.rules.put_off(target):
            await self._ask(target, *asked, until)

    def _read(self, targets: Sequence[ClaimedTarget]) -> dict[int, tuple[LeadQuestion, int]]:
        store, key = self.tools.store, self.order.campaign.key
        found = store.leads.questions(key, [target.key.position for target in targets])
        again = {target.key.position for target in targets if target.attempts}
        return {
            position: (question, self._cut_off(position) if position in again else 0)
            for position, question in found.items()
        }

    def _cut_off(self, position: int) -> int:
        attempts = self.tools.store.targets.attempts_of(self.order.campaign.key, position)
        return sum(attempt.outcome == Outcome.TRUNCATED for attempt in attempts)

    async def _ask(self, target: ClaimedTarget, lead: LeadQuestion, cut_off: int, until: float) -> None:
        """Wait for room first: an intent ages."""
        inquiry, rules, door = self.inquiry, self.rules, self.inquiry.analysing.door
        draft = inquiry.question("", lead.fields_json, cut_off)
        weight = inquiry.weight(lead.fields_json, draft.max_output_tokens)
        ticket = await door.enter(weight, rules.closed)
        if ticket is None:
            return
        try:
            cost = inquiry.reserve(lead.fields_json, draft.max_output_tokens)
            granted = await rules.granted(Intend(target.key, rules.fence, cost), until)
            if granted is None or not await rules.is_turn(target, granted):
                door.failed()
                return
        except BaseException:
            door.failed()
            raise
        await self._put(
            inquiry.question(str(granted.attempt), lead.fields_json, cut_off), granted.attempt, ticket, lead
        )

    async def _put(self, question: Question, attempt: AttemptId, ticket: Ticket, lead: LeadQuestion) -> None:
        """Put the question, and note what comes back."""
        analysing, rules, now = self.inquiry.analysing, self.rules, self.tools.clock()
        try:
            reply = await analysing.analyst.ask(question)
        except (RateLimited, Unavailable, AccountBroken) as error:
            self._note_refusal(attempt, ticket, error, now)
        except Rejected as error:
            analysing.door.answered(ticket, Quota())
            rules.note(Record(attempt, error.verdict))
        except Slow as error:
            analysing.door.failed()
            rules.note(Record(attempt, Verdict(Outcome.FAILED, final=True, retryable=True, detail=str(error))))
        except BaseException as error:
            analysing.door.failed()
            if not isinstance(error, Exception):
                raise  # cut off: its chunk takes the intent back
            # A fault of ours or the library's over this one lead must not stop the others.
            log.exception("asking for attempt %s failed in an unexpected way", attempt)
            why = "asking failed in an unexpected way; the worker's log has the details"
            rules.note(Record(attempt, Verdict(Outcome.FAILED, final=True, retryable=True, detail=why)))
        else:
            analysing.door.answered(ticket, reply.quota)
            answered = self.inquiry.read(reply, lead.question_key)
            rules.note(Record(attempt, answered.verdict, cost=answered.cost, assessment=answered.assessment))

    def _note_refusal(self, attempt: AttemptId, ticket: Ticket, error: Refused, asked_at: float) -> None:
        """Note that the provider refused all of us, which does not count as a try of this lead."""
        door = self.inquiry.analysing.door
        if isinstance(error, RateLimited):
            door.refused(ticket, error.retry_after, error.quota if isinstance(error, TooFast) else Quota())
        else:
            door.failed()
        if isinstance(error, Unavailable) and attempt.number >= MOST_ATTEMPTS:
            verdict = Verdict(Outcome.FAILED, final=True, retryable=True, detail=f"asked again and again: {error}")
            self.rules.note(Record(attempt, verdict))
        else:
            self.rules.not_contacted(attempt, error, asked_at)
