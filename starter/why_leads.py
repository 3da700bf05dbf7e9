"""Why a lead was assessed or not, and what it waits for: what is different from contacting people."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from clarion.domain.attempt import NEVER
from clarion.domain.campaign import Channel
from clarion.domain.target import Outcome, TargetState
from starter.case import Answer, Case
from starter.looking_leads import LeadFacts
from starter.times import clock

SHORT_KEY = 12
"""Characters of a question's key that tell it from others in a sentence."""


def answer_of_lead(case: Case) -> Answer | None:
    """Answer for a target whose campaign analyses leads; None where the answer is that of all channels."""
    answer = ANSWERS.get(case.target.state)
    return answer(case) if answer is not None and case.campaign.spec.channel is Channel.LEAD_ANALYSIS else None


def _pending(case: Case) -> Answer:
    start_at = case.campaign.spec.start_at
    if case.held:
        at = start_at.timestamp() if start_at and case.campaign.status.value == "scheduled" else None
        return Answer(f"not assessed yet: {case.held}", at)
    if case.lead is None:
        account = case.campaign.spec.lead.account if case.campaign.spec.lead else "salesforce"
        before = f"; about {case.before:,} leads are fetched before it" if case.before > 0 else ""
        return Answer(f"not assessed yet: it waits to be fetched through account {account}{before}")
    return _turn(case)


def _turn(case: Case) -> Answer:
    fetched = f"fetched at {clock(case.lead.fetched_at, case.now, case.zone)}" if case.lead else "fetched"
    if case.before <= 0 or case.per_minute <= 0:
        queue = f"{case.before:,} come before it" if case.before > 0 else "its turn comes as soon as a lane is free"
        return Answer(f"not assessed yet: {fetched}; {queue}")
    at = case.now + 60.0 * case.before / case.per_minute
    queue = f"about {case.before:,} come before it at {case.per_minute:,.0f} a minute"
    return Answer(f"not assessed yet: {fetched}; {queue}, so its turn comes roughly at {case.when(at)}", at)


def _waiting(case: Case) -> Answer | None:
    lead, last = case.lead, case.last
    if lead is None or not lead.live or last is None or last.outcome != Outcome.NOT_SENT:
        return None  # as it waits everywhere
    why = f" ({last.detail})" if last.detail else ""
    said = f"not assessed yet: batch {lead.batch} gave it back without an answer{why}, so it is asked live"
    return Answer(f"{said}; {case.held or 'its turn comes as soon as a lane is free'}")


def _active(case: Case) -> Answer:
    lead, last = case.lead, case.last
    if lead is not None and lead.batch is not None and case.target.outcome == Outcome.SUBMITTED:
        return Answer(_in_batch(case, lead))
    number = last.number if last else 1
    if last is not None and last.slot_at > case.now and last.slot_at < NEVER:
        return Answer(f"about to be asked about: the pace allows it at {case.when(last.slot_at)}", last.slot_at)
    return Answer(f"being assessed: question {number} is under way, without an answer yet")


def _in_batch(case: Case, lead: LeadFacts) -> str:
    said = f" ({lead.batch_status})" if lead.batch_status else ""
    if lead.submitted_at is None:
        return f"part of batch {lead.batch}, which has not been submitted yet"
    at = clock(lead.submitted_at, case.now, case.zone)
    return f"part of batch {lead.batch}, submitted at {at}{said}; its answer comes within a day, or it is asked live"


def _assessed(case: Case) -> Answer:
    lead = case.lead
    if lead is None or lead.attempt is None:
        return Answer("assessed")
    written = f"; its answers were written back at {clock(lead.written_at, case.now)}" if lead.written_at else ""
    if lead.write_error is not None:
        written = f"; its answers could not be written back: {lead.write_error}"
    took = f"{lead.input_tokens:,} tokens in, {lead.output_tokens:,} out"
    if lead.reused:
        key = (lead.question_key or "")[:SHORT_KEY]
        return Answer(
            f"assessed: the same question ({key}…) was answered before, by attempt {lead.attempt} of campaign "
            f"{lead.asked_in}, so it cost nothing; `clarion start --fresh` asks again{written}"
        )
    at = f" at {clock(case.last.ended_at, case.now, case.zone)}" if case.last and case.last.ended_at else ""
    tries = f", with attempt {case.target.attempts}" if case.target.attempts > 1 else ""
    batch = f", in batch {lead.batch}" if lead.batch is not None and not lead.live else ""
    return Answer(f"assessed{at}{tries} by {lead.model}{batch}: {took}, {lead.cost:,.6f}{written}")


def _cancelled(case: Case) -> Answer:
    because = f" ({case.campaign.reason})" if case.campaign.reason else ""
    return Answer(f"never assessed: the campaign was cancelled{because} before its turn")


ANSWERS: Mapping[TargetState, Callable[[Case], Answer | None]] = {
    TargetState.PENDING: _pending,
    TargetState.WAITING: _waiting,
    TargetState.ACTIVE: _active,
    TargetState.SUCCEEDED: _assessed,
    TargetState.CANCELLED: _cancelled,
}
"""What is answered for a lead in other words than for a person."""
