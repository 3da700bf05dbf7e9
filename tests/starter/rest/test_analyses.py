"""Lead analyses by upload."""

from __future__ import annotations

import json

import httpx
import pytest

FILE = ("leads.csv", b"Lead_ID,Company\n00Q000000000001,Acme\n", "text/csv")


async def send(client: httpx.AsyncClient, key: str = "", /, **fields: object) -> httpx.Response:
    data = {"lead_id_column": "Lead_ID", "start": "false"} | {name: str(value) for name, value in fields.items()}
    headers = {"Idempotency-Key": key} if key else {}
    return await client.post("/lead-analyses", data=data, files={"file": FILE}, headers=headers)


async def test_a_file_becomes_an_analysis(operator: httpx.AsyncClient) -> None:
    rest = json.dumps({"name": "Spring leads", "assess": {"model": "gpt-5"}, "lead": {"fields": ["Company"]}})
    answer = await send(operator, id="leads", batch_size=100, ai_batch_size=25, campaign=rest)
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    spec = shown["spec"]
    assert (shown["campaign_id"], shown["status"], shown["name"]) == ("leads", "draft", "Spring leads")
    assert (spec["lead"]["chunk"], spec["chunk"]["size"], spec["audience"]["address"]) == (100, 25, "Lead_ID")
    assert (spec["assess"]["model"], spec["lead"]["fields"]) == ("gpt-5", ["Company"])
    assert [file["name"] for file in shown["files"]] == ["leads.csv"]


async def test_it_is_named_after_its_file(operator: httpx.AsyncClient) -> None:
    assert (await send(operator)).json()["name"] == "Lead analysis: leads"


async def test_it_starts_at_once_unless_told_otherwise(operator: httpx.AsyncClient) -> None:
    assert (await send(operator, start="true")).status_code == 503
    assert (await operator.get("/campaigns")).json()["items"] == []


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"batch_size": 49}, "batch_size"),
        ({"batch_size": 10**30}, "batch_size"),
        ({"ai_batch_size": 0}, "ai_batch_size"),
        ({"lead_id_column": "Id"}, 'no column "Id"'),
        ({"lead_id_column": ""}, "lead_id_column"),
        ({"sheet": "x"}, "unknown key"),
        ({"campaign": "{"}, "campaign: the body is not JSON"),
        ({"campaign": "[]"}, "not a JSON object"),
        ({"campaign": '{"channel": "sms"}'}, "lead_analysis here"),
        ({"campaign": '{"lead": 5}', "batch_size": 100}, "not a group"),
        ({"campaign": '{"assess": {"max_output_tokens": "16"}}'}, "max_output_tokens"),
        ({"campaign": '{"audience": {"file": "/etc/passwd"}}'}, "file of the server"),
        ({"id": "a b"}, "id"),
        ({"start": "perhaps"}, "start"),
    ],
)
async def test_what_cannot_work_is_refused_and_leaves_nothing(
    operator: httpx.AsyncClient, fields: dict[str, object], says: str
) -> None:
    answer = await send(operator, **fields)
    assert answer.status_code == 422, answer.text
    assert says in answer.json()["detail"]
    assert (await operator.get("/campaigns")).json()["items"] == []


async def test_a_request_that_is_no_form_is_refused(operator: httpx.AsyncClient) -> None:
    assert (await operator.post("/lead-analyses", data={"lead_id_column": "x"})).status_code == 422
    assert (await operator.post("/lead-analyses", json={})).status_code == 422
    assert (await operator.post("/lead-analyses")).status_code == 422


async def test_sent_again_it_is_one_analysis(operator: httpx.AsyncClient) -> None:
    first, again = await send(operator, "k1"), await send(operator, "k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["campaign_id"] == first.json()["campaign_id"]
    assert (await send(operator, "k1", batch_size=100)).status_code == 422
    assert len((await operator.get("/campaigns")).json()["items"]) == 1


async def test_who_may_only_read_starts_none(reader: httpx.AsyncClient) -> None:
    assert (await send(reader)).status_code == 403
