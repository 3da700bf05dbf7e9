"""The Twilio dialer against a server that answers as each test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

import pytest
from aiohttp import web

from clarion.domain.call import AnsweredBy, MachineRule, Script, Stage
from clarion.domain.errors import BadInput, NotFound
from clarion.domain.target import Outcome
from clarion.providers.ports import AccountBroken, OutcomeUnknown, OutgoingCall, ProviderError, RateLimited, Rejected
from clarion.providers.twilio_calls import TwilioDialer, open_twilio_dialer
from clarion.settings import Account
from tests.providers.scripted_twilio import (
    CREATED,
    PERSON,
    SENDER,
    SID,
    ScriptedTwilio,
    Step,
    account,
    cuts_the_body,
    drops,
    hangs,
    refuses,
    says,
    scripted_twilio,
)

DOOR = "https://example.com/webhooks/twilio/main/call"
SERVICE = "MG" + "0" * 32
CALL = OutgoingCall(
    attempt="7.12.1",
    to=PERSON,
    sender=None,
    script=Script(first_message="Hello Ann"),
    longest=659.5,
    machine=MachineRule.HANG_UP,
)


def call(number: int = 1, **changes: object) -> dict[str, object]:
    return {
        "sid": f"CA{number:032x}",
        "status": "queued",
        "answered_by": None,
        "direction": "outbound-api",
        "duration": None,
        "price": None,
        "from": SENDER,
        "to": PERSON,
        "date_created": "Thu, 24 Aug 2023 05:01:45 +0000",
        "start_time": None,
        **changes,
    }


def page(*calls: dict[str, object], following: str | None = None) -> Step:
    meta = {"end": 0, "first_page_uri": "/x", "previous_page_uri": None, "page": 0, "page_size": 100, "start": 0}
    return says(200, {"calls": list(calls), "next_page_uri": following, "uri": "/x", **meta})


@asynccontextmanager
async def dialer_to(
    *script: Step, callback: str | None = DOOR, patience: float = 5.0, **changes: str | None
) -> AsyncIterator[tuple[TwilioDialer, ScriptedTwilio]]:
    async with scripted_twilio(*script) as twilio:
        ours = Account.model_validate({**account(twilio.url, timeout=patience).model_dump(), **changes})
        dialer = await open_twilio_dialer(ours, callback)
        try:
            yield dialer, twilio
        finally:
            await dialer.close()


async def ordered(order: OutgoingCall, *, callback: str | None = DOOR, agent: str | None = None) -> Mapping[str, str]:
    """Return the form that places a call; ``agent`` is the account's."""
    async with dialer_to(says(201, call()), callback=callback, agent=agent) as (dialer, twilio):
        await dialer.place(order)
    return twilio.seen[0].form


async def test_places_a_call_that_is_spoken_by_twilio() -> None:
    async with dialer_to(says(201, call())) as (dialer, twilio):
        word = await dialer.place(CALL)
    assert (word.verdict.outcome, word.verdict.final, word.facts.stage) == (Outcome.PLACED, False, Stage.PLACED)
    assert word.verdict.provider_reference == "CA" + "0" * 31 + "1"
    seen = twilio.seen[0]
    assert (seen.method, seen.path) == ("POST", f"/2010-04-01/Accounts/{SID}/Calls.json")
    assert seen.form == {
        "To": PERSON,
        "From": SENDER,
        "Timeout": "60",
        "TimeLimit": "660",
        "Twiml": '<?xml version="1.0" encoding="UTF-8"?><Response><Say>Hello Ann</Say></Response>',
        "MachineDetection": "Enable",
        "AsyncAmd": "true",
        "AsyncAmdStatusCallback": f"{DOOR}?attempt=7.12.1",
        "StatusCallback": f"{DOOR}?attempt=7.12.1",
        "StatusCallbackEvent": "completed",
    }


async def test_asks_to_hear_of_every_step() -> None:
    told: list[list[str]] = []

    async def step(request: web.Request) -> web.StreamResponse:
        told.append([value for name, value in parse_qsl(await request.text()) if name == "StatusCallbackEvent"])
        return web.json_response(call(), status=201)

    async with dialer_to(step) as (dialer, _):
        await dialer.place(CALL)
    assert told == [["initiated", "ringing", "answered", "completed"]]


@pytest.mark.parametrize(
    ("agent", "url"),
    [
        ("https://agents.example.com/ann", "https://agents.example.com/ann?attempt=7.12.1"),
        ("HTTPS://agents.example.com/ann?v=2", "https://agents.example.com/ann?v=2&attempt=7.12.1"),
        ("https://agents.example.com/ann#rc=2", "https://agents.example.com/ann?attempt=7.12.1#rc=2"),
    ],
)
async def test_an_address_speaks_for_itself(agent: str, url: str) -> None:
    form = await ordered(replace(CALL, script=replace(CALL.script, agent=agent)))
    assert form["Url"] == url
    assert "Twiml" not in form
    assert (await ordered(CALL, agent=agent))["Url"] == url


async def test_an_agent_of_the_call_goes_before_that_of_the_account() -> None:
    order = replace(CALL, script=Script(agent="https://a.example.com/"))
    assert (await ordered(order, agent="https://b.example.com/"))["Url"] == "https://a.example.com/?attempt=7.12.1"


async def test_the_campaigns_number_goes_before_the_accounts() -> None:
    assert (await ordered(replace(CALL, sender="+14155550199")))["From"] == "+14155550199"


@pytest.mark.parametrize("asked", ["place", "find"])
async def test_without_any_number_nobody_is_called(asked: str) -> None:
    async with dialer_to(says(201, call()), from_number=None, messaging_service=SERVICE) as (dialer, twilio):
        with pytest.raises(AccountBroken, match="from_number"):
            await (dialer.place(CALL) if asked == "place" else dialer.find(CALL, CREATED, ()))
    assert twilio.seen == []


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (Script(first_message='5 < 6 & "so"'), '<Say>5 &lt; 6 &amp; "so"</Say>'),
        (Script(first_message="Grüß Gott", language="de-AT"), '<Say language="de-AT">Grüß Gott</Say>'),
        (Script(voicemail_message="Call us back"), "<Say>Call us back</Say>"),
        (Script(first_message="a\x00b\x07\ud800c\nd"), "<Say>a b  c\nd</Say>"),
    ],
)
async def test_any_text_can_be_spoken(script: Script, said: str) -> None:
    assert said in (await ordered(replace(CALL, script=script)))["Twiml"]


@pytest.mark.parametrize(
    ("script", "outcome", "why"),
    [
        (Script(), Outcome.FAILED, "first_message"),
        (Script(first_message="\x00 "), Outcome.FAILED, "nothing to say"),
        (Script(prompt="Be kind", agent="agent_123"), Outcome.FAILED, "an address with TwiML"),
        (Script(first_message="x" * 4000), Outcome.REJECTED_CONTENT, "4,000 characters"),
    ],
)
async def test_what_cannot_be_spoken_is_not_called(script: Script, outcome: Outcome, why: str) -> None:
    async with dialer_to(says(201, call())) as (dialer, twilio):
        with pytest.raises(Rejected, match=why) as caught:
            await dialer.place(replace(CALL, script=script))
    assert (caught.value.verdict.outcome, caught.value.verdict.retryable) == (outcome, False)
    assert twilio.seen == []


async def test_only_to_leave_a_message_the_call_waits_for_the_beep() -> None:
    leaving = await ordered(replace(CALL, machine=MachineRule.LEAVE_MESSAGE))
    assert leaving["MachineDetection"] == "DetectMessageEnd"
    assert not {"AsyncAmd", "AsyncAmdStatusCallback"} & leaving.keys()
    going_on = await ordered(replace(CALL, machine=MachineRule.CONTINUE))
    assert (going_on["MachineDetection"], going_on["AsyncAmd"]) == ("Enable", "true")


async def test_without_a_public_address_nothing_is_told() -> None:
    form = await ordered(CALL, callback=None)
    assert form["AsyncAmd"] == "true"
    assert not {"StatusCallback", "StatusCallbackEvent", "AsyncAmdStatusCallback"} & form.keys()


async def test_a_wrong_address_is_named_at_once() -> None:
    with pytest.raises(BadInput, match=r"api\.twilio\.com"):
        await open_twilio_dialer(account("127.0.0.1:1"), None)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (refuses(401, 20003), AccountBroken),
        (refuses(400, 21212), AccountBroken),
        (refuses(400, 13214), AccountBroken),
        (refuses(404, 20404), AccountBroken),
        (refuses(400, 21217, "+14155552671 is bad"), Rejected),
        (refuses(400, 21203), Rejected),
        (refuses(429, 20429, Retry_After="3"), RateLimited),
        (refuses(429, 10004), RateLimited),
        (refuses(500, 20500), OutcomeUnknown),
        (says(201, "<html>"), OutcomeUnknown),
        (says(201, {"status": "queued"}), OutcomeUnknown),
        (drops, OutcomeUnknown),
        (cuts_the_body, OutcomeUnknown),
    ],
)
async def test_a_failure_says_what_it_proves(step: Step, expected: type[ProviderError]) -> None:
    async with dialer_to(step) as (dialer, twilio):
        with pytest.raises(ProviderError) as caught:
            await dialer.place(CALL)
    assert type(caught.value) is expected
    assert PERSON not in str(caught.value)
    assert caught.value.__cause__ is None
    assert len(twilio.seen) == 1


async def test_an_answer_that_does_not_come_leaves_the_call_unknown() -> None:
    async with dialer_to(hangs, patience=0.3) as (dialer, twilio):
        assert dialer.timeout == 0.3
        with pytest.raises(OutcomeUnknown, match=r"0\.3 seconds"):
            await dialer.place(CALL)
    assert len(twilio.seen) == 1


async def test_says_how_a_call_stands() -> None:
    over = call(status="completed", answered_by="human", duration="42", price="-0.01400")
    async with dialer_to(says(200, over)) as (dialer, twilio):
        word = await dialer.look("CA1")
    assert (twilio.seen[0].method, twilio.seen[0].path) == ("GET", f"/2010-04-01/Accounts/{SID}/Calls/CA1.json")
    assert (word.verdict.outcome, word.verdict.final) == (Outcome.ANSWERED, True)
    facts = word.facts
    assert (facts.stage, facts.answered_by, facts.duration, facts.cost) == (Stage.ENDED, AnsweredBy.HUMAN, 42.0, 0.014)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (refuses(404, 20404), NotFound),
        (says(404, "<html>"), AccountBroken),
        (refuses(401, 20003), AccountBroken),
        (refuses(429, 20429), RateLimited),
        (refuses(400, 20001), OutcomeUnknown),
        (refuses(503, 20503), OutcomeUnknown),
        (says(200, "<html>"), OutcomeUnknown),
        (says(200, {}), OutcomeUnknown),
        (drops, OutcomeUnknown),
    ],
)
async def test_a_call_that_cannot_be_seen_proves_nothing(step: Step, expected: type[Exception]) -> None:
    async with dialer_to(step) as (dialer, _):
        with pytest.raises(expected) as caught:
            await dialer.look("CA1")
    assert type(caught.value) is expected
    assert caught.value.__cause__ is None


async def test_finds_the_call_that_was_placed() -> None:
    async with dialer_to(page(call(1, status="ringing"))) as (dialer, twilio):
        word = await dialer.find(CALL, CREATED - 1, known=())
    assert word is not None
    assert (word.verdict.provider_reference, word.facts.stage) == ("CA" + "0" * 31 + "1", Stage.RINGING)
    # StartTime would hide a call that still waits in Twilio's queue
    assert twilio.seen[0].query == {"To": PERSON, "From": SENDER, "PageSize": "100"}


@pytest.mark.parametrize(
    "other",
    [
        call(direction="inbound"),
        call(direction="outbound-dial"),
        call(date_created="Thu, 24 Aug 2023 04:59:45 +0000"),
        call(9),
    ],
)
async def test_does_not_take_another_call_for_ours(other: dict[str, object]) -> None:
    async with dialer_to(page(other)) as (dialer, _):
        assert await dialer.find(CALL, CREATED, known={"CA" + "0" * 31 + "9"}) is None


async def test_the_call_nearest_in_time_is_ours() -> None:
    rows = page(call(1, date_created="Thu, 24 Aug 2023 05:20:00 +0000"), call(2), call(3, date_created=None))
    async with dialer_to(rows) as (dialer, _):
        word = await dialer.find(CALL, CREATED - 2, known=())
    assert word is not None
    assert word.verdict.provider_reference == "CA" + "0" * 31 + "2"


async def test_looks_on_the_following_pages_until_they_are_too_old() -> None:
    following = f"/2010-04-01/Accounts/{SID}/Calls.json?{urlencode({'Page': 1, 'PageToken': 'PA1'})}"
    old = call(2, date_created="Thu, 24 Aug 2023 04:00:00 +0000")
    async with dialer_to(page(call(9), following=following), page(old, following=following)) as (dialer, twilio):
        assert await dialer.find(CALL, CREATED, known={"CA" + "0" * 31 + "9"}) is None
    assert [seen.query.get("PageToken") for seen in twilio.seen] == [None, "PA1"]


async def test_never_says_that_there_is_nothing_without_having_seen_all() -> None:
    async with dialer_to(page(call(9), following="/2010-04-01/next")) as (dialer, _):
        with pytest.raises(OutcomeUnknown, match="may be among them"):
            await dialer.find(CALL, CREATED, known={"CA" + "0" * 31 + "9"})


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (refuses(401, 20003), AccountBroken),
        (refuses(429, 20429), RateLimited),
        (refuses(400, 21211), OutcomeUnknown),
        (says(200, "<html>"), OutcomeUnknown),
        (says(200, {"calls": [1]}), OutcomeUnknown),
        (drops, OutcomeUnknown),
    ],
)
async def test_a_list_that_cannot_be_read_proves_nothing(step: Step, expected: type[ProviderError]) -> None:
    async with dialer_to(step) as (dialer, _):
        with pytest.raises(ProviderError) as caught:
            await dialer.find(CALL, CREATED, known=())
    assert type(caught.value) is expected
    assert PERSON not in str(caught.value)


@pytest.mark.parametrize(
    "step", [says(200, call(status="completed")), says(200, ""), refuses(400, 21220), refuses(404, 20404)]
)
async def test_ends_a_call_or_finds_it_ended(step: Step) -> None:
    async with dialer_to(step) as (dialer, twilio):
        assert await dialer.hang_up("CA1") is True
    assert (twilio.seen[0].method, twilio.seen[0].form) == ("POST", {"Status": "completed"})


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (refuses(401, 20003), AccountBroken),
        (says(404, "<html>"), AccountBroken),
        (refuses(429, 20429), RateLimited),
        (refuses(400, 20001), OutcomeUnknown),
        (refuses(500, 20500), OutcomeUnknown),
        (drops, OutcomeUnknown),
    ],
)
async def test_a_call_that_could_not_be_ended_is_not_called_ended(step: Step, expected: type[ProviderError]) -> None:
    async with dialer_to(step) as (dialer, _):
        with pytest.raises(ProviderError) as caught:
            await dialer.hang_up("CA1")
    assert type(caught.value) is expected


async def test_checks_the_credentials_without_calling() -> None:
    async with dialer_to(page()) as (dialer, twilio):
        await dialer.check()
    assert (twilio.seen[0].method, twilio.seen[0].query) == ("GET", {"PageSize": "1"})
    for step, expected in ((refuses(401, 20003), AccountBroken), (says(200, "<html>"), OutcomeUnknown)):
        async with dialer_to(step) as (dialer, _):
            with pytest.raises(expected):
                await dialer.check()
