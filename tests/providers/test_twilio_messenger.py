"""How the Twilio adapter sends, looks up and fails, against a server that answers as each test says."""

from __future__ import annotations

import asyncio

import pytest

from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome
from clarion.providers.ports import (
    AccountBroken,
    OutcomeUnknown,
    OutgoingText,
    ProviderError,
    RateLimited,
    Rejected,
    Scope,
    Unavailable,
)
from clarion.providers.twilio import open_twilio
from tests.providers.scripted import (
    Step,
    cuts_the_body,
    drops,
    hangs,
    nobody_accepting,
    nobody_listening,
    once_there_are,
    says,
)
from tests.providers.scripted_twilio import (
    PERSON,
    RECEIPTS,
    SENDER,
    SID,
    TEXT,
    account,
    message,
    messenger_to,
    page,
    refuses,
)


async def test_sends_the_text_with_our_attempt_in_the_callback() -> None:
    async with messenger_to(says(201, message())) as (messenger, twilio):
        verdict = await messenger.send(TEXT)
    assert verdict.outcome is Outcome.SENT
    assert not verdict.final
    assert verdict.provider_reference == "SM" + "0" * 31 + "1"
    assert verdict.provider_status == "queued"
    (request,) = twilio.seen
    assert request.method == "POST"
    assert request.path == f"/2010-04-01/Accounts/{SID}/Messages.json"
    assert request.form == {
        "To": PERSON,
        "From": SENDER,
        "Body": "Hello",
        "StatusCallback": f"{RECEIPTS}?attempt=7.12.1",
    }
    assert request.headers["Authorization"].startswith("Basic ")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


async def test_adds_the_attempt_to_a_query_that_is_there() -> None:
    async with messenger_to(says(201, message()), receipts=f"{RECEIPTS}?key=1") as (messenger, twilio):
        await messenger.send(TEXT)
    assert twilio.seen[0].form["StatusCallback"] == f"{RECEIPTS}?key=1&attempt=7.12.1"


async def test_sends_any_text_unchanged() -> None:
    body = "Größe & 50% off = + # \N{SLIGHTLY SMILING FACE}\nsecond line"
    async with messenger_to(says(201, message())) as (messenger, twilio):
        await messenger.send(OutgoingText("1.1.1", PERSON, body))
    assert twilio.seen[0].form["Body"] == body


async def test_without_receipts_sent_is_the_last_word() -> None:
    async with messenger_to(says(201, message()), receipts=None) as (messenger, twilio):
        verdict = await messenger.send(TEXT)
    assert verdict.final
    assert "StatusCallback" not in twilio.seen[0].form


async def test_sends_through_a_messaging_service() -> None:
    service = "MG" + "0" * 32
    async with messenger_to(says(201, message(status="accepted")), service=service) as (messenger, twilio):
        verdict = await messenger.send(TEXT)
        assert messenger.sender == service
    assert verdict.provider_status == "accepted"
    assert twilio.seen[0].form["MessagingServiceSid"] == service
    assert "From" not in twilio.seen[0].form


async def test_a_message_that_failed_at_once_has_failed() -> None:
    async with messenger_to(says(201, message(status="failed", error_code=30005))) as (messenger, _):
        verdict = await messenger.send(TEXT)
    assert (verdict.outcome, verdict.final, verdict.retryable) == (Outcome.FAILED, True, False)
    assert verdict.provider_code == "30005"


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (refuses(401, 20003), AccountBroken),
        (refuses(400, 21606), AccountBroken),
        (refuses(400, 21609), AccountBroken),
        (refuses(429, 20429), RateLimited),
        (refuses(400, 21610), Rejected),
        (refuses(400, 21211), Rejected),
        (refuses(500, 20500), OutcomeUnknown),
        (says(502, "<html>Bad Gateway</html>"), OutcomeUnknown),
        (says(503, ""), OutcomeUnknown),
        (says(302, "", Location="/login"), OutcomeUnknown),
        (says(403, "<html>proxy</html>"), AccountBroken),
        (says(201, "<html>hello</html>"), OutcomeUnknown),
        (says(201, ""), OutcomeUnknown),
        (says(201, []), OutcomeUnknown),
        (says(201, {}), OutcomeUnknown),
        (says(400, '{"code": {"odd": 1}, "message": ["odd"]}'), Rejected),
        (says(400, "[1, 2]"), Rejected),
        (says(400, {"type": "t", "title": "RFC 9457", "status": 400, "code": 21610}), Rejected),
        (drops, OutcomeUnknown),
        (cuts_the_body, OutcomeUnknown),
    ],
)
async def test_every_failure_says_whether_the_person_may_have_been_reached(
    step: Step, expected: type[ProviderError]
) -> None:
    async with messenger_to(step) as (messenger, twilio):
        with pytest.raises(ProviderError) as caught:
            await messenger.send(TEXT)
    assert type(caught.value) is expected
    assert PERSON not in str(caught.value)
    assert len(twilio.seen) == 1, "a create is never sent twice"


async def test_no_answer_in_time_is_unknown() -> None:
    async with messenger_to(hangs, patience=0.2) as (messenger, twilio):
        with pytest.raises(OutcomeUnknown, match=r"within 0\.2 seconds"):
            await messenger.send(TEXT)
    assert len(twilio.seen) == 1


async def test_a_broken_connection_that_was_kept_open_is_unknown_and_not_resent() -> None:
    async with messenger_to(says(201, message()), drops) as (messenger, twilio):
        await messenger.send(TEXT)
        with pytest.raises(OutcomeUnknown):
            await messenger.send(TEXT)
    assert len(twilio.seen) == 2


async def test_nobody_listening_is_provably_not_sent() -> None:
    with nobody_listening() as address:
        messenger = await open_twilio(account(address), RECEIPTS)
        with pytest.raises(Unavailable, match=r"cannot be reached at http://127\.0\.0\.1"):
            await messenger.send(TEXT)
        await messenger.close()


async def test_a_host_without_address_is_provably_not_sent() -> None:
    messenger = await open_twilio(account("http://no-such-host.invalid"), RECEIPTS)
    with pytest.raises(Unavailable):
        await messenger.send(TEXT)
    await messenger.close()


async def test_a_connection_that_is_never_made_is_provably_not_sent() -> None:
    with nobody_accepting() as address:
        messenger = await open_twilio(account(address, timeout=0.4), RECEIPTS)
        with pytest.raises(Unavailable, match="no connection in time"):
            await messenger.send(TEXT)
        await messenger.close()


async def test_a_closed_messenger_sends_nothing() -> None:
    async with messenger_to(says(201, message())) as (messenger, twilio):
        await messenger.close()
        with pytest.raises(Unavailable):
            await messenger.send(TEXT)
    assert twilio.seen == []


@pytest.mark.parametrize("address", ["localhost:9000", "ftp://example.com", "http://"])
async def test_a_base_url_that_is_no_address_is_refused_at_once(address: str) -> None:
    with pytest.raises(BadInput, match="base_url"):
        await open_twilio(account(address), RECEIPTS)


@pytest.mark.parametrize(
    ("headers", "seconds"), [({}, 1.0), ({"Retry_After": "7"}, 7.0), ({"Retry_After": "soon"}, 1.0)]
)
async def test_patience_is_as_long_as_twilio_asks(headers: dict[str, str], seconds: float) -> None:
    async with messenger_to(refuses(429, 20429, **headers)) as (messenger, _):
        with pytest.raises(RateLimited) as caught:
            await messenger.send(TEXT)
    assert caught.value.retry_after == seconds
    assert caught.value.scope is Scope.ACCOUNT
    assert caught.value.code == "20429"


async def test_an_opt_out_suppresses_the_number() -> None:
    async with messenger_to(refuses(400, 21610, f"{PERSON} has opted out")) as (messenger, _):
        with pytest.raises(Rejected) as caught:
            await messenger.send(TEXT)
    verdict = caught.value.verdict
    assert (verdict.outcome, verdict.suppress, verdict.retryable) == (Outcome.OPTED_OUT, True, False)


async def test_a_hundred_texts_travel_at_once() -> None:
    async with messenger_to(once_there_are(100, says(201, message()))) as (messenger, twilio):
        await asyncio.gather(*(messenger.send(TEXT) for _ in range(100)))
    assert len(twilio.seen) == 100


async def test_the_check_contacts_nobody() -> None:
    async with messenger_to(page()) as (messenger, twilio):
        await messenger.check()
    assert [(seen.method, seen.query) for seen in twilio.seen] == [("GET", {"PageSize": "1"})]


async def test_the_check_shows_refused_credentials() -> None:
    async with messenger_to(refuses(401, 20003)) as (messenger, _):
        with pytest.raises(AccountBroken, match="check the account SID and the auth token"):
            await messenger.check()


async def test_the_environment_does_not_change_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    monkeypatch.setenv("TWILIO_REGION", "au1")
    async with messenger_to(says(201, message())) as (messenger, twilio):
        await messenger.send(TEXT)
    assert len(twilio.seen) == 1
