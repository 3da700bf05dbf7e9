"""What comes of batches at OpenAI, and how it is read, against a server that answers as each test says."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from clarion.domain.target import Outcome
from clarion.providers.lead_ports import BatchLine
from clarion.providers.openai import OpenAiAnalyst
from clarion.providers.openai_batches import lines_of
from clarion.providers.ports import Unavailable
from tests.providers.scripted import Step, says
from tests.providers.scripted_openai import (
    analyst_of,
    batch,
    cut,
    errs,
    failed,
    line,
    refused,
    response,
)


def content(*lines: str) -> Step:
    async def step(_: web.Request) -> web.StreamResponse:
        return web.Response(body="\n".join(lines).encode(), content_type="application/octet-stream")

    return step


async def all_of(analyst: OpenAiAnalyst) -> list[BatchLine]:
    return [found async for found in analyst.results("batch_1")]


async def test_reads_results_and_errors_as_answers_that_came_live() -> None:
    shown = batch("expired", output_file_id="file-out", error_file_id="file-err")
    good = content(
        line("7.1.1", response('{"score": 1}')),
        line("7.2.1", refused()),
        line("7.3.1", cut("max_output_tokens")),
        line("7.4.1", failed("server_error")),
    )
    bad = content(
        line("7.5.1", None, error={"code": "batch_expired", "message": "This request could not be executed."}),
        line("7.6.1", {"error": {"message": "Sorry", "type": "server_error"}}, 500),
        line("7.7.1", {"error": {"message": "Too long", "code": "context_length_exceeded"}}, 400),
        line("7.8.1", {"error": {"message": "Which?", "code": "model_not_found"}}, 404),
        line("7.9.1", {"error": {"message": "Slower", "code": "rate_limit_exceeded"}}, 429),
        line("7.10.1", "nonsense"),
    )
    async with analyst_of(says(200, shown), good, bad) as (analyst, vendor):
        found = {result.attempt: result for result in await all_of(analyst)}
    assert [heard.path for heard in vendor.heard] == [
        "/v1/batches/batch_1",
        "/v1/files/file-out/content",
        "/v1/files/file-err/content",
    ]
    first = found["7.1.1"].reply
    assert first is not None
    assert (first.text, first.input_tokens, first.output_tokens) == ('{"score": 1}', 210, 40)
    outcomes = {
        attempt: result.reply.verdict.outcome
        for attempt, result in found.items()
        if result.reply and result.reply.verdict
    }
    assert outcomes == {
        "7.2.1": Outcome.REFUSED,
        "7.3.1": Outcome.TRUNCATED,
        "7.4.1": Outcome.FAILED,
        "7.7.1": Outcome.REJECTED_CONTENT,
    }
    assert {attempt for attempt, result in found.items() if result.reply is None and result.detail} == {
        "7.5.1",
        "7.6.1",
        "7.8.1",
        "7.9.1",
        "7.10.1",
    }
    assert found["7.5.1"].detail == "batch_expired"


async def test_lines_that_tell_of_no_question_are_passed_over() -> None:
    shown = batch("completed", output_file_id="file-out")
    strange = content("", "{", "[]", '{"custom_id": 5}', "null", line("7.1.1", response()), "")
    async with analyst_of(says(200, shown), strange) as (analyst, _):
        assert [result.attempt for result in await all_of(analyst)] == ["7.1.1"]


async def test_of_a_file_that_is_kept_no_longer_nothing_comes() -> None:
    shown = batch("completed", output_file_id="file-out", error_file_id="file-err")
    async with analyst_of(says(200, shown), errs(404), content(line("7.1.1", response()))) as (analyst, _):
        assert [result.attempt for result in await all_of(analyst)] == ["7.1.1"]


async def test_a_file_that_breaks_off_is_read_again_and_not_taken_for_all() -> None:
    async def breaks_off(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "100000"})
        await answer.prepare(request)
        await answer.write(line("7.1.1", response()).encode() + b"\n" + b'{"custom_id": ')
        await asyncio.sleep(0.05)
        assert request.transport is not None
        request.transport.close()
        return answer

    shown = batch("completed", output_file_id="file-out")
    async with analyst_of(says(200, shown), breaks_off) as (analyst, _):
        results = analyst.results("batch_1")
        assert (await anext(results)).attempt == "7.1.1"
        with pytest.raises(Unavailable):
            await anext(results)


async def test_a_file_takes_as_long_as_it_takes_while_it_comes() -> None:
    async def slowly(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for number in range(12):
            await answer.write(line(f"7.{number}.1", response()).encode() + b"\n")
            await asyncio.sleep(0.1)
        return answer

    shown = batch("completed", output_file_id="file-out")
    async with analyst_of(says(200, shown), slowly, patience=12.0) as (analyst, _):
        assert len(await all_of(analyst)) == 12


async def test_results_are_read_in_flat_memory() -> None:
    block = (line("7.1.1", response("x" * 5000)) + "\n").encode() * 100

    async def much(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for _ in range(50):
            await answer.write(block)
        return answer

    shown = batch("completed", output_file_id="file-out")
    async with analyst_of(says(200, shown), much) as (analyst, _):
        tracemalloc.start()
        count = 0
        async for _ in analyst.results("batch_1"):
            count += 1
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert count == 5000
    assert peak < 50 * len(block) / 4


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_lines_end_at_newlines_only_however_they_come(size: int) -> None:
    text = 'a\u2028b\n\n"c\x85d"\r\ne'.encode()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(text), size):
            yield text[start : start + size]

    assert [found async for found in lines_of(pieces())] == text.split(b"\n")


async def test_a_file_without_lines_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clarion.providers.openai_batches.LONGEST_LINE", 100)

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 30

    with pytest.raises(Unavailable):
        assert [found async for found in lines_of(endless())]
