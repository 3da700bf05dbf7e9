"""How the Exotel dialer finds out how a call stands, and whether it was placed, against scripted answers."""

from __future__ import annotations

import time

import pytest

from clarion.domain.call import AnsweredBy, Stage
from clarion.domain.errors import NotFound
from clarion.domain.target import Outcome
from clarion.providers.exotel_statuses import IST, epoch, local_time, word_on
from clarion.providers.ports import AccountBroken, OutcomeUnknown, ProviderError, RateLimited
from tests.providers.scripted import Step, drops, says
from tests.providers.scripted_exotel import (
    AGES_AGO,
    CALL,
    EXOPHONE,
    PERSON,
    SID,
    dialer_to,
    one,
    page,
    refuses,
    row,
)


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
