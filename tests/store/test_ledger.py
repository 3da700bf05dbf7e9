"""Intents, results and all that lies between them, as the ledger writes them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import update

from clarion.domain.attempt import NEVER, AttemptId, Verdict
from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import Outcome
from clarion.store.entries import (
    Backoff,
    Entry,
    GiveUp,
    Granted,
    Halt,
    Intend,
    Postpone,
    Record,
    Refusal,
    TooEarly,
    Withdraw,
)
from clarion.store.ledger import FARTHEST_SLOT
from clarion.store.rows import TargetKey
from clarion.store.schema import targets
from tests.store.scene import COST, GRACE, Scene, rejected, sent, unknown

MakeScene = Callable[..., Scene]


def test_a_contact_goes_from_pending_over_active_to_its_end(scene: Scene) -> None:
    opened = scene.open_chunk()
    attempt = scene.contact(opened)
    assert scene.books().active == 1
    assert scene.target(1).tries == 1
    scene.record(attempt, sent("SM7"))
    assert scene.state(1) == ("active", "sent")
    assert (scene.target(1).chunk, scene.attempt(attempt).provider_reference) == (None, "SM7")
    assert scene.receive(attempt, "delivered", sid="SM7") == "applied"
    assert scene.state(1) == ("succeeded", "delivered")
    assert scene.books().succeeded == 1


def test_an_intent_needs_the_fence_of_the_claim(scene: Scene) -> None:
    first = scene.open_chunk(1)
    target = scene.claim(first, 1, 1)[0]
    second = scene.open_chunk(1, attempt=2)
    assert scene.intend(target, first) is Refusal.FENCED
    assert second.left[0].key == target.key
    assert isinstance(scene.intend(target, second), Granted)


def test_a_target_has_one_intent_at_a_time(scene: Scene) -> None:
    opened = scene.open_chunk()
    target = scene.claim(opened, 1)[0]
    answers = scene.post(*[Intend(target.key, opened.fence, COST)] * 3)
    assert isinstance(answers[0], Granted)
    assert answers[1:] == [Refusal.FENCED] * 2
    assert scene.intend(target, opened) is Refusal.FENCED


def test_a_closed_campaign_grants_nothing(scene: Scene) -> None:
    opened = scene.open_chunk()
    target = scene.claim(opened, 1)[0]
    scene.close()
    assert scene.intend(target, opened) is Refusal.CLOSED
    scene.open()
    assert isinstance(scene.intend(target, opened), Granted)


def test_a_halt_closes_the_campaign_and_says_why(scene: Scene) -> None:
    opened = scene.open_chunk()
    target = scene.claim(opened, 1)[0]
    answers = scene.post(Halt(scene.key, "the credentials are refused"), Intend(target.key, opened.fence, COST))
    assert answers == [None, Refusal.CLOSED]
    campaign = scene.store.campaigns.get(scene.key)
    assert (campaign.open, campaign.halt, campaign.reason) == (False, *["the credentials are refused"] * 2)
    scene.post(Halt(scene.key, "a second reason"))
    assert scene.store.campaigns.get(scene.key).halt == "the credentials are refused"
    scene.open()
    assert scene.store.campaigns.get(scene.key).halt == ""


def test_a_person_who_opted_out_after_the_claim_is_not_contacted(scene: Scene) -> None:
    opened = scene.open_chunk()
    target = scene.claim(opened, 1)[0]
    scene.store.suppressions.add(scene.tenant, target.address, "person", "", scene.now)
    assert scene.intend(target, opened) is Refusal.SUPPRESSED
    assert scene.state(1) == ("skipped", "opted_out")
    assert scene.target(1).chunk is None
    assert scene.books().skipped == 1


def test_an_opt_out_counts_for_the_next_intent_of_the_same_commit(scene: Scene) -> None:
    opened = scene.open_chunk()
    first, second = scene.claim(opened, 2)
    attempt = scene.intend(first, opened)
    assert isinstance(attempt, Granted)
    twin = TargetKey(scene.key, second.key.position)
    with scene.store.database.write() as connection:
        same = targets.c.campaign_key == twin.campaign_key, targets.c.position == twin.position
        connection.execute(update(targets).where(*same).values(address=first.address))
    out = Record(attempt.attempt, rejected(Outcome.OPTED_OUT))
    assert scene.post(out, Intend(twin, opened.fence, COST)) == [None, Refusal.SUPPRESSED]
    assert scene.books().skipped == 2


def test_the_budget_is_kept_to_the_last_cent(make_scene: MakeScene) -> None:
    scene = make_scene(3, budget=2 * COST / 1e6)
    opened = scene.open_chunk()
    answers = scene.post(*(Intend(target.key, opened.fence, COST) for target in scene.claim(opened, 3)))
    assert [type(answer) for answer in answers] == [Granted, Granted, Refusal]
    assert answers[2] is Refusal.BUDGET
    assert scene.spent() == 2 * COST
    campaign = scene.store.campaigns.get(scene.key)
    assert not campaign.open
    assert "budget of 0.0166 is spent" in campaign.halt


def test_what_was_not_billed_is_given_back(scene: Scene) -> None:
    opened = scene.open_chunk()
    attempt = scene.contact(opened)
    assert scene.spent() == COST
    scene.record(attempt, rejected(Outcome.INVALID_NUMBER))
    assert scene.spent() == 0
    assert scene.attempt(attempt).cost == 0
    assert scene.state(1) == ("failed", "invalid_number")


def test_a_failure_worth_a_retry_waits_and_counts_as_a_try(scene: Scene) -> None:
    opened = scene.open_chunk()
    for n in (1, 2):
        attempt = scene.contact(opened)
        scene.record(attempt, rejected(retryable=True))
        target = scene.target(1)
        assert (target.state, target.outcome, target.reason, target.tries) == ("waiting", "failed", "retry", n)
        assert target.due_at == scene.now + 60 * 2 ** (n - 1)
        scene.now = target.due_at
    scene.record(scene.contact(opened), rejected(retryable=True))
    assert scene.state(1) == ("failed", "failed")


def test_a_withdrawn_intent_costs_nothing_and_is_no_try(scene: Scene) -> None:
    opened = scene.open_chunk()
    attempt = scene.contact(opened)
    scene.post(Withdraw(attempt, scene.now + 5, "retry", "asked for patience"))
    target = scene.target(1)
    assert (target.state, target.outcome, target.tries, target.due_at) == ("waiting", None, 0, scene.now + 5)
    assert scene.spent() == 0
    scene.books()
    scene.post(Withdraw(attempt, scene.now + 99, "retry"))
    assert scene.target(1).due_at == scene.now + 5


def test_a_text_that_a_receipt_vouches_for_cannot_be_withdrawn(scene: Scene) -> None:
    """The lookup said that it never arrived; the receipt that came meanwhile knows better."""
    opened = scene.open_chunk()
    attempt = scene.contact(opened)
    scene.record(attempt, unknown())
    assert scene.receive(attempt, "sent") == "applied"
    scene.post(Withdraw(attempt, scene.now, "retry", "looked up: it never arrived"))
    assert scene.state(1) == ("active", "sent")
    assert scene.claim(opened, 3)[0].key.position == 2
    scene.books()


def test_an_unknown_outcome_waits_for_its_lookup_and_is_claimed_first(scene: Scene) -> None:
    opened = scene.open_chunk()
    attempt = scene.contact(opened)
    scene.record(attempt, unknown())
    assert scene.state(1) == ("unknown", "unknown")
    assert scene.target(1).due_at == scene.now + GRACE
    assert [target.key.position for target in scene.claim(opened, 1)] == [2]
    scene.after(GRACE)
    claimed = scene.claim(opened, 1)[0]
    assert (claimed.key.position, claimed.state, claimed.attempts) == (1, "unknown", 1)
    assert scene.intend(claimed, opened) is Refusal.FENCED
    scene.post(Withdraw(attempt, scene.now, "retry", "never arrived"))
    assert scene.contact(opened).number == 2
    scene.books()


def test_an_unknown_target_whose_lookup_failed_stays_unknown_until_the_next(scene: Scene) -> None:
    opened = scene.open_chunk()
    scene.record(scene.contact(opened), unknown())
    scene.after(GRACE)
    claimed = scene.claim(opened, 1)[0]
    scene.post(Postpone(claimed.key, opened.fence, NEVER, "lookup", "could not be looked up"))
    assert scene.state(1) == ("unknown", "unknown")
    assert scene.store.campaigns.snapshot(scene.key, scene.now).next_due_at == 0.0
    scene.books()


def test_a_target_can_be_put_off_or_given_up_by_its_owner_alone(scene: Scene) -> None:
    opened = scene.open_chunk()
    first, second, third = scene.claim(opened, 3)
    scene.post(
        Postpone(first.key, opened.fence, scene.now + 5, "window", "outside its window"),
        GiveUp(second.key, opened.fence, Outcome.EXPIRED, "too late"),
        Postpone(third.key, opened.fence + 1, NEVER, "window"),
        GiveUp(third.key, opened.fence + 1, Outcome.EXPIRED, "not mine"),
    )
    assert [scene.state(n) for n in (1, 2, 3)] == [("waiting", None), ("failed", "expired"), ("pending", None)]
    assert (scene.target(1).detail, scene.target(1).reason) == ("outside its window", "window")
    assert scene.target(3).fence == opened.fence
    scene.books()


def test_a_commit_can_be_repeated(scene: Scene) -> None:
    """As after a lost answer of the database: nothing takes effect twice."""
    opened = scene.open_chunk()
    first, second, third = scene.claim(opened, 3)
    a, b = (
        answer.attempt
        for answer in scene.post(*(Intend(t.key, opened.fence, COST) for t in (first, second)))
        if isinstance(answer, Granted)
    )
    entries: list[Entry] = [
        Record(a, sent()),
        Withdraw(b, scene.now, "retry"),
        Postpone(third.key, opened.fence, scene.now + 5, "window"),
    ]
    scene.post(*entries)
    before = [tuple(scene.target(n)) for n in (1, 2, 3)], scene.books(), scene.spent()
    scene.post(*entries)
    assert ([tuple(scene.target(n)) for n in (1, 2, 3)], scene.books(), scene.spent()) == before


def test_words_of_any_length_and_content_can_be_stored(scene: Scene) -> None:
    attempt = scene.contact(scene.open_chunk())
    words = Verdict(
        Outcome.FAILED,
        final=True,
        provider_reference="r" * 500,
        provider_status="s" * 500,
        provider_code="c" * 500,
        detail="one\0two",
    )
    scene.record(attempt, words)
    assert scene.attempt(attempt).detail == "onetwo"
    assert scene.target(1).detail == "onetwo"


def test_entries_about_several_campaigns_go_into_one_commit(make_scene: MakeScene) -> None:
    one, other = make_scene(1), make_scene(1)
    chunks = one.open_chunk(), other.open_chunk()
    claimed = one.claim(chunks[0], 1)[0], other.claim(chunks[1], 1)[0]
    answers = one.post(*(Intend(t.key, c.fence, COST) for t, c in zip(claimed, chunks, strict=True)))
    assert [answer.attempt.campaign_key for answer in answers if isinstance(answer, Granted)] == [one.key, other.key]


def test_a_verdict_in_a_campaign_that_is_called_off_brings_no_new_try(scene: Scene) -> None:
    attempt = scene.contact(scene.open_chunk())
    scene.close(CampaignStatus.CANCELLING)
    scene.record(attempt, rejected(retryable=True))
    assert scene.state(1) == ("cancelled", "failed")
    scene.books()


@pytest.mark.parametrize("status", [CampaignStatus.COMPLETED, CampaignStatus.FAILED])
def test_in_a_campaign_that_is_over_nothing_waits(scene: Scene, status: CampaignStatus) -> None:
    opened = scene.open_chunk()
    a, b, c = (scene.contact(opened) for _ in range(3))
    scene.close(status)
    scene.record(a, rejected(retryable=True))
    scene.post(Withdraw(b, scene.now, "retry", "taken back late"))
    scene.record(c, sent())
    assert [scene.state(n) for n in (1, 2, 3)] == [("failed", "failed"), ("failed", "not_sent"), ("succeeded", "sent")]
    assert scene.books().open == 0


def test_slots_are_a_spacing_apart(make_scene: MakeScene) -> None:
    scene = make_scene(3, limits={"per_second": 2, "concurrency": 5})
    opened = scene.open_chunk()
    answers = scene.post(*(Intend(target.key, opened.fence, 0) for target in scene.claim(opened, 3)))
    slots = [answer.slot_at for answer in answers if isinstance(answer, Granted)]
    spacing = scene.store.campaigns.get(scene.key).spacing
    assert spacing > 0.5
    assert slots == pytest.approx([scene.now, scene.now + spacing, scene.now + 2 * spacing])


def test_the_widest_spacing_wins_and_the_account_is_shared(make_scene: MakeScene) -> None:
    one = make_scene(1, account_spacing=1.0)
    spec = one.store.campaigns.get(one.key).spec
    ref = one.store.campaigns.create(one.tenant, "c2", spec, one.now)
    other = Scene(one.store, one.tenant, ref, one.page, one.inbox)
    other.open()
    other.import_people(1)
    slots = []
    for scene in (one, other):
        opened = scene.open_chunk()
        answer = scene.intend(scene.claim(opened, 1)[0], opened)
        assert isinstance(answer, Granted)
        slots.append(answer.slot_at)
    assert slots[1] - slots[0] == 1.0


def test_a_slot_that_is_far_away_is_not_reserved(make_scene: MakeScene) -> None:
    scene = make_scene(2, limits={"per_hour": 60})
    opened = scene.open_chunk()
    first, second = scene.claim(opened, 2)
    assert isinstance(scene.intend(first, opened), Granted)
    answer = scene.intend(second, opened)
    spacing = scene.store.campaigns.get(scene.key).spacing
    assert answer == TooEarly(scene.now + spacing)
    assert scene.target(2).attempts == 0
    scene.now = answer.slot_at - FARTHEST_SLOT
    granted = scene.intend(second, opened)
    assert isinstance(granted, Granted)
    assert granted.slot_at == answer.slot_at


def test_a_provider_that_asks_for_patience_gets_it_from_everyone(make_scene: MakeScene) -> None:
    scene = make_scene(1)
    opened = scene.open_chunk()
    target = scene.claim(opened, 1)[0]
    scene.post(Backoff(scene.key, scene.now + 5))
    granted = scene.intend(target, opened)
    assert isinstance(granted, Granted)
    assert granted.slot_at == scene.now + 5


def test_a_channel_that_keeps_failing_is_left_alone_for_longer_and_longer(make_scene: MakeScene) -> None:
    scene = make_scene(2)
    opened = scene.open_chunk()
    first, second = scene.claim(opened, 2)
    scene.post(*(Backoff(scene.key, None) for _ in range(3)))
    granted = scene.intend(first, opened)
    assert isinstance(granted, Granted)
    assert granted.slot_at == scene.now
    scene.post(*(Backoff(scene.key, None) for _ in range(20)))
    assert scene.intend(second, opened) == TooEarly(scene.now + 60)
    scene.after(61)
    scene.record(granted.attempt, sent())
    scene.post(Backoff(scene.key, None))
    again = scene.intend(second, opened)
    assert isinstance(again, Granted)
    assert again.slot_at == scene.now


def test_a_word_on_an_attempt_that_does_not_exist_changes_nothing(scene: Scene) -> None:
    before = scene.books()
    scene.post(Record(AttemptId(scene.key, 2, 9), sent()), Withdraw(AttemptId(scene.key, 2, 9), 0.0, "retry"))
    assert scene.books() == before
