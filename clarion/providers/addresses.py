"""Addresses that go to providers."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


def is_web_address(text: str) -> bool:
    """Whether it can be fetched from the web."""
    return text.lower().startswith(("http://", "https://"))


def with_attempt(address: str, attempt: str) -> str:
    """Return an address with our attempt id in its query, before any ``#``: Twilio reads settings after that."""
    parts = urlsplit(address)
    query = f"{parts.query}&attempt={attempt}" if parts.query else f"attempt={attempt}"
    return urlunsplit(parts._replace(query=query))
