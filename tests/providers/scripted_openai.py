"""A loopback server in place of OpenAI, what it says, and the question that the tests ask."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from pydantic import SecretStr

from clarion.providers.lead_ports import Question
from clarion.providers.openai import THINKING, OpenAiAnalyst, open_openai
from clarion.settings import Account, Provider
from tests.providers.scripted import Scripted, Step, says

KEY = "sk-of-ours"
LEAD = '{"Name": "Ann Archer", "Company": "Acme"}'
SCHEMA = {
    "type": "object",
    "properties": {"score": {"type": "integer"}},
    "required": ["score"],
    "additionalProperties": False,
}
QUESTION = Question("7.12.1", "gpt-5-mini", "Assess this lead.", LEAD, SCHEMA, 1000)
HEADERS = {
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-remaining-requests": "499",
    "x-ratelimit-reset-requests": "120ms",
    "x-ratelimit-limit-tokens": "200000",
    "x-ratelimit-remaining-tokens": "198000",
    "x-ratelimit-reset-tokens": "6m0s",
}


@dataclass(frozen=True)
class Heard:
    method: str
    path: str
    query: dict[str, str]
    body: bytes
    headers: dict[str, str]


@dataclass
class ScriptedOpenAi(Scripted):
    heard: list[Heard] = field(default_factory=list)
    keeps_bodies: bool = True
    received: int = 0

    async def hear(self, request: web.Request) -> None:
        body = await request.read() if self.keeps_bodies else b""
        async for chunk in request.content.iter_any():
            self.received += len(chunk)
        self.heard.append(Heard(request.method, request.path, dict(request.query), body, dict(request.headers)))


def scripted_openai(*script: Step) -> AbstractAsyncContextManager[ScriptedOpenAi]:
    return ScriptedOpenAi(list(script)).serve(most=10**9)


def account(base_url: str | None, *, patience: float = 60.0) -> Account:
    """Return an account that waits so many seconds for an answer to a question."""
    return Account(provider=Provider.OPENAI, auth_token=SecretStr(KEY), base_url=base_url, timeout=patience / THINKING)


@asynccontextmanager
async def analyst_of(*script: Step, patience: float = 60.0) -> AsyncIterator[tuple[OpenAiAnalyst, ScriptedOpenAi]]:
    async with scripted_openai(*script) as vendor:
        analyst = await open_openai(account(vendor.url, patience=patience))
        try:
            yield analyst, vendor
        finally:
            await analyst.close()


def response(text: str = '{"score": 80}', **changes: object) -> dict[str, object]:
    """Return what OpenAI answers: it has thought before it wrote."""
    content = {"type": "output_text", "text": text, "annotations": []}
    return {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": "gpt-5-mini",
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [content]},
        ],
        "usage": {"input_tokens": 210, "output_tokens": 40, "total_tokens": 250},
        **changes,
    }


def refused(words: str = "I cannot help with that.") -> dict[str, object]:
    content = {"type": "refusal", "refusal": words}
    return response(output=[{"type": "message", "role": "assistant", "content": [content]}])


def cut(reason: str) -> dict[str, object]:
    return response('{"sco', status="incomplete", incomplete_details={"reason": reason})


def failed(code: str) -> dict[str, object]:
    return response(status="failed", error={"code": code, "message": "It did not work."}, output=[], usage=None)


def errs(
    status: int, code: str | None = None, kind: str = "invalid_request_error", param: str | None = None, **headers: str
) -> Step:
    about = LEAD if param is None or param.startswith("input") else param
    error = {"message": f"It is about {about}", "type": kind, "param": param, "code": code}
    return says(status, {"error": error}, **headers)


def answers(**changes: object) -> Step:
    return says(200, response(**changes), **HEADERS)  # type: ignore[arg-type]


def batch(status: str = "in_progress", identity: str = "batch_1", **changes: object) -> dict[str, object]:
    return {
        "id": identity,
        "object": "batch",
        "endpoint": "/v1/responses",
        "input_file_id": "file-1",
        "completion_window": "24h",
        "status": status,
        "created_at": 1_000_000,
        "metadata": {"clarion": "default/spring/1"},
        "request_counts": {"total": 3, "completed": 0, "failed": 0},
        "output_file_id": None,
        "error_file_id": None,
        "errors": None,
        **changes,
    }


def page(*batches: dict[str, object], more: bool = False) -> Step:
    return says(200, {"object": "list", "data": list(batches), "has_more": more})


def line(attempt: str, body: object | None, status: int = 200, error: object = None) -> str:
    answer = None if body is None else {"status_code": status, "request_id": "req_1", "body": body}
    return json.dumps({"id": f"batch_req_{attempt}", "custom_id": attempt, "response": answer, "error": error})
