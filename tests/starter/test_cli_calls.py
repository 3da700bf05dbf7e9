"""Commands about calls: what people see of them, and what a single call refuses before anybody's phone rings."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from clarion.account_contracts import AccountLimits, AccountState, Holder
from clarion.contracts import CampaignRef, LaneGrant, LaneRequest
from clarion.domain.call import AnsweredBy, Speaker, Stage, Turn
from clarion.domain.campaign import CampaignStatus
from starter.terminal.account_view import account_view
from tests.starter.installation import ANSWERED, BUSY, VOICEMAIL, OneCampaign, Place, people

LINK = "https://recordings.example/" + "a" * 90 + ".wav"
TURNS = (Turn(Speaker.AGENT, "Hello Ann0!", 0.4), Turn(Speaker.PERSON, "[bold]Who[/] is it?", 61.0))


@pytest.fixture
def calls(place: Place) -> OneCampaign:
    """Four people: a talk, a busy line, a voicemail, and somebody who is being talked to."""
    fallback = {"on": ["voicemail"], "message": "Hi {{ first_name }}", "account": "main"}
    campaign = place.calls(people(4), fallback=fallback)
    campaign.run()
    talk = campaign.call()
    told: dict[str, Any] = {
        "answered_by": AnsweredBy.HUMAN,
        "summary": "She agreed.",
        "recording_url": LINK,
        "analysis": {"mood": "good"},
    }
    campaign.tell(talk, ANSWERED, stage=Stage.ENDED, duration=95.0, cost=0.5, turns=TURNS, **told)
    campaign.call(BUSY, stage=Stage.ENDED)
    campaign.call(VOICEMAIL, stage=Stage.ENDED, duration=5.0, cost=0.1)
    campaign.call(stage=Stage.ANSWERED)
    return campaign


def test_a_transcript_shows_every_turn_and_then_the_sums(place: Place, calls: OneCampaign) -> None:
    shown = place.clarion("transcripts", "spring")
    assert shown.code == 0
    for word in ("target 1", "+14155552000", "answered", "She agreed.", "Hello Ann0!", "1:01", "mood: good", "4 calls"):
        assert word in shown.out
    assert "[bold]Who[/] is it?" in shown.out, "what people say is shown and not obeyed"
    assert LINK in shown.out, "a link stays whole, however wide the terminal"


def test_a_summary_has_the_sums_alone(place: Place, calls: OneCampaign) -> None:
    shown = place.clarion("transcripts", "spring", "--summary").out
    assert "Hello Ann0!" not in shown
    assert "for each call that a person answered" in shown
    told = place.clarion("transcripts", "spring", "--summary", "--json").json
    assert told["outcomes"] == {"answered": 1, "busy": 1, "voicemail": 1, "placed": 1}
    assert (told["total_duration"], told["average_duration"]) == (100.0, 50.0)
    assert told["analysis"] == {"mood": {"good": 1}}


def test_transcripts_as_json_are_a_list_of_calls(place: Place, calls: OneCampaign) -> None:
    (call,) = place.clarion("transcripts", "spring", "--json").json
    assert (call["position"], call["number"], call["outcome"], call["stage"]) == (1, 1, "answered", "ended")
    assert call["turns"][1] == {"speaker": "person", "text": "[bold]Who[/] is it?", "at": 61.0}


def test_a_campaign_of_which_nobody_said_anything_still_has_its_sums(place: Place) -> None:
    place.calls(people(1)).run()
    shown = place.clarion("transcripts", "spring")
    assert (shown.code, "0 calls" in shown.out) == (0, True)


def test_the_view_says_how_far_calls_have_come(place: Place, calls: OneCampaign) -> None:
    shown = place.clarion("progress", "spring").out
    assert "1 talking" in shown
    assert place.clarion("progress", "spring", "--json").json["stages"] == {"placed": 0, "ringing": 0, "answered": 1}


def test_a_queued_campaign_says_what_it_waits_for(place: Place) -> None:
    place.calls(people(1)).status(CampaignStatus.QUEUED, "3 campaigns run on account main already")
    shown = place.clarion("progress", "spring").out
    assert "queued" in shown
    assert "3 campaigns run on account main already" in shown


def test_errors_group_calls_and_say_which_can_be_tried_again(place: Place, calls: OneCampaign) -> None:
    told = place.clarion("errors", "spring", "--json").json
    assert {(group["state"], group["outcome"]): group["retry_helps"] for group in told} == {
        ("failed", "voicemail"): True,
        ("waiting", "busy"): False,
    }
    assert "clarion retry spring --outcome voicemail" in place.clarion("errors", "spring").err


def test_texts_stand_below_the_calls_that_they_follow(place: Place, calls: OneCampaign) -> None:
    place.imported(people(1), "before")
    texts = calls.texts()
    place.imported(people(1), "after")
    listed = place.clarion("list", "--json").json
    assert [(line["campaign_id"], line["parent"]) for line in listed] == [
        ("after", None), ("before", None), ("spring", None), (texts, "spring"),
    ]  # fmt: skip
    assert f"└─{texts}" in place.clarion("list").out


def test_texts_whose_calls_are_not_in_the_list_are_marked_all_the_same(place: Place, calls: OneCampaign) -> None:
    texts = calls.texts()
    (line,) = place.clarion("list", "--limit", "1", "--json").json
    assert (line["campaign_id"], line["parent"]) == (texts, "spring")
    assert f"└─{texts}" in place.clarion("list", "--limit", "1").out


def test_calls_name_their_texts_and_texts_their_calls(place: Place, calls: OneCampaign) -> None:
    texts = calls.texts()
    parent, child = place.clarion("show", "spring", "--json").json, place.clarion("show", texts, "--json").json
    assert (parent["texts"], parent["parent"]) == (texts, None)
    assert (child["texts"], child["parent"]) == (None, "spring")
    assert f"texts to those not reached {texts}" in place.clarion("show", "spring").out
    assert "texts those whom spring did not reach: voicemail" in place.clarion("show", texts).out


def test_a_call_under_way_shows_nothing_of_an_earlier_one_in_the_list_of_targets(place: Place) -> None:
    campaign = place.calls(people(1), retry={"attempts": 2, "delay": "0s"})
    campaign.run()
    campaign.call(BUSY, stage=Stage.ENDED)
    assert "the line was busy" in place.clarion("targets", "spring").out
    campaign.call()
    assert "the line was busy" not in place.clarion("targets", "spring").out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("12",), "has no country code; write it like +14155550123, or give --region US"),
        (("12", "--region", "US"), '"12" is not a phone number'),
        (("+14155550123", "--account", "nobody"), 'account "nobody" is not set up (known: main)'),
        (("+14155550123",), "nothing would be said"),
        (("+14155550123", "--first-message", "Hi {{ first_name }}"), "add --var first_name=…"),
        (("+14155550123", "--first-message", "Hi", "--var", "x"), '--var "x" is not NAME=VALUE'),
        (("+14155550123", "--first-message", "Hi", "--machine", "shout"), 'call.machine is "shout"'),
        (("+14155550123", "--first-message", "Hi", "--max-minutes", "0"), "call.max_minutes is 0.0"),
        (("+14155550123", "--first-message", "Hi"), "does not answer"),
    ],
)
def test_a_single_call_that_cannot_be_made_says_why_in_one_sentence(
    place: Place, arguments: tuple[str, ...], word: str
) -> None:
    done = place.clarion("call", *arguments)
    assert done.code in {1, 2}
    assert (done.out, done.err.count("\n")) == ("", 1)
    assert word in done.err
    assert place.clarion("list", "--json").json == []


@pytest.mark.parametrize(
    ("provider", "more", "word"),
    [
        ("elevenlabs", {"PHONE_NUMBER_ID": "phnum_1"}, "elevenlabs calls only with an agent"),
        ("exotel", {"API_KEY": "k", "SID": "s"}, "exotel calls only with a flow"),
        ("retell", {}, "nobody would speak"),
    ],
)
def test_a_missing_agent_is_told_with_the_vendor(
    place: Place, monkeypatch: pytest.MonkeyPatch, provider: str, more: dict[str, str], word: str
) -> None:
    account = {"PROVIDER": provider, "AUTH_TOKEN": "t", "FROM_NUMBER": "+15005550006", **more}
    for name, value in account.items():
        monkeypatch.setenv(f"CLARION_ACCOUNTS__OTHER__{name}", value)
    done = place.clarion("call", "+14155550123", "--account", "other", "--prompt", "Be kind.")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert word in done.err


def test_an_account_shows_who_holds_its_lanes_and_why_others_wait() -> None:
    def holder(name: str, lanes: int, **more: object) -> Holder:
        ref = CampaignRef(tenant="default", campaign_id=name, key=1)
        request = LaneRequest(campaign=ref, workflow_id=f"campaign/default/{name}", chain="r", number=1, wants=5)
        return Holder.model_validate({"request": request, "since": 1.0, "bound": lanes, **more})

    state = AccountState(
        settings=AccountLimits(concurrency=10, campaigns=1, inbound_reserve=0.2, per_second=1.0, per_hour=18_000.0),
        holders={
            "a": holder("first", 5, grant=LaneGrant(lanes=5)),
            "b": holder("second", 0, grant=LaneGrant(queued=True, reason="1 campaign runs already")),
            "c": holder("third", 2, alive=False),
        },
    )
    console = Console(width=100, _environ={})
    with console.capture() as capture:
        console.print(account_view("main", state))
    shown = " ".join(capture.get().split())
    assert "7 of 8 lanes held" in shown
    assert "new calls: 1 a second, 18,000 an hour · 1 campaign at once" in shown
    assert "20% of 10 kept free for callers" in shown
    assert "queued: 1 campaign runs already" in shown
    assert "its workflow has ended; 2 calls of it are waited for" in shown


def test_an_account_that_is_not_set_up_is_told(place: Place) -> None:
    done = place.clarion("account", "nobody")
    assert (done.code, 'account "nobody" is not set up' in done.err) == (2, True)


def test_going_back_to_the_settings_is_asked_for_alone(place: Place) -> None:
    done = place.clarion("account", "main", "--reset", "--concurrency", "5")
    assert (done.code, "give it alone" in done.err) == (2, True)


@pytest.mark.parametrize("option", ["--concurrency=0", "--inbound-reserve=1", "--per-second=-1", "--campaigns=101"])
def test_a_limit_that_is_not_possible_is_refused_by_name(place: Place, option: str) -> None:
    done = place.clarion("account", "main", option)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert option.split("=", maxsplit=1)[0].removeprefix("--").replace("-", "_") in done.err
