"""The Exotel dialer against a server that answers as each test says."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace

import pytest

from clarion.domain.call import Script, Stage
from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome
from clarion.providers.exotel import open_exotel
from clarion.providers.exotel_errors import refusal
from clarion.providers.exotel_transport import ExotelTransport
from clarion.providers.ports import AccountBroken, OutcomeUnknown, OutgoingCall, ProviderError, RateLimited, Rejected
from tests.providers.scripted import Step, cuts_the_body, drops, hangs, says
from tests.providers.scripted_exotel import (
    CALL,
    DOOR,
    EXOPHONE,
    PERSON,
    SID,
    account,
    dialer_to,
    one,
    page,
    refuses,
)


async def test_places_a_call_into_a_flow() -> None:
    async with dialer_to(one(Status="in-progress")) as (dialer, exotel):
        word = await dialer.place(CALL)
    assert (word.verdict.outcome, word.verdict.final) == (Outcome.PLACED, False)
    assert (word.verdict.provider_reference, word.verdict.provider_status) == (SID, "in-progress")
    assert word.facts.stage is Stage.PLACED  # which Exotel says before anybody has picked up
    seen = exotel.seen[0]
    assert (seen.method, seen.path) == ("POST", "/v1/Accounts/clarion 1/Calls/connect.json")
    assert seen.headers["Authorization"] == "Basic " + base64.b64encode(b"key:token").decode()
    assert seen.form == {
        "From": PERSON,
        "CallerId": EXOPHONE,
        "Url": "http://my.exotel.com/clarion%201/exoml/start_voice/4711",
        "CustomField": "7.12.1",
        "TimeLimit": "660",
        "TimeOut": "60",
        "StatusCallback": f"{DOOR}?attempt=7.12.1",
        "StatusCallbackContentType": "application/json",
        "StatusCallbackEvents[0]": "terminal",
        "StatusCallbackEvents[1]": "answered",
    }


async def form_of(call: OutgoingCall, *, callback: str | None = DOOR, agent: str | None = None) -> Mapping[str, str]:
    async with dialer_to(one(Status="in-progress"), callback=callback, agent=agent) as (dialer, exotel):
        await dialer.place(call)
    return exotel.seen[0].form


async def test_a_call_says_for_itself_what_the_account_says_for_all() -> None:
    flow = "http://my.exotel.com/clarion%201/exoml/start_voice/"
    assert (await form_of(CALL, agent="99"))["Url"] == flow + "4711"
    assert (await form_of(replace(CALL, script=Script()), agent="99"))["Url"] == flow + "99"
    own = "http://my.exotel.in/exoml/start/5"
    assert (await form_of(replace(CALL, script=Script(agent=own))))["Url"] == own
    assert (await form_of(replace(CALL, sender="08047110001")))["CallerId"] == "08047110001"
    assert (await form_of(replace(CALL, longest=99_999.0)))["TimeLimit"] == "14400"


async def test_without_a_public_address_nothing_is_told() -> None:
    assert not [name for name in await form_of(CALL, callback=None) if name.startswith("StatusCallback")]


async def test_without_a_flow_nobody_is_called() -> None:
    async with dialer_to(one()) as (dialer, exotel):
        with pytest.raises(AccountBroken, match="app id of a flow"):
            await dialer.place(replace(CALL, script=Script(first_message="Hello")))
    assert exotel.seen == []


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        (None, "my.exotel.com"),
        ("https://api.in.exotel.com/", "my.in.exotel.com"),
        ("http://127.0.0.1:9000", "my.exotel.com"),
    ],
)
async def test_a_flow_is_in_the_region_of_the_account(base_url: str | None, host: str) -> None:
    transport = ExotelTransport(account(base_url))
    assert transport.flow_host == host
    await transport.close()


async def test_a_wrong_address_is_named_at_once() -> None:
    with pytest.raises(BadInput, match=r"api\.exotel\.com"):
        await open_exotel(account("127.0.0.1:1"), None)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (refuses(401), AccountBroken),
        (refuses(402), AccountBroken),
        (refuses(404), AccountBroken),
        (refuses(400, f"{PERSON} is odd"), Rejected),
        (refuses(409), Rejected),
        (refuses(418), Rejected),
        (refuses(408), OutcomeUnknown),
        (refuses(429, Retry_After="3"), RateLimited),
        (refuses(500), OutcomeUnknown),
        (refuses(400, http_status=500), OutcomeUnknown),
        (refuses(402, http_status=200), AccountBroken),
        (says(302, ""), OutcomeUnknown),
        (says(200, {"RestException": {"Message": "odd"}}), OutcomeUnknown),
        (says(200, "<html>"), OutcomeUnknown),
        (says(200, "[]"), OutcomeUnknown),
        (says(200, {"Call": {"Status": "queued"}}), OutcomeUnknown),
        (says(200, {"Call": []}), OutcomeUnknown),
        (drops, OutcomeUnknown),
        (cuts_the_body, OutcomeUnknown),
    ],
)
async def test_a_failure_says_what_it_proves(step: Step, expected: type[ProviderError]) -> None:
    async with dialer_to(step) as (dialer, exotel):
        with pytest.raises(ProviderError) as caught:
            await dialer.place(CALL)
    assert type(caught.value) is expected
    assert PERSON not in str(caught.value)
    assert caught.value.__cause__ is None
    assert len(exotel.seen) == 1


async def test_an_answer_that_does_not_come_leaves_the_call_unknown() -> None:
    async with dialer_to(hangs, patience=0.3) as (dialer, exotel):
        assert dialer.timeout == 0.3
        with pytest.raises(OutcomeUnknown, match=r"0\.3 seconds"):
            await dialer.place(CALL)
    assert len(exotel.seen) == 1


@pytest.mark.parametrize("asked", [refuses(403), refuses(401)])
async def test_a_suspended_account_is_told_from_a_number_that_may_not_be_called(asked: Step) -> None:
    async with dialer_to(refuses(403, "DND"), asked) as (dialer, _):
        with pytest.raises(AccountBroken):
            await dialer.place(CALL)


@pytest.mark.parametrize("asked", [page(), refuses(500), drops])
async def test_a_number_that_may_not_be_called_stops_nobody_else(asked: Step) -> None:
    async with dialer_to(refuses(403, "DND"), asked) as (dialer, exotel):
        with pytest.raises(Rejected) as caught:
            await dialer.place(CALL)
    assert [seen.method for seen in exotel.seen if seen.method != "GET"] == ["POST"]
    verdict = caught.value.verdict
    assert (verdict.outcome, verdict.retryable, verdict.provider_code) == (Outcome.FAILED, False, "403")


@pytest.mark.parametrize(("asked", "wait"), [(None, 5.0), (30.0, 30.0)])
def test_patience_is_asked_for_in_seconds(asked: float | None, wait: float) -> None:
    error = refusal(429, retry_after=asked)
    assert isinstance(error, RateLimited)
    assert error.retry_after == wait


def test_the_vendors_words_stay_out_of_messages() -> None:
    error = refusal(400, vendor_text=f"{PERSON} is odd")
    assert isinstance(error, Rejected)
    assert PERSON not in str(error)
    assert (error.verdict.detail or "").endswith(f": {PERSON} is odd")


async def test_a_call_cannot_be_ended() -> None:
    async with dialer_to(drops) as (dialer, exotel):
        assert await dialer.hang_up(SID) is False
    assert exotel.seen == []


@pytest.mark.parametrize(
    ("step", "expected"),
    [(refuses(401), AccountBroken), (refuses(403), AccountBroken), (refuses(400), Rejected), (drops, OutcomeUnknown)],
)
async def test_checks_the_credentials_without_calling(step: Step, expected: type[ProviderError]) -> None:
    async with dialer_to(page()) as (dialer, exotel):
        await dialer.check()
    assert (exotel.seen[0].method, exotel.seen[0].query) == ("GET", {"PageSize": "1"})
    async with dialer_to(step) as (dialer, _):
        with pytest.raises(expected):
            await dialer.check()
