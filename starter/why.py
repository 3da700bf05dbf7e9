"""Why a target was contacted or not, and when it will be: one sentence, and the trace of what happened to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from zoneinfo import ZoneInfo

from clarion.domain.books import Books
from clarion.domain.call import Stage
from clarion.domain.campaign import CampaignStatus, Channel
from clarion.domain.errors import NotFound
from clarion.domain.phone import candidate_zones
from clarion.domain.retry import RETRYABLE
from clarion.domain.target import Outcome, TargetState
from clarion.domain.window import TARGET, WEEK, Window, next_opening
from clarion.store.targets import RETRYABLE_OUTCOMES
from starter.case import Answer, Case
from starter.looking import AttemptLine, EventLine, Looking, TargetLine, View
from starter.looking_leads import LeadFacts, lead_facts
from starter.times import clock, span
from starter.which import nobody, positions
from starter.why_leads import answer_of_lead

STAGES = {Stage.PLACED: "dialling", Stage.RINGING: "ringing", Stage.ANSWERED: "talking", Stage.ENDED: "has ended"}
ORDINALS = ("first", "second", "third", "fourth", "fifth")


class Why(View):
    """The answer. ``next_at`` is when something will happen to the target, if that is known (epoch seconds)."""

    campaign_id: str
    answer: str
    next_at: float | None
    target: TargetLine
    attempts: list[AttemptLine]
    events: list[EventLine]
    also: tuple[int, ...]
    """Other positions at which the same number or row stands."""
    lead: LeadFacts | None = None
    """What is known of it as a lead, once it was fetched."""


def why(looking: Looking, campaign_id: str, wanted: str, zone: tzinfo | None = None) -> Why:
    """Answer for ``wanted``: a position, ``row:17``, a phone number in any notation, or the id of a lead.

    ``zone`` is the reader's; None is this machine's. Raises NotFound, or BadInput for what is none of the three.
    """
    campaign = looking.find(campaign_id)
    key = campaign.ref.key
    found = [target for target in (looking.target(key, p) for p in positions(looking, campaign, wanted)) if target]
    if not found:
        raise NotFound(nobody(campaign, wanted))
    # The row that counts, not the duplicates that were skipped because of it.
    target = next((t for t in found if t.state is not TargetState.SKIPPED), found[0])
    attempts = looking.attempts(key, target.position)
    snapshot = looking.store.campaigns.snapshot(key, looking.clock())
    ahead = _standing_before(looking, key, target, snapshot.books)
    calls = looking.calls(key, target.position) if campaign.spec.channel is Channel.CALL else []
    texts = looking.followers(campaign_id) if campaign.spec.fallback is not None else ()
    follows = texts[0] if texts else ""
    lead = lead_facts(looking, key, target.position) if campaign.spec.channel is Channel.LEAD_ANALYSIS else None
    case = Case(campaign, target, attempts, ahead, snapshot.per_minute, looking.clock(), zone, calls, follows, lead)
    answer = answer_of_lead(case) or ANSWERS[target.state](case)
    return Why(
        campaign_id=campaign_id,
        answer=answer.sentence,
        next_at=answer.next_at,
        target=target,
        attempts=attempts,
        events=[EventLine.model_validate(event) for event in looking.store.events.of_target(key, target.position)],
        also=tuple(t.position for t in found if t is not target),
        lead=lead,
    )


def _standing_before(looking: Looking, key: int, target: TargetLine, books: Books) -> int:
    if target.state is not TargetState.PENDING:
        return 0
    first = looking.store.targets.page(key, state=TargetState.PENDING, limit=1)
    return min(books.pending - 1, target.position - first[0].position) if first else 0


def _pending(case: Case) -> Answer:
    start_at = case.campaign.spec.start_at
    if case.held:
        at = start_at.timestamp() if start_at and case.campaign.status is CampaignStatus.SCHEDULED else None
        return Answer(f"not contacted yet: {case.held}", at)
    return _closed(case) or _turn(case, "not contacted yet")


def _waiting(case: Case) -> Answer:
    target = case.target
    due = target.due_at
    if target.reason == "window" and due and due > case.now:
        return _closed(case) or Answer(f"not contacted yet: outside its window, next at {case.when(due)}", due)
    if target.reason == "daily_cap" and due and due > case.now:
        most = case.campaign.spec.limits.per_person_per_day
        return Answer(f"waiting: called {most} times within 24 hours already, next at {case.when(due)}", due)
    last = case.last
    if last is not None and last.outcome == "not_sent":
        what = f"attempt {last.number} was taken back ({last.detail or 'nobody was contacted'}), the next one"
    elif target.outcome:
        rules = case.campaign.spec.retry
        what = f"waiting for its {_ordinal(target.tries + 1)} try of {rules.attempts} after {case.outcome()},"
    else:
        what = "its first try"
    if due and due > case.now:
        also = f"; and {case.held}" if case.held else ""
        return Answer(f"{what} at {case.when(due)}{also}", due)
    if case.held:
        return Answer(f"{what} is due, but {case.held}")
    return _closed(case) or _turn(case, f"{what} is due")


def _active(case: Case) -> Answer:
    last, due = case.last, case.target.due_at
    if last is None or last.outcome is None:
        slot = last.slot_at if last else case.now
        if slot > case.now:
            return Answer(f"about to be contacted: the pace allows it at {case.when(slot)}", slot)
        return Answer(f"being contacted: attempt {last.number if last else 1} is under way, without an answer yet")
    said = f"status {last.provider_status}" if last.provider_status else "no status"
    if last.outcome == Outcome.PLACED:
        return _called(case, last, said)
    where = f", reference {last.provider_reference}" if last.provider_reference else ""
    accepted = f"accepted by the provider at {clock(last.ended_at or case.now, case.now, case.zone)} ({said}{where})"
    if due is None:
        return Answer(f"{accepted}; its receipt is awaited")
    return Answer(f"{accepted}; its receipt is awaited until {case.when(due)}, then `sent` is the last word", due)


def _called(case: Case, last: AttemptLine, said: str) -> Answer:
    call, due = case.call, case.target.due_at
    stage = STAGES.get(call.stage, "") if call is not None and call.stage is not None else ""
    known = ", ".join(part for part in (stage, said, f"reference {last.provider_reference or 'unknown'}") if part)
    called = f"being called since {clock(last.slot_at, case.now, case.zone)} ({known})"
    if due is None:
        return Answer(f"{called}; its end is awaited")
    if due > case.now:
        return Answer(f"{called}; its provider is asked how it went at {case.when(due)}", due)
    return Answer(f"{called}; no lane attends to it, and the next free one takes it over")


def _unknown(case: Case) -> Answer:
    due = case.target.due_at
    number = case.last.number if case.last else 1
    why = f" ({case.target.detail})" if case.target.detail else ""
    unclear = f"attempt {number} may or may not have reached the person{why}"
    if due is None:
        return Answer(f"{unclear}; nobody could find out, so it stays unknown and is not tried again")
    return Answer(f"{unclear}; it is looked up at the provider at {case.when(due)} before anything else happens", due)


def _succeeded(case: Case) -> Answer:
    last = case.last
    at = f" at {clock(last.ended_at, case.now, case.zone)}" if last and last.ended_at else ""
    tries = f", with the {_ordinal(case.target.attempts)} attempt" if case.target.attempts > 1 else ""
    if case.target.outcome == "sent":
        return Answer(f"sent{at}{tries}: the provider accepted it, and no receipt said more")
    if case.target.outcome == Outcome.VOICEMAIL:
        return Answer(f"left a message on its voicemail{at}{tries}")
    duration = case.call.duration if case.call is not None else None
    talked = f", and talked for {span(duration)}" if duration else ""
    return Answer(f"{(case.target.outcome or 'reached').replace('_', ' ')}{at}{tries}{talked}")


def _failed(case: Case) -> Answer:
    tries = f" after {case.target.tries} tries" if case.target.tries > 1 else ""
    told = f"failed: {case.outcome()}{tries}{_no_more_tries(case)}"
    if case.texts and case.campaign.spec.fallback and case.target.outcome in case.campaign.spec.fallback.on:
        told += f"; a text follows in campaign {case.texts}"
    if case.target.outcome in set(RETRYABLE_OUTCOMES):
        again = f"clarion retry {case.campaign.ref.campaign_id} --outcome {case.target.outcome}"
        return Answer(f"{told}; try it again with `{again}`")
    return Answer(f"{told}; another try would not help")


def _no_more_tries(case: Case) -> str:
    """Say which rule of the campaign ended the tries, if one did."""
    rules, word = case.campaign.spec.retry, case.target.outcome or ""
    if word not in RETRYABLE:
        return ""
    if word not in rules.retried:
        return f", after which its campaign does not try again (retry.on: {', '.join(rules.on) or 'nothing'})"
    special = rules.per_outcome.get(Outcome(word))
    most = (special.attempts if special else None) or rules.attempts
    return f", and more than {most} are not made" if most > 1 and case.target.tries >= most else ""


def _skipped(case: Case) -> Answer:
    why = case.target.detail or (case.target.outcome or "").replace("_", " ")
    return Answer(f"skipped: row {case.target.row}: {why}")


def _cancelled(case: Case) -> Answer:
    if case.target.outcome == Outcome.CANCELLED:
        return Answer("hung up by us before anybody answered: the campaign was cancelled")
    because = f" ({case.campaign.reason})" if case.campaign.reason else ""
    tried = "before its next try" if case.target.attempts else "before its turn"
    return Answer(f"never reached: the campaign was cancelled{because} {tried}")


ANSWERS: dict[TargetState, Callable[[Case], Answer]] = {
    TargetState.PENDING: _pending,
    TargetState.WAITING: _waiting,
    TargetState.ACTIVE: _active,
    TargetState.UNKNOWN: _unknown,
    TargetState.SUCCEEDED: _succeeded,
    TargetState.FAILED: _failed,
    TargetState.SKIPPED: _skipped,
    TargetState.CANCELLED: _cancelled,
}


def _closed(case: Case) -> Answer | None:
    window = case.campaign.spec.window
    if window is None or case.target.address is None:
        return None
    zones = zones_of(window, case.target.address, case.target.time_zone)
    opening = next_opening(window, zones, case.now)
    said = f"outside its window ({describe(window, zones)})"
    if opening is None:
        return Answer(f"not contacted yet: {said}, which never opens for it")
    if opening <= case.now:
        return None
    there = ZoneInfo(zones[0]) if zones else case.zone
    name = f" {zones[0]}" if zones else ""
    moment = f"{clock(opening, case.now, there)}{name}, in {span(opening - case.now)}"
    return Answer(f"not contacted yet: {said}, next at {moment}", opening)


def _turn(case: Case, what: str) -> Answer:
    permitted = 60.0 / case.campaign.spacing if case.campaign.spacing else 0.0
    # What was measured may be from before the limits were changed.
    per_minute = min(case.per_minute or permitted, permitted or case.per_minute)
    if case.before <= 0:
        return Answer(f"{what}: its turn comes as soon as a lane is free")
    if per_minute <= 0:
        return Answer(f"{what}: about {case.before:,} targets come before it")
    at = case.now + 60.0 * case.before / per_minute
    queue = f"about {case.before:,} targets come before it at {per_minute:,.0f} a minute"
    return Answer(f"{what}: {queue}, so its turn comes roughly at {case.when(at)}", at)


def zones_of(window: Window, address: str | None, time_zone: str | None) -> tuple[str, ...]:
    """Return the zones in which a window must be open for a target with this number and this zone of its own."""
    if window.time_zone != TARGET:
        return (window.time_zone,)
    if time_zone:
        return (time_zone,)
    return candidate_zones(address) if address else ()


def describe(window: Window, zones: tuple[str, ...]) -> str:
    """Write a window as people say it: ``09:00–20:00 mon tue fri America/Denver``."""
    to = "24:00" if (window.to.hour, window.to.minute) == (0, 0) else f"{window.to:%H:%M}"
    days = "" if window.days == WEEK else " " + " ".join(window.days)
    more = f" and {len(zones) - 1} more" if len(zones) > 1 else ""
    return f"{window.from_:%H:%M}–{to}{days} {zones[0] if zones else 'in no known zone'}{more}"


def _ordinal(number: int) -> str:
    return ORDINALS[number - 1] if 1 <= number <= len(ORDINALS) else f"{number}th"
