"""The real SDK uploads files, runs batches on them, and reads what has come of them, whatever way they end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import openai
import pytest
from openai import AsyncOpenAI

from clarion.sandbox.openai import batch_lines
from clarion.sandbox.server import Sandbox
from clarion.sandbox.vendor import Settings
from tests.sandbox.openai_parties import (
    MODEL,
    QUICK,
    Fit,
    begin,
    control,
    ended,
    lead,
    lines,
    read,
    request,
    sdk,
    tally,
)  # fmt: skip
from tests.sandbox.parties import eventually


@pytest.fixture
def sandbox_settings() -> Settings:
    return QUICK


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[AsyncOpenAI]:
    async with sdk(sandbox) as client:
        yield client


def leads(count: int) -> bytes:
    return lines({f"lead-{number}": request(lead(number)) for number in range(count)})


async def test_a_file_comes_back_as_it_was_and_can_be_deleted(sandbox: Sandbox, client: AsyncOpenAI) -> None:
    content = b"\r\n--x\r\n\r\n" * 150_000 + "Größe".encode()
    file = await client.files.create(file=("leads.jsonl", content), purpose="batch")
    assert (file.bytes, file.filename, file.purpose, file.status) == (len(content), "leads.jsonl", "batch", "processed")
    assert await client.files.retrieve(file.id) == file
    assert (await client.files.content(file.id)).content == content
    async with sdk(sandbox, "sk-theirs") as theirs:
        with pytest.raises(openai.NotFoundError):
            await theirs.files.retrieve(file.id)
    assert (await client.files.delete(file.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await client.files.content(file.id)


async def test_only_jsonl_for_batches_is_taken(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await client.files.create(file=("leads.jsonl", b"{}"), purpose="assistants")
    assert raised.value.param == "purpose"
    with pytest.raises(openai.BadRequestError, match=r"\.jsonl"):
        await client.files.create(file=("leads.csv", b"{}"), purpose="batch")


async def test_a_batch_answers_every_line_as_it_would_be_answered_live(sandbox: Sandbox, client: AsyncOpenAI) -> None:
    begun = await begin(client, leads(60), metadata={"name": "default/c1/1"})
    assert (begun.status, begun.metadata, begun.output_file_id) == ("validating", {"name": "default/c1/1"}, None)
    batch = await ended(client, begun)
    assert batch.status == "completed"
    assert batch.request_counts is not None
    assert batch.request_counts.model_dump() == {"completed": 60, "failed": 0, "total": 60}
    assert (batch.model, batch.error_file_id, batch.errors) == (MODEL, None, None)
    assert None not in {batch.in_progress_at, batch.finalizing_at, batch.completed_at, batch.expires_at}
    found = await read(client, batch.output_file_id)
    assert set(found) == {f"lead-{number}" for number in range(60)}
    assert list(found) != sorted(found, key=lambda name: int(name.split("-")[1]))
    live = await client.responses.parse(model=MODEL, input=lead(7), text_format=Fit)
    body = found["lead-7"]["response"]["body"]
    assert found["lead-7"]["response"]["status_code"] == 200
    assert Fit.model_validate_json(body["output"][0]["content"][0]["text"]) == live.output_parsed
    assert batch.usage is not None
    assert batch.usage.output_tokens == sum(
        line["response"]["body"]["usage"]["output_tokens"] for line in found.values()
    )
    counted = await tally(sandbox)
    assert counted["fates"] == {"batch_answered": 60, "answered": 1}
    assert [(one["metadata"], one["status"], one["completed"]) for one in counted["batches"]] == [
        ({"name": "default/c1/1"}, "completed", 60)
    ]
    assert [meter["admitted"] for meter in counted["limits"]] == [1]


async def test_lines_that_fail_stand_in_the_error_file(client: AsyncOpenAI) -> None:
    said = {
        name: request(lead(description=f"sandbox:{name}")) for name in ("refused", "truncated", "error", "too_long")
    }
    batch = await ended(client, await begin(client, lines({**said, "bad": request(lead(), max_output_tokens=1)})))
    assert batch.status == "completed"
    assert batch.request_counts is not None
    assert (batch.request_counts.completed, batch.request_counts.failed) == (2, 3)
    good, bad = await read(client, batch.output_file_id), await read(client, batch.error_file_id)
    assert set(good) == {"refused", "truncated"}
    assert good["truncated"]["response"]["body"]["status"] == "incomplete"
    assert {name: line["response"]["status_code"] for name, line in bad.items()} == {
        "error": 500, "too_long": 400, "bad": 400,
    }  # fmt: skip
    assert bad["too_long"]["response"]["body"]["error"]["code"] == "context_length_exceeded"
    assert bad["bad"]["error"] is None


async def test_without_any_good_line_there_is_no_output_file(client: AsyncOpenAI) -> None:
    batch = await ended(client, await begin(client, lines({"a": request(lead(description="sandbox:error"))})))
    assert (batch.status, batch.output_file_id) == ("completed", None)
    assert batch.error_file_id is not None


async def test_a_batch_expires_for_some_of_its_lines(sandbox: Sandbox, client: AsyncOpenAI) -> None:
    await control(sandbox, "POST", "faults", {"openai": {"expired": 0.3}})
    content = leads(60) + b"\n" + lines({"magic": request(lead(description="sandbox:expired"))})
    batch = await ended(client, await begin(client, content))
    assert batch.status == "expired"
    assert batch.expired_at is not None
    good, bad = await read(client, batch.output_file_id), await read(client, batch.error_file_id)
    assert len(good) + len(bad) == 61
    assert 8 <= len(bad) <= 30
    assert "magic" in bad
    assert {(line["response"], line["error"]["code"]) for line in bad.values()} == {(None, "batch_expired")}
    assert (await tally(sandbox))["accepted"] == len(good)


async def test_a_share_of_server_errors_strikes_lines_too(sandbox: Sandbox, client: AsyncOpenAI) -> None:
    begun = await begin(client, leads(60))
    await control(sandbox, "POST", "faults", {"openai": {"server_error": 0.5}})

    async def over() -> bool:
        return [batch["status"] for batch in (await tally(sandbox))["batches"]] == ["completed"]

    await eventually(over)
    await control(sandbox, "DELETE", "faults")
    bad = await read(client, (await client.batches.retrieve(begun.id)).error_file_id)
    assert 15 < len(bad) < 45
    assert {line["response"]["status_code"] for line in bad.values()} == {500}


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"", "empty_file", None),
        (b"\n\n", "empty_file", None),
        (leads(2) + b"\n{broken", "invalid_json_line", 3),
        (leads(2) + b"\n" + leads(1), "duplicate_custom_id", 3),
        (leads(1).replace(b'"POST"', b'"GET"'), "url_mismatch", 1),
        (leads(1).replace(b"/v1/responses", b"/v1/embeddings"), "url_mismatch", 1),
        (leads(1) + b"\n" + lines({"b": request(lead(), model="gpt-5")}), "model_mismatch", 2),
        (lines({"a": request(lead(), model="unknown-1")}), "model_not_found", 1),
        (b'{"custom_id": "a", "method": "POST", "url": "/v1/responses"}', "missing_required_parameter", 1),
    ],
)
async def test_a_file_that_is_not_in_order_fails_its_batch(
    sandbox: Sandbox, client: AsyncOpenAI, content: bytes, code: str, line: int | None
) -> None:
    batch = await ended(client, await begin(client, content))
    assert (batch.status, batch.output_file_id, batch.error_file_id) == ("failed", None, None)
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert [(error.code, error.line) for error in batch.errors.data] == [(code, line)]
    assert (await tally(sandbox))["accepted"] == 0


def test_a_file_of_more_than_50_000_lines_has_too_many() -> None:
    checked = batch_lines.Checked("/v1/responses")
    for number in range(batch_lines.MOST_LINES + 1):
        line = {"custom_id": str(number), "method": "POST", "url": "/v1/responses", "body": {"model": MODEL}}
        checked.take(0, json.dumps(line).encode())
    checked.end()
    assert [error["code"] for error in checked.errors] == ["too_many_tasks"]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_lines_are_found_wherever_a_piece_ends(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    content = b"one\n\ntwo two\r\nthree"
    monkeypatch.setattr(batch_lines, "READ_AT_ONCE", size)
    found = list(batch_lines.lines_of(lambda start, length: content[start : start + length]))
    assert found == [(0, b"one"), (5, b"two two\r"), (14, b"three")]


async def test_too_many_enqueued_tokens_fail_a_batch_until_others_have_ended(
    sandbox: Sandbox, client: AsyncOpenAI
) -> None:
    most = len(leads(60)) // 4 + 100
    await control(sandbox, "POST", "settings", {"openai": {"enqueued_tokens": most}, "time_scale": 0.01})
    first = await begin(client, leads(60))

    async def works() -> bool:
        return (await client.batches.retrieve(first.id)).status != "validating"

    await eventually(works)
    second = await ended(client, await begin(client, leads(10)))
    assert second.status == "failed"
    assert second.errors is not None
    assert second.errors.data is not None
    assert second.errors.data[0].code == "token_limit_exceeded"
    assert (await ended(client, first)).status == "completed"
    assert (await ended(client, await begin(client, leads(10)))).status == "completed"


async def test_a_cancelled_batch_keeps_what_has_come(sandbox: Sandbox, client: AsyncOpenAI) -> None:
    await control(sandbox, "POST", "settings", {"time_scale": 1})
    begun = await begin(client, leads(60))
    await control(sandbox, "POST", "settings", {"openai": {"batch_seconds": 6}})
    second = await begin(client, leads(60))

    async def some() -> bool:
        counts = (await client.batches.retrieve(second.id)).request_counts
        return counts is not None and counts.completed > 3

    await eventually(some)
    assert (await client.batches.cancel(second.id)).status == "cancelling"
    assert (await client.batches.cancel(begun.id)).status == "cancelling"
    batch, early = await ended(client, second), await ended(client, begun)
    assert batch.status == early.status == "cancelled"
    good, bad = await read(client, batch.output_file_id), await read(client, batch.error_file_id)
    assert len(good) + len(bad) == 60
    assert len(good) > 3
    assert {line["error"]["code"] for line in bad.values()} == {"batch_cancelled"}
    assert (early.output_file_id, early.error_file_id) == (None, None)
    with pytest.raises(openai.ConflictError):
        await client.batches.cancel(batch.id)


async def test_batches_are_listed_newest_first_page_by_page_for_their_key(
    sandbox: Sandbox, client: AsyncOpenAI
) -> None:
    begun = [(await begin(client, leads(1), metadata={"name": str(number)})).id for number in range(5)]
    assert [batch.id async for batch in client.batches.list(limit=2)] == begun[::-1]
    page = await client.batches.list(limit=2, after=begun[3])
    assert ([batch.id for batch in page.data], page.has_more) == ([begun[2], begun[1]], True)
    async with sdk(sandbox, "sk-theirs") as theirs:
        assert [batch async for batch in theirs.batches.list()] == []
        with pytest.raises(openai.NotFoundError):
            await theirs.batches.retrieve(begun[0])
    with pytest.raises(openai.BadRequestError):
        await client.batches.list(limit=101)


async def test_a_create_whose_answer_is_lost_can_be_found_by_its_name(sandbox: Sandbox, client: AsyncOpenAI) -> None:
    file = await client.files.create(file=("leads.jsonl", leads(1)), purpose="batch")
    await control(sandbox, "POST", "faults", {"openai": {"dropped": 1.0}})
    with pytest.raises(openai.APIConnectionError):
        await client.batches.create(
            input_file_id=file.id, endpoint="/v1/responses", completion_window="24h", metadata={"name": "n"}
        )
    assert [(batch.metadata, batch.input_file_id) async for batch in client.batches.list()] == [
        ({"name": "n"}, file.id)
    ]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"input_file_id": "file-nothing"}, "input_file_id"),
        ({"endpoint": "/v1/embeddings"}, "endpoint"),
        ({"completion_window": "1h"}, "completion_window"),
        ({"metadata": {"a": 1}}, "metadata.a"),
    ],
)
async def test_a_batch_that_cannot_be_begun(client: AsyncOpenAI, change: dict[str, object], param: str) -> None:
    file = await client.files.create(file=("leads.jsonl", leads(1)), purpose="batch")
    order = {"input_file_id": file.id, "endpoint": "/v1/responses", "completion_window": "24h", **change}
    with pytest.raises(openai.BadRequestError) as raised:
        await client.post("/batches", cast_to=object, body=order)
    assert raised.value.param == param
