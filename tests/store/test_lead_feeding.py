"""Campaigns that follow an analysis: every lead found worth it comes once, with its number and what is known of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest

from clarion.domain.audience import Feed
from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import Outcome
from tests.store.call_scene import OF_CALLS
from tests.store.lead_scene import another, answer, ask, fail, fetch, found, keep
from tests.store.scene import Scene, spec_of

MakeScene = Callable[..., Scene]
WORTH_IT = "score >= 70"
PHONES = ("MobilePhone", "Phone")


def follow(parent: Scene, *, when: str = WORTH_IT, phone: Sequence[str] = PHONES, **spec: object) -> Scene:
    """Make a campaign that follows an analysis."""
    feed = Feed(campaign="c1", outcomes=(Outcome.ASSESSED,), when=when, phone=tuple(phone))
    file: dict[str, object] = {"audience": {"file": "leads.xlsx", "address": "phone", "region": "US"}}
    child = spec_of(**file | {"message": "Hi {{ Name }}!"} | spec).model_copy(update={"feed": feed})
    ref = parent.store.feeding.create_child(parent.ref, child, "c1.then", parent.now)
    return Scene(parent.store, parent.tenant, ref, parent.page, parent.inbox)


def score(parent: Scene, *scores: int) -> None:
    """Answer the questions about the next leads."""
    opened = parent.open_chunk()
    for points in scores:
        answer(parent, ask(parent, opened), score=points, tier="A" if points > 80 else "B", reasons=["big", "near"])


def pull(child: Scene) -> int:
    return child.store.feeding.pull(child.key, child.now)


def came_from(child: Scene) -> list[int]:
    return [target.parent_position for target in child.store.targets.page(child.key)]


def test_leads_found_worth_it_come_as_they_are_assessed(leads: Scene) -> None:
    child = follow(leads)
    fetch(leads, [1, 2, 3])
    assert pull(child) == 0
    score(leads, 69, 70)
    assert pull(child) == 1
    score(leads, 95)
    assert pull(child) == 1
    assert pull(child) == 0
    assert came_from(child) == [2, 3]
    target = child.target(1)
    assert (target.state, target.address, target.row) == ("pending", "+14155550002", 3)
    assert (json.loads(target.variables), target.segments) == ({"Name": "Lead 2"}, 1)
    assert child.books().pending == child.total() == 2
    assert pull(leads) == 0


def test_reused_answers_count_and_failures_do_not(leads: Scene) -> None:
    fetch(leads, [1, 2])
    opened = leads.open_chunk()
    answer(leads, ask(leads, opened), score=90)
    fail(leads, ask(leads, opened), Outcome.REFUSED)
    other = another(leads, 2)
    child = follow(other)
    fetch(other, [1, 2])
    assert pull(child) == 1
    assert came_from(child) == [1]


def test_conditions_may_mention_answers_fields_and_columns(leads: Scene) -> None:
    child = follow(leads, when='tier == "A" and Industry in ["Steel"] and City == "Bonn"')
    keep(leads, found(1, Industry="Steel"), found(2, Industry="Steel"), found(3, Industry="Wood"))
    score(leads, 90, 50, 90)
    pull(child)
    assert came_from(child) == [1]


def test_the_first_number_that_can_be_used_is_taken(leads: Scene) -> None:
    child = follow(leads)
    keep(
        leads,
        found(1, MobilePhone="(415) 555-2671"),
        found(2, MobilePhone="call me", Phone="+49 30 901820"),
        found(3, MobilePhone=None),
        found(4, MobilePhone="12", Phone="call me"),
        found(5, MobilePhone="+1 415 555 2671"),
    )
    score(leads, *[90] * 5)
    assert pull(child) == 5
    assert [child.target(n).address for n in (1, 2, 3, 4, 5)] == [
        *("+14155552671", "+4930901820", None, None, "+14155552671"),
    ]
    assert [child.state(n) for n in (1, 2, 3, 4, 5)] == [
        *(("pending", None), ("pending", None), ("skipped", "missing_phone")),
        *(("skipped", "invalid_phone"), ("skipped", "duplicate")),
    ]
    assert child.target(3).detail == "the lead has no number in MobilePhone or Phone"
    assert 'MobilePhone "12" is not a phone number' in child.target(4).detail
    assert child.target(5).detail == "+14155552671 stands in row 2 already"
    assert child.events(5) == ["skipped"]
    child.books()


def test_a_number_that_came_before_is_a_duplicate_later_too(leads: Scene) -> None:
    child = follow(leads)
    keep(leads, found(1, MobilePhone="+14155550100"), found(2, MobilePhone="+14155550100"))
    for points in (90, 95):
        score(leads, points)
        assert pull(child) == 1
    assert [child.state(n) for n in (1, 2)] == [("pending", None), ("skipped", "duplicate")]


def test_whoever_opted_out_or_cannot_be_sent_the_text_is_skipped(leads: Scene) -> None:
    child = follow(leads, message="Hi {{ Name }}, about {{ Product }}")
    leads.store.suppressions.add(leads.tenant, "+14155550001", "person", "", leads.now)
    keep(leads, found(1, Product="Sand"), found(2), found(3, Product="x" * 2_000))
    score(leads, *[90] * 3)
    pull(child)
    assert [child.state(n)[1] for n in (1, 2, 3)] == ["opted_out", "missing_variable", "text_too_long"]
    assert "needs {{ Product }}" in child.target(2).detail
    assert child.target(2).variables is None


def test_calls_take_all_that_is_known_along_and_later_words_win(leads: Scene) -> None:
    child = follow(
        leads,
        when=WORTH_IT,
        phone=PHONES,
        **OF_CALLS | {"call": {"prompt": "Call {{ Name }} of {{ City }}.", "max_minutes": 5}},
    )
    keep(leads, found(1, City="Köln", Employees=12.0, Description="x" * 3_000), found(2, City=None))
    score(leads, 90, 80)
    assert pull(child) == 2
    variables = json.loads(child.target(1).variables)
    assert variables["City"] == "Köln"
    assert (variables["score"], variables["reasons"], variables["Employees"]) == ("90", "big; near", "12")
    assert "Description" not in variables
    assert json.loads(child.target(2).variables)["City"] == "Bonn"
    assert (child.target(1).segments, child.state(1)) == (0, ("pending", None))


def test_calls_need_what_their_words_mention_and_take_what_was_chosen(leads: Scene) -> None:
    call = {"prompt": "Sell {{ Product }}.", "variables": ["tier"], "max_minutes": 5}
    fallback = {"message": "Sorry, {{ Name }}"}
    child = follow(leads, when=WORTH_IT, phone=PHONES, **OF_CALLS | {"call": call, "fallback": fallback})
    keep(leads, found(1, Product="Sand"), found(2), found(3, Product="x" * 33_000))
    score(leads, *[90] * 3)
    pull(child)
    assert json.loads(child.target(1).variables) == {"Product": "Sand", "Name": "Lead 1", "tier": "A"}
    assert [child.state(n)[1] for n in (1, 2, 3)] == [None, "missing_variable", "text_too_long"]


def test_whose_time_of_day_nobody_knows_is_skipped(leads: Scene) -> None:
    window = {"from": "09:00", "to": "17:00", "time_zone": "target"}
    child = follow(leads, window=window)
    keep(leads, found(1, MobilePhone="+14155552671"), found(2, MobilePhone="+88213123456"))
    score(leads, 90, 90)
    pull(child)
    assert child.state(1) == ("pending", None)
    assert child.state(2)[0] == "skipped"


@pytest.mark.parametrize("status", [CampaignStatus.CANCELLING, CampaignStatus.CANCELLED])
def test_nobody_comes_from_an_analysis_that_is_called_off(leads: Scene, status: CampaignStatus) -> None:
    child = follow(leads)
    fetch(leads, [1])
    score(leads, 90)
    leads.close(status)
    assert pull(child) == 0


def test_a_child_awaits_leads_until_its_analysis_is_over(leads: Scene) -> None:
    child = follow(leads)
    fetch(leads, [1])
    score(leads, 90)
    leads.close(CampaignStatus.COMPLETED)
    assert child.store.campaigns.snapshot(child.key, child.now).awaits_rows
    assert pull(child) == 1
    assert not child.store.campaigns.snapshot(child.key, child.now).awaits_rows
