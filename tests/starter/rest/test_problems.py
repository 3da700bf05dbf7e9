"""Refusals suit programs: fields that a request has, routes instead of commands, and a sentence for every status."""

from __future__ import annotations

import httpx
import pytest

from clarion.domain.errors import BadInput, Conflict, NotFound
from starter.rest.problems import problem_of
from starter.ways_out import for_assistants, for_programs


def fields(said: str) -> list[str]:
    body = httpx.Response(422, content=bytes(problem_of(BadInput(said)).body)).json()
    return [error["field"] for error in body["errors"]]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ('There is no column "phone" for the phone number; the columns are "tel".', ""),
        ("the form has no file", ""),
        ("nothing would be said: give call.first_message", ""),
        ('leads.xlsx has no sheet "Sheet1"', ""),
        ('channel is "fax"; give sms, call or lead_analysis', "channel"),
        ('account "nope" is not set up', "account"),
        ("audience.file would be a file of the server", "audience.file"),
        ('url: "nohttp" is no address', "url"),
    ],
)
def test_a_field_is_one_that_the_request_has(said: str, field: str) -> None:
    assert fields(said) == [field]


@pytest.mark.parametrize(
    ("command", "route"),
    [
        ("clarion list", "GET /api/v1/campaigns"),
        ("clarion start d1", "POST /api/v1/campaigns/d1/start"),
        ("clarion limits ID --budget …", "POST /api/v1/campaigns/ID/limits"),
        ("clarion add", "POST /api/v1/campaigns/ID/contacts"),
        ("clarion template list", "GET /api/v1/templates"),
        ("clarion schedule remove weekly", "DELETE /api/v1/schedules/weekly"),
        ("clarion hooks resume hook_1", "PATCH /api/v1/hooks/hook_1 and active: true"),
        ("clarion keys list", "GET /api/v1/keys"),
        ("clarion setup", "clarion setup"),
        ("clarion keys create", "clarion keys create"),
    ],
)
def test_a_program_is_sent_to_a_route_where_there_is_one(command: str, route: str) -> None:
    assert for_programs(f"do this with `{command}`; it helps") == f"do this with `{route}`; it helps"


def test_problems_name_routes() -> None:
    taken = Conflict('campaign "a" exists already; give another --id, or look at it with `clarion show a`')
    assert b"another id, or look at it with `GET /api/v1/campaigns/a`" in bytes(problem_of(taken).body)
    assert b"clarion " not in bytes(problem_of(NotFound("none; `clarion list` shows them")).body)


def test_an_assistant_is_sent_to_a_tool_where_there_is_one() -> None:
    assert for_assistants("`clarion list` shows the ones there are") == "`list_campaigns` shows the ones there are"
    assert for_assistants("run `clarion setup`") == "run `clarion setup`"


async def test_an_address_that_is_not_there_says_where_they_are_described(operator: httpx.AsyncClient) -> None:
    answer = await operator.get("/nope")
    assert (answer.status_code, answer.json()["title"]) == (404, "Not Found")
    assert "openapi.json" in answer.json()["detail"]
