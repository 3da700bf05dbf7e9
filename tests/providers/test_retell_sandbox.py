"""The Retell dialer and reader against our sandbox: two independent readings of Retell's documentation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from pydantic import SecretStr

from clarion.domain.call import AnsweredBy, CallWord, MachineRule, Stage
from clarion.domain.errors import NotFound
from clarion.domain.target import Outcome
from clarion.providers.ports import AccountBroken, CallReceipt, OutcomeUnknown, RateLimited, Rejected, Webhook
from clarion.providers.retell import RetellDialer, open_retell
from clarion.providers.retell_webhooks import RetellCalls
from clarion.sandbox.faults import Faults
from clarion.sandbox.server import Sandbox
from clarion.sandbox.vendor import Settings as SandboxSettings
from clarion.settings import Account, Provider
from tests.providers.scripted_calls import CALL, OURS
from tests.sandbox.parties import Heard, WebDoor, started, web_door

KEY = "key_of_ours"
GOOD = "+14155559108"
READER = RetellCalls(KEY)


@pytest.fixture
async def door() -> AsyncIterator[WebDoor]:
    async with web_door() as door:
        yield door


@pytest.fixture
async def sandbox(door: WebDoor) -> AsyncIterator[Sandbox]:
    settings = SandboxSettings(latency_ms=0, time_scale=0.004, webhook_urls={"retell": door.url})
    async with started(settings) as sandbox:
        yield sandbox


@asynccontextmanager
async def dialer_of(sandbox: Sandbox, *, key: str = KEY, patience: float = 5.0) -> AsyncIterator[RetellDialer]:
    account = Account(
        provider=Provider.RETELL,
        auth_token=SecretStr(key),
        from_number=OURS,
        base_url=sandbox.url,
        timeout=patience,
    )
    dialer = await open_retell(account)
    yield dialer
    await dialer.close()


@pytest.fixture
async def dialer(sandbox: Sandbox) -> AsyncIterator[RetellDialer]:
    async with dialer_of(sandbox) as dialer:
        yield dialer


def breaks(sandbox: Sandbox, **faults: float | bool) -> None:
    sandbox.worlds["retell"].faults.set(Faults.model_validate(faults))


def effects(sandbox: Sandbox) -> object:
    return sandbox.worlds["retell"].calls.effects.view()["accepted"]


async def the_end(dialer: RetellDialer, placed: CallWord) -> CallWord:
    """Ask until the call is over and analysed."""
    async with asyncio.timeout(10):
        while True:
            word = await dialer.look(placed.verdict.provider_reference or "")
            if word.verdict.outcome is not Outcome.PLACED and word.facts.summary:
                return word
            await asyncio.sleep(0.01)


def read(heard: Heard) -> CallReceipt:
    headers = {name.lower(): value for name, value in heard.headers.items()}
    assert READER.verify(Webhook(heard.url, headers, heard.body.encode()), time.time())
    assert not RetellCalls("key_of_others").verify(Webhook(heard.url, headers, heard.body.encode()), time.time())
    receipt = READER.receipt(heard.body, None)
    assert receipt is not None
    return receipt


async def test_a_call_is_placed_found_and_told_to_its_end(
    sandbox: Sandbox, dialer: RetellDialer, door: WebDoor
) -> None:
    await dialer.check()
    since = time.time()
    call = replace(CALL, to=GOOD)
    placed = await dialer.place(call)
    reference = placed.verdict.provider_reference or ""
    found = await dialer.find(call, since, known=())
    assert found is not None
    assert found.verdict.provider_reference == reference
    assert await dialer.find(call, since, known={reference}) is None
    assert await dialer.find(replace(call, attempt="7.13.1"), since, known=()) is None
    word = await the_end(dialer, placed)
    assert (word.verdict.outcome, word.facts.answered_by) == (Outcome.ANSWERED, AnsweredBy.HUMAN)
    assert "Hi Ann!" in [turn.text for turn in word.facts.turns]
    assert word.facts.cost
    receipts = [read(heard) for heard in await door.until(lambda heard: len(heard) == 3)]
    assert {(receipt.attempt, receipt.provider_reference) for receipt in receipts} == {("7.12.1", reference)}
    words = [receipt.word for receipt in receipts if receipt.word is not None]
    assert [one.facts.stage for one in words] == [Stage.ANSWERED, Stage.ENDED, Stage.ENDED]
    assert words[-1] == word
    assert effects(sandbox) == 1


@pytest.mark.parametrize(
    ("to", "outcome", "suppress"),
    [
        ("+14155559101", Outcome.VOICEMAIL, False),
        ("+14155559103", Outcome.NO_ANSWER, False),
        ("+14155559105", Outcome.BUSY, False),
        ("+14155559106", Outcome.FAILED, False),
        ("+14155559112", Outcome.ANSWERED, True),
        ("+14155559114", Outcome.BUSY, False),
    ],
)
async def test_every_end_is_known_by_asking_and_by_being_told(
    dialer: RetellDialer, door: WebDoor, to: str, outcome: Outcome, suppress: bool
) -> None:
    word = await the_end(dialer, await dialer.place(replace(CALL, to=to)))
    assert (word.verdict.outcome, word.verdict.suppress, word.verdict.final) == (outcome, suppress, True)
    assert (word.facts.answered_by is AnsweredBy.MACHINE) is (outcome is Outcome.VOICEMAIL)

    def is_analysed(heard: list[Heard]) -> bool:
        return any('"call_analyzed"' in one.body for one in heard)

    last = [read(heard) for heard in await door.until(is_analysed) if '"call_analyzed"' in heard.body]
    assert [receipt.word for receipt in last] == [word]


async def test_a_voicemail_that_nobody_looks_for_is_known_from_the_analysis(dialer: RetellDialer) -> None:
    call = replace(CALL, to="+14155559101", machine=MachineRule.CONTINUE)
    word = await the_end(dialer, await dialer.place(call))
    assert (word.verdict.outcome, word.verdict.provider_code) == (Outcome.VOICEMAIL, "user_hangup")


async def test_a_refused_number_is_data(sandbox: Sandbox, dialer: RetellDialer) -> None:
    with pytest.raises(Rejected) as caught:
        await dialer.place(replace(CALL, to="+14155559107"))
    assert caught.value.verdict.outcome is Outcome.FAILED
    assert "9107" not in str(caught.value)
    assert effects(sandbox) == 0


async def test_a_call_is_hung_up(sandbox: Sandbox, dialer: RetellDialer) -> None:
    world = sandbox.worlds["retell"]
    world.calls.settle(world.settings.model_copy(update={"time_scale": 1.0}))
    placed = await dialer.place(replace(CALL, to=GOOD))
    reference = placed.verdict.provider_reference or ""
    assert await dialer.hang_up(reference)
    assert (await dialer.look(reference)).verdict.outcome is Outcome.CANCELLED
    assert await dialer.hang_up(reference)


async def test_a_call_that_is_not_there_cannot_be_looked_at(dialer: RetellDialer) -> None:
    with pytest.raises(NotFound):
        await dialer.look("call_of_somebody_else")


async def test_refused_credentials_stop_the_campaign(sandbox: Sandbox) -> None:
    async with dialer_of(sandbox, key="wrong") as dialer:
        for asked in (dialer.place(CALL), dialer.check(), dialer.look("call_1"), dialer.find(CALL, 0.0, known=())):
            with pytest.raises(AccountBroken, match="does not accept the API key"):
                await asked


async def test_an_account_that_has_not_paid_stops_the_campaign(sandbox: Sandbox, dialer: RetellDialer) -> None:
    breaks(sandbox, account_suspended=True)
    with pytest.raises(AccountBroken, match="payment"):
        await dialer.place(CALL)


async def test_a_rate_limit_says_how_long(sandbox: Sandbox, dialer: RetellDialer) -> None:
    breaks(sandbox, rate_limited=1.0, retry_after=4.0)
    with pytest.raises(RateLimited) as caught:
        await dialer.place(CALL)
    assert caught.value.retry_after == 4.0
    assert effects(sandbox) == 0


async def test_too_many_calls_at_once_are_waited_for(sandbox: Sandbox, dialer: RetellDialer) -> None:
    world = sandbox.worlds["retell"]
    world.settings = world.settings.model_copy(update={"max_calls": 1})
    world.calls.settle(world.settings.model_copy(update={"time_scale": 1.0}))
    await dialer.place(replace(CALL, to=GOOD))
    with pytest.raises(RateLimited):
        await dialer.place(replace(CALL, to="+14155551235", attempt="7.13.1"))
    assert effects(sandbox) == 1


@pytest.mark.parametrize(
    ("faults", "placed"),
    [({"server_error": 1.0}, 0), ({"server_error_after": 1.0}, 1), ({"dropped": 1.0}, 1), ({"outage": 60.0}, 0)],
)
async def test_what_is_not_known_is_looked_up(
    sandbox: Sandbox, dialer: RetellDialer, faults: dict[str, float], placed: int
) -> None:
    breaks(sandbox, **faults)
    with pytest.raises(OutcomeUnknown):
        await dialer.place(replace(CALL, to=GOOD))
    breaks(sandbox)
    found = await dialer.find(replace(CALL, to=GOOD), time.time(), known=())
    assert (found is not None) == bool(placed)
    assert effects(sandbox) == placed


async def test_an_answer_that_comes_too_late_is_looked_up(sandbox: Sandbox) -> None:
    breaks(sandbox, slow=1.0, slow_seconds=3.0)
    async with dialer_of(sandbox, patience=0.3) as dialer:
        with pytest.raises(OutcomeUnknown):
            await dialer.place(replace(CALL, to=GOOD))
        breaks(sandbox)
        assert await dialer.find(CALL, time.time(), known=()) is not None
    assert effects(sandbox) == 1


async def test_the_same_attempt_again_is_the_same_call(sandbox: Sandbox, dialer: RetellDialer) -> None:
    first = await dialer.place(replace(CALL, to=GOOD))
    again = await dialer.place(replace(CALL, to=GOOD))
    assert first.verdict.provider_reference == again.verdict.provider_reference
    assert effects(sandbox) == 1
