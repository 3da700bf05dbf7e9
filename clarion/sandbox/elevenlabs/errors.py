"""Words ElevenLabs' errors: ``detail`` is a list for a request that is not well formed, else a status and a message."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import ValidationError

from clarion.sandbox.vendor import Answer

ERRORS: Mapping[str, tuple[int, str]] = {
    "needs_authorization": (401, "Neither authorization header nor xi-api-key received, please provide one."),
    "invalid_api_key": (401, "Invalid API key"),
    "quota_exceeded": (401, "This request exceeds your quota."),
    "not_found": (404, "Not Found"),
    "conversation_not_found": (404, "Conversation {what} was not found."),
    "too_many_concurrent_requests": (429, "Too many concurrent requests for your subscription."),
    "system_busy": (429, "The system is experiencing heavy traffic, please try again."),
    "internal_server_error": (500, "Internal Server Error"),
    "service_unavailable": (503, "Service Unavailable"),
}


def problem(status: str, what: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    """Word an error by its name."""
    code, wording = ERRORS[status]
    body = {"detail": {"status": status, "message": wording.format(what=what)}}
    return Answer(code, json.dumps(body).encode(), headers)


def malformed(error: ValidationError, where: str) -> Answer:
    """Word what is wrong with a request's ``body`` or ``query``."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    detail = [{"loc": [where, *one["loc"]], "msg": one["msg"], "type": one["type"]} for one in found]
    return Answer(422, json.dumps({"detail": detail}).encode())
