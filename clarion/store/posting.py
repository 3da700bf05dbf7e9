"""One transaction's worth of changes to targets, with the books, the log and the money kept in step.

Load what the changes touch, apply them one by one to the loaded rows, then flush everything at once. Whatever moves a
target from one state to another goes through here, so the books cannot drift from the targets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from clarion.domain.assessment import Assessment
from clarion.domain.attempt import NEVER, AttemptId, Standing, Verdict, standing_after
from clarion.domain.breaker import FAILURES, Ended, remember, tripped
from clarion.domain.call import AnsweredBy, CallFacts, MachineRule
from clarion.domain.campaign import CampaignStatus, Channel
from clarion.domain.target import Outcome, TargetState
from clarion.store.call_rows import CallRow, clipped, expected_cost, read_recent, recent_text
from clarion.store.database import storable
from clarion.store.journal import Person, Wish
from clarion.store.lead_rows import answer_of
from clarion.store.rows import AttemptRow, TargetRow
from clarion.store.sheet import Sheet
from clarion.store.specs import parsed_spec

UNDECIDED = frozenset({None, Outcome.SENT, Outcome.PLACED, Outcome.SUBMITTED, Outcome.UNKNOWN, Outcome.NOT_SENT})
"""Outcomes of an attempt that a later word of the provider may still replace."""

LONGEST_CODE = 16
"""Characters; what is longer is a phrase, which is worth nothing in part."""

UNANSWERED = frozenset({None, Outcome.SUBMITTED, Outcome.UNKNOWN})
"""Outcomes of an attempt about which the provider has said nothing yet."""

NEW = frozenset({TargetState.PENDING, TargetState.WAITING})

NO_FENCE = 0
"""Stands beside an attempt that no chunk has made; fences count from 1."""

UNBILLED = frozenset({Outcome.FAILED, Outcome.INVALID_NUMBER, Outcome.REJECTED_CONTENT, Outcome.OPTED_OUT})
"""Outcomes that cost nothing unless the provider names a price: it never sent anything."""


@dataclass(slots=True)
class Posting(Sheet):
    """Changes to targets of some campaigns inside one write transaction at time ``now`` (epoch seconds)."""

    def intend(self, target: TargetRow, fence: int, slot_at: float, cost: int) -> AttemptId:
        """Write the intent to contact a target; ``cost`` is charged until the contact turns out not to be billed."""
        target.attempts += 1
        target.tries += 1
        self.move(target, TargetState.ACTIVE, target.outcome, NEVER)
        attempt = AttemptRow(*target.key, target.attempts, fence, self.now, slot_at, cost, new=True)
        self.attempts[attempt.id] = attempt
        self._spend(attempt, cost)
        return attempt.id

    def submit(self, target: TargetRow, cost: int) -> AttemptId:
        """Make a target part of a batch; ``cost`` is charged until its answer comes, or the batch gives it back."""
        attempt = self.attempts[self.intend(target, NO_FENCE, self.now, cost)]
        attempt.outcome = Outcome.SUBMITTED.value
        self.move(target, TargetState.ACTIVE, Outcome.SUBMITTED, NEVER)
        return attempt.id

    def strand(self, attempt: AttemptRow, why: str) -> None:
        """Note that nobody can say whether an intent took effect."""
        target = self.targets[attempt.target]
        attempt.outcome, attempt.changed = Outcome.UNKNOWN, True
        due_at = max(attempt.slot_at, self.now) + self.grace
        self.move(target, TargetState.UNKNOWN, Outcome.UNKNOWN, due_at, reason="lookup")
        self.event(*target.key, "unknown", f"attempt {attempt.number}: {why}")

    def withdraw(self, attempt: AttemptRow, due_at: float, reason: str | None, detail: str | None) -> None:
        """Take an intent back: provably nobody was contacted, and it does not count as a try.

        An attempt on which the provider has spoken meanwhile stays as it is.
        """
        target = self.targets[attempt.target]
        if target.attempts != attempt.number:
            return
        if attempt.outcome == Outcome.PLACED:
            self.leave(attempt, "who asked for it back thought that it was never placed")
        if attempt.outcome not in UNANSWERED:
            return
        if attempt.id in self.calls:
            # The provider had taken this call on, so that it knows nothing of it now proves nothing.
            self.move(target, TargetState.UNKNOWN, Outcome.UNKNOWN, NEVER)
            self.free(target)
            self.event(*target.key, "unknown", f"attempt {attempt.number}: the provider has lost the call")
            return
        self._end(attempt, Outcome.NOT_SENT, detail)
        target.tries, target.changed = max(0, target.tries - 1), True
        if target.state in {TargetState.ACTIVE, TargetState.UNKNOWN}:
            outcome = None if target.outcome in {Outcome.UNKNOWN, Outcome.SUBMITTED} else target.outcome
            self._rest(target, Standing(TargetState.WAITING, Outcome.NOT_SENT, due_at), outcome, reason)
        self.event(*target.key, "withdrawn", f"attempt {attempt.number}: {detail or reason or ''}")

    def leave(self, attempt: AttemptRow, why: str) -> None:
        """Let go of a target whose call goes on: from now on any lane may attend to it."""
        target = self.targets[attempt.target]
        self.move(target, TargetState.ACTIVE, Outcome.PLACED, self.now)
        self.free(target)
        self.event(*target.key, "unattended", f"attempt {attempt.number}: {why}")

    def judge(
        self,
        attempt: AttemptRow,
        verdict: Verdict,
        *,
        rank: int = -1,
        receipt: bool = False,
        facts: CallFacts | None = None,
        cost: int | None = None,
        assessment: Assessment | None = None,
    ) -> bool:
        """Apply a provider's word on an attempt. Returns whether it told anything that was not known.

        Words may come twice, late and out of order; an attempt that is decided stays decided, while ``facts`` about a
        call are added at any time. ``cost`` (millionths) is what an ended call is taken to have cost for as long as the
        provider does not say so itself; of other contacts, what they have cost. An ``assessment`` is kept with the word
        that decides.
        """
        self._note_words(attempt, verdict, rank if facts is None else max(rank, facts.stage.rank), receipt=receipt)
        if not self.is_of_calls(attempt.campaign_key):
            return self._decide_at_once(attempt, verdict, cost, assessment)
        known = attempt.id in self.calls
        learned = self._learn(attempt, verdict, facts)
        decided = self._decide(attempt, self._as_known(attempt, verdict), known=known)
        if attempt.outcome not in UNDECIDED:
            self._price(attempt, cost, new=decided)
            if call := self.calls.get(attempt.id):
                call.end(self.now)
        if decided and (attempt.outcome not in UNDECIDED or (verdict.final and attempt.outcome == Outcome.UNKNOWN)):
            self._remember(attempt)
        return learned or decided

    def _decide_at_once(
        self, attempt: AttemptRow, verdict: Verdict, cost: int | None, assessment: Assessment | None
    ) -> bool:
        """Apply a word on a contact that is over as soon as its provider answers."""
        if not self._decide(attempt, verdict):
            return False
        if cost is not None and attempt.outcome not in UNDECIDED:
            self._charge(attempt, cost)
        if assessment is not None:
            tenant = self.campaigns[attempt.campaign_key].tenant
            self.answers.append(answer_of(attempt, self.targets[attempt.target], tenant, assessment))
        return True

    def suppress(self, person: Person, wish: Wish) -> None:
        """Note that a person is not to be contacted any more."""
        self.journal.wish(person, wish)
        self.suppressed.add(person)

    def _note_words(self, attempt: AttemptRow, verdict: Verdict, rank: int, *, receipt: bool) -> None:
        attempt.provider_reference = attempt.provider_reference or clipped(verdict.provider_reference, 64)
        attempt.changed = True
        if receipt:
            attempt.receipt_at = self.now
        if rank >= attempt.provider_rank:
            attempt.provider_rank = rank
            attempt.provider_status = clipped(verdict.provider_status, 32) or attempt.provider_status

    def _learn(self, attempt: AttemptRow, verdict: Verdict, facts: CallFacts | None) -> bool:
        """Add facts to what is known of a call; returns whether they were new."""
        if facts is None and verdict.outcome is Outcome.PLACED:
            facts = CallFacts()
        if facts is None:
            return False
        call = self.calls.get(attempt.id)
        if call is None:
            call = self.calls[attempt.id] = CallRow(*attempt.id, new=True)
        return call.learn(facts, attempt.provider_reference, self.now)

    def _as_known(self, attempt: AttemptRow, verdict: Verdict) -> Verdict:
        """Take a call that a machine answered for voicemail, whichever word has told of the machine."""
        call = self.calls.get(attempt.id)
        if verdict.outcome is Outcome.ANSWERED and call is not None and call.answered_by == AnsweredBy.MACHINE:
            return replace(verdict, outcome=Outcome.VOICEMAIL, retryable=True)
        return verdict

    def _decide(self, attempt: AttemptRow, verdict: Verdict, *, known: bool = False) -> bool:
        """Let a verdict decide an attempt that is not decided; ``known`` calls have been counted as contacts."""
        was, outcome = attempt.outcome, verdict.outcome
        target = self.targets[attempt.target]
        latest = self._counts(target, attempt, outcome)
        if outcome is Outcome.PLACED and not (latest and self._comes_back(attempt.campaign_key)):
            outcome = Outcome.UNKNOWN  # nobody will attend to that call: only its end can still be told
        if was not in UNDECIDED or was == outcome:
            return False
        if outcome is Outcome.UNKNOWN and was is not None and was != Outcome.PLACED:
            return False
        self._end(attempt, outcome, verdict.detail)
        code = verdict.provider_code
        attempt.provider_code = code if code is None or len(code) <= LONGEST_CODE else None  # the facts have it whole
        if was in UNANSWERED and outcome not in {Outcome.UNKNOWN, Outcome.SUBMITTED} and not known:
            self.journal.contact(attempt.campaign_key)
        if verdict.suppress and target.address:
            person = Person(self.campaigns[attempt.campaign_key].tenant, target.address)
            self.suppress(person, Wish(contact=False, at=self.now, source="provider", detail=verdict.detail or ""))
        if not latest:
            self.event(*target.key, "late_receipt", f"attempt {attempt.number}: {outcome}")
            return True
        target.tries += was == Outcome.NOT_SENT
        if outcome is Outcome.PLACED:
            self._attend(target, attempt, was)
        else:
            self._follow(target, attempt, verdict if outcome is verdict.outcome else replace(verdict, outcome=outcome))
        return True

    def _counts(self, target: TargetRow, attempt: AttemptRow, outcome: Outcome) -> bool:
        """Whether a word on an attempt says where its target stands: that on the latest does.

        Of a lead any answer that can be used is good, and nothing that comes later takes it away.
        """
        latest = target.attempts == attempt.number
        if not self.is_of_leads(attempt.campaign_key):
            return latest
        if outcome is Outcome.ASSESSED and target.state in NEW | {TargetState.FAILED}:
            return True
        return latest and target.state != TargetState.SUCCEEDED

    def _comes_back(self, campaign_key: int) -> bool:
        return not CampaignStatus(self.campaigns[campaign_key].status).is_final

    def _attend(self, target: TargetRow, attempt: AttemptRow, was: str | None) -> None:
        """Let a target stand where a call to it goes on: with the lane that holds it, else any lane may have it."""
        if was == Outcome.NOT_SENT:
            self.free(target)  # whoever holds it is about to call anew and knows nothing of this call
        self.move(target, TargetState.ACTIVE, Outcome.PLACED, self.now if target.chunk is None else NEVER)
        self.event(*target.key, Outcome.PLACED, f"attempt {attempt.number}: {Outcome.PLACED}")

    def _follow(self, target: TargetRow, attempt: AttemptRow, verdict: Verdict) -> None:
        """Let a target stand where the verdict on its latest attempt puts it."""
        campaign = self.campaigns[attempt.campaign_key]
        spec = parsed_spec(campaign.spec)
        running = not CampaignStatus(campaign.status).is_final
        leaves_message = spec.call is not None and spec.call.machine is MachineRule.LEAVE_MESSAGE
        if leaves_message and verdict.outcome is Outcome.VOICEMAIL:
            verdict = replace(verdict, succeeded=True)
        awaited = running and campaign.channel == Channel.SMS  # else nobody waits for receipts
        standing = standing_after(
            verdict,
            spec.retry,
            tries=target.tries,
            now=self.now,
            receipt_wait=spec.receipts.wait if awaited else 0.0,
            running=running,
        )
        if standing.state is TargetState.UNKNOWN:
            standing = Standing(standing.state, standing.outcome, self.now + self.grace)
        reason = {TargetState.WAITING: "retry", TargetState.UNKNOWN: "lookup"}.get(standing.state)
        target.detail = storable(verdict.detail)
        self._rest(target, standing, standing.outcome, reason)
        told = f"attempt {attempt.number}: {verdict.outcome}" + (f" ({target.detail})" if target.detail else "")
        self.event(*target.key, verdict.outcome, told)
        if verdict.account_fault:
            self.halt(campaign.key, verdict.detail or "the provider refuses the account")

    def _remember(self, attempt: AttemptRow) -> None:
        """Count an ended call for the circuit breaker, which halts the campaign when too many have failed."""
        campaign = self.campaigns[attempt.campaign_key]
        rules = parsed_spec(campaign.spec).breaker
        ended = Ended(str(attempt.id), attempt.outcome in FAILURES)
        others = [other for other in read_recent(campaign.recent) if other.attempt != ended.attempt]
        recent = remember(others, ended, rules)
        campaign.recent, campaign.changed = recent_text(recent), True
        if why := tripped(recent, rules):
            self.halt(campaign.key, why)

    def _rest(self, target: TargetRow, standing: Standing, outcome: str | None, reason: str | None) -> None:
        """End a target's claim where it stands; in a campaign that is over or called off, nothing waits."""
        state, due_at = standing.state, standing.due_at
        status = CampaignStatus(self.campaigns[target.campaign_key].status)
        if state is TargetState.WAITING and status in {CampaignStatus.CANCELLING, CampaignStatus.CANCELLED}:
            state, due_at, reason = TargetState.CANCELLED, NEVER, None
        elif state is TargetState.WAITING and status.is_final:
            state, outcome, due_at, reason = TargetState.FAILED, outcome or standing.outcome, NEVER, None
        self.move(target, state, outcome, due_at, reason=reason)
        self.free(target)

    def _end(self, attempt: AttemptRow, outcome: Outcome, detail: str | None) -> None:
        charged = _charged(attempt)
        attempt.outcome, attempt.changed = outcome.value, True
        if outcome not in {Outcome.PLACED, Outcome.SUBMITTED}:
            attempt.ended_at = self.now
        if outcome in UNBILLED:
            attempt.cost = 0
        attempt.detail = storable(detail) or attempt.detail
        self._spend(attempt, _charged(attempt) - charged)

    def _price(self, attempt: AttemptRow, given: int | None, *, new: bool) -> None:
        """Set what an ended call has cost: as the provider says, else as ``given``, else by how long it lasted."""
        call = self.calls.get(attempt.id)
        cost = given if call is None or call.cost is None else call.cost
        if cost is None and new and attempt.outcome not in UNBILLED:
            spec = parsed_spec(self.campaigns[attempt.campaign_key].spec).call
            minutes = None if spec is None else spec.max_minutes
            cost = expected_cost(attempt.cost, attempt.outcome, None if call is None else call.duration, minutes)
        if cost is not None:
            self._charge(attempt, cost)

    def _charge(self, attempt: AttemptRow, cost: int) -> None:
        if cost != attempt.cost:
            self._spend(attempt, cost - attempt.cost)
            attempt.cost, attempt.changed = cost, True

    def _spend(self, attempt: AttemptRow, amount: int) -> None:
        if amount:
            campaign = self.campaigns[attempt.campaign_key]
            campaign.spent, campaign.changed = campaign.spent + amount, True


def _charged(attempt: AttemptRow) -> int:
    return 0 if attempt.outcome == Outcome.NOT_SENT else attempt.cost
