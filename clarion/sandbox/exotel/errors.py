"""Exotel's errors: one shape, ``RestException``, with the HTTP status inside (its "Error Code Dictionary" page)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from clarion.sandbox.vendor import Answer

WORDING: Mapping[int, str] = {
    400: "Bad Request",
    401: "Authentication failed. Invalid API Key or Token.",
    402: "Payment Required: insufficient balance",
    403: "Forbidden: the account is suspended or its KYC is not done",
    404: "Requested resource not found",
    405: "Method not allowed",
    429: "Too Many Requests: rate limit exceeded",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def problem(status: int, message: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    """Word an error the way Exotel does."""
    body = {"RestException": {"Status": status, "Message": message or WORDING[status]}}
    return Answer(status, json.dumps(body).encode(), headers)
