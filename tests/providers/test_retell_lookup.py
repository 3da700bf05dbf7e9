"""How the Retell dialer looks up and ends calls, against a server that answers as each test says."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from clarion.domain.call import Stage
from clarion.domain.errors import NotFound
from clarion.domain.target import Outcome
from clarion.providers.ports import AccountBroken, OutcomeUnknown, ProviderError, RateLimited
from tests.providers.scripted import Step, drops, says
from tests.providers.scripted_calls import CALL
from tests.providers.scripted_retell import REGISTERED, dialer_to, errs


async def test_looks_at_a_call() -> None:
    async with dialer_to(says(200, {**REGISTERED, "call_status": "ongoing"})) as (dialer, vendor):
        word = await dialer.look("call_1")
    assert (word.verdict.outcome, word.facts.stage) == (Outcome.PLACED, Stage.ANSWERED)
    assert (vendor.asked[0].method, vendor.asked[0].path) == ("GET", "/v2/get-call/call_1")


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (errs(422), NotFound),
        (errs(404), NotFound),
        (errs(400), OutcomeUnknown),
        (errs(401), AccountBroken),
        (errs(429), RateLimited),
        (errs(500), OutcomeUnknown),
        (says(200, {}), OutcomeUnknown),
        (drops, OutcomeUnknown),
    ],
)
async def test_a_look_that_fails_says_how(step: Step, expected: type[Exception]) -> None:
    async with dialer_to(step) as (dialer, _):
        with pytest.raises(expected):
            await dialer.look("call_1")


def listed(*calls: Mapping[str, object]) -> Step:
    return says(200, {"items": [{**REGISTERED, **call} for call in calls], "has_more": False})


async def test_finds_the_call_that_carries_the_attempt() -> None:
    ours = {"call_id": "call_2", "metadata": {"attempt": "7.12.1"}}
    others = ({"call_id": "call_0", "metadata": {"attempt": "7.13.1"}}, {"call_id": "call_1"})
    async with dialer_to(listed(*others, ours), says(200, {**REGISTERED, **ours})) as (dialer, vendor):
        found = await dialer.find(CALL, 0.0, known=())
    assert found is not None
    assert found.verdict.provider_reference == "call_2"
    assert vendor.asked[0].path == "/v3/list-calls"
    assert vendor.asked[0].body["filter_criteria"] == {
        "metadata": [{"key": "attempt", "type": "string", "op": "eq", "value": "7.12.1"}]
    }
    assert vendor.asked[1].path == "/v2/get-call/call_2"


@pytest.mark.parametrize(
    ("step", "known"),
    [
        (listed(), ()),
        (listed({"metadata": {"attempt": "7.12.1"}}), ("call_1",)),
        (listed({"metadata": {"attempt": "17.12.1"}}), ()),
    ],
)
async def test_finds_nothing_that_is_not_ours(step: Step, known: tuple[str, ...]) -> None:
    async with dialer_to(step) as (dialer, _):
        assert await dialer.find(CALL, 0.0, known) is None


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (errs(400), OutcomeUnknown),
        (errs(503), OutcomeUnknown),
        (says(200, []), OutcomeUnknown),
        (says(200, {"has_more": False}), OutcomeUnknown),
        (errs(401), AccountBroken),
        (errs(429), RateLimited),
    ],
)
async def test_a_list_that_cannot_be_read_proves_nothing(step: Step, expected: type[ProviderError]) -> None:
    async with dialer_to(step) as (dialer, _):
        with pytest.raises(expected):
            await dialer.find(CALL, 0.0, known=())


@pytest.mark.parametrize("step", [says(204, ""), errs(400), errs(404), errs(409), errs(422)])
async def test_hangs_up_and_a_call_that_is_over_counts_as_ended(step: Step) -> None:
    async with dialer_to(step) as (dialer, vendor):
        assert await dialer.hang_up("call_1")
    assert (vendor.asked[0].method, vendor.asked[0].path) == ("POST", "/v2/stop-call/call_1")


@pytest.mark.parametrize(("status", "expected"), [(401, AccountBroken), (429, RateLimited), (500, OutcomeUnknown)])
async def test_a_hang_up_that_fails_says_how(status: int, expected: type[ProviderError]) -> None:
    async with dialer_to(errs(status)) as (dialer, _):
        with pytest.raises(expected):
            await dialer.hang_up("call_1")
