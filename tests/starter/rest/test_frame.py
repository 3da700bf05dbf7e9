"""What holds for the whole interface: who is let in, and how errors are told."""

from __future__ import annotations

import httpx


async def test_describes_itself(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json()["openapi"].startswith("3.1")
