"""Leafs through a list as a program does."""

from __future__ import annotations

from typing import Any

import httpx


async def everything(client: httpx.AsyncClient, path: str, **query: str | int) -> list[dict[str, Any]]:
    """Collect all pages of a list, each of which must be in order."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        answer = await client.get(path, params=query | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= int(query.get("limit", 100))
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found
