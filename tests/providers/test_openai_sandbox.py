"""The OpenAI analyst against our sandbox: two independent readings of OpenAI's documentation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import pytest
from pydantic import SecretStr

from clarion.domain.answer import USUAL_ANSWER
from clarion.domain.assessment import answer_schema, read_answer
from clarion.domain.errors import NotFound
from clarion.domain.target import Outcome
from clarion.providers.lead_ports import BatchLine, BatchStage, BatchWord, Question, Slow
from clarion.providers.openai import THINKING, OpenAiAnalyst, open_openai
from clarion.providers.ports import AccountBroken, RateLimited, Rejected, Unavailable
from clarion.sandbox.faults import Faults
from clarion.sandbox.openai.settings import OpenAiSettings
from clarion.sandbox.server import Sandbox
from clarion.sandbox.vendor import Settings as SandboxSettings
from clarion.settings import Account, Provider
from tests.sandbox.parties import started

NAME = "default/spring/1"
ASKED = Question("7.1.1", "gpt-5-mini", "Assess this lead.", '{"Name": "Ann"}', answer_schema(USUAL_ANSWER), 1000)


def sandbox_with(**openai: object) -> AbstractAsyncContextManager[Sandbox]:
    settings = {"latency": (0.0, 0.0), "batch_seconds": 0.2, **openai}
    return started(SandboxSettings(latency_ms=0, openai=OpenAiSettings.model_validate(settings)))


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with sandbox_with() as sandbox:
        yield sandbox


@asynccontextmanager
async def analyst_at(
    sandbox: Sandbox, *, key: str = "sk-of-ours", patience: float = 60.0
) -> AsyncIterator[OpenAiAnalyst]:
    account = Account(
        provider=Provider.OPENAI, auth_token=SecretStr(key), base_url=sandbox.url, timeout=patience / THINKING
    )
    analyst = await open_openai(account)
    yield analyst
    await analyst.close()


@pytest.fixture
async def analyst(sandbox: Sandbox) -> AsyncIterator[OpenAiAnalyst]:
    async with analyst_at(sandbox) as analyst:
        yield analyst


def breaks(sandbox: Sandbox, **faults: float | bool) -> None:
    sandbox.worlds["openai"].faults.set(Faults.model_validate(faults))


def about(fate: str) -> Question:
    return replace(ASKED, lead=f'{{"Name": "Ann", "Description": "sandbox:{fate}"}}')


async def ended(analyst: OpenAiAnalyst, reference: str) -> BatchWord:
    async with asyncio.timeout(15):
        while (word := await analyst.look(reference)).stage is BatchStage.WORKING:
            await asyncio.sleep(0.05)
    return word


async def results_of(analyst: OpenAiAnalyst, reference: str) -> dict[str, BatchLine]:
    return {line.attempt: line async for line in analyst.results(reference)}


async def test_the_check_passes_and_a_wrong_key_does_not(sandbox: Sandbox, analyst: OpenAiAnalyst) -> None:
    await analyst.check()
    async with analyst_at(sandbox, key="wrong") as other:
        with pytest.raises(AccountBroken, match="auth_token"):
            await other.check()


async def test_an_answer_keeps_to_the_schema_that_was_asked_for(analyst: OpenAiAnalyst) -> None:
    reply = await analyst.ask(ASKED)
    assert reply.text is not None
    assert read_answer(reply.text, USUAL_ANSWER).keys() == USUAL_ANSWER.keys()
    assert reply.input_tokens > 0
    assert reply.output_tokens > 0
    assert reply.quota.requests is not None
    assert reply.quota.requests.limit == 10_000
    assert reply.quota.tokens is not None
    assert reply.quota.tokens.remaining <= 10_000_000 - 1000


async def test_how_long_a_model_thinks_is_asked_for_and_one_that_cannot_refuses(analyst: OpenAiAnalyst) -> None:
    assert (await analyst.ask(replace(ASKED, effort="minimal"))).text is not None
    for asked in (replace(ASKED, model="gpt-4.1", effort="low"), replace(ASKED, effort="a lot")):
        with pytest.raises(AccountBroken, match=r"reasoning\.effort|Supported values"):
            await analyst.ask(asked)


@pytest.mark.parametrize(
    ("fate", "outcome"),
    [
        ("refused", Outcome.REFUSED),
        ("truncated", Outcome.TRUNCATED),
        ("filtered", Outcome.FILTERED),
        ("failed", Outcome.FAILED),
    ],
)
async def test_a_lead_that_gets_no_answer_has_its_outcome(analyst: OpenAiAnalyst, fate: str, outcome: Outcome) -> None:
    reply = await analyst.ask(about(fate))
    assert reply.text is None
    assert reply.verdict is not None
    assert reply.verdict.outcome is outcome


async def test_a_cut_off_answer_is_whole_with_twice_the_tokens(analyst: OpenAiAnalyst) -> None:
    question = about("truncated")
    assert (await analyst.ask(question)).text is None
    assert (await analyst.ask(replace(question, max_output_tokens=2000))).text is not None


@pytest.mark.parametrize(("fate", "outcome"), [("rejected", Outcome.FILTERED), ("too_long", Outcome.REJECTED_CONTENT)])
async def test_a_lead_that_is_not_taken_ends_by_itself(analyst: OpenAiAnalyst, fate: str, outcome: Outcome) -> None:
    with pytest.raises(Rejected) as caught:
        await analyst.ask(about(fate))
    assert caught.value.verdict.outcome is outcome


async def test_a_lost_answer_and_a_server_error_may_be_asked_for_again(analyst: OpenAiAnalyst) -> None:
    with pytest.raises(Unavailable):
        await analyst.ask(about("lost"))
    assert (await analyst.ask(about("lost"))).text is not None
    with pytest.raises(Unavailable):
        await analyst.ask(about("error"))


async def test_a_slow_answer_is_given_up(sandbox: Sandbox) -> None:
    breaks(sandbox, slow_seconds=2.0)
    async with analyst_at(sandbox, patience=0.2) as analyst:
        with pytest.raises(Slow):
            await analyst.ask(about("slow"))


async def test_an_outage_and_a_spent_account_are_told_apart(sandbox: Sandbox, analyst: OpenAiAnalyst) -> None:
    breaks(sandbox, outage=30.0)
    with pytest.raises(Unavailable):
        await analyst.ask(ASKED)
    breaks(sandbox, account_suspended=True)
    with pytest.raises(AccountBroken, match="credit"):
        await analyst.ask(ASKED)


async def test_a_model_that_there_is_not_and_a_schema_that_is_none_concern_all(analyst: OpenAiAnalyst) -> None:
    with pytest.raises(AccountBroken, match=r"assess\.model"):
        await analyst.ask(replace(ASKED, model="unknown-1"))
    with pytest.raises(AccountBroken, match=r"assess\.fields"):
        await analyst.ask(replace(ASKED, schema={"type": "object", "properties": {"x": {"type": "string"}}}))


async def test_too_many_requests_wait_and_learn_how_the_limits_stand() -> None:
    async with sandbox_with(requests_per_minute=2) as sandbox, analyst_at(sandbox) as analyst:
        await analyst.ask(ASKED)
        await analyst.ask(ASKED)
        with pytest.raises(RateLimited) as caught:
            await analyst.ask(ASKED)
    assert 0 < caught.value.retry_after <= 60
    quota = getattr(caught.value, "quota", None)
    assert quota is not None
    assert (quota.requests.limit, quota.requests.remaining) == (2, 0)


async def test_a_question_heavier_than_a_minute_allows_is_not_asked_for_ever() -> None:
    async with sandbox_with(tokens_per_minute=500) as sandbox, analyst_at(sandbox) as analyst:
        with pytest.raises(Rejected, match=r"\(500\)"):
            await analyst.ask(ASKED)


async def test_a_batch_is_sent_begun_found_watched_and_read(analyst: OpenAiAnalyst) -> None:
    since = time.time() - 60
    fates = ["answered", "refused", "truncated", "rejected", "error", "expired"]
    questions = [replace(about(fate), attempt=f"7.{number}.1") for number, fate in enumerate(fates)]
    assert await analyst.find(NAME, since) is None
    file = await analyst.upload(NAME, questions)
    assert await analyst.find(NAME, since) is None, "a file is no batch"
    word = await analyst.submit(NAME, file)
    assert word.stage is BatchStage.WORKING
    found = await analyst.find(NAME, since)
    assert found is not None
    assert found.reference == word.reference
    assert await analyst.find("default/spring/2", since) is None
    last = await ended(analyst, word.reference)
    assert last.stage is BatchStage.ENDED
    lines = await results_of(analyst, word.reference)
    outcomes = {
        attempt: line.reply.verdict.outcome for attempt, line in lines.items() if line.reply and line.reply.verdict
    }
    assert outcomes == {"7.1.1": Outcome.REFUSED, "7.2.1": Outcome.TRUNCATED, "7.3.1": Outcome.FILTERED}
    answered = lines["7.0.1"].reply
    assert answered is not None
    assert read_answer(answered.text or "", USUAL_ANSWER)
    assert {attempt for attempt, line in lines.items() if line.reply is None} == {"7.4.1", "7.5.1"}


async def test_a_batch_that_is_ended_early_keeps_what_has_come() -> None:
    async with sandbox_with(batch_seconds=30.0) as sandbox, analyst_at(sandbox) as analyst:
        questions = [replace(ASKED, attempt=f"7.{number}.1") for number in range(20)]
        word = await analyst.submit(NAME, await analyst.upload(NAME, questions))
        await analyst.cancel(word.reference)
        await analyst.cancel(word.reference)
        last = await ended(analyst, word.reference)
        assert (last.stage, last.status) == (BatchStage.ENDED, "cancelled")
        lines = await results_of(analyst, word.reference)
        await analyst.cancel(word.reference)
    assert all(line.reply is None or line.reply.text for line in lines.values())


async def test_a_batch_that_finds_too_much_waiting_may_do_later() -> None:
    async with sandbox_with(enqueued_tokens=10) as sandbox, analyst_at(sandbox) as analyst:
        word = await analyst.submit(NAME, await analyst.upload(NAME, [ASKED]))
        last = await ended(analyst, word.reference)
    assert (last.stage, last.too_much) == (BatchStage.FAILED, True)
    assert last.detail


async def test_a_batch_of_a_model_that_there_is_not_fails_for_good(analyst: OpenAiAnalyst) -> None:
    file = await analyst.upload(NAME, [replace(ASKED, model="unknown-1")])
    last = await ended(analyst, (await analyst.submit(NAME, file)).reference)
    assert (last.stage, last.too_much) == (BatchStage.FAILED, False)
    assert last.detail is not None
    assert "unknown-1" in last.detail


async def test_what_there_is_not_is_told_so(analyst: OpenAiAnalyst) -> None:
    with pytest.raises(NotFound):
        await analyst.look("batch_of_nobody")
    with pytest.raises(Rejected):
        await analyst.submit(NAME, "file-of-nobody")
