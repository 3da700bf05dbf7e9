"""The Exotel dialer, its webhook reader and our sandbox together: two independent readings of Exotel's pages."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from clarion.domain.call import CallWord, MachineRule, Script, Stage
from clarion.domain.errors import NotFound
from clarion.domain.target import Outcome
from clarion.providers.exotel import ExotelDialer, open_exotel
from clarion.providers.exotel_webhooks import ExotelCalls
from clarion.providers.ports import AccountBroken, OutcomeUnknown, OutgoingCall, RateLimited, Rejected
from clarion.sandbox.faults import Faults
from clarion.sandbox.server import Sandbox
from clarion.sandbox.vendor import Settings
from clarion.settings import Account, Provider
from tests.providers.call_door import open_call_door

READER = ExotelCalls("s3cret")
CALL = OutgoingCall("7.12.1", "+919876549108", None, Script(agent="4711"), 600.0, MachineRule.CONTINUE)
GOOD = "token"
LONG_AGO = 3600.0
"""Seconds after which a call of then must be over, and listed."""


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(settings=Settings(latency_ms=0, time_scale=0.01))
    await sandbox.start()
    yield sandbox
    await sandbox.stop()


@contextlib.asynccontextmanager
async def dialer_of(sandbox: Sandbox, *, token: str = GOOD, callback: str | None = None) -> AsyncIterator[ExotelDialer]:
    account = Account(
        provider=Provider.EXOTEL,
        sid="clarion1",
        api_key="key",
        auth_token=SecretStr(token),
        from_number="+918047110000",
        base_url=sandbox.url,
        timeout=5.0,
    )
    dialer = await open_exotel(account, callback)
    try:
        yield dialer
    finally:
        await dialer.close()


@pytest.fixture
async def dialer(sandbox: Sandbox) -> AsyncIterator[ExotelDialer]:
    async with dialer_of(sandbox) as dialer:
        yield dialer


def to(last_four: str) -> OutgoingCall:
    return replace(CALL, to=f"+91987654{last_four}")


def breaks(sandbox: Sandbox, **faults: float | bool) -> None:
    sandbox.worlds["exotel"].faults.set(Faults.model_validate(faults))


def effects(sandbox: Sandbox) -> object:
    return sandbox.worlds["exotel"].calls.effects.view()["accepted"]


def reference(word: CallWord) -> str:
    assert word.verdict.provider_reference is not None
    return word.verdict.provider_reference


async def ended(dialer: ExotelDialer, word: CallWord) -> CallWord:
    async with asyncio.timeout(20):
        while not word.verdict.final:
            await asyncio.sleep(0.01)
            word = await dialer.look(reference(word))
    return word


@pytest.mark.parametrize(
    ("last_four", "outcome", "retryable"),
    [
        ("9101", Outcome.ANSWERED, False),  # Exotel does not tell a machine from a person in a flow
        ("9103", Outcome.NO_ANSWER, True),
        ("9105", Outcome.BUSY, True),
        ("9106", Outcome.FAILED, True),
        ("9108", Outcome.ANSWERED, False),
        ("9114", Outcome.BUSY, True),
    ],
)
async def test_every_end_is_found_by_asking(
    dialer: ExotelDialer, last_four: str, outcome: Outcome, retryable: bool
) -> None:
    placed = await dialer.place(to(last_four))
    assert (placed.verdict.outcome, placed.facts.stage) == (Outcome.PLACED, Stage.PLACED)
    over = await ended(dialer, placed)
    assert (over.verdict.outcome, over.verdict.retryable, over.facts.stage) == (outcome, retryable, Stage.ENDED)
    assert (over.facts.duration is not None) == (outcome is Outcome.ANSWERED)


async def test_the_price_comes_later(dialer: ExotelDialer) -> None:
    word = await ended(dialer, await dialer.place(CALL))
    async with asyncio.timeout(20):
        while word.facts.cost is None:
            await asyncio.sleep(0.01)
            word = await dialer.look(reference(word))
    assert word.facts.cost > 0


async def test_a_callback_names_the_call_and_the_attempt(sandbox: Sandbox) -> None:
    async with open_call_door() as door:
        callback = f"{door.url}/webhooks/exotel/main/s3cret/call"
        async with dialer_of(sandbox, callback=callback) as dialer:
            placed = await dialer.place(CALL)
            heard = await door.until(lambda heard: len(heard) >= 2)
            over = await dialer.look(reference(placed))
    for webhook in heard:
        assert READER.verify(webhook, time.time())
        assert parse_qs(urlsplit(webhook.url).query) == {"attempt": ["7.12.1"]}
        receipt = READER.receipt(webhook.body.decode(), None)
        assert receipt is not None
        assert (receipt.attempt, receipt.provider_reference, receipt.word) == ("7.12.1", reference(placed), None)
    assert over.verdict.final


async def test_a_call_that_nobody_knows(dialer: ExotelDialer) -> None:
    with pytest.raises(NotFound):
        await dialer.look("0" * 32)


async def test_a_call_is_found_once_it_is_over(dialer: ExotelDialer) -> None:
    since = time.time()
    placed = await ended(dialer, await dialer.place(CALL))
    found = await dialer.find(CALL, since, known=())
    assert found is not None
    assert (reference(found), found.verdict.outcome) == (reference(placed), Outcome.ANSWERED)
    assert await dialer.find(CALL, since - LONG_AGO, known={reference(placed)}) is None
    assert await dialer.find(to("9105"), since - LONG_AGO, known=()) is None
    assert await dialer.find(replace(CALL, sender="+918047110001"), since - LONG_AGO, known=()) is None


@pytest.mark.parametrize("faults", [{"server_error": 1.0}, {"outage": 60.0}])
async def test_what_may_be_going_on_is_not_called_again(
    sandbox: Sandbox, dialer: ExotelDialer, faults: dict[str, float]
) -> None:
    since = time.time()
    breaks(sandbox, **faults)
    with pytest.raises(OutcomeUnknown):
        await dialer.place(CALL)
    breaks(sandbox)
    with pytest.raises(OutcomeUnknown, match="could still be going on"):
        await dialer.find(CALL, since, known=())
    assert await dialer.find(CALL, since - LONG_AGO, known=()) is None
    assert effects(sandbox) == 0


@pytest.mark.parametrize("faults", [{"server_error_after": 1.0}, {"dropped": 1.0}])
async def test_a_call_whose_answer_was_lost_is_found(
    sandbox: Sandbox, dialer: ExotelDialer, faults: dict[str, float]
) -> None:
    since = time.time()
    breaks(sandbox, **faults)
    with pytest.raises(OutcomeUnknown):
        await dialer.place(CALL)
    breaks(sandbox)
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(OutcomeUnknown):
                found = await dialer.find(CALL, since, known=())
                break
            await asyncio.sleep(0.05)
    assert found is not None
    assert (found.verdict.outcome, effects(sandbox)) == (Outcome.ANSWERED, 1)


async def test_a_refused_number_is_data(sandbox: Sandbox, dialer: ExotelDialer) -> None:
    with pytest.raises(Rejected) as caught:
        await dialer.place(to("9107"))
    assert (caught.value.verdict.outcome, caught.value.verdict.provider_code) == (Outcome.FAILED, "400")
    assert CALL.to[:9] not in str(caught.value)
    assert effects(sandbox) == 0


async def test_one_forbidden_call_is_no_broken_account(sandbox: Sandbox, dialer: ExotelDialer) -> None:
    with pytest.raises(Rejected) as caught:
        await dialer.place(replace(CALL, sender="+918047110403"))
    assert caught.value.verdict.provider_code == "403"
    breaks(sandbox, account_suspended=True)
    with pytest.raises(AccountBroken, match="dashboard"):
        await dialer.place(CALL)


async def test_no_credit_stops_the_campaign(dialer: ExotelDialer) -> None:
    with pytest.raises(AccountBroken, match="no credit"):
        await dialer.place(replace(CALL, sender="+918047110402"))


async def test_refused_credentials_stop_the_campaign(sandbox: Sandbox) -> None:
    async with dialer_of(sandbox, token="wrong") as dialer:
        for asked in (dialer.place(CALL), dialer.check(), dialer.look("0" * 32)):
            with pytest.raises(AccountBroken, match="does not accept the credentials"):
                await asked
    async with dialer_of(sandbox) as dialer:
        await dialer.check()


async def test_a_rate_limit_says_how_long(sandbox: Sandbox, dialer: ExotelDialer) -> None:
    breaks(sandbox, rate_limited=1.0, retry_after=4.0)
    with pytest.raises(RateLimited) as caught:
        await dialer.place(CALL)
    assert (caught.value.retry_after, effects(sandbox)) == (4.0, 0)
