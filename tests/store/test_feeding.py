"""Campaigns that follow others: everyone who was given up comes once, and nobody else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clarion.contracts import CampaignRef
from clarion.domain.audience import Feed
from clarion.domain.call import Stage
from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import Conflict
from clarion.domain.target import Outcome
from clarion.store.claims import OpenChunk
from clarion.store.entries import GiveUp
from tests.store.call_scene import call, ended, tell
from tests.store.scene import Scene, row, spec_of

MakeScene = Callable[..., Scene]


def follow(parent: Scene, message: str = "Sorry we missed you, {{ name }}.", **feed: object) -> Scene:
    """Make a campaign of texts that follows a campaign of calls."""
    given = {"campaign": parent.ref.campaign_id, "outcomes": [Outcome.NO_ANSWER, Outcome.VOICEMAIL]} | feed
    spec = spec_of(message=message).model_copy(update={"feed": Feed.model_validate(given)})
    ref = parent.store.feeding.create_child(parent.ref, spec, "c1.texts", parent.now)
    return Scene(parent.store, parent.tenant, ref, parent.page, parent.inbox)


def miss(parent: Scene, opened: OpenChunk, *outcomes: Outcome) -> None:
    for outcome in outcomes:
        tell(parent, call(parent, opened), ended(outcome), stage=Stage.ENDED)


def pull(child: Scene, limit: int = 1_000) -> int:
    return child.store.feeding.pull(child.key, child.now, limit)


def awaits(scene: Scene) -> bool:
    return scene.store.campaigns.snapshot(scene.key, scene.now).awaits_rows


def came_from(child: Scene) -> list[int]:
    return [target.parent_position for target in child.store.targets.page(child.key)]


def test_a_child_is_created_once(calls: Scene) -> None:
    child = follow(calls)
    assert follow(calls).ref == child.ref
    assert child.store.campaigns.get(child.key).ref == child.ref
    spec = child.store.campaigns.get(child.key).spec
    assert spec.feed is not None
    assert spec.feed.campaign == "c1"
    child.store.campaigns.create(calls.tenant, "other", spec_of(), calls.now)
    with pytest.raises(Conflict, match='"other" exists already'):
        child.store.feeding.create_child(calls.ref, spec, "other", calls.now)
    stranger = CampaignRef(tenant=calls.tenant, campaign_id="x", key=child.key)
    with pytest.raises(Conflict, match="exists already"):
        child.store.feeding.create_child(stranger, spec, "c1.texts", calls.now)


def test_those_who_were_not_reached_come_as_new_targets(make_calls: MakeScene) -> None:
    parent = make_calls(5)
    child = follow(parent)
    assert pull(child) == 0
    opened = parent.open_chunk()
    miss(parent, opened, Outcome.NO_ANSWER, Outcome.ANSWERED, Outcome.BUSY, Outcome.VOICEMAIL)
    assert pull(child) == 2
    assert pull(child) == 0
    assert came_from(child) == [1, 4]
    target = child.target(2)
    assert (target.state, target.address, target.row) == ("pending", parent.address(4), 4)
    assert (target.variables, target.text, target.segments, target.position) == ('{"name":"Ann"}', None, 1, 2)
    assert target.file_id == parent.target(4).file_id
    assert child.books().pending == child.total() == 2


def test_whoever_may_still_be_reached_does_not_come_yet(make_calls: MakeScene) -> None:
    parent = make_calls(1, retry={"attempts": 2, "delay": 60})
    child = follow(parent)
    tell(parent, call(parent, parent.open_chunk()), ended(Outcome.NO_ANSWER, retryable=True), stage=Stage.ENDED)
    assert parent.state(1) == ("waiting", "no_answer")
    assert pull(child) == 0
    parent.after(60)
    tell(parent, call(parent, parent.open_chunk()), ended(Outcome.NO_ANSWER, retryable=True), stage=Stage.ENDED)
    assert pull(child) == 1


def test_whoever_is_called_again_later_does_not_come_twice(make_calls: MakeScene) -> None:
    parent = make_calls(2)
    child = follow(parent)
    miss(parent, parent.open_chunk(), Outcome.NO_ANSWER)
    assert pull(child) == 1
    parent.after(1)
    assert parent.store.sweeps.requeue_some(parent.key, (), parent.now, parent.now) == 1
    miss(parent, parent.open_chunk(), Outcome.VOICEMAIL, Outcome.VOICEMAIL)
    assert pull(child) == 1
    assert came_from(child) == [1, 2]
    child.books()


def test_targets_come_in_batches(make_calls: MakeScene) -> None:
    parent = make_calls(12)
    child = follow(parent)
    opened = parent.open_chunk()
    for n in range(12):
        miss(parent, opened, Outcome.ANSWERED if n % 3 else Outcome.NO_ANSWER)
    pulled = []
    while n := pull(child, 4):
        pulled.append(n)
        child.books()
    assert sum(pulled) == 4
    assert len(pulled) > 1
    assert came_from(child) == [1, 4, 7, 10]


def test_what_is_given_up_without_a_call_comes_if_it_was_asked_for(make_calls: MakeScene) -> None:
    parent = make_calls(1)
    child = follow(parent, outcomes=[Outcome.EXPIRED])
    opened = parent.open_chunk()
    parent.post(GiveUp(parent.claim(opened, 1)[0].key, opened.fence, Outcome.EXPIRED, "too late"))
    assert pull(child) == 1


def test_whoever_cannot_be_sent_the_text_is_skipped_with_the_reason(make_calls: MakeScene) -> None:
    parent = make_calls()
    people = [row(1, parent.address(1)), row(2, parent.address(2), variables={}), row(3, parent.address(3))]
    parent.import_rows([*people, row(4, parent.address(4), variables={"name": "x" * 2_000})])
    parent.store.suppressions.add(parent.tenant, parent.address(3), "person", "", parent.now)
    child = follow(parent)
    opened = parent.open_chunk()
    parent.store.suppressions.remove(parent.tenant, parent.address(3))
    miss(parent, opened, *[Outcome.NO_ANSWER] * 4)
    parent.store.suppressions.add(parent.tenant, parent.address(3), "person", "", parent.now)
    assert pull(child) == 4
    assert [child.state(n) for n in (1, 2, 3, 4)] == [
        *(("pending", None), ("skipped", "missing_variable")),
        *(("skipped", "opted_out"), ("skipped", "text_too_long")),
    ]
    assert "needs {{ name }}" in child.target(2).detail
    assert child.events(3) == ["skipped"]
    assert child.books().skipped == 3


def test_a_child_awaits_targets_until_its_parent_is_over(make_calls: MakeScene) -> None:
    parent = make_calls(1)
    child = follow(parent)

    assert awaits(child)
    miss(parent, parent.open_chunk(), Outcome.NO_ANSWER)
    parent.close(CampaignStatus.COMPLETED)
    assert awaits(child)
    assert pull(child) == 1
    assert not awaits(child)
    assert pull(child) == 0
    assert not awaits(parent)
    assert parent.store.feeding.pull(parent.key, parent.now) == 0


@pytest.mark.parametrize("status", [CampaignStatus.CANCELLING, CampaignStatus.CANCELLED])
def test_nobody_comes_from_a_campaign_that_is_called_off(make_calls: MakeScene, status: CampaignStatus) -> None:
    parent = make_calls(2)
    child = follow(parent)
    miss(parent, parent.open_chunk(), Outcome.NO_ANSWER)
    parent.close(status)
    assert pull(child) == 0
    assert not awaits(child)


def test_nobody_comes_to_a_campaign_that_is_called_off(make_calls: MakeScene) -> None:
    parent = make_calls(2)
    child = follow(parent)
    child.close(CampaignStatus.CANCELLED)
    miss(parent, parent.open_chunk(), Outcome.NO_ANSWER)
    assert pull(child) == 0
    assert not awaits(child)
    child.books()


def test_what_ends_with_its_campaign_comes_too(make_calls: MakeScene) -> None:
    """A word that came after the last look made a target wait; the end of its campaign settles it."""
    parent = make_calls(1, retry={"attempts": 2, "delay": 60})
    child = follow(parent)
    tell(parent, call(parent, parent.open_chunk()), ended(Outcome.NO_ANSWER, retryable=True), stage=Stage.ENDED)
    assert pull(child) == 0
    parent.close(CampaignStatus.COMPLETED)
    assert parent.state(1) == ("failed", "no_answer")
    assert pull(child) == 1


def test_a_child_can_be_worked_on_like_any_campaign(make_calls: MakeScene) -> None:
    parent = make_calls(3)
    child = follow(parent)
    miss(parent, parent.open_chunk(), *[Outcome.NO_ANSWER] * 3)
    pull(child)
    child.open()
    opened = child.open_chunk()
    assert [target.address for target in child.claim(opened, 9)] == [parent.address(n) for n in (1, 2, 3)]
