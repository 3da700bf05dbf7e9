"""Reads a request for a response or a chat completion and says what is wrong with it, as strict as the reference.

Of what can be asked the sandbox knows text in and text or structured text out; tools, streams and images it refuses.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from clarion.sandbox.openai.errors import missing, no_such_model, wrong
from clarion.sandbox.openai.schemas import complaint

KNOWN = frozenset({
    "background", "context_management", "conversation", "include", "input", "instructions", "max_output_tokens",
    "max_tool_calls", "metadata", "model", "moderation", "parallel_tool_calls", "previous_response_id", "prompt",
    "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning", "safety_identifier",
    "service_tier", "store", "stream", "stream_options", "temperature", "text", "tool_choice", "tools", "top_logprobs",
    "top_p", "truncation", "user",
})  # fmt: skip
"""Parameters of a request for a response."""
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
FEWEST_TOKENS = 16
"""The least that ``max_output_tokens`` may be."""
SCHEMA_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
REASONING = re.compile(r"(gpt-[56]|o[1-9])")
"""Models that think: they take an effort, and no temperature."""
OURS = frozenset({"system", "developer"})
MOST_METADATA, LONGEST_KEY, LONGEST_VALUE = 16, 64, 512


class Api(StrEnum):
    """The endpoints that ask a model."""

    RESPONSES = "/v1/responses"
    CHAT = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Question:
    """A request that is well formed."""

    api: Api
    body: Mapping[str, object]
    model: str
    instructions: str
    """What stands where a model obeys: the instructions, and messages of the roles system and developer."""
    said: str
    """What the user says: here stands the lead."""
    schema: Mapping[str, object] | None
    max_output_tokens: int | None
    metadata: Mapping[str, str]
    characters: int

    @property
    def input_tokens(self) -> int:
        """Tokens of the question, at four characters each."""
        return -(-self.characters // 4)

    @property
    def charge(self) -> int:
        """What it weighs against the limit of tokens (rate limits guide)."""
        return max(self.input_tokens, self.max_output_tokens or 0)

    def digest(self) -> str:
        """Name the question: the same when the same model is asked the same."""
        told = "\0".join((self.model, self.instructions, self.said, json.dumps(self.schema)))
        return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()


def parsed(raw: bytes) -> dict[str, object]:
    """Read a body. Raises Wrong."""
    try:
        body = json.loads(raw)
    except ValueError as error:
        message = "We could not parse the JSON body of your request."
        raise wrong(message) from error
    if not isinstance(body, dict):
        message = "We could not parse the JSON body of your request: it must be an object."
        raise wrong(message)
    return body


def read_question(api: Api, body: Mapping[str, object], longest: int) -> Question:
    """Read a request whose texts have up to ``longest`` characters. Raises Wrong."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise missing("model")
    if model.startswith("unknown"):
        raise no_such_model(model)
    if body.get("stream") or body.get("tools") or body.get("background"):
        message = "This sandbox neither streams nor knows tools and background responses."
        raise wrong(message, "unsupported_parameter")
    if body.get("temperature") not in {None, 1} and REASONING.match(model):
        message = "Unsupported parameter: 'temperature' is not supported with this model."
        raise wrong(message, "unsupported_parameter", "temperature")
    question = _response(body, model) if api is Api.RESPONSES else _chat(body, model)
    if question.characters > longest:
        message = "Your input exceeds the context window of this model. Please adjust your input and try again."
        raise wrong(message, "context_length_exceeded", "input" if api is Api.RESPONSES else "messages")
    return question


def _response(body: Mapping[str, object], model: str) -> Question:
    strange = [name for name in body if name not in KNOWN]
    if strange:
        raise wrong(f"Unknown parameter: '{strange[0]}'.", "unknown_parameter", strange[0])
    if not body.get("input"):
        raise missing("input")
    _check_effort(body.get("reasoning"), model)
    text = body.get("text")
    shape = text.get("format") if isinstance(text, Mapping) else None
    schema = _schema(shape, "text.format", "invalid_json_schema") if isinstance(shape, Mapping) else None
    instructions = body.get("instructions")
    told, said = _messages(body["input"], "input")
    return _question(
        Api.RESPONSES, body, model, (instructions if isinstance(instructions, str) else "") + told, said, schema,
        _most(body, "max_output_tokens", FEWEST_TOKENS),
    )  # fmt: skip


def _check_effort(reasoning: object, model: str) -> None:
    effort = reasoning.get("effort") if isinstance(reasoning, Mapping) else None
    if effort is None:
        return
    if not REASONING.match(model):
        message = "Unsupported parameter: 'reasoning.effort' is not supported with this model."
        raise wrong(message, "unsupported_parameter", "reasoning.effort")
    if effort not in EFFORTS:
        message = f"Invalid value: '{effort}'. Supported values are: {', '.join(repr(known) for known in EFFORTS)}."
        raise wrong(message, "invalid_value", "reasoning.effort")


def _chat(body: Mapping[str, object], model: str) -> Question:
    if not body.get("messages"):
        raise missing("messages")
    shape = body.get("response_format")
    schema = None
    if isinstance(shape, Mapping) and shape.get("type") == "json_schema":
        inner = shape.get("json_schema")
        if not isinstance(inner, Mapping):
            raise missing("response_format.json_schema")
        schema = _schema({"type": "json_schema", **inner}, "response_format", None)
    told, said = _messages(body["messages"], "messages")
    return _question(Api.CHAT, body, model, told, said, schema, _most(body, "max_completion_tokens", 1))


def _question(
    api: Api,
    body: Mapping[str, object],
    model: str,
    instructions: str,
    said: str,
    schema: Mapping[str, object] | None,
    most: int | None,
) -> Question:
    characters = len(instructions) + len(said) + (len(json.dumps(schema)) if schema else 0)
    return Question(api, body, model, instructions, said, schema, most, read_metadata(body), characters)


def _most(body: Mapping[str, object], name: str, fewest: int) -> int | None:
    most = body.get(name)
    if most is None:
        return None
    if not isinstance(most, int) or isinstance(most, bool):
        message = f"Invalid type for '{name}': expected an integer, but got {type(most).__name__} instead."
        raise wrong(message, "invalid_type", name)
    if most < fewest:
        message = (
            f"Invalid '{name}': integer below minimum value. Expected a value >= {fewest}, but got {most} instead."
        )
        raise wrong(message, "integer_below_min_value", name)
    return most


def _schema(shape: Mapping[str, object], where: str, code: str | None) -> Mapping[str, object] | None:
    if shape.get("type") != "json_schema":
        return None
    name = shape.get("name")
    if not isinstance(name, str) or not SCHEMA_NAME.fullmatch(name):
        raise missing(f"{where}.name")
    schema = shape.get("schema")
    if not isinstance(schema, Mapping):
        raise missing(f"{where}.schema")
    said = complaint(schema) if shape.get("strict") else None
    if said is not None:
        param = f"{where}.schema" if code else where
        message = f"Invalid schema for response_format '{name}': {said}"
        raise wrong(message, code, param)
    return schema


def _messages(found: object, param: str) -> tuple[str, str]:
    if isinstance(found, str):
        return "", found
    if not isinstance(found, list):
        message = f"Invalid type for '{param}': expected a string or an array."
        raise wrong(message, "invalid_type", param)
    told: list[str] = []
    said: list[str] = []
    for number, message in enumerate(found):
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise missing(f"{param}[{number}].role")
        (told if message["role"] in OURS else said).extend(_texts(message.get("content")))
    return "\n".join(told), "\n".join(said)


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else ():
        if isinstance(part, Mapping) and isinstance(part.get("text"), str):
            yield str(part["text"])


def read_metadata(body: Mapping[str, object]) -> Mapping[str, str]:
    """Read what goes along with a request. Raises Wrong."""
    found = body.get("metadata")
    if found is None:
        return {}
    if not isinstance(found, Mapping) or len(found) > MOST_METADATA:
        message = f"Invalid 'metadata': expected an object with up to {MOST_METADATA} properties."
        raise wrong(message, "invalid_type", "metadata")
    for name, value in found.items():
        if not isinstance(value, str) or len(name) > LONGEST_KEY or len(value) > LONGEST_VALUE:
            message = f"Invalid 'metadata.{name}': expected a string with up to {LONGEST_VALUE} characters."
            raise wrong(message, "invalid_type", f"metadata.{name}")
    return found
