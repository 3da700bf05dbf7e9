"""Every "why" has an answer: for each state a target can be in, and for each way to name it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import BadInput, NotFound
from starter.why import Why, why
from tests.starter.installation import (
    DELIVERED,
    LANDLINE,
    LOST,
    NOW,
    SENT,
    UNDELIVERED,
    Place,
    people,
)

UTC = ZoneInfo("UTC")
NIGHT = NOW - 30_000.0
"""00:06 in UTC, the evening before in America."""


def ask(place: Place, target: str, *, campaign_id: str = "spring") -> Why:
    return why(place.looking, campaign_id, target, UTC)


@pytest.mark.parametrize("name", ["2", "row:3", "row 3", "+14155552001", "(415) 555-2001", "415.555.2001"])
def test_a_target_is_named_by_position_row_or_number(place: Place, name: str) -> None:
    place.imported(people(4))
    assert ask(place, name).target.position == 2


def test_a_row_is_found_in_a_file_with_rows_that_are_left_out_or_blank(place: Place) -> None:
    place.imported([["first_name", "phone"], ["Ann", "12"], ["", ""], ["Bob", "+14155552001"]])
    found = ask(place, "row:4")
    assert (found.target.row, found.target.position) == (4, 2)


def test_of_several_rows_with_one_number_the_one_that_counts_answers(place: Place) -> None:
    place.imported([["first_name", "phone"], ["Ann", "+14155552001"], ["Bob", "+14155552001"]])
    found = ask(place, "+14155552001")
    assert (found.target.position, found.also) == (1, (2,))


def test_what_cannot_be_a_target_says_how_one_is_named(place: Place) -> None:
    place.imported(people(1))
    with pytest.raises(BadInput, match="row:17"):
        ask(place, "Ann")
    with pytest.raises(NotFound, match="positions 1 to 1"):
        ask(place, "2")


def test_a_skipped_row_says_what_is_wrong_with_it(place: Place) -> None:
    place.imported([["first_name", "phone"], ["Ann", "12"]])
    assert ask(place, "1").answer.startswith('skipped: row 2: phone "12" is not a phone number')


def test_a_draft_says_how_it_is_started(place: Place) -> None:
    place.imported(people(1))
    assert ask(place, "1").answer == (
        "not contacted yet: the campaign is a draft; start it with `clarion start spring`"
    )


def test_a_paused_campaign_says_why_and_how_it_goes_on(place: Place) -> None:
    place.imported(people(1)).status(CampaignStatus.PAUSED, "lunch", open_=False)
    assert ask(place, "1").answer == (
        "not contacted yet: the campaign is paused (lunch); go on with `clarion resume spring`"
    )


def test_a_scheduled_campaign_says_when_it_starts(place: Place) -> None:
    place.imported(people(1), start_at="2026-12-02T09:26:40+00:00").status(CampaignStatus.SCHEDULED)
    found = ask(place, "1")
    assert found.answer == "not contacted yet: the campaign starts at 09:26:40, in 60 min"
    assert found.next_at == NOW + 3600


def test_a_pending_target_says_how_many_come_before_it(place: Place) -> None:
    place.imported(people(401), limits={"per_minute": 60}).run()
    found = ask(place, "401")
    assert "about 400 targets come before it at 60 a minute" in found.answer
    assert found.next_at == pytest.approx(NOW + 400, abs=1)
    assert ask(place, "1").answer == "not contacted yet: its turn comes as soon as a lane is free"


def test_a_target_outside_its_window_says_the_window_and_its_next_opening(place: Place) -> None:
    window = {"from": "09:00", "to": "20:00", "time_zone": "target"}
    place.imported([["first_name", "phone", "tz"], ["Ann", "+14155552001", "America/Denver"]], window=window,
                   audience={"file": "people.csv", "address": "phone", "time_zone": "tz"}).run()  # fmt: skip
    found = ask(place, "1")
    assert found.answer == (
        "not contacted yet: outside its window (09:00–20:00 America/Denver), next at 09:00:00 America/Denver, "
        "in 7 h 33 min"
    )
    assert found.next_at == NOW + 7 * 3600 + 33 * 60 + 20


def test_a_failed_try_says_what_happened_and_when_the_next_one_is(place: Place) -> None:
    campaign = place.imported(people(1), retry={"attempts": 3, "delay": "30m"})
    campaign.run()
    campaign.contact(UNDELIVERED)
    found = ask(place, "1")
    assert found.answer == (
        "waiting for its second try of 3 after undelivered (30003: the phone is switched off or out of reach), "
        "at 08:56:40, in 30 min"
    )
    assert [attempt.provider_code for attempt in found.attempts] == ["30003"]
    assert "undelivered" in [event.kind for event in found.events]


def test_an_attempt_that_was_taken_back_says_so(place: Place) -> None:
    campaign = place.imported(people(1))
    campaign.run()
    campaign.withdraw(NOW + 60, "Twilio asks for a slower pace")
    assert ask(place, "1").answer == (
        "attempt 1 was taken back (Twilio asks for a slower pace), the next one at 08:27:40, in 60 s"
    )


def test_a_contact_under_way_says_that_there_is_no_answer_yet(place: Place) -> None:
    campaign = place.imported(people(1))
    campaign.run()
    campaign.intend()
    assert ask(place, "1").answer == "being contacted: attempt 1 is under way, without an answer yet"


def test_an_accepted_message_says_until_when_its_receipt_is_awaited(place: Place) -> None:
    campaign = place.imported(people(1), receipts={"wait": "1h"})
    campaign.run()
    campaign.contact(SENT)
    found = ask(place, "1")
    assert found.answer == (
        "accepted by the provider at 08:26:40 (status queued, reference SM2); its receipt is awaited until 09:26:40, "
        "in 60 min, then `sent` is the last word"
    )


def test_an_unknown_outcome_says_that_it_is_looked_up_first(place: Place) -> None:
    campaign = place.imported(people(1))
    campaign.run()
    campaign.contact(LOST)
    found = ask(place, "1")
    assert found.answer.startswith("attempt 1 may or may not have reached the person (no answer within 10 s)")
    assert "looked up at the provider at 08:26:55, in 15 s" in found.answer
    assert found.next_at == NOW + 15


def test_a_delivered_message_says_when(place: Place) -> None:
    campaign = place.imported(people(1))
    campaign.run()
    campaign.contact(DELIVERED)
    assert ask(place, "1").answer == "delivered at 08:26:40"


def test_a_failure_that_another_try_cannot_help_says_so(place: Place) -> None:
    campaign = place.imported(people(2), retry={"attempts": 1})
    campaign.run()
    campaign.contact(LANDLINE, UNDELIVERED)
    assert ask(place, "1").answer == (
        "failed: invalid number (21614: this is not a mobile number); another try would not help"
    )
    assert ask(place, "2").answer.endswith("try it again with `clarion retry spring --outcome undelivered`")


def test_a_cancelled_target_says_who_cancelled_it(place: Place) -> None:
    campaign = place.imported(people(1))
    campaign.run()
    campaign.status(CampaignStatus.CANCELLING, "wrong list", open_=False)
    campaign.store.sweeps.cancel_some(campaign.ref.key, NOW)
    campaign.status(CampaignStatus.CANCELLED, "wrong list", open_=False)
    assert ask(place, "1").answer == "never reached: the campaign was cancelled (wrong list) before its turn"


def test_the_command_prints_the_answer_and_its_trace(place: Place) -> None:
    campaign = place.imported(people(1), retry={"attempts": 1})
    campaign.run()
    campaign.contact(UNDELIVERED)
    shown = place.clarion("why", "spring", "1")
    assert shown.code == 0
    assert "failed: undelivered (30003" in shown.out
    assert "attempt 1: undelivered" in shown.out
    told = place.clarion("why", "spring", "+14155552000", "--json").json
    assert told["target"]["state"] == "failed"
    assert told["attempts"][0]["provider_status"] == "undelivered"
