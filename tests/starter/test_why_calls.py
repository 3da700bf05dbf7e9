"""Every "why" about a call has an answer: for each state it can be in, and for each rule that holds it back."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from clarion.domain.call import MachineRule, Stage
from clarion.domain.campaign import CampaignStatus
from clarion.store.entries import Postpone
from starter.why import Why, why
from tests.starter.installation import (
    ANSWERED,
    BUSY,
    HUNG_UP,
    LOST,
    NO_ANSWER,
    NOW,
    VOICEMAIL,
    OneCampaign,
    Place,
    people,
)

UTC = ZoneInfo("UTC")


def ask(place: Place, target: str = "1") -> Why:
    return why(place.looking, "spring", target, UTC)


@pytest.fixture
def campaign(place: Place) -> OneCampaign:
    made = place.calls(people(2))
    made.run()
    return made


@pytest.mark.parametrize(
    ("stage", "word"), [(Stage.PLACED, "dialling"), (Stage.RINGING, "ringing"), (Stage.ANSWERED, "talking")]
)
def test_a_call_under_way_says_how_far_it_has_come(
    place: Place, campaign: OneCampaign, stage: Stage, word: str
) -> None:
    campaign.call(stage=stage)
    assert ask(place).answer == (
        f"being called since 08:26:40 ({word}, status registered, reference call_1); its end is awaited"
    )


def test_a_call_that_lost_its_lane_says_that_the_next_one_takes_it_over(place: Place, campaign: OneCampaign) -> None:
    campaign.call()
    campaign.store.claims.release_stranded(campaign.ref.key, NOW)
    assert ask(place).answer.endswith("no lane attends to it, and the next free one takes it over")


def test_a_call_in_doubt_says_that_it_is_looked_up_first(place: Place, campaign: OneCampaign) -> None:
    (attempt,) = campaign.intend()
    campaign.tell(attempt, LOST)
    found = ask(place)
    assert found.answer == (
        "attempt 1 may or may not have reached the person (no answer within 10 s); it is looked up at the provider at "
        "08:26:55, in 15 s before anything else happens"
    )
    assert found.next_at == NOW + 15


def test_a_person_called_often_enough_today_says_when_that_ends(place: Place, campaign: OneCampaign) -> None:
    opened = campaign.open_chunk()
    (target,) = campaign.store.claims.claim(campaign.ref.key, campaign.chunks, opened.fence, 1, NOW)
    campaign.page.commit([Postpone(target.key, opened.fence, NOW + 7_200, "daily_cap", "called 3 times")], NOW)
    found = ask(place)
    assert found.answer == "waiting: called 3 times within 24 hours already, next at 10:26:40, in 2 h"
    assert found.next_at == NOW + 7_200


def test_a_queued_campaign_says_why_and_where_to_look(place: Place, campaign: OneCampaign) -> None:
    campaign.status(CampaignStatus.QUEUED, "3 campaigns run already")
    assert ask(place).answer == (
        "not contacted yet: the campaign is queued (3 campaigns run already); see `clarion account main`"
    )


def test_a_busy_line_says_when_it_is_called_again(place: Place, campaign: OneCampaign) -> None:
    campaign.call(BUSY, stage=Stage.ENDED)
    assert ask(place).answer == (
        "waiting for its second try of 3 after busy (the line was busy), at 08:56:40, in 30 min"
    )


def test_a_voicemail_says_that_it_is_not_called_again_and_how_it_can_be(place: Place, campaign: OneCampaign) -> None:
    campaign.call(VOICEMAIL, stage=Stage.ENDED)
    told = ask(place).answer
    assert told.startswith("failed: voicemail (a voicemail answered), after which its campaign does not try again")
    assert told.endswith("try it again with `clarion retry spring --outcome voicemail`")


def test_the_last_try_says_that_there_are_no_more(place: Place) -> None:
    campaign = place.calls(people(1), retry={"attempts": 2, "delay": "1m"}, limits={"per_person_per_day": 9})
    campaign.run()
    campaign.call(NO_ANSWER, stage=Stage.ENDED)
    campaign.call(NO_ANSWER, at=NOW + 60, stage=Stage.ENDED)
    assert ask(place).answer == (
        "failed: no answer after 2 tries, and more than 2 are not made; "
        "try it again with `clarion retry spring --outcome no_answer`"
    )


def test_whoever_gets_a_text_instead_is_told_the_campaign(place: Place) -> None:
    campaign = place.calls(people(1), fallback={"on": ["voicemail"], "message": "Hi", "account": "main"})
    campaign.run()
    campaign.texts()
    campaign.call(VOICEMAIL, stage=Stage.ENDED)
    assert "; a text follows in campaign spring.texts; " in ask(place).answer


def test_a_talk_says_how_long_it_was(place: Place, campaign: OneCampaign) -> None:
    campaign.call(ANSWERED, stage=Stage.ENDED, duration=42.0)
    assert ask(place).answer == "answered at 08:26:40, and talked for 42 s"


def test_a_message_left_says_so(place: Place) -> None:
    words = {"prompt": "Be kind.", "machine": MachineRule.LEAVE_MESSAGE, "voicemail_message": "Call us."}
    campaign = place.calls(people(1), call=words)
    campaign.run()
    campaign.call(VOICEMAIL, stage=Stage.ENDED)
    assert ask(place).answer == "left a message on its voicemail at 08:26:40"


def test_a_call_that_was_hung_up_says_who_did_it(place: Place, campaign: OneCampaign) -> None:
    attempt = campaign.call()
    campaign.status(CampaignStatus.CANCELLING, "wrong list", open_=False)
    campaign.tell(attempt, HUNG_UP, stage=Stage.ENDED)
    assert ask(place).target.state == "cancelled"
    assert ask(place).answer == "hung up by us before anybody answered: the campaign was cancelled"
