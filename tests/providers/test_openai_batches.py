"""Batches at OpenAI: how they are sent, found, watched and ended, against a server that answers as each test says."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import pytest

from clarion.domain.errors import NotFound
from clarion.providers.lead_ports import BatchStage, Question
from clarion.providers.ports import AccountBroken, ProviderError, RateLimited, Rejected, Unavailable
from tests.providers.scripted import Step, drops, says
from tests.providers.scripted_openai import (
    QUESTION,
    analyst_of,
    answers,
    batch,
    errs,
    page,
)

NAME = "default/spring/1"
FILE = says(200, {"id": "file-1", "object": "file", "bytes": 1, "purpose": "batch", "filename": "x", "created_at": 1})


async def test_sends_a_file_whose_lines_ask_what_is_asked_live() -> None:
    second = replace(QUESTION, attempt="7.13.1", lead='{"Name": "Zoë \u2028 Zimmer"}')
    async with analyst_of(answers(), FILE) as (analyst, vendor):
        await analyst.ask(QUESTION)
        assert await analyst.upload(NAME, iter([QUESTION, second])) == "file-1"
    live, sent = vendor.heard
    assert (sent.method, sent.path) == ("POST", "/v1/files")
    assert b'name="purpose"\r\n\r\nbatch' in sent.body
    assert b'name="expires_after[seconds]"\r\n\r\n604800' in sent.body
    assert b'filename="default_spring_1.jsonl"' in sent.body
    lines = [json.loads(text) for text in sent.body.split(b"\n") if text.startswith(b"{")]
    assert [found["custom_id"] for found in lines] == ["7.12.1", "7.13.1"]
    assert {(found["method"], found["url"]) for found in lines} == {("POST", "/v1/responses")}
    assert lines[0]["body"] == json.loads(live.body)
    assert lines[1]["body"]["input"][0]["content"] == second.lead


async def test_a_file_that_openai_would_not_take_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clarion.providers.openai_batches.MOST_LINES", 2)
    async with analyst_of(FILE) as (analyst, vendor):
        with pytest.raises(Rejected, match="more than 2"):
            await analyst.upload(NAME, [QUESTION] * 3)
        monkeypatch.setattr("clarion.providers.openai_batches.MOST_BYTES", 100)
        with pytest.raises(Rejected, match="larger than OpenAI takes"):
            await analyst.upload(NAME, [QUESTION])
    assert vendor.heard == []


async def test_a_large_file_is_sent_in_flat_memory() -> None:
    def many() -> Iterator[Question]:
        for number in range(2000):
            yield replace(QUESTION, attempt=f"7.{number}.1", lead="x" * 20_000)

    async with analyst_of(FILE) as (analyst, vendor):
        vendor.keeps_bodies = False
        tracemalloc.start()
        await analyst.upload(NAME, many())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert vendor.received > 40_000_000
    assert peak < vendor.received / 4


async def test_begins_a_batch_that_carries_its_name() -> None:
    async with analyst_of(says(200, batch("validating"))) as (analyst, vendor):
        word = await analyst.submit(NAME, "file-1")
    assert (word.reference, word.stage, word.status) == ("batch_1", BatchStage.WORKING, "validating")
    assert (vendor.heard[0].method, vendor.heard[0].path) == ("POST", "/v1/batches")
    assert json.loads(vendor.heard[0].body) == {
        "input_file_id": "file-1",
        "endpoint": "/v1/responses",
        "completion_window": "24h",
        "metadata": {"clarion": NAME},
        "output_expires_after": {"anchor": "created_at", "seconds": 604_800},
    }


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (errs(400, "invalid_request", param="input_file_id"), Rejected),
        (errs(404), Rejected),
        (errs(401), AccountBroken),
        (errs(429, "insufficient_quota"), AccountBroken),
        (errs(429, "rate_limit_exceeded"), RateLimited),
        (errs(500), Unavailable),
        (says(200, {}), Unavailable),
        (drops, Unavailable),
    ],
)
async def test_a_batch_that_cannot_be_begun_says_why(step: Step, expected: type[ProviderError]) -> None:
    async with analyst_of(step) as (analyst, vendor):
        with pytest.raises(expected):
            await analyst.submit(NAME, "file-1")
    assert len(vendor.heard) == 1, "nothing is sent twice"


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        ("validating", BatchStage.WORKING),
        ("in_progress", BatchStage.WORKING),
        ("finalizing", BatchStage.WORKING),
        ("cancelling", BatchStage.WORKING),
        ("something_new", BatchStage.WORKING),
        ("completed", BatchStage.ENDED),
        ("expired", BatchStage.ENDED),
        ("cancelled", BatchStage.ENDED),
        ("failed", BatchStage.FAILED),
    ],
)
async def test_every_status_has_its_stage(status: str, stage: BatchStage) -> None:
    shown = batch(status, request_counts={"total": 3, "completed": 2, "failed": 1})
    async with analyst_of(says(200, shown)) as (analyst, vendor):
        word = await analyst.look("batch_1")
    assert (word.stage, word.status, word.done, word.failed, word.detail) == (stage, status, 2, 1, None)
    assert vendor.heard[0].path == "/v1/batches/batch_1"


@pytest.mark.parametrize(
    ("code", "too_much"),
    [("token_limit_exceeded", True), ("invalid_json_line", False), ("model_not_found", False), (None, False)],
)
async def test_a_batch_that_failed_says_why_and_whether_it_may_do_later(code: str | None, too_much: bool) -> None:
    errors = {"object": "list", "data": [{"code": code, "message": "It is wrong", "line": 3}, {"code": "x"}]}
    async with analyst_of(says(200, batch("failed", errors=errors, request_counts=None))) as (analyst, _):
        word = await analyst.look("batch_1")
    assert (word.detail, word.too_much) == ("It is wrong (line 3), and 1 more", too_much)


async def test_a_batch_that_there_is_not_is_not_found() -> None:
    async with analyst_of(errs(404)) as (analyst, _):
        with pytest.raises(NotFound):
            await analyst.look("batch_9")
        with pytest.raises(NotFound):
            await anext(analyst.results("batch_1"))


async def test_finds_its_batch_on_a_later_page() -> None:
    others = [batch(identity=f"batch_{n}", metadata=metadata) for n, metadata in ((9, None), (8, {"clarion": "x"}))]
    async with analyst_of(page(*others, more=True), page(batch(identity="batch_7"))) as (analyst, vendor):
        found = await analyst.find(NAME, 900_000.0)
    assert found is not None
    assert found.reference == "batch_7"
    assert [heard.query for heard in vendor.heard] == [{"limit": "100"}, {"limit": "100", "after": "batch_8"}]


async def test_looks_no_further_than_batches_that_are_older_than_it_can_be() -> None:
    old = batch(identity="batch_2", metadata=None, created_at=1_000_000)
    async with analyst_of(page(old, more=True)) as (analyst, vendor):
        assert await analyst.find(NAME, 1_000_100.0) is None
    assert len(vendor.heard) == 1


async def test_finds_nothing_where_there_is_nothing() -> None:
    async with analyst_of(page()) as (analyst, _):
        assert await analyst.find(NAME, 0.0) is None


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (says(200, {"object": "list"}), Unavailable),
        (says(200, "<html>"), Unavailable),
        (errs(404), AccountBroken),
        (errs(500), Unavailable),
        (errs(429, "rate_limit_exceeded"), RateLimited),
    ],
)
async def test_a_list_that_cannot_be_read_proves_nothing(step: Step, expected: type[ProviderError]) -> None:
    async with analyst_of(step) as (analyst, _):
        with pytest.raises(expected):
            await analyst.find(NAME, 0.0)


@pytest.mark.parametrize("step", [says(200, batch("cancelling")), errs(409), errs(400), errs(404)])
async def test_ends_a_batch_and_leaves_one_alone_that_has_ended(step: Step) -> None:
    async with analyst_of(step) as (analyst, vendor):
        await analyst.cancel("batch_1")
    assert (vendor.heard[0].method, vendor.heard[0].path) == ("POST", "/v1/batches/batch_1/cancel")


@pytest.mark.parametrize(("status", "expected"), [(401, AccountBroken), (429, RateLimited), (500, Unavailable)])
async def test_an_ending_that_fails_says_how(status: int, expected: type[ProviderError]) -> None:
    async with analyst_of(errs(status)) as (analyst, _):
        with pytest.raises(expected):
            await analyst.cancel("batch_1")
