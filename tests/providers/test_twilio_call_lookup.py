"""How the Twilio dialer finds out how a call stands, and whether it was placed, against scripted answers."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from clarion.domain.call import AnsweredBy, Stage
from clarion.domain.errors import NotFound
from clarion.domain.target import Outcome
from clarion.providers.ports import AccountBroken, OutcomeUnknown, ProviderError, RateLimited
from tests.providers.scripted import Step, drops, says
from tests.providers.scripted_twilio import CREATED, PERSON, SENDER, SID, refuses
from tests.providers.scripted_twilio_calls import CALL, call, dialer_to, page


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
