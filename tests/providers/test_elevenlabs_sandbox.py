"""The ElevenLabs dialer and reader against our sandbox: two independent readings of ElevenLabs' documentation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from pydantic import SecretStr

from clarion.domain.call import AnsweredBy, CallWord, Stage
from clarion.domain.errors import NotFound
from clarion.domain.target import Outcome
from clarion.providers.elevenlabs import ElevenLabsDialer, open_elevenlabs
from clarion.providers.elevenlabs_webhooks import ElevenLabsCalls
from clarion.providers.ports import AccountBroken, CallReceipt, OutcomeUnknown, RateLimited, Rejected, Webhook
from clarion.sandbox.faults import Faults
from clarion.sandbox.server import Sandbox
from clarion.sandbox.vendor import Settings as SandboxSettings
from clarion.settings import Account, Provider
from tests.providers.scripted_calls import CALL
from tests.sandbox.parties import Heard, WebDoor, started, web_door

SECRET = "wsec_of_ours"
GOOD = "+14155559108"
READER = ElevenLabsCalls(SECRET)


@pytest.fixture
async def door() -> AsyncIterator[WebDoor]:
    async with web_door() as door:
        yield door


@pytest.fixture
async def sandbox(door: WebDoor) -> AsyncIterator[Sandbox]:
    settings = SandboxSettings(
        latency_ms=0, time_scale=0.004, webhook_secret=SECRET, webhook_urls={"elevenlabs": door.url}
    )
    async with started(settings) as sandbox:
        yield sandbox


@asynccontextmanager
async def dialer_of(
    sandbox: Sandbox, *, key: str = "key_of_ours", patience: float = 5.0
) -> AsyncIterator[ElevenLabsDialer]:
    account = Account(
        provider=Provider.ELEVENLABS,
        auth_token=SecretStr(key),
        phone_number_id="phnum_1",
        base_url=sandbox.url,
        timeout=patience,
    )
    dialer = await open_elevenlabs(account)
    yield dialer
    await dialer.close()


@pytest.fixture
async def dialer(sandbox: Sandbox) -> AsyncIterator[ElevenLabsDialer]:
    async with dialer_of(sandbox) as dialer:
        yield dialer


def breaks(sandbox: Sandbox, **faults: float | bool) -> None:
    sandbox.worlds["elevenlabs"].faults.set(Faults.model_validate(faults))


def effects(sandbox: Sandbox) -> object:
    return sandbox.worlds["elevenlabs"].calls.effects.view()["accepted"]


async def the_end(dialer: ElevenLabsDialer, placed: CallWord) -> CallWord:
    async with asyncio.timeout(10):
        while True:
            word = await dialer.look(placed.verdict.provider_reference or "")
            if word.verdict.outcome is not Outcome.PLACED:
                return word
            await asyncio.sleep(0.01)


def read(heard: Heard) -> CallReceipt:
    webhook = Webhook(heard.url, {n.lower(): value for n, value in heard.headers.items()}, heard.body.encode())
    assert READER.verify(webhook, time.time())
    assert not ElevenLabsCalls("wsec_of_others").verify(webhook, time.time())
    receipt = READER.receipt(heard.body, None)
    assert receipt is not None
    return receipt


async def test_a_call_is_placed_found_and_told_to_its_end(
    sandbox: Sandbox, dialer: ElevenLabsDialer, door: WebDoor
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
    assert (word.verdict.outcome, word.facts.stage) == (Outcome.ANSWERED, Stage.ENDED)
    assert "Hi Ann!" in [turn.text for turn in word.facts.turns]
    assert word.facts.cost
    (heard,) = await door.until(lambda heard: len(heard) == 1)
    receipt = read(heard)
    assert (receipt.attempt, receipt.provider_reference, receipt.word) == ("7.12.1", reference, word)
    assert not await dialer.hang_up(reference)
    assert effects(sandbox) == 1


@pytest.mark.parametrize(
    ("to", "outcome"),
    [
        ("+14155559101", Outcome.VOICEMAIL),
        ("+14155559103", Outcome.NO_ANSWER),
        ("+14155559105", Outcome.BUSY),
        ("+14155559106", Outcome.FAILED),
    ],
)
async def test_every_end_is_known_by_asking_and_by_being_told(
    dialer: ElevenLabsDialer, door: WebDoor, to: str, outcome: Outcome
) -> None:
    placed = await dialer.place(replace(CALL, to=to))
    word = await the_end(dialer, placed)
    assert (word.verdict.outcome, word.verdict.final) == (outcome, True)
    assert (word.facts.answered_by is AnsweredBy.MACHINE) is (outcome is Outcome.VOICEMAIL)
    (heard,) = await door.until(lambda heard: len(heard) == 1)
    told = read(heard)
    assert told.provider_reference == placed.verdict.provider_reference
    assert told.word is not None
    assert (told.word.verdict.outcome, told.word.verdict.final) == (outcome, True)


async def test_a_refused_number_is_data(sandbox: Sandbox, dialer: ElevenLabsDialer) -> None:
    with pytest.raises(Rejected) as caught:
        await dialer.place(replace(CALL, to="+14155559107"))
    assert caught.value.verdict.outcome is Outcome.FAILED
    assert "9107" not in str(caught.value)
    assert effects(sandbox) == 0


async def test_a_call_that_is_not_there_cannot_be_looked_at(dialer: ElevenLabsDialer) -> None:
    with pytest.raises(NotFound):
        await dialer.look("conv_of_somebody_else")


async def test_refused_credentials_stop_the_campaign(sandbox: Sandbox) -> None:
    async with dialer_of(sandbox, key="wrong") as dialer:
        for asked in (dialer.place(CALL), dialer.check(), dialer.look("conv_1"), dialer.find(CALL, 90.0, known=())):
            with pytest.raises(AccountBroken, match="does not accept the API key"):
                await asked


async def test_a_suspended_account_stops_the_campaign(sandbox: Sandbox, dialer: ElevenLabsDialer) -> None:
    breaks(sandbox, account_suspended=True)
    with pytest.raises(AccountBroken):
        await dialer.place(CALL)


async def test_a_rate_limit_is_waited_for(sandbox: Sandbox, dialer: ElevenLabsDialer) -> None:
    breaks(sandbox, rate_limited=1.0, retry_after=4.0)
    with pytest.raises(RateLimited) as caught:
        await dialer.place(CALL)
    assert caught.value.retry_after >= 4.0
    assert effects(sandbox) == 0


async def test_too_many_calls_at_once_are_waited_for(sandbox: Sandbox, dialer: ElevenLabsDialer) -> None:
    world = sandbox.worlds["elevenlabs"]
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
    sandbox: Sandbox, dialer: ElevenLabsDialer, faults: dict[str, float], placed: int
) -> None:
    since = time.time()
    breaks(sandbox, **faults)
    with pytest.raises(OutcomeUnknown):
        await dialer.place(replace(CALL, to=GOOD))
    breaks(sandbox)
    found = await dialer.find(replace(CALL, to=GOOD), since, known=())
    assert (found is not None) == bool(placed)
    assert effects(sandbox) == placed


async def test_an_answer_that_comes_too_late_is_looked_up(sandbox: Sandbox) -> None:
    since = time.time()
    breaks(sandbox, slow=1.0, slow_seconds=3.0)
    async with dialer_of(sandbox, patience=0.3) as dialer:
        with pytest.raises(OutcomeUnknown):
            await dialer.place(replace(CALL, to=GOOD))
        breaks(sandbox)
        assert await dialer.find(CALL, since, known=()) is not None
    assert effects(sandbox) == 1
