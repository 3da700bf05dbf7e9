"""Webhooks of ours as rows: from the log to deliveries, what is due, what came of it, and sending again."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from clarion.domain.campaign import CampaignStatus
from clarion.domain.delivery import DELAYS, Answer, DeliveryState, fate
from clarion.domain.errors import NotFound
from clarion.hook_contracts import HookRef
from clarion.store.deliveries import KEPT_DEAD, KEPT_DELIVERED, MANY_STRIKES, PAGE, SAID_GONE, Deliveries, Result
from clarion.store.hook_rows import Delivery, Hook
from tests.store.scene import START, Scene, sent

MakeScene = Callable[..., Scene]

URL = "https://example.com/clarion"
GOOD, BAD, GONE = Answer(200), Answer(500, "it answered 500"), Answer(410, "it answered 410")


def add(scene: Scene, *types: str, campaign_id: str | None = None, name: str = "h") -> Hook:
    return scene.store.hooks.add(
        scene.tenant,
        f"{name}-{scene.key}",
        url=URL,
        secret="whsec_c2VjcmV0",
        types=types or ("campaign",),
        campaign_id=campaign_id,
        now=scene.now,
    )


def fresh(scene: Scene, hook: Hook) -> Hook:
    return scene.store.hooks.find(scene.tenant, hook.ref.hook_id)


def take(scene: Scene, hook: Hook) -> list[Delivery]:
    """Look through the log to its end; what was made of it, the oldest first."""
    cursor, more = fresh(scene, hook).cursor, True
    while more:
        taken = scene.store.deliveries.take_in(fresh(scene, hook), cursor, scene.now)
        cursor, more = taken.cursor, taken.more
    return list(scene.store.hooks.deliveries(hook.ref, limit=1_000))[::-1]


def answered(scene: Scene, hook: Hook, delivery: Delivery, answer: Answer) -> Delivery:
    """Record an answer as a worker does that sends it now."""
    what = fate(answer, delivery.tries + 1, scene.now, 0.0)
    scene.store.deliveries.record(fresh(scene, hook), [Result(delivery, answer, what)], scene.now)
    return scene.store.hooks.delivery(hook.ref, delivery.number)


def due(scene: Scene, hook: Hook, limit: int = 10) -> list[int]:
    return [one.number for one in scene.store.deliveries.due(fresh(scene, hook), scene.now, limit)]


def happens(scene: Scene, times: int = 1) -> None:
    for n in range(times):
        scene.store.events.append(scene.key, scene.now, "retry", f"once more {n}")


def test_a_hook_is_told_of_what_happens_from_now_on(scene: Scene) -> None:
    hook = add(scene)
    assert take(scene, hook) == []
    scene.store.campaigns.set_status(scene.key, CampaignStatus.PAUSED, "lunch", scene.now, open_=False)
    [delivery] = take(scene, hook)
    assert (delivery.type, delivery.state, delivery.tries, delivery.due_at) == ("campaign.paused", "waiting", 0, START)
    assert json.loads(delivery.payload) == {
        "id": delivery.message_id,
        "type": "campaign.paused",
        "at": START,
        "tenant": scene.tenant,
        "campaign_id": "c1",
        "data": {"status": "paused", "detail": "lunch"},
    }


def test_attempts_are_told_of_where_they_were_asked_for(scene: Scene) -> None:
    campaigns, attempts, one = add(scene), add(scene, "attempt", name="a"), add(scene, "attempt.delivered", name="o")
    scene.record(scene.contact(scene.open_chunk()), sent())
    assert take(scene, campaigns) == []
    assert take(scene, one) == []
    [delivery] = take(scene, attempts)
    assert json.loads(delivery.payload)["data"] == {
        "position": 1,
        "row": 1,
        "attempt": 1,
        "outcome": "sent",
        "provider_reference": "SM1",
        "provider_status": "queued",
        "provider_code": None,
        "detail": "sent",
    }


def test_a_hook_of_one_campaign_hears_of_no_other(scene: Scene, make_scene: MakeScene) -> None:
    other = make_scene(1)
    ours, theirs = add(scene, campaign_id="c1"), add(other)
    spec = scene.store.campaigns.get(scene.key).spec
    second = scene.store.campaigns.create(scene.tenant, "c2", spec, scene.now)
    happens(scene)
    happens(other)
    assert [delivery.type for delivery in take(scene, ours)] == ["campaign.retry"]
    [delivery] = take(other, theirs)
    assert json.loads(delivery.payload)["tenant"] == other.tenant
    assert second.key != scene.key


def test_looking_twice_makes_no_delivery_twice(scene: Scene) -> None:
    hook = add(scene)
    happens(scene, 3)
    behind = fresh(scene, hook)
    first = take(scene, hook)
    scene.store.deliveries.take_in(behind, behind.cursor, scene.now)
    assert take(scene, hook) == first
    assert len({delivery.message_id for delivery in first}) == 3


def test_a_long_log_is_looked_through_piece_by_piece(scene: Scene) -> None:
    hook = add(scene)
    happens(scene, PAGE + 3)
    taken = scene.store.deliveries.take_in(hook, hook.cursor, scene.now)
    assert taken.more
    assert len(take(scene, hook)) == PAGE + 3


def test_the_log_waits_where_too_much_waits_to_be_sent(scene: Scene) -> None:
    hook, few = add(scene), Deliveries(scene.store.database, scene.store.events, most_waiting=2)
    happens(scene, 2)
    cursor = few.take_in(hook, hook.cursor, scene.now).cursor
    happens(scene)
    assert few.take_in(hook, cursor, scene.now) == few.take_in(hook, cursor, scene.now)
    assert len(scene.store.hooks.deliveries(hook.ref)) == 2
    answered(scene, hook, scene.store.hooks.deliveries(hook.ref)[0], GOOD)
    assert few.take_in(hook, cursor, scene.now).cursor > cursor


def test_a_failed_delivery_is_due_again_later_and_later_until_it_is_dead(scene: Scene) -> None:
    hook = add(scene)
    happens(scene)
    [delivery] = take(scene, hook)
    for tries, delay in enumerate(DELAYS, start=1):
        assert due(scene, hook) == [delivery.number]
        delivery = answered(scene, hook, delivery, BAD)
        assert (delivery.state, delivery.tries, delivery.status) == ("waiting", tries, 500)
        assert delivery.due_at == scene.now + delay
        assert due(scene, hook) == []
        scene.after(delay)
    dead = answered(scene, hook, delivery, BAD)
    assert (dead.state, dead.ended_at, dead.error) == ("dead", scene.now, "it answered 500")
    scene.after(1e6)
    assert due(scene, hook) == []


def test_what_is_delivered_stays_so_whoever_tried_it_meanwhile(scene: Scene) -> None:
    hook = add(scene)
    happens(scene)
    [delivery] = take(scene, hook)
    assert answered(scene, hook, delivery, GOOD).state == "delivered"
    assert answered(scene, hook, delivery, BAD).state == "delivered"


def test_a_late_answer_to_an_earlier_try_counts_no_try(scene: Scene) -> None:
    hook = add(scene)
    happens(scene)
    [delivery] = take(scene, hook)
    answered(scene, hook, delivery, BAD)
    assert answered(scene, hook, delivery, BAD).tries == 1
    assert answered(scene, hook, delivery, GOOD).state == "delivered"


def test_a_receiver_that_asks_for_patience_hears_nothing_meanwhile(scene: Scene) -> None:
    hook = add(scene)
    happens(scene, 2)
    first, second = take(scene, hook)
    answered(scene, hook, first, Answer(429, "it answered 429", retry_after=60.0))
    assert due(scene, hook) == []
    scene.after(60.0)
    assert due(scene, hook) == [second.number, first.number]


def test_a_receiver_that_is_back_gets_all_that_waits_at_once(scene: Scene) -> None:
    hook = add(scene)
    happens(scene, MANY_STRIKES + 1)
    *bad, last = take(scene, hook)
    for delivery in bad:
        answered(scene, hook, delivery, BAD)
    assert fresh(scene, hook).strikes == MANY_STRIKES
    assert due(scene, hook) == [last.number]
    answered(scene, hook, last, GOOD)
    assert fresh(scene, hook).strikes == 0
    assert due(scene, hook, 100) == [delivery.number for delivery in bad]


def test_a_receiver_that_is_gone_switches_the_hook_off(scene: Scene) -> None:
    hook = add(scene)
    happens(scene, 2)
    first, _ = take(scene, hook)
    assert answered(scene, hook, first, GONE).state == "dead"
    off = fresh(scene, hook)
    assert (off.active, off.reason) == (False, SAID_GONE)
    scene.store.hooks.change(hook.ref, active=True)
    assert (fresh(scene, hook).active, fresh(scene, hook).reason) == (True, "")


def test_what_an_address_said_says_nothing_of_the_next_one(scene: Scene) -> None:
    hook = add(scene)
    happens(scene)
    [delivery] = take(scene, hook)
    before = fresh(scene, hook)
    scene.store.hooks.change(hook.ref, url="https://example.com/other")
    result = Result(delivery, GONE, fate(GONE, 1, scene.now, 0.0))
    scene.store.deliveries.record(before, [result], scene.now)
    assert fresh(scene, hook).active


def test_dead_deliveries_are_sent_again(scene: Scene) -> None:
    hook = add(scene)
    happens(scene, 3)
    for delivery in take(scene, hook):
        answered(scene, hook, delivery, GONE)
    first = scene.store.hooks.deliveries(hook.ref, DeliveryState.DEAD)[-1]
    again = scene.store.hooks.resend(hook.ref, first.number, scene.after(5.0))
    assert (again.state, again.tries, again.due_at, again.error) == ("waiting", 0, scene.now, None)
    assert scene.store.hooks.resend_dead(hook.ref, scene.now) == 2
    assert scene.store.hooks.counts([hook.ref.key]) == {hook.ref.key: {"waiting": 3, "delivered": 0, "dead": 0}}
    with pytest.raises(NotFound, match="has no delivery 987654321"):
        scene.store.hooks.resend(hook.ref, 987654321, scene.now)


def test_deliveries_are_leafed_through_from_the_newest(scene: Scene) -> None:
    hook = add(scene)
    happens(scene, 5)
    numbers = [delivery.number for delivery in take(scene, hook)][::-1]
    first = scene.store.hooks.deliveries(hook.ref, limit=2)
    rest = scene.store.hooks.deliveries(hook.ref, before=first[-1].number)
    assert [one.number for one in (*first, *rest)] == numbers
    assert scene.store.hooks.deliveries(hook.ref, DeliveryState.DEAD) == []


def test_what_ended_long_ago_is_forgotten(scene: Scene) -> None:
    hook = add(scene)
    happens(scene, 3)
    good, bad, waiting = take(scene, hook)
    answered(scene, hook, good, GOOD)
    answered(scene, hook, bad, GONE)
    scene.after(KEPT_DELIVERED + 1)
    assert scene.store.deliveries.forget(hook.ref, scene.now) == 1
    scene.after(KEPT_DEAD)
    assert scene.store.deliveries.forget(hook.ref, scene.now) == 1
    assert [one.number for one in scene.store.hooks.deliveries(hook.ref)] == [waiting.number]


def test_a_look_tells_whether_there_is_something_to_do(scene: Scene) -> None:
    hook, other = add(scene), add(scene, name="b")
    key = hook.ref.key
    before = scene.store.deliveries.look([key])[key]
    assert (before.wanted, before.due_at) == (True, None)
    happens(scene)
    take(scene, hook)
    seen = scene.store.deliveries.look([key, other.ref.key, 987654321])
    assert (seen[key].due_at, seen[other.ref.key].due_at, seen[987654321].wanted) == (scene.now, None, False)
    assert seen[key].newest > before.newest
    scene.store.hooks.change(hook.ref, active=False, reason="a holiday")
    assert not scene.store.deliveries.look([key])[key].wanted


def test_a_removed_hook_leaves_nothing(scene: Scene) -> None:
    hook, other = add(scene), add(scene, name="b")
    happens(scene, 2)
    take(scene, hook)
    take(scene, other)
    scene.store.hooks.remove(hook.ref)
    assert scene.store.hooks.get(hook.ref) is None
    assert scene.store.hooks.list(scene.tenant) == [fresh(scene, other)]
    assert len(scene.store.hooks.deliveries(other.ref)) == 2
    assert scene.store.hooks.deliveries(hook.ref) == []
    with pytest.raises(NotFound, match=f'no hook "{hook.ref.hook_id}"'):
        fresh(scene, hook)


def test_a_hook_is_not_taken_for_another_one_with_its_number(scene: Scene) -> None:
    hook = add(scene)
    stranger = HookRef(tenant=scene.tenant, hook_id="gone", key=hook.ref.key)
    assert scene.store.hooks.get(stranger) is None
    scene.store.hooks.change(stranger, active=False)
    assert fresh(scene, hook).active


def test_a_tenant_sees_no_hook_of_another(scene: Scene, make_scene: MakeScene) -> None:
    hook, other = add(scene), make_scene(0)
    assert scene.store.hooks.list(other.tenant) == []
    with pytest.raises(NotFound):
        scene.store.hooks.find(other.tenant, hook.ref.hook_id)


def test_nobody_prints_a_secret_or_an_address(scene: Scene) -> None:
    hook = add(scene)
    assert hook.secret not in repr(hook)
    assert URL not in repr(hook)
