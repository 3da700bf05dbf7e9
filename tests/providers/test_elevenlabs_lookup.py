"""How the ElevenLabs dialer looks up calls, against a server that answers as each test says."""

from __future__ import annotations

import pytest

from clarion.domain.call import Stage
from clarion.domain.errors import NotFound
from clarion.domain.target import Outcome
from clarion.providers.ports import AccountBroken, OutcomeUnknown, ProviderError, RateLimited
from tests.providers.scripted import Step, drops, says
from tests.providers.scripted_calls import CALL
from tests.providers.scripted_elevenlabs import dialer_to, errs, listed


def conversation(**changes: object) -> dict[str, object]:
    return {"conversation_id": "conv_1", "status": "in-progress", "user_id": "7.12.1", "metadata": {}, **changes}


async def test_looks_at_a_call() -> None:
    async with dialer_to(says(200, conversation())) as (dialer, vendor):
        word = await dialer.look("conv_1")
    assert (word.verdict.outcome, word.facts.stage) == (Outcome.PLACED, Stage.ANSWERED)
    assert (vendor.asked[0].method, vendor.asked[0].path) == ("GET", "/v1/convai/conversations/conv_1")


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (errs(404), NotFound),
        (errs(400), OutcomeUnknown),
        (errs(422), OutcomeUnknown),
        (errs(401), AccountBroken),
        (errs(429), RateLimited),
        (errs(500), OutcomeUnknown),
        (says(200, {}), OutcomeUnknown),
        (says(200, [1]), OutcomeUnknown),
        (drops, OutcomeUnknown),
    ],
)
async def test_a_look_that_fails_says_how(step: Step, expected: type[Exception]) -> None:
    async with dialer_to(step) as (dialer, _):
        with pytest.raises(expected):
            await dialer.look("conv_1")


async def test_an_answer_of_odd_types_is_read_as_far_as_it_goes() -> None:
    odd = conversation(status="done", metadata={"phone_call": {"type": "pigeon", "call_result": "busy"}}, transcript=7)
    async with dialer_to(says(200, odd)) as (dialer, _):
        assert (await dialer.look("conv_1")).verdict.outcome is Outcome.BUSY


async def test_finds_the_call_that_carries_the_attempt() -> None:
    of_another = conversation(conversation_id="conv_0", user_id="7.13.1")
    async with dialer_to(listed("conv_0", "conv_1"), says(200, of_another), says(200, conversation())) as (
        dialer,
        vendor,
    ):
        found = await dialer.find(CALL, 1_000_060.5, known=())
    assert found is not None
    assert found.verdict.provider_reference == "conv_1"
    assert vendor.asked[0].path == "/v1/convai/conversations"
    assert {name: vendor.asked[0].query[name] for name in ("user_id", "call_start_after_unix")} == {
        "user_id": "7.12.1",
        "call_start_after_unix": "1000000",
    }


@pytest.mark.parametrize(("step", "known"), [(listed(), ()), (listed("conv_1"), ("conv_1",))])
async def test_finds_nothing_that_is_not_ours(step: Step, known: tuple[str, ...]) -> None:
    async with dialer_to(step) as (dialer, vendor):
        assert await dialer.find(CALL, 0.0, known) is None
    assert len(vendor.asked) == 1


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (errs(400), OutcomeUnknown),
        (errs(404), OutcomeUnknown),
        (errs(503), OutcomeUnknown),
        (says(200, [1]), OutcomeUnknown),
        (says(200, {"has_more": False}), OutcomeUnknown),
        (errs(401), AccountBroken),
        (errs(429), RateLimited),
    ],
)
async def test_a_list_that_cannot_be_read_proves_nothing(step: Step, expected: type[ProviderError]) -> None:
    async with dialer_to(step) as (dialer, _):
        with pytest.raises(expected):
            await dialer.find(CALL, 100.0, known=())


async def test_there_is_no_way_to_hang_up() -> None:
    async with dialer_to(says(200, {})) as (dialer, vendor):
        assert not await dialer.hang_up("conv_1")
    assert vendor.asked == []
