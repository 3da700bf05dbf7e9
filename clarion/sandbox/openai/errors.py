"""Words OpenAI's errors: one shape for all, told apart by status, type and code (its API reference and guide)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from clarion.sandbox.vendor import Answer

INVALID = "invalid_request_error"
NO_QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    "read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."
)
SERVER = "The server had an error while processing your request. Sorry about that!"
OVERLOADED = "The engine is currently overloaded, please try again later."


class Wrong(Exception):
    """A request that is refused as it is; carries the answer that says so."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def problem(
    status: int,
    message: str,
    kind: str = INVALID,
    *,
    code: str | None = None,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Word an error the way OpenAI does."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return Answer(status, json.dumps({"error": error}).encode(), headers)


def wrong(message: str, code: str | None = None, param: str | None = None, status: int = 400) -> Wrong:
    """Word a refusal to be raised."""
    return Wrong(problem(status, message, code=code, param=param))


def missing(param: str) -> Wrong:
    """Word the refusal of a request that lacks something."""
    return wrong(f"Missing required parameter: '{param}'.", "missing_required_parameter", param)


def no_such_model(model: str) -> Wrong:
    """Word the refusal of a model there is not."""
    return wrong(f"The model `{model}` does not exist or you do not have access to it.", "model_not_found", status=404)


def server_error() -> Answer:
    """Word an error of the server's own."""
    return problem(500, SERVER, "server_error")
