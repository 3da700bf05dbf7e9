"""Single calls and texts over REST."""

from __future__ import annotations

import httpx
import pytest

from clarion.domain.rights import Rights
from starter.drafts import parse_uploaded
from tests.starter.rest.doorway import NORTH, SOUTH, Doorway, sms

CALL = {"number": "+14155550123", "account": "voice", "prompt": "Be kind."}
TEXT = {"number": "+14155550123", "message": "Hello"}


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("calls", {"number": "12"}, "no country code"),
        ("calls", {"number": "12", "region": "US"}, "not a phone number"),
        ("calls", {"account": "south"}, "not set up"),
        ("calls", {"account": "main"}, "nothing would be said"),
        ("calls", {"prompt": "Be kind to {{ name }}."}, "add variables.name"),
        ("calls", {"machine": "shout"}, "machine"),
        ("calls", {"max_minutes": 0}, "max_minutes"),
        ("calls", {"number": 5}, "number"),
        ("calls", {"fax": True}, "fax"),
        ("messages", {"message": "Hi {{ name }}"}, "add variables.name"),
        ("messages", {"message": ""}, "message"),
        ("messages", {"account": "voice"}, "only calls"),
        ("messages", {"variables": {"a": {}}}, "variables"),
        ("messages", {"number": "+14155550123\0"}, "NUL"),
        ("messages", {"id": "a b"}, "id"),
    ],
)
async def test_what_cannot_work_is_refused_and_leaves_nothing(
    operator: httpx.AsyncClient, path: str, body: dict[str, object], says: str
) -> None:
    usual = CALL if path == "calls" else TEXT
    answer = await operator.post(f"/{path}", json={**usual, **body})
    assert answer.status_code == 422, answer.text
    assert says in answer.json()["detail"]
    assert (await operator.get("/campaigns")).json()["items"] == []


@pytest.mark.parametrize(("path", "body"), [("calls", CALL), ("messages", TEXT)])
async def test_nothing_is_left_where_temporal_does_not_answer(
    operator: httpx.AsyncClient, path: str, body: dict[str, object]
) -> None:
    assert (await operator.post(f"/{path}", json=body)).status_code == 503
    assert (await operator.get("/campaigns")).json()["items"] == []


@pytest.mark.parametrize(("path", "body"), [("calls", CALL), ("messages", TEXT)])
async def test_who_may_only_read_reaches_nobody(reader: httpx.AsyncClient, path: str, body: dict[str, object]) -> None:
    assert (await reader.post(f"/{path}", json=body)).status_code == 403


async def test_tells_what_came_of_a_single_contact(door: Doorway) -> None:
    reader, south = door.client(NORTH, Rights.READ), door.client(SOUTH)
    drafts = door.of(NORTH).drafts
    spec = parse_uploaded({"name": "Call", "channel": "call", "account": "voice", "call": {"prompt": "Be kind."}})
    await drafts.create(spec, "call-1")
    await drafts.create(parse_uploaded(sms(message="Hi")), "text-1")
    told = (await reader.get("/calls/call-1")).json()
    assert (told["state"], told["call"], "draft" in told["answer"]) == ("pending", None, True)
    told = (await reader.get("/messages/text-1")).json()
    assert (told["state"], told["attempts"]) == ("pending", [])
    assert (await reader.get("/calls/text-1")).status_code == 404
    assert (await reader.get("/messages/call-1")).status_code == 404
    assert (await south.get("/calls/call-1")).status_code == 404
