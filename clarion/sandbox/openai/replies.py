"""Renders what the model says as a response or a chat completion."""

from __future__ import annotations

import secrets

from clarion.sandbox.openai.fates import Fate
from clarion.sandbox.openai.mind import Reply
from clarion.sandbox.openai.questions import Api, Question

ECHOED: dict[str, object] = {
    "background": False, "instructions": None, "max_output_tokens": None, "max_tool_calls": None,
    "parallel_tool_calls": True, "previous_response_id": None, "prompt_cache_key": None, "safety_identifier": None,
    "store": True, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_logprobs": 0, "top_p": 1.0,
    "truncation": "disabled",
}  # fmt: skip
"""What a response repeats of its request, with what it has where the request says nothing."""
INCOMPLETE = {Fate.TRUNCATED: "max_output_tokens", Fate.FILTERED: "content_filter"}
FINISHES = {Fate.TRUNCATED: "length", Fate.FILTERED: "content_filter"}


def rendered(question: Question, reply: Reply, now: float) -> dict[str, object]:
    """Render for the endpoint that was asked; ``now`` is epoch seconds."""
    return _response(question, reply, now) if question.api is Api.RESPONSES else _completion(question, reply, now)


def _response(question: Question, reply: Reply, now: float) -> dict[str, object]:
    body, why = question.body, INCOMPLETE.get(reply.fate)
    failed = reply.fate is Fate.FAILED
    status = "failed" if failed else "incomplete" if why else "completed"
    echoed = {name: body.get(name, usual) for name, usual in ECHOED.items()}
    text = body.get("text")
    return {
        "id": f"resp_{secrets.token_hex(25)}",
        "object": "response",
        "created_at": int(now),
        "completed_at": int(now) if status == "completed" else None,
        "status": status,
        "error": {"code": "server_error", "message": "The model could not finish its answer."} if failed else None,
        "incomplete_details": {"reason": why} if why else None,
        "model": question.model,
        "output": [] if failed or reply.fate is Fate.FILTERED else [_message(reply, status)],
        "reasoning": body.get("reasoning") or {"effort": None, "summary": None},
        "service_tier": "default",
        "text": {"format": {"type": "text"}, "verbosity": "medium", **(text if isinstance(text, dict) else {})},
        "metadata": question.metadata,
        **({} if failed else {"usage": response_usage(reply.input_tokens, reply.output_tokens)}),
        **echoed,
    }


def _message(reply: Reply, status: str) -> dict[str, object]:
    content: dict[str, object] = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
    if reply.fate is Fate.REFUSED:
        content = {"type": "refusal", "refusal": reply.text}
    identity = f"msg_{secrets.token_hex(25)}"
    return {"id": identity, "type": "message", "status": status, "role": "assistant", "content": [content]}


def response_usage(input_tokens: int, output_tokens: int) -> dict[str, object]:
    """Word the tokens of responses, and of batches."""
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input_tokens + output_tokens,
    }


def _completion(question: Question, reply: Reply, now: float) -> dict[str, object]:
    refused = reply.fate is Fate.REFUSED
    message: dict[str, object] = {
        "role": "assistant",
        "content": None if refused else reply.text,
        "refusal": reply.text if refused else None,
        "annotations": [],
    }
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": FINISHES.get(reply.fate, "stop")}
    return {
        "id": f"chatcmpl-{secrets.token_hex(15)}",
        "object": "chat.completion",
        "created": int(now),
        "model": question.model,
        "choices": [choice],
        "usage": {
            "prompt_tokens": reply.input_tokens,
            "completion_tokens": reply.output_tokens,
            "total_tokens": reply.input_tokens + reply.output_tokens,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
        "service_tier": "default",
        "system_fingerprint": "fp_sandbox",
    }
