"""Those who deal with the sandbox's OpenAI in its tests: the real SDK, the answer it wants, and leads to ask about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import aiohttp
from openai import AsyncOpenAI
from openai.types import Batch
from pydantic import BaseModel, ConfigDict, Field

from clarion.sandbox.openai.settings import OpenAiSettings
from clarion.sandbox.server import Sandbox
from clarion.sandbox.vendor import Settings
from tests.sandbox.parties import eventually

QUICK = Settings(latency_ms=0, time_scale=0.001, openai=OpenAiSettings(latency=(0, 0)))
MODEL = "gpt-5-mini"
ASKED = "Assess this lead."


class Fit(BaseModel):
    """What is wanted of an answer; schemas made from it are strict."""

    model_config = ConfigDict(extra="forbid")

    score: int = Field(ge=0, le=100)
    tier: Literal["A", "B", "C", "D"]
    chance: float = Field(ge=0, le=1)
    is_urgent: bool
    reasons: list[str] = Field(max_length=5)
    next_step: str


SCHEMA: dict[str, Any] = Fit.model_json_schema()
FORMAT = {"type": "json_schema", "strict": True, "name": "fit", "schema": SCHEMA}


def sdk(sandbox: Sandbox, key: str = "sk-ours") -> AsyncOpenAI:
    """The real client, which tries once."""
    return AsyncOpenAI(api_key=key, base_url=f"{sandbox.url}/v1", max_retries=0)


def lead(number: int = 1, description: str | None = None) -> str:
    """Somebody who may become a customer, as JSON."""
    fields = {"Name": f"Ann Lee {number}", "Company": "Acme", "Industry": "Banking", "Description": description}
    return json.dumps(fields)


def request(said: str, **more: object) -> dict[str, Any]:
    """A request for a response."""
    return {
        "model": MODEL,
        "instructions": ASKED,
        "input": [{"role": "user", "content": said}],
        "max_output_tokens": 500,
        "text": {"format": FORMAT},
        **more,
    }


def lines(bodies: Mapping[str, Mapping[str, object]]) -> bytes:
    """The file of a batch."""
    found = [
        json.dumps({"custom_id": name, "method": "POST", "url": "/v1/responses", "body": body})
        for name, body in bodies.items()
    ]
    return "\n".join(found).encode()


async def control(sandbox: Sandbox, method: str, path: str, payload: object = None) -> Any:  # noqa: ANN401 -- any JSON
    """Use the sandbox's own doors; asserts that it worked."""
    url = f"{sandbox.url}/_sandbox/{path}"
    async with aiohttp.ClientSession() as http, http.request(method, url, json=payload) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def tally(sandbox: Sandbox) -> Any:  # noqa: ANN401 -- any JSON
    """What was counted at OpenAI."""
    return (await control(sandbox, "GET", "effects?detail=1"))["openai"]


async def begin(client: AsyncOpenAI, content: bytes, **more: Any) -> Batch:  # noqa: ANN401 -- what the SDK takes
    """Upload a file and begin its batch."""
    file = await client.files.create(file=("leads.jsonl", content), purpose="batch")
    return await client.batches.create(input_file_id=file.id, endpoint="/v1/responses", completion_window="24h", **more)


async def ended(client: AsyncOpenAI, batch: Batch) -> Batch:
    """Wait until nothing more happens to a batch."""

    async def over() -> bool:
        return (await client.batches.retrieve(batch.id)).status in {"completed", "failed", "expired", "cancelled"}

    await eventually(over)
    return await client.batches.retrieve(batch.id)


async def read(client: AsyncOpenAI, file_id: str | None) -> dict[str, Any]:
    """The lines of a result by custom_id, in their order."""
    assert file_id is not None
    text = (await client.files.content(file_id)).text
    found = [json.loads(line) for line in text.splitlines()]
    assert len({line["id"] for line in found}) == len(found)
    return {line["custom_id"]: line for line in found}
