"""The Exotel dialer against a server that answers as each test says."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from pydantic import SecretStr

from clarion.domain.call import AnsweredBy, MachineRule, Script, Stage
from clarion.domain.errors import BadInput, NotFound
from clarion.domain.target import Outcome
from clarion.providers.exotel import ExotelDialer, open_exotel
from clarion.providers.exotel_errors import refusal
from clarion.providers.exotel_statuses import IST, epoch, local_time, word_on
from clarion.providers.exotel_transport import ExotelTransport
from clarion.providers.ports import AccountBroken, OutcomeUnknown, OutgoingCall, ProviderError, RateLimited, Rejected
from clarion.settings import Account, Provider
from tests.providers.scripted_twilio import ScriptedTwilio, Step, cuts_the_body, drops, hangs, says, scripted_twilio

PERSON = "+919876543210"
EXOPHONE = "+918047110000"
DOOR = "https://example.com/webhooks/exotel/main/s3cret/call"
SID = "c5797dcbaaeed7678c4062a4a3ed2f8a"
AGES_AGO = 1_488_518_313.0  # 2017-03-03 10:48:33 in India
CALL = OutgoingCall("7.12.1", PERSON, None, Script(agent="4711"), 659.5, MachineRule.HANG_UP)


def account(base_url: str | None, *, timeout: float = 5.0, agent: str | None = None) -> Account:
    return Account(
        provider=Provider.EXOTEL,
        sid="clarion 1",
        api_key="key",
        auth_token=SecretStr("token"),
        from_number=EXOPHONE,
        agent=agent,
        base_url=base_url,
        timeout=timeout,
    )


@asynccontextmanager
async def dialer_to(
    *script: Step, callback: str | None = DOOR, patience: float = 5.0, agent: str | None = None
) -> AsyncIterator[tuple[ExotelDialer, ScriptedTwilio]]:
    async with scripted_twilio(*script) as exotel:
        dialer = await open_exotel(account(exotel.url, timeout=patience, agent=agent), callback)
        try:
            yield dialer, exotel
        finally:
            await dialer.close()


def row(**changes: object) -> dict[str, object]:
    return {
        "Sid": SID,
        "DateCreated": "2017-03-03 10:48:33",
        "Status": "completed",
        "Direction": "outbound-api",
        "From": "09876543210",
        "To": "08047110000",
        "PhoneNumberSid": "08047110000",
        "Duration": None,
        "Price": None,
        "AnsweredBy": None,
        "RecordingUrl": None,
        **changes,
    }


def one(**changes: object) -> Step:
    return says(200, {"Call": row(**changes)})


def page(*rows: object, following: str | None = None) -> Step:
    return says(200, {"Metadata": {"NextPageUri": following}, "Calls": list(rows)})


def refuses(status: int, words: str = "no", *, http_status: int | None = None, **headers: str) -> Step:
    return says(http_status or status, {"RestException": {"Status": status, "Message": words}}, **headers)


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


@pytest.mark.parametrize(
    ("status", "outcome", "final", "retryable", "stage"),
    [
        ("queued", Outcome.PLACED, False, False, Stage.PLACED),
        ("ringing", Outcome.PLACED, False, False, Stage.RINGING),
        ("in-progress", Outcome.PLACED, False, False, Stage.ANSWERED),
        ("something new", Outcome.PLACED, False, False, Stage.PLACED),
        ("completed", Outcome.ANSWERED, True, False, Stage.ENDED),
        ("busy", Outcome.BUSY, True, True, Stage.ENDED),
        ("no-answer", Outcome.NO_ANSWER, True, True, Stage.ENDED),
        ("failed", Outcome.FAILED, True, True, Stage.ENDED),
        ("canceled", Outcome.CANCELLED, True, False, Stage.ENDED),
    ],
)
async def test_says_how_a_call_stands(
    status: str, outcome: Outcome, final: bool, retryable: bool, stage: Stage
) -> None:
    async with dialer_to(one(Status=status, Duration="17")) as (dialer, exotel):
        word = await dialer.look("a/b")
    assert (exotel.seen[0].path, exotel.seen[0].query) == (
        "/v1/Accounts/clarion 1/Calls/a/b.json",
        {"details": "true"},
    )
    verdict = word.verdict
    assert (verdict.outcome, verdict.final, verdict.retryable) == (outcome, final, retryable)
    assert (verdict.provider_reference, verdict.provider_status) == (SID, status)
    assert word.facts.stage is stage
    assert word.facts.duration == (17.0 if status == "completed" else None)
    assert word.facts.disconnection_reason == (status if final and status != "completed" else None)


@pytest.mark.parametrize(
    ("changes", "duration"),
    [
        ({"Duration": "17", "Details": {"ConversationDuration": 8, "Legs": [{"Leg": {"OnCallDuration": 21}}]}}, 21.0),
        ({"Duration": "17", "Details": {"ConversationDuration": 8, "Legs": [{"Leg": {"OnCallDuration": 0}}]}}, 8.0),
        ({"Duration": "17", "Details": {"ConversationDuration": None, "Legs": None}}, 17.0),
        ({"Duration": "17", "Details": [1]}, 17.0),
        ({"Duration": None, "Details": {"Legs": [1, {"Leg": 2}]}}, None),
        ({"Duration": "soon"}, None),
    ],
)
def test_the_person_is_the_first_leg(changes: dict[str, object], duration: float | None) -> None:
    word = word_on(row(**changes))
    assert word is not None
    assert word.facts.duration == duration


@pytest.mark.parametrize(
    ("changes", "outcome", "who"),
    [
        ({"AnsweredBy": "machine"}, Outcome.VOICEMAIL, AnsweredBy.MACHINE),
        ({"Details": {"Legs": [{"AnsweredBy": "Machine"}]}}, Outcome.VOICEMAIL, AnsweredBy.MACHINE),
        ({"Details": {"Legs": [{"Leg": {"AnsweredBy": "HUMAN"}}]}}, Outcome.ANSWERED, AnsweredBy.HUMAN),
        (
            {"Details": {"Legs": [{"AnsweredBy": "NA"}, {"AnsweredBy": "NotSure"}]}},
            Outcome.ANSWERED,
            AnsweredBy.UNKNOWN,
        ),
        ({"AnsweredBy": "NA"}, Outcome.ANSWERED, None),
    ],
)
def test_who_answered_may_stand_with_the_call_or_a_leg(
    changes: dict[str, object], outcome: Outcome, who: AnsweredBy | None
) -> None:
    word = word_on(row(**changes))
    assert word is not None
    assert (word.verdict.outcome, word.verdict.retryable) == (outcome, outcome is Outcome.VOICEMAIL)
    assert word.facts.answered_by is who


@pytest.mark.parametrize(
    ("price", "cost"), [("1.500", 1.5), (2, 2.0), ("-1", 1.0), (None, None), ("", None), (True, None), ("nan", None)]
)
def test_a_price_is_what_it_costs_us(price: object, cost: float | None) -> None:
    word = word_on(row(Price=price, RecordingUrl="https://x/1.mp3"))
    assert word is not None
    assert (word.facts.cost, word.facts.recording_url) == (cost, "https://x/1.mp3")


def test_times_are_those_of_india() -> None:
    assert epoch("2017-03-03 10:48:33") == AGES_AGO
    assert local_time(AGES_AGO) == "2017-03-03 10:48:33"
    assert (epoch(None), epoch("soon")) == (None, None)
    assert IST.utcoffset(None).total_seconds() == 19_800


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (refuses(404), NotFound),
        (refuses(404, http_status=200), NotFound),
        (says(404, "<html>"), AccountBroken),
        (refuses(401), AccountBroken),
        (refuses(429), RateLimited),
        (refuses(400), OutcomeUnknown),
        (refuses(403), OutcomeUnknown),
        (refuses(503), OutcomeUnknown),
        (says(200, "<html>"), OutcomeUnknown),
        (says(200, {"Call": {}}), OutcomeUnknown),
        (drops, OutcomeUnknown),
    ],
)
async def test_a_call_that_cannot_be_seen_proves_nothing(step: Step, expected: type[Exception]) -> None:
    async with dialer_to(step) as (dialer, _):
        with pytest.raises(expected) as caught:
            await dialer.look(SID)
    assert type(caught.value) is expected
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "ours",
    [
        row(CustomField="7.12.1", DateCreated="2017-03-03 09:00:00", PhoneNumberSid="0123"),
        row(),
        row(PhoneNumberSid="exophone-id"),
        row(PhoneNumberSid=EXOPHONE, DateCreated="2017-03-03 10:47:40"),
    ],
)
async def test_finds_the_call_that_was_placed(ours: dict[str, object]) -> None:
    async with dialer_to(page(row(Sid="other", Direction="inbound"), ours), one(Price="1.500")) as (dialer, exotel):
        word = await dialer.find(CALL, AGES_AGO, known=())
    assert word is not None
    assert (word.verdict.provider_reference, word.facts.cost) == (SID, 1.5)
    query = exotel.seen[0].query
    assert (query["From"], query["PageSize"]) == (PERSON, "100")
    since, until = (epoch(bound[4:]) for bound in query["DateCreated"].split(";"))
    assert since == AGES_AGO - 60
    assert until is not None
    assert until >= time.time()
    assert exotel.seen[1].path.endswith(f"/Calls/{SID}.json")


@pytest.mark.parametrize(
    "other",
    [
        row(CustomField="7.13.1"),
        row(Direction="outbound-dial"),
        row(DateCreated="2017-03-03 10:40:00"),
        row(PhoneNumberSid="08047119999"),
        row(Sid="known"),
        row(Sid=None),
    ],
)
async def test_does_not_take_another_call_for_ours(other: dict[str, object]) -> None:
    async with dialer_to(page(other)) as (dialer, _):
        assert await dialer.find(CALL, AGES_AGO, known={"known"}) is None


async def test_our_id_goes_before_the_time() -> None:
    rows = page(row(Sid="near"), row(Sid="ours", CustomField="7.12.1", DateCreated="2017-03-03 10:52:00"))
    async with dialer_to(rows, one()) as (dialer, exotel):
        await dialer.find(CALL, AGES_AGO, known=())
    assert exotel.seen[1].path.endswith("/Calls/ours.json")


async def test_looks_on_the_following_pages() -> None:
    following = "https://elsewhere.example.com/v1/Accounts/clarion1/Calls.json?After=x"
    async with dialer_to(page(following=following), page(row()), one()) as (dialer, exotel):
        assert await dialer.find(CALL, AGES_AGO, known=()) is not None
    assert (exotel.seen[1].path, exotel.seen[1].query) == ("/v1/Accounts/clarion1/Calls.json", {"After": "x"})


async def test_nothing_in_the_list_proves_nothing_while_a_call_may_go_on() -> None:
    now = time.time()
    async with dialer_to(page()) as (dialer, _):
        with pytest.raises(OutcomeUnknown, match="could still be going on"):
            await dialer.find(CALL, now - 60 - CALL.longest, known=())
        assert await dialer.find(CALL, now - 60 - CALL.longest - 121, known=()) is None


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((refuses(401),), AccountBroken),
        ((refuses(429),), RateLimited),
        ((refuses(400),), OutcomeUnknown),
        ((says(200, "<html>"),), OutcomeUnknown),
        ((says(200, {}),), OutcomeUnknown),
        ((page(1),), OutcomeUnknown),
        ((page(following="/v1/next"),), OutcomeUnknown),
        ((page(row()), refuses(404)), OutcomeUnknown),
        ((drops,), OutcomeUnknown),
    ],
)
async def test_a_list_that_cannot_be_read_proves_nothing(
    steps: tuple[Step, ...], expected: type[ProviderError]
) -> None:
    async with dialer_to(*steps) as (dialer, _):
        with pytest.raises(ProviderError) as caught:
            await dialer.find(CALL, AGES_AGO, known=())
    assert type(caught.value) is expected
    assert PERSON not in str(caught.value)


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
