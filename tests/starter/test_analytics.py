"""Campaigns over some days: every attempt in its hour and on its day, every campaign of this tenant and no other."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from clarion.domain.campaign import CampaignStatus, Channel, parse_spec
from clarion.domain.errors import BadInput
from starter import analytics as module
from starter.analytics import analytics
from starter.analytics_views import Analytics, Asked
from starter.looking import Looking
from tests.starter.installation import (
    ANSWERED,
    BUSY,
    DELIVERED,
    LANDLINE,
    LOST,
    NOW,
    PRICE,
    TENANT,
    UNDELIVERED,
    VOICEMAIL,
    OneCampaign,
    Place,
    campaign,
    people,
)

DAY = 86_400.0
FAST = {"per_second": 10**6}
SHORT = {"name": "short", "message": "Hi {{ first_name }}"}
LONG = {"name": "long", "message": "Hello {{ first_name }}"}


def asked(place: Place, **wanted: object) -> Analytics:
    return analytics(place.looking, Asked.model_validate(wanted))


def running(place: Place, count: int, campaign_id: str = "spring", **keys: object) -> OneCampaign:
    one = place.imported(people(count), campaign_id, limits=FAST, **keys)
    one.run()
    return one


def test_attempts_stand_in_the_hour_and_on_the_day_on_which_they_were_made(place: Place) -> None:
    one = running(place, 5)
    one.contact(DELIVERED, LANDLINE, at=NOW - DAY)
    one.contact(DELIVERED, at=NOW - DAY + 3600)
    one.contact(UNDELIVERED, LOST, at=NOW)
    found = asked(place, days=3)
    hours = {line.hour: (line.attempts, line.succeeded, line.failed) for line in found.hours if line.attempts}
    assert hours == {8: (4, 1, 2), 9: (1, 1, 0)}
    assert len(found.hours) == 24
    weekdays = {line.weekday: line.attempts for line in found.weekdays}
    assert weekdays == {"mon": 0, "tue": 3, "wed": 2, "thu": 0, "fri": 0, "sat": 0, "sun": 0}
    assert {line.day: line.attempts for line in found.days} == {
        date(2026, 11, 30): 0,
        date(2026, 12, 1): 3,
        date(2026, 12, 2): 2,
    }
    assert (found.total.attempts, found.total.succeeded, found.total.failed) == (5, 2, 2)
    assert found.total.success_rate == 0.5
    assert (found.total.low, found.total.high) == (0.15, 0.85)


def test_hours_and_days_are_those_of_the_zone_that_is_asked_for(place: Place) -> None:
    one = running(place, 1)
    one.contact(DELIVERED, at=datetime(2026, 12, 1, 20, 20, tzinfo=UTC).timestamp())
    for zone, hour, day in (("UTC", 20, 1), ("Asia/Kolkata", 1, 2), ("America/Los_Angeles", 12, 1)):
        found = asked(place, time_zone=zone)
        assert [line.hour for line in found.hours if line.attempts] == [hour]
        assert [line.day for line in found.days if line.attempts] == [date(2026, 12, day)]
        assert found.time_zone == zone
    with pytest.raises(BadInput, match='time_zone "Europe/Berln" is not a time zone'):
        asked(place, time_zone="Europe/Berln")


def test_what_was_before_these_days_is_left_out(place: Place) -> None:
    one = running(place, 2)
    one.contact(DELIVERED, at=NOW - 2 * DAY)
    one.contact(DELIVERED, at=NOW)
    old = running(place, 1, "old")
    old.contact(DELIVERED, at=NOW - 5 * DAY)
    old.status(CampaignStatus.COMPLETED, at=NOW - 4 * DAY)
    place.imported(people(1), "draft")
    found = asked(place, days=2)
    assert (found.total.attempts, len(found.days)) == (1, 2)
    assert [(line.campaign_id, line.succeeded) for line in found.campaigns] == [("spring", 2)]
    assert found.since == datetime(2026, 12, 1, tzinfo=UTC).timestamp()
    assert [line.campaign_id for line in asked(place, days=10).campaigns] == ["old", "spring"]


def test_channels_and_accounts_can_be_looked_at_alone(place: Place) -> None:
    running(place, 2).contact(DELIVERED, LANDLINE)
    calls = place.calls(people(2), "calls", account="voice")
    calls.run()
    calls.call(ANSWERED)
    calls.call(BUSY)
    found = asked(place)
    assert {line.channel: (line.campaigns, line.attempts, line.success_rate) for line in found.channels} == {
        Channel.CALL: (1, 2, 0.5),
        Channel.SMS: (1, 2, 0.5),
    }
    assert [line.campaign_id for line in asked(place, channel="call").campaigns] == ["calls"]
    assert asked(place, channel="call").total.attempts == 2
    assert [line.campaign_id for line in asked(place, account="main").campaigns] == ["spring"]
    nothing = asked(place, account="other")
    assert (nothing.campaigns, nothing.channels, nothing.total.attempts, nothing.total.success_rate) == (
        (),
        (),
        0,
        None,
    )


def test_a_voicemail_is_a_success_only_where_it_is_left_a_message(place: Place) -> None:
    spoken = {"prompt": 'Say "machine":"leave_message"'}
    for campaign_id, call in (("leaves", {"machine": "leave_message"}), ("hangs-up", spoken)):
        one = place.calls(people(1), campaign_id, call=call)
        one.run()
        one.call(VOICEMAIL)
    found = asked(place)
    assert (found.total.succeeded, found.total.failed) == (1, 1)
    succeeded = {line.campaign_id: line.succeeded for line in found.campaigns}
    assert succeeded == {"leaves": 1, "hangs-up": 0}


def test_a_call_that_goes_on_is_not_counted_yet(place: Place) -> None:
    one = place.calls(people(1), "calls")
    one.run()
    one.call()
    found = asked(place)
    assert (found.total.attempts, [line.succeeded for line in found.campaigns]) == (0, [0])


def test_money_is_told_for_each_success(place: Place) -> None:
    running(place, 3).contact(DELIVERED, UNDELIVERED, DELIVERED)
    found = asked(place)
    assert found.total.cost == pytest.approx(3 * PRICE / 1e6)
    assert found.total.cost_per_success == pytest.approx(1.5 * PRICE / 1e6)
    (line,) = found.campaigns
    assert (line.cost, line.cost_per_success) == (found.total.cost, found.total.cost_per_success)
    assert line.cost == pytest.approx(place.looking.progress("spring").spent)


def test_the_same_words_are_compared_over_all_campaigns_and_variants(place: Place) -> None:
    first = running(place, 20, "first", message=None, variants=[SHORT, LONG])
    variants = [target.variant for target in place.store.targets.all(first.ref.key)]
    first.contact(*(DELIVERED if variant == "short" else LANDLINE for variant in variants))
    running(place, 4, "second", message=SHORT["message"]).contact(DELIVERED, DELIVERED, DELIVERED, LANDLINE)
    found = asked(place)
    short, long = found.texts
    assert (short.sample, short.campaigns) == ("Hi {{ first_name }}", ("second", "first"))
    assert (short.succeeded, short.failed) == (variants.count("short") + 3, 1)
    assert (long.succeeded, long.failed, long.campaigns) == (0, variants.count("long"), ("first",))
    named = {(line.campaign_id, line.name): line.text for line in found.variants}
    assert named == {("first", "short"): short.text, ("first", "long"): long.text}
    assert {line.campaign_id: line.text for line in found.campaigns} == {"first": None, "second": short.text}


def test_older_campaigns_are_counted_where_too_many_would_be_told(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_CAMPAIGNS", 1)
    running(place, 1, "first").contact(DELIVERED)
    running(place, 1, "second").contact(DELIVERED)
    found = asked(place)
    assert ([line.campaign_id for line in found.campaigns], found.more_campaigns) == (["second"], 1)
    assert found.total.attempts == 2


def test_another_tenants_campaigns_are_none_of_it(place: Place) -> None:
    one = running(place, 1)
    one.contact(DELIVERED)
    place.store.campaigns.create("other", "spring", parse_spec(campaign()), NOW)
    other = analytics(Looking(place.store, "other", lambda: NOW), Asked())
    assert (other.total.attempts, other.campaigns, other.texts) == (0, (), ())
    assert place.looking.tenant == TENANT


def test_the_command_shows_it(place: Place) -> None:
    running(place, 20, message=None, variants=[SHORT, LONG]).contact(*[DELIVERED] * 15, *[LANDLINE] * 5)
    told = place.clarion("analytics").out
    for words in ("the last 30 days, by UTC", "75.0 % (53–89)", "08:00", "wed", "spring", "Hi {{ first_name }}"):
        assert words in told
    assert place.clarion("analytics", "--json").json["total"]["attempts"] == 20
    assert "no campaign was under way in these days" in place.clarion("analytics", "--channel", "call").out
    refused = place.clarion("analytics", "--days", "400")
    assert (refused.code, refused.err) == (2, "--days is 400; give a whole number from 1 to 366\n")
    assert place.clarion("analytics", "--time-zone", "Mars").code == 2
    refused = place.clarion("analytics", "--channel", "cal")
    assert refused.err == '--channel is "cal" (did you mean "call"?); give sms, call or lead_analysis\n'
