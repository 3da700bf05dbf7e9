"""The Twilio dialer, its webhook reader and our sandbox together: two independent readings of Twilio's pages."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from clarion.domain.call import AnsweredBy, CallWord, MachineRule, Script, Stage
from clarion.domain.errors import NotFound
from clarion.domain.target import Outcome
from clarion.providers.ports import (
    AccountBroken,
    CallReceipt,
    OutcomeUnknown,
    OutgoingCall,
    RateLimited,
    Rejected,
    Webhook,
)
from clarion.providers.twilio_call_webhooks import TwilioCalls
from clarion.providers.twilio_calls import TwilioDialer, open_twilio_dialer
from clarion.sandbox.faults import Faults
from clarion.sandbox.server import Sandbox
from clarion.sandbox.vendor import Settings
from clarion.settings import Account
from tests.providers.call_door import CallDoor, open_call_door

TOKEN = "12345"
READER = TwilioCalls(TOKEN)
CALL = OutgoingCall(
    attempt="7.12.1",
    to="+14155559108",  # a person answers
    sender=None,
    script=Script(first_message="Hello Ann, it is time again. " * 6),  # long enough for machine detection
    longest=660.0,
    machine=MachineRule.CONTINUE,
)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with sandbox_at(0.01) as sandbox:
        yield sandbox


@contextlib.asynccontextmanager
async def sandbox_at(time_scale: float) -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(settings=Settings(latency_ms=0, time_scale=time_scale))
    await sandbox.start()
    try:
        yield sandbox
    finally:
        await sandbox.stop()


@contextlib.asynccontextmanager
async def dialer_of(
    sandbox: Sandbox, *, token: str = TOKEN, callback: str | None = None, patience: float = 5.0
) -> AsyncIterator[TwilioDialer]:
    account = Account(
        sid="AC" + "b2" * 16,
        auth_token=SecretStr(token),
        from_number="+14155550100",
        base_url=sandbox.url,
        timeout=patience,
    )
    dialer = await open_twilio_dialer(account, callback)
    try:
        yield dialer
    finally:
        await dialer.close()


@pytest.fixture
async def dialer(sandbox: Sandbox) -> AsyncIterator[TwilioDialer]:
    async with dialer_of(sandbox) as dialer:
        yield dialer


@pytest.fixture
async def door() -> AsyncIterator[CallDoor]:
    async with open_call_door() as door:
        yield door


def to(last_four: str, machine: MachineRule = MachineRule.CONTINUE) -> OutgoingCall:
    return replace(CALL, to=f"+1415555{last_four}", machine=machine)


def breaks(sandbox: Sandbox, **faults: float | bool) -> None:
    sandbox.worlds["twilio"].faults.set(Faults.model_validate(faults))


def effects(sandbox: Sandbox) -> object:
    return sandbox.worlds["twilio"].calls.effects.view()["accepted"]


def reference(word: CallWord) -> str:
    assert word.verdict.provider_reference is not None
    return word.verdict.provider_reference


async def ended(dialer: TwilioDialer, word: CallWord) -> CallWord:
    async with asyncio.timeout(20):
        while not word.verdict.final:
            await asyncio.sleep(0.01)
            word = await dialer.look(reference(word))
    return word


def read(webhook: Webhook) -> CallReceipt:
    assert READER.verify(webhook, time.time())
    attempt = parse_qs(urlsplit(webhook.url).query)["attempt"][0]
    receipt = READER.receipt(webhook.body.decode(), attempt)
    assert receipt is not None
    return receipt


def words(heard: list[Webhook]) -> list[CallWord]:
    return [word for webhook in heard if (word := read(webhook).word) is not None]


@pytest.mark.parametrize(
    ("last_four", "outcome", "retryable", "who"),
    [
        ("9101", Outcome.VOICEMAIL, True, AnsweredBy.MACHINE),
        ("9103", Outcome.NO_ANSWER, True, None),
        ("9105", Outcome.BUSY, True, None),
        ("9106", Outcome.FAILED, True, None),
        ("9108", Outcome.ANSWERED, False, AnsweredBy.HUMAN),
        ("9114", Outcome.BUSY, True, None),
    ],
)
async def test_every_end_is_found_by_asking(
    dialer: TwilioDialer, last_four: str, outcome: Outcome, retryable: bool, who: AnsweredBy | None
) -> None:
    placed = await dialer.place(to(last_four))
    assert (placed.verdict.outcome, placed.facts.stage) == (Outcome.PLACED, Stage.PLACED)
    over = await ended(dialer, placed)
    assert (over.verdict.outcome, over.verdict.retryable) == (outcome, retryable)
    assert (over.facts.stage, over.facts.answered_by) == (Stage.ENDED, who)
    assert (over.facts.duration is not None) == (who is not None)


async def test_the_price_comes_later(dialer: TwilioDialer) -> None:
    word = await ended(dialer, await dialer.place(CALL))
    async with asyncio.timeout(20):
        while word.facts.cost is None:
            await asyncio.sleep(0.01)
            word = await dialer.look(reference(word))
    assert word.facts.cost > 0


@pytest.mark.parametrize(
    ("last_four", "outcome", "stages"),
    [
        ("9101", Outcome.VOICEMAIL, [Stage.PLACED, Stage.RINGING, Stage.ANSWERED, Stage.ANSWERED, Stage.ENDED]),
        ("9103", Outcome.NO_ANSWER, [Stage.PLACED, Stage.RINGING, Stage.ENDED]),
        ("9105", Outcome.BUSY, [Stage.PLACED, Stage.RINGING, Stage.ENDED]),
        ("9106", Outcome.FAILED, [Stage.PLACED, Stage.ENDED]),
        ("9108", Outcome.ANSWERED, [Stage.PLACED, Stage.RINGING, Stage.ANSWERED, Stage.ANSWERED, Stage.ENDED]),
    ],
)
async def test_every_end_is_told_and_signed(
    sandbox: Sandbox, door: CallDoor, last_four: str, outcome: Outcome, stages: list[Stage]
) -> None:
    async with dialer_of(sandbox, callback=f"{door.url}/webhooks/twilio/main/call") as dialer:
        placed = await dialer.place(to(last_four))
    heard = await door.until(lambda heard: len(heard) >= len(stages))
    assert {(read(one).attempt, read(one).provider_reference) for one in heard} == {("7.12.1", reference(placed))}
    told = sorted(words(heard), key=lambda word: word.facts.stage.rank)
    assert [word.facts.stage for word in told] == stages
    assert (told[-1].verdict.outcome, told[-1].verdict.final) == (outcome, True)
    assert not any(word.verdict.final for word in told[:-1])


async def test_a_machine_is_told_while_it_talks_and_hung_up(door: CallDoor) -> None:
    def is_machine(heard: list[Webhook]) -> bool:
        return any(word.facts.answered_by is AnsweredBy.MACHINE for word in words(heard))

    async with sandbox_at(0.2) as sandbox, dialer_of(sandbox, callback=f"{door.url}/call") as dialer:
        placed = await dialer.place(to("9101", MachineRule.HANG_UP))
        told = words(await door.until(is_machine))
        assert not any(word.verdict.final for word in told)
        assert await dialer.hang_up(reference(placed))
        over = await dialer.look(reference(placed))
        assert (over.verdict.outcome, over.verdict.succeeded) == (Outcome.VOICEMAIL, False)
        assert await dialer.hang_up(reference(placed))


async def test_a_machine_is_left_its_message(dialer: TwilioDialer) -> None:
    over = await ended(dialer, await dialer.place(to("9101", MachineRule.LEAVE_MESSAGE)))
    assert (over.verdict.outcome, over.verdict.succeeded) == (Outcome.VOICEMAIL, True)


async def test_a_call_that_rings_is_cancelled_by_hanging_up() -> None:
    async with sandbox_at(10.0) as sandbox, dialer_of(sandbox) as dialer:
        placed = await dialer.place(to("9103"))
        assert await dialer.hang_up(reference(placed))
        over = await dialer.look(reference(placed))
    assert (over.verdict.outcome, over.verdict.final) == (Outcome.CANCELLED, True)


async def test_a_call_that_nobody_knows(dialer: TwilioDialer) -> None:
    with pytest.raises(NotFound):
        await dialer.look("CA" + "0" * 32)
    assert await dialer.hang_up("CA" + "0" * 32)


@pytest.mark.parametrize("last_four", ["9108", "9103"])
async def test_a_call_is_found_from_the_first_moment(last_four: str) -> None:
    since = time.time()
    order = to(last_four)
    async with sandbox_at(10.0) as sandbox, dialer_of(sandbox) as dialer:  # where it still waits in the queue
        placed = await dialer.place(order)
        found = await dialer.find(order, since, known=())
        assert found is not None
        assert (reference(found), found.verdict.final) == (reference(placed), False)
        assert await dialer.find(order, since, known={reference(placed)}) is None
        assert await dialer.find(to("9105"), since, known=()) is None
        assert await dialer.find(replace(order, sender="+14155550199"), since, known=()) is None


async def test_of_several_calls_the_unknown_one_is_found(dialer: TwilioDialer) -> None:
    since = time.time()
    known = {reference(await dialer.place(CALL)) for _ in range(3)}
    ours = reference(await dialer.place(CALL))
    found = await dialer.find(CALL, since, known=known)
    assert found is not None
    assert reference(found) == ours


@pytest.mark.parametrize(
    ("faults", "placed"),
    [({"server_error": 1.0}, 0), ({"server_error_after": 1.0}, 1), ({"dropped": 1.0}, 1), ({"outage": 60.0}, 0)],
)
async def test_what_is_not_known_is_looked_up(
    sandbox: Sandbox, dialer: TwilioDialer, faults: dict[str, float], placed: int
) -> None:
    since = time.time()
    breaks(sandbox, **faults)
    with pytest.raises(OutcomeUnknown):
        await dialer.place(CALL)
    breaks(sandbox)
    assert (await dialer.find(CALL, since, known=()) is not None) == bool(placed)
    assert effects(sandbox) == placed


async def test_an_answer_that_is_lost_leaves_the_call_unknown(sandbox: Sandbox, dialer: TwilioDialer) -> None:
    since = time.time()
    order = to("9111")
    with pytest.raises(OutcomeUnknown):
        await dialer.place(order)
    assert await dialer.find(order, since, known=()) is not None
    assert effects(sandbox) == 1


async def test_a_call_may_be_told_of_before_it_is_answered_for(sandbox: Sandbox, door: CallDoor) -> None:
    async with dialer_of(sandbox, callback=f"{door.url}/call") as dialer:
        placed = await dialer.place(to("9110"))
        first = read(door.heard[0])
    assert (first.attempt, first.provider_reference) == ("7.12.1", reference(placed))


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        ("+15005550001", Outcome.INVALID_NUMBER),
        ("+15005550002", Outcome.INVALID_NUMBER),
        ("+15005550003", Outcome.FAILED),
        ("+15005550004", Outcome.INVALID_NUMBER),
    ],
)
async def test_a_refused_number_is_data(sandbox: Sandbox, dialer: TwilioDialer, number: str, outcome: Outcome) -> None:
    with pytest.raises(Rejected) as caught:
        await dialer.place(replace(CALL, to=number))
    assert caught.value.verdict.outcome is outcome
    assert number not in str(caught.value)
    assert effects(sandbox) == 0


async def test_a_wrong_sender_stops_the_campaign(dialer: TwilioDialer) -> None:
    with pytest.raises(AccountBroken, match="from_number"):
        await dialer.place(replace(CALL, sender="+15005550001"))


async def test_refused_credentials_stop_the_campaign(sandbox: Sandbox) -> None:
    async with dialer_of(sandbox, token="wrong") as dialer:
        for asked in (dialer.place(CALL), dialer.check(), dialer.look("CA" + "0" * 32), dialer.hang_up("CA1")):
            with pytest.raises(AccountBroken, match="does not accept the credentials"):
                await asked
    async with dialer_of(sandbox) as dialer:
        await dialer.check()


async def test_too_many_calls_at_once_are_waited_for(sandbox: Sandbox, dialer: TwilioDialer) -> None:
    breaks(sandbox, rate_limited=1.0, retry_after=4.0)
    with pytest.raises(RateLimited) as caught:
        await dialer.place(CALL)
    assert (caught.value.retry_after, effects(sandbox)) == (4.0, 0)
