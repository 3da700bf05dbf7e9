"""Words Retell's errors: one shape for all, told apart by the HTTP status (its API reference)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from clarion.sandbox.vendor import Answer

USUAL: Mapping[int, str] = {
    400: "Invalid request format, please check API reference.",
    401: "API key is missing or invalid.",
    402: "Trial has ended, please add payment method.",
    404: "The requested resource was not found.",
    422: "Cannot find requested asset under given api key.",
    429: "Account rate limited, please throttle your requests.",
    500: "An unexpected server error occurred.",
    503: "Service unavailable, please try again later.",
}


def problem(status: int, message: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    """Word an error the way Retell does."""
    body = {"status": "error", "message": message or USUAL[status]}
    return Answer(status, json.dumps(body).encode(), headers)
