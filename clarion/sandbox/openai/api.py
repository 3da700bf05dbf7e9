"""OpenAI's endpoints for responses, chat completions, files, batches and models: routes, keys, limits, latency.

Read from OpenAI's API reference and guides on its own; shares no code with the client's side.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math
import secrets
import time
from collections.abc import Mapping

from clarion.sandbox.openai.batches import Batches
from clarion.sandbox.openai.books import Books
from clarion.sandbox.openai.errors import NO_QUOTA, OVERLOADED, Wrong, problem, server_error, wrong
from clarion.sandbox.openai.fates import Fate
from clarion.sandbox.openai.files import Files
from clarion.sandbox.openai.limits import Limits, go_duration, waiting
from clarion.sandbox.openai.mind import GULLIBLE, Mind
from clarion.sandbox.openai.questions import Api, parsed, read_question
from clarion.sandbox.openai.replies import rendered
from clarion.sandbox.vendor import Answer, Call, ControlError, Json, Refusal, World

MODELS = ("gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-4.1", "gpt-4.1-mini", "gpt-4o-mini", GULLIBLE)
"""Models that are listed; any other is known as well unless its name begins with ``unknown``."""
MADE_AT = 1_754_425_928
"""When all models say they were made (epoch seconds)."""


class OpenAiApi:
    """The vendor ``openai``."""

    name = "openai"
    prefixes: tuple[str, ...] = ("/v1/responses", "/v1/chat/completions", "/v1/files", "/v1/batches", "/v1/models")

    def __init__(self, world: World) -> None:
        self._world = world
        self._limits = Limits(world.settings.openai)
        self._begin()

    def _begin(self) -> None:
        self._mind, self._files, self._books = Mind(self._world), Files(), Books(self._world.effects)
        self._batches = Batches(self._world, self._mind, self._books, self._files)

    async def answer(self, call: Call) -> Answer:
        """Authenticate, route, and add the headers that every answer has."""
        begun = time.monotonic()
        account = self.account_of(call)
        try:
            self._authenticate(account)
            answer = await self._route(account, call)
        except Wrong as refusal:
            answer = refusal.answer
        spent = math.ceil((time.monotonic() - begun) * 1000)
        return _with(answer, _usual(spent))

    def account_of(self, call: Call) -> str:
        """Return the API key: limits, files and batches are counted by it."""
        scheme, _, key = call.headers.get("Authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" else ""

    def refuse(self, refusal: Refusal, call: Call) -> Answer:  # noqa: ARG002 -- worded alike whatever was asked
        """Word a fault as OpenAI does."""
        return _with(_refused(refusal, self._world.faults.now.retry_after), _usual(1))

    def inbound(self, sender: str, to: str, body: str) -> str:  # noqa: ARG002 -- none is taken
        """Raise ControlError: nobody writes to an AI here."""
        message = f'nobody can write to {to} from {sender}: "{self.name}" takes no texts in this sandbox'
        raise ControlError(message)

    def settle(self) -> None:
        """Count against changed limits anew. Raises ControlError for a latency that ends before it begins."""
        shortest, longest = self._world.settings.openai.latency
        if shortest > longest:
            message = f"openai.latency: {shortest} to {longest} seconds is no range; give the shorter time first"
            raise ControlError(message)
        if self._limits.settings != self._world.settings.openai:
            self._limits = Limits(self._world.settings.openai)

    def reset(self) -> None:
        """Forget all files, batches, answers and what was counted against limits."""
        self._batches.close()
        self._limits = Limits(self._world.settings.openai)
        self._begin()

    def tally(self, *, detail: bool) -> Mapping[str, Json]:  # noqa: ARG002 -- nothing is left out
        """Tell of answers, limits and batches."""
        return {**self._books.view(), "limits": self._limits.view(), "batches": self._batches.view()}

    def _authenticate(self, key: str) -> None:
        if not key:
            message = "You didn't provide an API key. You need to provide your API key in an Authorization header."
            raise wrong(message, status=401)
        if key in self._world.settings.refused_tokens:
            message = (
                f"Incorrect API key provided: {key[:2]}***. "
                "You can find your API key at https://platform.openai.com/account/api-keys."
            )
            raise wrong(message, "invalid_api_key", status=401)

    async def _route(self, account: str, call: Call) -> Answer:  # noqa: PLR0911 -- one line for each route
        match (call.method, *call.path.strip("/").split("/")[1:]):
            case ("POST", "responses"):
                return await self._ask(account, Api.RESPONSES, call.body)
            case ("POST", "chat", "completions"):
                return await self._ask(account, Api.CHAT, call.body)
            case ("POST", "files"):
                return self._files.upload(account, call)
            case ("GET" | "DELETE", "files", file_id):
                return self._files.answer(account, call.method, file_id, content=False)
            case ("GET", "files", file_id, "content"):
                return self._files.answer(account, call.method, file_id, content=True)
            case ("POST", "batches"):
                return self._batches.begin(account, call)
            case ("GET", "batches"):
                return self._batches.listed(account, call.query)
            case ("GET", "batches", batch_id) | ("POST", "batches", batch_id, "cancel"):
                return self._batches.answer(account, call.method, batch_id, cancel=call.method == "POST")
            case ("GET", "models", *rest):
                return _models(rest)
            case _:
                message = f"Invalid URL ({call.method} {call.path})"
                raise wrong(message, status=404)

    async def _ask(self, account: str, api: Api, raw: bytes) -> Answer:
        now, world = time.time(), self._world
        question = read_question(api, parsed(raw), world.settings.openai.context_characters)
        meter = self._limits.meter(account, question.model, time.monotonic())
        refused = meter.admit(question.charge, time.monotonic())
        if refused is not None:
            return refused
        try:
            reply = self._mind.reply(question)
        except Wrong as refusal:
            return _with(refusal.answer, meter.headers())
        times = self._books.count(question, reply, now, batch=False)
        headers = meter.headers()
        shortest, longest = world.settings.openai.latency
        pause = shortest + (longest - shortest) * world.decisions.shares(f"latency/{question.said}")[0]
        await asyncio.sleep(pause + (world.faults.now.slow_seconds if reply.fate is Fate.SLOW else 0.0))
        body = json.dumps(rendered(question, reply, now)).encode()
        return Answer(200, body, headers, effect=True, cut=reply.fate is Fate.LOST and times == 1)


def _refused(refusal: Refusal, wait: float) -> Answer:
    match refusal:
        case Refusal.RATE_LIMITED | Refusal.TOO_MANY_AT_ONCE:
            message = f"Rate limit reached for requests. Please try again in {go_duration(wait)}."
            return problem(429, message, "requests", code="rate_limit_exceeded", headers=waiting(wait))
        case Refusal.SUSPENDED:
            return problem(429, NO_QUOTA, "insufficient_quota", code="insufficient_quota")
        case Refusal.OUTAGE:
            return problem(503, OVERLOADED, "server_error", code="server_overloaded")
        case Refusal.SERVER_ERROR:
            return server_error()


def _usual(milliseconds: int) -> dict[str, str]:
    return {
        "x-request-id": f"req_{secrets.token_hex(16)}",
        "openai-processing-ms": str(milliseconds),
        "openai-version": "2020-10-01",
        "openai-organization": "org-sandbox",
    }


def _with(answer: Answer, headers: Mapping[str, str]) -> Answer:
    return dataclasses.replace(answer, headers={**headers, **(answer.headers or {})})


def _models(path: list[str]) -> Answer:
    if path and path[0].startswith("unknown"):
        message = f"The model '{path[0]}' does not exist"
        raise wrong(message, "model_not_found", "model", status=404)
    shown = [
        {"id": name, "object": "model", "created": MADE_AT, "owned_by": "sandbox"} for name in (path[:1] or MODELS)
    ]
    return Answer(200, json.dumps(shown[0] if path else {"object": "list", "data": shown}).encode())
