"""The older systems' routes: their clients' requests become our campaigns, and answers have their shapes and words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from clarion.domain.books import Books
from clarion.domain.campaign import CampaignStatus, Channel
from clarion.domain.rights import Rights
from clarion.store.migrate import migrate
from clarion.store.store import Store
from starter.live.broadcast import Live
from starter.older.answers import batch_status, bulk_counts, bulk_progress
from starter.older.door import add_older
from starter.older.shapes import AnalysisForm, BatchCallRequest, BatchCreate, BatchSmsRequest, CampaignBody
from starter.progress import Progress
from tests.starter.rest.doorway import NORTH, SOUTH, Doorway, doorway

TEXTS = {
    "text": "Hi {{ first_name }}",
    "recipients": [
        {"phoneNumber": "+14155552001", "variables": {"first_name": "Ann"}},
        {"phoneNumber": "+14155552002", "variables": {"first_name": "Bob"}},
    ],
    "options": {"priority": "high", "autoStart": False},
}
BULK = {
    "name": "Sales Outreach Q1",
    "agentId": "agent123",
    "phoneId": "voice",
    "description": "Q1 sales campaign",
    "settings": {
        "retryFailedCalls": True,
        "maxRetryAttempts": 3,
        "retryDelayMinutes": 30,
        "excludeVoicemail": True,
        "priorityMode": "fifo",
        "concurrentCallsLimit": 5,
    },
}
CONTACTS = {
    "contacts": [
        {
            "phoneNumber": "+14155551234",
            "name": "John Doe",
            "email": "john@example.com",
            "priority": 10,
            "customData": {"accountType": "premium"},
        },
        {"phoneNumber": "+14155555678", "name": "Jane Smith", "priority": 0},
    ]
}


class Client:
    """A client of the older systems, with a key."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ask(self, method: str, path: str, body: object = None, *, status: int = 200, **more: Any) -> Any:  # noqa: ANN401 - JSON
        answer = await self._http.request(method, path, json=body, **more)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: int) -> Doorway:
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{free_port}")
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "no-temporal.toml"))
    store = Store(f"sqlite:///{tmp_path / 'clarion.db'}", tenant=NORTH, grace=15.0)
    migrate(store.database)
    store.close()
    return doorway(tmp_path)


def knock(door: Doorway, tenant: str = NORTH, rights: Rights = Rights.OPERATE) -> Client:
    app = FastAPI(openapi_url=None)
    add_older(app, door.installation, Live(door.store))
    headers = {"Authorization": f"Bearer {door.tokens[tenant, rights]}"}
    return Client(httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://clarion", headers=headers))


@pytest.fixture
async def north(door: Doorway) -> AsyncIterator[Client]:
    client = knock(door)
    yield client
    await client._http.aclose()
    door.store.close()


async def test_a_batch_of_texts_waits_until_it_is_resumed(door: Doorway, north: Client) -> None:
    made = await north.ask("POST", "/api/batch", TEXTS, status=201)
    assert made["status"] == "pending"
    assert set(made) == {"id", "batchId", "status", "progress", "metrics"}
    assert set(made["progress"]) == {"total", "pending", "completed", "failed"}
    assert made["progress"] == {"total": 2, "pending": 2, "completed": 0, "failed": 0}  # before anybody imports them
    assert set(made["metrics"]) == {"messagesPerSecond", "successRate"}
    assert await north.ask("GET", f"/api/batch/{made['id']}") == made
    campaign = await door.of(NORTH).campaigns.find(made["id"])
    assert (campaign.spec.message, campaign.spec.priority) == ("Hi {{ first_name }}", "high")
    checked = await door.of(NORTH).drafts.check(made["id"])
    assert (checked.accepted, checked.sample_text) == (2, "Hi Ann")
    told = await north.ask("POST", f"/api/v2/batch/{made['id']}/resume", status=503)
    assert "Temporal" in told["detail"]
    assert (await north.ask("GET", f"/api/batch/{made['id']}/errors"))["errors"] == []
    assert (await north.ask("GET", f"/api/batch/{made['id']}/analytics"))["status"] == "pending"


async def test_a_pause_is_told_with_its_times(door: Doorway, north: Client) -> None:
    made = await north.ask("POST", "/api/batch", TEXTS, status=201)
    key = door.store.campaigns.find(NORTH, made["id"]).ref.key
    for at, status in ((1e9, CampaignStatus.RUNNING), (1e9 + 60, CampaignStatus.PAUSED)):
        door.store.campaigns.set_status(key, status, "", at)
    told = await north.ask("GET", f"/api/batch/{made['id']}")
    assert (told["status"], told["pauseInfo"]) == ("paused", {"pauseTime": "2001-09-09T01:47:40Z"})
    door.store.campaigns.set_status(key, CampaignStatus.RUNNING, "", 1e9 + 120)
    told = await north.ask("GET", f"/api/batch/{made['id']}")
    assert told["status"] == "processing"
    assert told["pauseInfo"] == {"pauseTime": "2001-09-09T01:47:40Z", "resumeTime": "2001-09-09T01:48:40Z"}


async def test_a_bulk_campaign_is_built_up(door: Doorway, north: Client) -> None:
    made = await north.ask("POST", "/older/api/v1/campaigns", BULK, status=201)
    assert {name: made[name] for name in ("name", "agentId", "phoneId", "status", "settings")} == {
        **{name: BULK[name] for name in ("name", "agentId", "phoneId", "settings")},
        "status": "draft",
    }
    path = f"/older/api/v1/campaigns/{made['id']}"
    assert (await north.ask("POST", f"{path}/contacts", CONTACTS, status=201))["added"] == 2
    checked = await door.of(NORTH).drafts.check(made["id"])
    assert checked.accepted == 2
    assert checked.call is not None
    assert checked.call.variables["accountType"] == "premium"
    assert set((await north.ask("GET", f"{path}/progress"))["queue"]) == {
        *("waiting", "active", "completed", "failed", "delayed")
    }
    assert (await north.ask("GET", f"{path}/stats"))["totalContacts"] == 2
    assert [one["id"] for one in await north.ask("GET", "/older/api/v1/campaigns")] == [made["id"]]
    changed = await north.ask("PATCH", path, {"name": "Q2", "settings": {"concurrentCallsLimit": 7}})
    assert (changed["name"], changed["settings"]["concurrentCallsLimit"], changed["agentId"]) == ("Q2", 7, "agent123")
    assert (
        "concurrentCallsLimit is 70"
        in (await north.ask("PATCH", path, {"settings": {"concurrentCallsLimit": 70}}, status=422))["detail"]
    )
    assert await north.ask("GET", f"{path}/contacts") == []
    assert "Temporal" in (await north.ask("POST", f"{path}/start", status=503))["detail"]
    assert (await north.ask("POST", f"{path}/cancel"))["status"] == "cancelled"
    await north.ask("POST", f"{path}/explode", status=422)
    assert await north.ask("DELETE", path) == {"success": True}
    await north.ask("GET", path, status=404)


async def test_calls_and_texts_to_targets_are_told_with_results(door: Doorway, north: Client) -> None:
    body = {"account": "voice", "targets": [{"phoneNumber": "+14155552001", "prompt": "Ask Ann."}]}
    assert "Temporal" in (await north.ask("POST", "/batch/calls", body, status=503))["detail"]
    spec = BatchCallRequest.model_validate(body).spec
    draft = await door.of(NORTH).drafts.put(spec, "b1", BatchCallRequest.model_validate(body).contacts)
    told = await north.ask("GET", f"/batch/calls/{draft.ref.campaign_id}")
    assert (told["batchId"], told["type"], told["status"], told["results"]) == ("b1", "call", "pending", [])
    told = await north.ask("GET", "/batch/calls/b1/transcripts")
    assert (told["transcripts"], told["summary"]["totalCalls"]) == ([], 0)
    assert "/batch/calls/b1" in (await north.ask("GET", "/batch/sms/b1", status=404))["detail"]
    assert (await north.ask("GET", "/batch/sms/b1/conversations"))["conversations"] == []


async def test_retell_batches_are_started_and_told(door: Doorway, north: Client) -> None:
    await door.of(NORTH).drafts.create(BatchCreate.model_validate(TEXTS).spec, "123")
    told = await north.ask("GET", "/api/retell-mcp/campaigns/123/batch-status")
    assert set(told) == {
        *("batch_id", "total_jobs", "processed_jobs", "failed_jobs", "progress", "throughput", "estimated_completion")
    }
    assert told["throughput"] == "0.0 calls/minute"
    await north.ask("POST", "/api/retell-mcp/campaigns/start", {"campaign_id": 123}, status=503)
    await north.ask("POST", "/api/retell-mcp/campaigns/start", {"campaign_id": 124}, status=404)


async def test_a_workbook_is_refused_in_sentences(north: Client) -> None:
    for fields, file, sentence in (
        ({"batch_size": "20"}, ("leads.csv", b"Lead_ID\n00QB000000JxN7pMAF\n"), "batch_size"),
        ({}, ("leads.csv", b"Id\n00QB000000JxN7pMAF\n"), "Lead_ID"),
        ({}, ("leads.exe", b"MZ"), "does not end like a table"),
        ({}, ("leads.csv", b"Lead_ID\n00QB000000JxN7pMAF\n"), "Temporal"),
    ):
        status = 503 if sentence == "Temporal" else 422
        for path in ("/excel/analyze", "/excel/analyze-batch-optimized"):
            told = await north.ask("POST", path, status=status, data=fields, files={"file": file})
            assert sentence in told["detail"]


async def test_keys_decide_here_as_everywhere(door: Doorway, north: Client) -> None:
    made = await north.ask("POST", "/api/batch", TEXTS, status=201)
    await knock(door, SOUTH).ask("GET", f"/api/batch/{made['id']}", status=404)
    await knock(door, NORTH, Rights.READ).ask("POST", "/api/batch", TEXTS, status=403)
    await knock(door, NORTH, Rights.READ).ask("GET", f"/api/batch/{made['id']}")
    answer = await north._http.get(f"/api/batch/{made['id']}", headers={"Authorization": "Bearer x"})
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert (await north._http.get("/api/batches")).status_code == 404


def test_settings_become_rules_of_ours() -> None:
    rules = CampaignBody.model_validate(BULK).spec
    assert (rules.channel, rules.account, rules.limits.concurrency) == (Channel.CALL, "voice", 5)
    assert (rules.retry.attempts, rules.retry.delay, rules.retry.exclude_voicemail) == (4, 1_800.0, True)
    once = CampaignBody.model_validate({**BULK, "settings": {"retryFailedCalls": False}}).spec
    assert (once.retry.attempts, once.limits.concurrency) == (1, 3)
    form = AnalysisForm(sheet_name="Leads", batch_size=100, ai_batch_size=25).spec("x.xlsx")
    assert form.lead is not None
    assert (form.lead.chunk, form.chunk.size, form.audience.sheet) == (100, 25, "Leads")
    texts = BatchSmsRequest.model_validate({"targets": [{"to": "+14155552001", "message": "Hi"}]})
    assert (texts.spec.audience.message, texts.spec.message) == ("message", None)


def _progress(**keys: Any) -> Progress:  # noqa: ANN401 - fields by name
    usual: dict[str, Any] = {
        **dict.fromkeys(("campaign_id", "name", "reason"), "x"),
        **dict.fromkeys(("per_minute", "under_way", "lanes", "spent", "updated_at"), 0),
        **dict.fromkeys(("success_rate", "eta", "next_due_at", "started_at", "finished_at", "budget")),
        "channel": "call",
        "status": "running",
        "percent": 75.0,
        "limits": {},
        "outcomes": {},
    }
    return Progress.model_validate({**usual, **keys})


def test_counts_of_a_bulk_campaign_add_up() -> None:
    books = Books(total=100, pending=18, waiting=2, active=5, succeeded=70, failed=5)
    seen = _progress(books=books, outcomes={"answered": 69, "voicemail": 3, "busy": 3}, success_rate=70 / 75)
    told = bulk_counts(seen)
    assert told == {
        "totalContacts": 100,
        "queuedCalls": 20,
        "activeCalls": 5,
        "completedCalls": 69,
        "failedCalls": 3,
        "voicemailCalls": 3,
        "progress": 75,
        "successRate": 93,
    }
    assert bulk_progress(seen)["queue"] == {"waiting": 18, "active": 5, "completed": 70, "failed": 5, "delayed": 2}


@pytest.mark.parametrize("status", list(CampaignStatus))
def test_each_status_has_a_word_of_theirs(status: CampaignStatus) -> None:
    told = batch_status(_progress(books=Books(total=0), status=status), [])
    assert told["status"] in {"pending", "processing", "paused", "completed", "failed"}
    json.dumps(told)
