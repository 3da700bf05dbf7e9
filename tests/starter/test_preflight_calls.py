"""``clarion check`` for campaigns of calls: what the first would be given, how long it would take, its cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from clarion.settings import load_settings
from starter.campaign_file import read_campaign_file
from starter.checking.forecast import MINUTES_PER_CALL, SECONDS_AROUND
from starter.checking.preflight import Preflight, preflight
from starter.checking.preflight_call import CallPlan
from tests.starter.installation import NOW, Place, people

EXAMPLE = Path(__file__).parents[2] / "examples" / "calls.yaml"
LASTS = 60 * MINUTES_PER_CALL + SECONDS_AROUND
ACCOUNT = "CLARION_ACCOUNTS__MAIN__"
UNLIMITED = {"CALLS_PER_MINUTE": "6000", "CALLS_PER_SECOND": "100", "CALLS_PER_HOUR": "360000"}


def calls(place: Place, *, call: dict[str, object] | None = None, **keys: object) -> Preflight:
    said = {"agent": "agent_1", "first_message": "Hello {{ first_name }}", **(call or {})}
    file = place.campaign_file(**{"message": None, "channel": "call", "call": said, **keys})
    return preflight(read_campaign_file(file), load_settings(), now=NOW)


def plan(found: Preflight) -> CallPlan:
    assert found.call is not None
    return found.call


def seconds(found: Preflight) -> float:
    """Return how long it would take."""
    assert found.expected_end is not None
    return found.expected_end - NOW


VENDORS = {
    "twilio": {"SID": "AC1", "AUTH_TOKEN": "t", "FROM_NUMBER": "+15005550006"},
    "retell": {"AUTH_TOKEN": "key", "FROM_NUMBER": "+15005550006"},
    "elevenlabs": {"AUTH_TOKEN": "key", "PHONE_NUMBER_ID": "phnum_1"},
    "exotel": {"SID": "x", "API_KEY": "x", "AUTH_TOKEN": "x", "WEBHOOK_SECRET": "x", "FROM_NUMBER": "08047000000"},
}


def vendor(monkeypatch: pytest.MonkeyPatch, provider: str, account: str = "main") -> None:
    """Make an account one with another vendor."""
    for name in ("SID", "AUTH_TOKEN", "FROM_NUMBER"):
        monkeypatch.delenv(f"CLARION_ACCOUNTS__{account.upper()}__{name}", raising=False)
    for name, value in {"PROVIDER": provider, **VENDORS[provider]}.items():
        monkeypatch.setenv(f"CLARION_ACCOUNTS__{account.upper()}__{name}", value)


def test_the_first_row_shows_what_its_call_is_given(place: Place) -> None:
    place.audience([["first_name", "phone", "plan"], ["Ann", "12", "x"], ["Bob", "+14155552001", "Basic"]])
    found = calls(
        place,
        call={
            "prompt": "They have {{ plan }}.",
            "machine": "leave_message",
            "voicemail_message": "Call us, {{ first_name }}.",
            "language": "en-US",
        },
        fallback={"message": "Hi {{ first_name }}"},
    )
    given = plan(found)
    assert (found.sample_row, found.sample_text) == (3, "Hello Bob")
    assert (given.prompt, given.voicemail_message) == ("They have Basic.", "Call us, Bob.")
    assert (given.agent, given.language, given.fallback_message) == ("agent_1", "en-US", "Hi Bob")
    assert given.variables == {"first_name": "Bob", "plan": "Basic"}
    assert (found.segments, found.segments_per_text, found.encoding) == (0, {}, "")


def test_a_row_with_its_own_words_shows_those(place: Place) -> None:
    place.audience([["first_name", "phone", "say", "who"], ["", "+14155552001", "Hi {{ x }}", "agent_2"]])
    audience = {"file": "people.csv", "address": "phone", "first_message": "say", "agent": "who"}
    found = calls(place, audience=audience)
    assert (found.sample_text, plan(found).agent) == ("Hi {{ x }}", "agent_2")
    assert plan(found).variables == {}


def test_a_row_that_lacks_what_the_text_afterwards_needs_shows_none(place: Place) -> None:
    place.audience([["first_name", "phone", "plan"], ["Ann", "+14155552001", ""]])
    found = calls(place, fallback={"message": "{{ plan }}"})
    assert (found.accepted, plan(found).fallback_message) == (1, None)


def test_the_agent_of_the_account_is_shown_where_nobody_else_is_named(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor(monkeypatch, "retell")
    monkeypatch.setenv(ACCOUNT + "AGENT", "agent_of_account")
    place.audience(people(1))
    found = calls(place, call={"agent": None})
    assert (plan(found).agent, found.problems) == ("agent_of_account", ())


def test_rows_are_left_out_for_the_reasons_the_import_has(place: Place) -> None:
    place.audience([*people(2), ["", "+14155553000"], ["Bob", "12"], ["x" * 2_001, "+14155553001"]])
    found = calls(place)
    assert {reason.reason: reason.rows for reason in found.reasons} == {
        "missing_variable": (4,),
        "invalid_phone": (5,),
        "text_too_long": (6,),
    }


def test_the_calls_at_once_say_how_long_it_takes_where_rates_allow_more(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in UNLIMITED.items():
        monkeypatch.setenv(ACCOUNT + name, value)
    place.audience(people(21))
    found = calls(place, limits={"concurrency": 5})
    assert (plan(found).at_once, plan(found).decided_by, plan(found).assumed_seconds) == (5, "concurrency", LASTS)
    assert seconds(found) == pytest.approx(20 * LASTS / 5 + LASTS)
    monkeypatch.setenv(ACCOUNT + "CALLS_AT_ONCE", "4")
    monkeypatch.setenv(ACCOUNT + "INBOUND_RESERVE", "0.5")
    found = calls(place, limits={"concurrency": 5})
    assert plan(found).at_once == 2
    assert seconds(found) == pytest.approx(20 * LASTS / 2 + LASTS)


@pytest.mark.parametrize(
    ("limits", "gap"),
    [
        ({"concurrency": 50}, 12.0),  # the account's 300 an hour
        ({"concurrency": 50, "per_hour": 60}, 60.0),
        ({"concurrency": 50, "per_second": 1}, 12.0),
    ],
)
def test_the_widest_limit_says_how_long_it_takes(place: Place, limits: dict[str, object], gap: float) -> None:
    place.audience(people(11))
    found = calls(place, limits=limits)
    assert plan(found).decided_by == "rate"
    assert seconds(found) == pytest.approx(10 * gap + LASTS, rel=0.005)
    assert found.per_second == pytest.approx(1 / gap, rel=0.01)


def test_a_campaign_that_reaches_nobody_takes_no_time(place: Place) -> None:
    place.audience([["first_name", "phone"], ["Ann", "12"]])
    found = calls(place)
    assert (found.accepted, found.expected_end, found.expected_cost) == (0, NOW, 0)
    assert (found.sample_row, plan(found).first_message) == (None, None)


def test_a_window_stretches_calls_over_days(place: Place) -> None:
    place.audience([["first_name", "phone"], *([f"Ann{n}", f"+4930{1_000_000 + n}"] for n in range(400))])
    window = {"from": "09:00", "to": "09:45", "time_zone": "target"}
    found = calls(place, window=window, audience={"file": "people.csv", "address": "phone"})
    assert seconds(found) > 86_400


def test_cost_is_expected_from_a_minute_each_and_at_most_the_longest_call(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ACCOUNT + "PRICE_PER_MINUTE", "0.2")
    place.audience(people(10))
    found = calls(place, call={"max_minutes": 5}, budget=1.0)
    assert (found.expected_cost, found.most_cost, found.covered) == (2.0, 10.0, 5)
    short = calls(place, call={"max_minutes": 0.5})
    assert (short.expected_cost, short.most_cost, short.covered) == (1.0, 1.0, 10)


def test_without_an_account_the_usual_price_is_taken(place: Place) -> None:
    place.audience(people(10))
    found = calls(place, account="west")
    assert found.expected_cost == pytest.approx(1.0)
    assert '"west" is not set up' in found.problems[0]


def test_what_twilio_does_not_use_is_told_and_stops_nothing(place: Place) -> None:
    place.audience(people(1))
    found = calls(place, call={"prompt": "Be kind."})
    assert plan(found).notes == (
        "with twilio the first message is read out, and that is all: agent, prompt have no effect",
    )
    assert found.problems == ()
    assert plan(calls(place, call={"agent": "https://example.com/twiml", "prompt": "Be kind."})).notes == ()
    assert plan(calls(place, call={"agent": None})).notes == ()


def test_the_view_shows_the_call_shortened(place: Place) -> None:
    place.audience([["first_name", "phone", "notes"], ["Ann", "+14155552001", "n" * 100]])
    said = {"agent": "agent_1", "first_message": "Hello {{ first_name }}", "prompt": "word " * 500}
    place.campaign_file(message=None, channel="call", call=said, fallback={"message": "We called."}, budget=0.05)
    out = place.clarion("check", "campaign.yaml").out
    for words in ("row 2 would be called with", "Hello Ann", "agent_1", "hangs up", "n" * 39 + "…", "We called."):
        assert words in out
    assert out.count("word") < 60
    assert "2.2 calls a minute: 3 at once, a call taken to last 1m20s" in out
    assert "0.10 without retries, at 1 min a call on average; 1.00 at most" in out
    assert "the budget of 0.05 pays for about 0 of 1" in " ".join(out.split())


@pytest.mark.parametrize("provider", VENDORS)
def test_the_example_can_be_started_with_any_provider(
    place: Place, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    vendor(monkeypatch, provider, read_campaign_file(EXAMPLE).account)
    found = place.clarion("check", str(EXAMPLE), "--json").json
    assert found["accepted"] > 50
    assert found["problems"] == []
