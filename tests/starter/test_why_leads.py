"""Every "why" about a lead: what it waits for, whose answer it has, and what that cost."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from clarion.domain.attempt import AttemptId
from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome
from starter.why import Why, why
from tests.starter.analysis import GOOD, PRICE_OF_QUESTION, analysis, ids, lead, lead_id
from tests.starter.installation import NOW, Place

UTC = ZoneInfo("UTC")


def ask(place: Place, target: str, campaign_id: str = "spring") -> Why:
    return why(place.looking, campaign_id, target, UTC)


@pytest.mark.parametrize("name", ["2", "row:3", lead_id(2), lead_id(2)[:15], lead_id(2).lower(), f" {lead_id(2)} "])
def test_a_lead_is_named_by_position_row_or_id(place: Place, name: str) -> None:
    analysis(place, ids(3))
    assert ask(place, name).target.position == 2


def test_what_is_no_id_says_how_a_lead_is_named(place: Place) -> None:
    analysis(place, ids(1))
    with pytest.raises(BadInput, match=r"is not the id of a lead .* or the id of its lead"):
        ask(place, "+14155552001")


def test_a_lead_that_is_not_fetched_says_what_comes_before_it(place: Place) -> None:
    analysis(place, ids(3)).campaign.run()
    assert ask(place, "1").answer == "not assessed yet: it waits to be fetched through account salesforce"
    assert ask(place, "3").answer.endswith("; about 2 leads are fetched before it")


def test_a_fetched_lead_waits_for_its_turn_or_for_its_campaign(place: Place) -> None:
    found = analysis(place, ids(2))
    found.campaign.run()
    found.fetch_all()
    assert ask(place, "1").answer == ("not assessed yet: fetched at 08:26:40; its turn comes as soon as a lane is free")
    found.campaign.status(CampaignStatus.PAUSED, "lunch", open_=False)
    assert (
        ask(place, "1").answer == "not assessed yet: the campaign is paused (lunch); go on with `clarion resume spring`"
    )


def test_an_answer_is_told_with_its_model_tokens_and_cost(place: Place) -> None:
    found = analysis(place, ids(1))
    found.campaign.run()
    found.fetch(lead(1))
    found.answer(GOOD)
    told = ask(place, "1")
    assert told.answer == "assessed at 08:26:40 by gpt-5-mini: 700 tokens in, 90 out, 0.000300"
    assert told.lead is not None
    assert (len(told.lead.question_key or ""), told.lead.reused, told.lead.asked_in) == (64, False, "spring")
    assert f"question {told.lead.question_key}" in place.clarion("why", "spring", "1").out


def test_a_reused_answer_names_the_question_and_the_campaign_that_paid_for_it(place: Place) -> None:
    first = analysis(place, ids(1), "first")
    first.campaign.run()
    first.fetch(lead(1))
    (attempt,) = first.answer(GOOD)
    second = analysis(place, ids(1), "second")
    second.campaign.run()
    second.fetch(lead(1))
    told = ask(place, "1", "second")
    assert told.lead is not None
    assert told.lead.question_key is not None
    assert told.answer == (
        f"assessed: the same question ({told.lead.question_key[:12]}…) was answered before, by attempt {attempt} of "
        "campaign first, so it cost nothing; `clarion start --fresh` asks again"
    )


def test_a_lead_in_a_batch_says_which_and_how_it_stands(place: Place) -> None:
    found = analysis(place, ids(1), assess={"mode": "batch"})
    found.campaign.run()
    found.fetch(lead(1))
    batches = place.store.batches
    assert batches.fill(found.key, 100, PRICE_OF_QUESTION, NOW) is not None
    assert ask(place, "1").answer == "part of batch 1, which has not been submitted yet"
    batches.note_submitted(found.key, 1, "batch_1", "in_progress", NOW)
    told = ask(place, "1")
    assert told.answer == (
        "part of batch 1, submitted at 08:26:40 (in_progress); its answer comes within a day, or it is asked live"
    )
    batches.end(found.key, 1, NOW, "expired")
    assert ask(place, "1").answer == (
        "not assessed yet: batch 1 gave it back without an answer (expired), so it is asked live; its turn comes as "
        "soon as a lane is free"
    )


def test_a_lead_that_is_being_asked_about_says_so(place: Place) -> None:
    found = analysis(place, ids(1))
    found.campaign.run()
    found.fetch(lead(1))
    (attempt,) = found.campaign.intend(price=PRICE_OF_QUESTION)
    assert attempt == AttemptId(found.key, 1, 1)
    assert ask(place, "1").answer == "being assessed: question 1 is under way, without an answer yet"


def test_leads_without_an_answer_say_why(place: Place) -> None:
    found = analysis(place, ids(4, "nonsense"))
    found.campaign.run()
    found.fetch(lead(1), lead(2), None)
    found.fetch(lead(4), converted=True)
    found.fail(Outcome.REFUSED)
    found.fail(Outcome.TRUNCATED, retryable=True)
    assert ask(place, "1").answer.startswith("failed: refused (so it is)")
    assert ask(place, "2").answer.startswith("waiting for its second try of 3 after truncated (so it is), at 08:26:45")
    assert ask(place, "3").answer.startswith("failed: not found (the CRM knows no lead with this id")
    assert ask(place, "4").answer == "skipped: row 5: the lead has been converted"
    assert ask(place, "5").answer.startswith('skipped: row 6: Lead ID "nonsense" is not the id of a lead')
    found.campaign.status(CampaignStatus.CANCELLED, "enough")
    assert ask(place, "2").answer == "never assessed: the campaign was cancelled (enough) before its turn"


def test_what_was_written_back_is_told(place: Place) -> None:
    found = analysis(place, ids(2), lead={"fields": ["Name"], "write_back": {"Rating": "tier"}, "writing": True})
    found.campaign.run()
    found.fetch({"Name": "Ann"}, {"Name": "Bob"})
    found.answer(GOOD, GOOD)
    place.store.leads.note_written(found.key, [(1, None), (2, "FIELD_INTEGRITY: no such rating")], NOW)
    assert ask(place, "1").answer.endswith("; its answers were written back at 08:26:40")
    assert ask(place, "2").answer.endswith("; its answers could not be written back: FIELD_INTEGRITY: no such rating")
