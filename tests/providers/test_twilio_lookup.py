"""How the Twilio adapter finds out whether a text was sent, against a server that answers as each test says."""

from __future__ import annotations

import pytest

from clarion.domain.target import Outcome
from clarion.providers.ports import (
    AccountBroken,
    OutcomeUnknown,
    OutgoingText,
    ProviderError,
    RateLimited,
)
from tests.providers.scripted import Step, drops, says
from tests.providers.scripted_twilio import CREATED, PERSON, SENDER, SID, TEXT, message, messenger_to, page, refuses


async def test_finds_the_text_that_was_sent() -> None:
    async with messenger_to(page(message(1, status="delivered"))) as (messenger, twilio):
        verdict = await messenger.find(TEXT, CREATED - 1, known=())
    assert verdict is not None
    assert (verdict.outcome, verdict.final) == (Outcome.DELIVERED, True)
    assert verdict.provider_reference == "SM" + "0" * 31 + "1"
    assert twilio.seen[0].query == {"To": PERSON, "From": SENDER, "PageSize": "100"}


@pytest.mark.parametrize(
    "other",
    [
        message(body="Something else"),
        message(direction="inbound"),
        message(date_created="Thu, 24 Aug 2023 04:59:45 +0000"),
    ],
)
async def test_does_not_take_another_message_for_ours(other: dict[str, object]) -> None:
    async with messenger_to(page(other)) as (messenger, _):
        assert await messenger.find(TEXT, CREATED, known=()) is None


async def test_a_message_of_another_attempt_is_not_ours() -> None:
    async with messenger_to(page(message(1), message(2, date_created=None))) as (messenger, _):
        verdict = await messenger.find(TEXT, CREATED, known={"SM" + "0" * 31 + "1"})
        assert verdict is not None
        assert verdict.provider_reference == "SM" + "0" * 31 + "2"


async def test_the_message_nearest_in_time_is_ours() -> None:
    later = message(1, date_created="Thu, 24 Aug 2023 05:20:00 +0000")
    async with messenger_to(page(later, message(2))) as (messenger, _):
        verdict = await messenger.find(TEXT, CREATED - 2, known=())
    assert verdict is not None
    assert verdict.provider_reference == "SM" + "0" * 31 + "2"


async def test_with_a_messaging_service_only_its_messages_are_ours() -> None:
    service = "MG" + "0" * 32
    rows = page(message(1), message(2, messaging_service_sid=service, **{"from": "+15005550009"}))
    async with messenger_to(rows, service=service) as (messenger, twilio):
        verdict = await messenger.find(TEXT, CREATED, known=())
    assert verdict is not None
    assert verdict.provider_reference == "SM" + "0" * 31 + "2"
    assert "From" not in twilio.seen[0].query


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("It’s on — “now”", 'It\'s on - "now"'),
        ("Hello", "Sent from your Twilio trial account - Hello"),
        ("Hello ", "Hello"),
        ("a\N{NO-BREAK SPACE}b…", "a b..."),
    ],
)
async def test_finds_a_text_that_twilio_stored_in_plainer_signs(sent: str, stored: str) -> None:
    async with messenger_to(page(message(body=stored))) as (messenger, _):
        assert await messenger.find(OutgoingText("1.1.1", PERSON, sent), CREATED, known=()) is not None


async def test_looks_on_the_following_pages() -> None:
    others = page(message(1, body="x"), following=f"/2010-04-01/Accounts/{SID}/Messages.json?Page=1&PageToken=PA1")
    async with messenger_to(others, page(message(2))) as (messenger, twilio):
        assert await messenger.find(TEXT, CREATED, known=()) is not None
    assert twilio.seen[1].query == {"Page": "1", "PageToken": "PA1"}


async def test_stops_at_a_page_that_is_older_than_the_attempt() -> None:
    old = page(message(1, date_created="Thu, 24 Aug 2023 04:00:00 +0000"), following="/2010-04-01/next")
    async with messenger_to(old) as (messenger, twilio):
        assert await messenger.find(TEXT, CREATED, known=()) is None
    assert len(twilio.seen) == 1


async def test_never_says_that_there_is_nothing_without_having_seen_all() -> None:
    endless = page(message(1, body="x"), following="/2010-04-01/next")
    async with messenger_to(endless) as (messenger, _):
        with pytest.raises(OutcomeUnknown, match="may be among them"):
            await messenger.find(TEXT, CREATED, known=())


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (refuses(401, 20003), AccountBroken),
        (refuses(429, 20429, Retry_After="3"), RateLimited),
        (refuses(400, 21211), OutcomeUnknown),
        (refuses(500, 20500), OutcomeUnknown),
        (says(200, "<html>"), OutcomeUnknown),
        (says(200, {"messages": [], "also": []}), OutcomeUnknown),
        (says(200, {"messages": [1]}), OutcomeUnknown),
        (drops, OutcomeUnknown),
    ],
)
async def test_a_list_that_cannot_be_read_proves_nothing(step: Step, expected: type[ProviderError]) -> None:
    async with messenger_to(step) as (messenger, _):
        with pytest.raises(ProviderError) as caught:
            await messenger.find(TEXT, CREATED, known=())
    assert type(caught.value) is expected
    assert PERSON not in str(caught.value)
    assert caught.value.__cause__ is None
