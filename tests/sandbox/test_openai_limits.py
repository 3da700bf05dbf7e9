"""Limits of requests and tokens per minute: refused as OpenAI refuses, told in headers that are true, and counted."""

from __future__ import annotations

import asyncio
import json

import openai
import pytest

from clarion.sandbox.openai.limits import Limits, go_duration
from clarion.sandbox.openai.settings import OpenAiSettings
from clarion.sandbox.server import Sandbox
from clarion.sandbox.vendor import Answer, Settings
from tests.sandbox.openai_parties import MODEL, QUICK, control, lead, request, sdk, tally


@pytest.fixture
def sandbox_settings() -> Settings:
    return QUICK


def limits(requests: int | None, tokens: int | None) -> Limits:
    return Limits(OpenAiSettings(requests_per_minute=requests, tokens_per_minute=tokens))


def error(answer: Answer | None) -> dict[str, str]:
    assert answer is not None
    return dict(json.loads(answer.body)["error"])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (0.0001, "1ms"), (0.12, "120ms"), (1, "1s"), (1.5, "1.5s"), (60, "1m0s"), (360, "6m0s"),
     (3661.25, "1h1m1.25s"), (3600, "1h0m0s")],
)  # fmt: skip
def test_durations_are_worded_as_go_does(seconds: float, words: str) -> None:
    assert go_duration(seconds) == words


def test_requests_refill_steadily_and_headers_say_so() -> None:
    meter = limits(60, None).meter("key", MODEL, 100.0)
    assert [meter.admit(1, 100.0) for _ in range(60)] == [None] * 60
    assert meter.headers() == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1m0s",
    }
    refused = meter.admit(1, 100.25)
    assert error(refused)["type"] == "requests"
    assert error(refused)["code"] == "rate_limit_exceeded"
    assert refused is not None
    assert refused.headers is not None
    assert (refused.headers["retry-after"], refused.headers["retry-after-ms"]) == ("1", "1000")
    assert meter.admit(1, 101.0) is not None
    assert meter.admit(1, 102.0) is None
    assert meter.headers()["x-ratelimit-reset-requests"] == "1m0s"


def test_tokens_weigh_input_or_output_and_too_large_a_request_never_fits() -> None:
    meter = limits(100, 6_000).meter("key", MODEL, 0.0)
    assert meter.admit(4_000, 0.0) is None
    told = error(meter.admit(3_000, 0.0))
    assert told["type"] == "tokens"
    assert "Limit 6000, Used 4000, Requested 3000. Please try again in 10s." in told["message"]
    assert meter.headers()["x-ratelimit-remaining-requests"] == "98"
    too_large = meter.admit(6_001, 0.0)
    assert "Request too large" in error(too_large)["message"]
    assert too_large is not None
    assert "retry-after" not in (too_large.headers or {})
    assert meter.admit(3_000, 10.0) is None


def test_the_share_of_what_is_permitted_is_told() -> None:
    found = limits(60, 6_000)
    meter = found.meter("key", MODEL, 0.0)
    for second in range(61):
        assert meter.admit(50, float(second)) is None
    meter.admit(7_000, 60.0)
    assert found.view() == [
        {
            "model": MODEL, "admitted": 61, "refused_requests": 0, "refused_tokens": 1, "charged_tokens": 3050,
            "seconds": 60.0, "limits": {"requests": 60, "tokens": 6000},
            "used": {"requests": round(61 / 120, 4), "tokens": round(3050 / 12000, 4)},
        }
    ]  # fmt: skip


def test_without_limits_nothing_is_refused_and_no_header_tells_of_any() -> None:
    meter = limits(None, None).meter("key", MODEL, 0.0)
    assert [meter.admit(10**9, 0.0) for _ in range(1000)] == [None] * 1000
    assert meter.headers() == {}


async def test_the_sdk_sees_limits_of_each_key_and_model(sandbox: Sandbox) -> None:
    await control(sandbox, "POST", "settings", {"openai": {"requests_per_minute": 3, "tokens_per_minute": 1_000}})
    async with sdk(sandbox) as ours, sdk(sandbox, "sk-theirs") as theirs:
        raw = await ours.responses.with_raw_response.create(**request(lead()))
        told = {name: value for name, value in raw.headers.items() if name.startswith("x-ratelimit-")}
        assert told == {
            "x-ratelimit-limit-requests": "3",
            "x-ratelimit-remaining-requests": "2",
            "x-ratelimit-reset-requests": "20s",
            "x-ratelimit-limit-tokens": "1000",
            "x-ratelimit-remaining-tokens": "500",
            "x-ratelimit-reset-tokens": "30s",
        }
        with pytest.raises(openai.RateLimitError) as raised:
            await ours.responses.create(**request(lead(), max_output_tokens=900))
        assert (raised.value.type, raised.value.code) == ("tokens", "rate_limit_exceeded")
        headers = raised.value.response.headers
        assert 0 < int(headers["retry-after-ms"]) <= 1000 * int(headers["retry-after"])
        await theirs.responses.create(**request(lead()))
        await ours.responses.create(**request(lead(), model="gpt-5"))
    counted = await tally(sandbox)
    assert [(meter["model"], meter["admitted"], meter["refused_tokens"]) for meter in counted["limits"]] == [
        (MODEL, 1, 1), (MODEL, 1, 0), ("gpt-5", 1, 0),
    ]  # fmt: skip
    assert counted["accepted"] == 3


async def test_settings_of_openai_are_changed_one_by_one(sandbox: Sandbox) -> None:
    before = (await control(sandbox, "GET", "settings"))["openai"]
    after = (await control(sandbox, "POST", "settings", {"openai": {"requests_per_minute": 7}}))["openai"]
    assert after == {**before, "requests_per_minute": 7}
    async with sdk(sandbox) as client:
        raw = await client.responses.with_raw_response.create(**request(lead()))
        assert raw.headers["x-ratelimit-limit-requests"] == "7"
        await control(sandbox, "POST", "settings", {"openai": {"requests_per_minute": None}})
        raw = await client.responses.with_raw_response.create(**request(lead()))
        assert "x-ratelimit-limit-requests" not in raw.headers


async def test_a_storm_of_refusals_says_when_to_come_back(sandbox: Sandbox) -> None:
    await control(sandbox, "POST", "faults", {"openai": {"rate_limited": 1.0, "retry_after": 0.25}})
    async with sdk(sandbox) as client:
        with pytest.raises(openai.RateLimitError) as raised:
            await client.responses.create(**request(lead()))
    assert raised.value.code == "rate_limit_exceeded"
    headers = raised.value.response.headers
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("1", "250")


@pytest.mark.parametrize(
    ("faults", "raised", "answered"),
    [
        ({"server_error": 1.0}, openai.InternalServerError, 0),
        ({"dropped": 1.0}, openai.APIConnectionError, 1),
        ({"server_error_after": 1.0}, openai.InternalServerError, 1),
        ({"slow": 1.0, "slow_seconds": 30}, openai.APITimeoutError, 1),
    ],
)
async def test_faults_before_and_after_the_answer_was_made(
    sandbox: Sandbox, faults: dict[str, float], raised: type[Exception], answered: int
) -> None:
    await control(sandbox, "POST", "faults", {"openai": faults})
    async with sdk(sandbox) as client:
        with pytest.raises(raised):
            await client.with_options(timeout=0.5).responses.create(**request(lead()))
    assert (await tally(sandbox))["accepted"] == answered


async def test_a_lead_can_be_slow_by_itself(sandbox: Sandbox) -> None:
    async with sdk(sandbox) as client:
        with pytest.raises(openai.APITimeoutError):
            await client.with_options(timeout=0.3).responses.create(**request(lead(description="sandbox:slow")))
        await client.with_options(timeout=5).responses.create(**request(lead()))


async def test_an_outage_refuses_or_cuts_and_ends(sandbox: Sandbox) -> None:
    await control(sandbox, "POST", "faults", {"openai": {"outage": 0.3}})
    async with sdk(sandbox) as client:
        with pytest.raises((openai.InternalServerError, openai.APIConnectionError)):
            await client.responses.create(**request(lead()))
        await asyncio.sleep(0.35)
        await client.responses.create(**request(lead()))
    assert (await tally(sandbox))["accepted"] == 1


async def test_a_latency_that_is_no_range_is_not_taken(sandbox: Sandbox) -> None:
    with pytest.raises(AssertionError, match="is no range"):
        await control(sandbox, "POST", "settings", {"openai": {"latency": [2, 1]}})
    assert (await control(sandbox, "GET", "settings"))["openai"]["latency"] == [0, 0]
