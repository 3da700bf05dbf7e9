"""How a question goes to OpenAI and what its answers mean, against a server that answers as each test says."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from aiohttp import web

from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome
from clarion.providers.lead_ports import Allowance, Quota, Slow
from clarion.providers.openai import open_openai
from clarion.providers.openai_quota import read_duration
from clarion.providers.ports import AccountBroken, ProviderError, RateLimited, Rejected, Unavailable
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
from tests.providers.scripted_openai import (
    HEADERS,
    KEY,
    LEAD,
    QUESTION,
    SCHEMA,
    account,
    analyst_of,
    answers,
    cut,
    errs,
    failed,
    refused,
    response,
)


async def test_asks_with_the_lead_alone_in_the_users_message() -> None:
    async with analyst_of(answers()) as (analyst, vendor):
        reply = await analyst.ask(QUESTION)
    assert (reply.text, reply.verdict, reply.reference) == ('{"score": 80}', None, "resp_1")
    assert (reply.input_tokens, reply.output_tokens) == (210, 40)
    assert reply.quota == Quota(Allowance(500, 499, 0.12), Allowance(200_000, 198_000, 360.0))
    (heard,) = vendor.heard
    assert (heard.method, heard.path) == ("POST", "/v1/responses")
    assert heard.headers["Authorization"] == f"Bearer {KEY}"
    assert json.loads(heard.body) == {
        "model": "gpt-5-mini",
        "instructions": "Assess this lead.",
        "input": [{"role": "user", "content": LEAD}],
        "text": {"format": {"type": "json_schema", "name": "assessment", "strict": True, "schema": SCHEMA}},
        "max_output_tokens": 1000,
        "store": False,
        "metadata": {"attempt": "7.12.1"},
    }


async def test_half_a_character_does_not_stop_a_question() -> None:
    async with analyst_of(answers()) as (analyst, vendor):
        await analyst.ask(replace(QUESTION, lead='{"Name": "Ann \ud83d"}'))
    assert json.loads(vendor.heard[0].body)["input"][0]["content"] == '{"Name": "Ann ?"}'


@pytest.mark.parametrize(
    ("body", "outcome", "retryable"),
    [
        (refused(), Outcome.REFUSED, False),
        (cut("max_output_tokens"), Outcome.TRUNCATED, True),
        (cut("content_filter"), Outcome.FILTERED, False),
        (cut("something_new"), Outcome.FAILED, True),
        (failed("server_error"), Outcome.FAILED, True),
        (failed("rate_limit_exceeded"), Outcome.FAILED, True),
        (failed("invalid_prompt"), Outcome.FILTERED, False),
        (response(output=[]), Outcome.FAILED, True),
        (response(status="cancelled"), Outcome.FAILED, True),
    ],
)
async def test_an_answer_that_is_none_is_a_verdict_on_this_lead(
    body: dict[str, object], outcome: Outcome, retryable: bool
) -> None:
    async with analyst_of(says(200, body, **HEADERS)) as (analyst, _):
        reply = await analyst.ask(QUESTION)
    assert reply.text is None
    assert reply.verdict is not None
    assert (reply.verdict.outcome, reply.verdict.final, reply.verdict.retryable) == (outcome, True, retryable)
    assert reply.verdict.provider_reference == "resp_1"
    assert reply.verdict.detail
    assert reply.quota.requests == Allowance(500, 499, 0.12)


async def test_the_words_of_a_refusal_are_kept() -> None:
    async with analyst_of(says(200, refused("Not about people."))) as (analyst, _):
        reply = await analyst.ask(QUESTION)
    assert reply.verdict is not None
    assert reply.verdict.detail == "Not about people."
    assert (reply.input_tokens, reply.output_tokens) == (210, 40)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (errs(401, "invalid_api_key"), AccountBroken),
        (errs(401), AccountBroken),
        (errs(403, "unsupported_country_region_territory"), AccountBroken),
        (errs(404, "model_not_found"), AccountBroken),
        (errs(400, "model_not_found", param="model"), AccountBroken),
        (errs(404), AccountBroken),
        (says(403, "<html>proxy</html>"), AccountBroken),
        (errs(429, "insufficient_quota", "insufficient_quota"), AccountBroken),
        (errs(429, None, "insufficient_quota"), AccountBroken),
        (errs(429, "billing_hard_limit_reached"), AccountBroken),
        (errs(429, "rate_limit_exceeded", "requests"), RateLimited),
        (says(429, "slow down"), RateLimited),
        (errs(400, "invalid_json_schema", param="text.format.schema"), AccountBroken),
        (errs(400, "unsupported_parameter", param="max_output_tokens"), AccountBroken),
        (errs(400), AccountBroken),
        (errs(400, "context_length_exceeded", param="input"), Rejected),
        (errs(400, "invalid_prompt"), Rejected),
        (errs(400, "invalid_value", param="input[0].content"), Rejected),
        (errs(413), Rejected),
        (errs(408), Unavailable),
        (errs(409), Unavailable),
        (errs(500, None, "server_error"), Unavailable),
        (says(502, "<html>Bad Gateway</html>"), Unavailable),
        (says(503, ""), Unavailable),
        (says(302, "", Location="/login"), Unavailable),
        (says(200, "<html>hello</html>"), Unavailable),
        (says(200, "nonsense", Content_Encoding="gzip"), Unavailable),
        (says(200, ""), Unavailable),
        (says(200, []), Unavailable),
        (says(200, {}), Unavailable),
        (drops, Unavailable),
        (cuts_the_body, Unavailable),
    ],
)
async def test_every_failure_says_whose_it_is_and_nothing_of_the_lead(
    step: Step, expected: type[ProviderError]
) -> None:
    async with analyst_of(step) as (analyst, vendor):
        with pytest.raises(ProviderError) as caught:
            await analyst.ask(QUESTION)
    error = caught.value
    assert isinstance(error, expected)
    assert "Ann" not in str(error)
    assert KEY not in str(error)
    assert error.__cause__ is None
    assert len(vendor.heard) == 1, "nothing is sent twice"


@pytest.mark.parametrize(
    ("code", "param", "outcome"),
    [
        ("context_length_exceeded", "input", Outcome.REJECTED_CONTENT),
        ("string_above_max_length", "input", Outcome.REJECTED_CONTENT),
        ("invalid_prompt", None, Outcome.FILTERED),
        ("invalid_value", "input", Outcome.FAILED),
    ],
)
async def test_a_question_that_is_refused_as_it_is_ends_this_lead_only(
    code: str, param: str | None, outcome: Outcome
) -> None:
    async with analyst_of(errs(400, code, param=param)) as (analyst, _):
        with pytest.raises(Rejected) as caught:
            await analyst.ask(QUESTION)
    verdict = caught.value.verdict
    assert (verdict.outcome, verdict.final, verdict.retryable, verdict.provider_code) == (outcome, True, False, code)
    assert "Ann" not in str(caught.value)
    assert "Ann" in str(verdict.detail), "the store may hold what the provider said"


async def test_what_is_wrong_for_every_lead_is_told_in_openais_words() -> None:
    error = {
        "message": "Invalid schema for response_format 'assessment'.",
        "type": "invalid_request_error",
        "param": "text.format.schema",
        "code": "invalid_json_schema",
    }
    async with analyst_of(says(400, {"error": error})) as (analyst, _):
        with pytest.raises(AccountBroken, match=r"assess\.fields .*Invalid schema for response_format"):
            await analyst.ask(QUESTION)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 1.0),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "7", "retry-after-ms": "6500"}, 6.5),
        ({"retry-after": "soon", "retry-after-ms": "soon"}, 1.0),
        ({**HEADERS, "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "3s"}, 3.0),
        ({**HEADERS, "x-ratelimit-remaining-tokens": "0"}, 5.0),
    ],
)
async def test_patience_is_as_long_as_openai_asks(headers: dict[str, str], seconds: float) -> None:
    async with analyst_of(errs(429, "rate_limit_exceeded", "requests", **headers)) as (analyst, _):
        with pytest.raises(RateLimited) as caught:
            await analyst.ask(QUESTION)
    assert (caught.value.retry_after, caught.value.code) == (seconds, "rate_limit_exceeded")


async def test_a_refusal_for_its_pace_tells_how_the_limits_stand() -> None:
    async with analyst_of(errs(429, "rate_limit_exceeded", "tokens", **HEADERS)) as (analyst, _):
        with pytest.raises(RateLimited) as caught:
            await analyst.ask(QUESTION)
    assert getattr(caught.value, "quota", None) == Quota(Allowance(500, 499, 0.12), Allowance(200_000, 198_000, 360.0))


async def test_a_question_that_no_minute_has_room_for_is_not_asked_for_ever() -> None:
    headers = {**HEADERS, "x-ratelimit-limit-tokens": "900"}
    async with analyst_of(errs(429, "rate_limit_exceeded", "tokens", **headers)) as (analyst, _):
        with pytest.raises(Rejected, match=r"\(900\)") as caught:
            await analyst.ask(QUESTION)
    assert caught.value.verdict.outcome is Outcome.REJECTED_CONTENT


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120ms", 0.12),
        ("1s", 1.0),
        ("1.5s", 1.5),
        ("6m0s", 360.0),
        ("1h0m3.25s", 3603.25),
        ("2d3h", 183_600.0),
        ("0s", 0.0),
        ("", None),
        ("7", None),
        ("soon", None),
        ("1s later", None),
        (None, None),
    ],
)
def test_lengths_of_time_are_read_as_go_writes_them(text: str | None, seconds: float | None) -> None:
    assert read_duration(text) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize("gone", ["limit", "remaining", "reset"])
async def test_a_limit_that_is_told_in_part_is_not_known(gone: str) -> None:
    headers = {name: value for name, value in HEADERS.items() if name != f"x-ratelimit-{gone}-tokens"}
    async with analyst_of(says(200, response(), **headers)) as (analyst, _):
        reply = await analyst.ask(QUESTION)
    assert reply.quota == Quota(Allowance(500, 499, 0.12), None)


async def test_no_answer_in_time_is_slow() -> None:
    async with analyst_of(hangs, patience=0.2) as (analyst, vendor):
        with pytest.raises(Slow, match=r"within 0\.2 seconds"):
            await analyst.ask(QUESTION)
    assert len(vendor.heard) == 1


async def test_an_answer_that_trickles_in_is_slow_too() -> None:
    async def trickles(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "1000"})
        await answer.prepare(request)
        for _ in range(100):
            await answer.write(b" ")
            await asyncio.sleep(0.05)
        return answer

    async with analyst_of(trickles, patience=0.3) as (analyst, _):
        with pytest.raises(Slow):
            await analyst.ask(QUESTION)


async def test_nobody_listening_is_unavailable() -> None:
    with nobody_listening() as address:
        analyst = await open_openai(account(address))
        with pytest.raises(Unavailable, match=r"OpenAI cannot be reached at http://127\.0\.0\.1"):
            await analyst.ask(QUESTION)
        await analyst.close()


async def test_a_connection_that_is_never_made_is_unavailable_and_not_slow() -> None:
    with nobody_accepting() as address:
        analyst = await open_openai(account(address, patience=0.6))
        with pytest.raises(Unavailable):
            await analyst.ask(QUESTION)
        await analyst.close()


async def test_a_broken_connection_that_was_kept_open_is_unavailable_and_not_resent() -> None:
    async with analyst_of(answers(), drops) as (analyst, vendor):
        await analyst.ask(QUESTION)
        with pytest.raises(Unavailable, match="broke"):
            await analyst.ask(QUESTION)
    assert len(vendor.heard) == 2


async def test_a_closed_analyst_asks_nothing() -> None:
    async with analyst_of(answers()) as (analyst, vendor):
        await analyst.close()
        with pytest.raises(Unavailable):
            await analyst.ask(QUESTION)
    assert vendor.heard == []


@pytest.mark.parametrize("address", ["localhost:9000", "ftp://example.com", "http://"])
async def test_a_base_url_that_is_no_address_is_refused_at_once(address: str) -> None:
    with pytest.raises(BadInput, match="base_url"):
        await open_openai(account(address))


async def test_five_hundred_questions_are_asked_at_once() -> None:
    async with analyst_of(once_there_are(500, answers()), patience=360.0) as (analyst, vendor):
        await asyncio.gather(*(analyst.ask(QUESTION) for _ in range(500)))
    assert len(vendor.heard) == 500


async def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "of-somebody-else")
    async with analyst_of(answers()) as (analyst, vendor):
        await analyst.ask(QUESTION)
    assert "of-somebody-else" not in str(vendor.heard[0].headers)


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
async def test_an_address_may_end_as_openai_writes_it(ending: str) -> None:
    async with analyst_of(answers()) as (_, vendor):
        analyst = await open_openai(account(vendor.url + ending))
        await analyst.ask(QUESTION)
        await analyst.close()
    assert vendor.heard[0].path == "/v1/responses"


async def test_the_check_costs_nothing() -> None:
    async with analyst_of(says(200, {"object": "list", "data": []})) as (analyst, vendor):
        await analyst.check()
    assert [(heard.method, heard.path) for heard in vendor.heard] == [("GET", "/v1/models")]


async def test_the_check_shows_a_refused_key() -> None:
    async with analyst_of(errs(401, "invalid_api_key")) as (analyst, _):
        with pytest.raises(AccountBroken, match="check auth_token"):
            await analyst.check()


async def test_nothing_shows_the_key() -> None:
    async with analyst_of(answers()) as (analyst, _):
        assert KEY not in repr(analyst) + str(vars(analyst))
