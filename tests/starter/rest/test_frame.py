"""What holds for the whole interface: who is let in, and how errors are told."""

from __future__ import annotations

import json
import re

import httpx


async def test_describes_itself(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json()["openapi"].startswith("3.1")


async def test_every_reference_of_the_description_leads_somewhere(stranger: httpx.AsyncClient) -> None:
    description = (await stranger.get("/openapi.json")).json()
    found = set(re.findall(r'"#/([^"]+)"', json.dumps(description)))
    assert found
    for reference in found:
        place = description
        for part in reference.split("/"):
            place = place[part]


async def test_a_refusal_is_described_as_problem_details(stranger: httpx.AsyncClient) -> None:
    description = (await stranger.get("/openapi.json")).json()
    answers = description["paths"]["/campaigns"]["post"]["responses"]
    assert list(answers["422"]["content"]) == ["application/problem+json"]
    assert list(answers["201"]["content"]) == ["application/json"]


async def test_a_wrong_method_is_told_all_that_there_are(admin: httpx.AsyncClient) -> None:
    answer = await admin.put("/campaigns/spring")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) >= {"GET", "PATCH", "DELETE"}
