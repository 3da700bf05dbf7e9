"""The Twilio dialer against a server that answers as each test says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from clarion.domain.call import MachineRule, Script, Stage
from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome
from clarion.providers.ports import AccountBroken, OutcomeUnknown, OutgoingCall, ProviderError, RateLimited, Rejected
from clarion.providers.twilio_calls import open_twilio_dialer
from tests.providers.scripted import Step, cuts_the_body, drops, hangs, says
from tests.providers.scripted_twilio import CREATED, PERSON, SENDER, SID, account, refuses
from tests.providers.scripted_twilio_calls import CALL, DOOR, SERVICE, call, dialer_to, page


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
