"""``clarion setup`` and ``clarion doctor`` against a real Temporal server that knows nothing of Clarion yet."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from tests.providers.scripted_twilio import scripted_twilio
from tests.starter.installation import Place, Result
from workflows.campaign import CampaignWorkflow
from workflows.showing import SEARCH_ATTRIBUTES

ATTRIBUTES = {key.name for key in SEARCH_ATTRIBUTES}


@pytest.fixture
async def temporal(place: Place, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    beside = Path(sys.executable).parent / "temporal"
    server = str(beside) if beside.exists() else shutil.which("temporal")
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=server, dev_server_log_level="error"
    ) as env:
        monkeypatch.setenv("TEMPORAL_ADDRESS", env.client.service_client.config.target_host)
        yield env.client


async def clarion(place: Place, *arguments: str) -> Result:
    """Call a command, which has an event loop of its own."""
    return await asyncio.to_thread(place.clarion, *arguments)


async def findings(place: Place) -> dict[str, tuple[str, str]]:
    result = await clarion(place, "doctor", "--json")
    return {finding["part"]: (finding["health"], finding["detail"]) for finding in result.json}


async def test_set_up_makes_the_tables_and_registers_search_attributes_and_may_run_again(
    place: Place, temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLARION_DATABASE_URL", f"sqlite:///{place.folder / 'new.db'}")
    first = await clarion(place, "setup", "--wait", "0")
    assert first.code == 0, first.err
    assert "new.db: ready" in first.out
    assert [name for name in sorted(ATTRIBUTES) if name not in first.out] == []
    again = await clarion(place, "setup", "--wait", "0")
    assert (again.code, "search attributes are there" in again.out) == (0, True)
    assert (await clarion(place, "list", "--json")).json == []


async def test_set_up_waits_for_what_does_not_answer_yet(place: Place) -> None:
    waited = await clarion(place, "setup", "--wait", "1.5")
    assert waited.code == 1
    assert waited.out.count("waiting: Temporal at") == 1
    assert "`clarion up`" in waited.err


async def test_a_namespace_that_is_not_there_is_told(
    place: Place, temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "nowhere")
    result = await clarion(place, "setup", "--wait", "0")
    assert result.code == 2
    assert 'no namespace "nowhere"' in result.err
    assert (await findings(place))["Temporal"][0] == "problem"


async def test_the_doctor_finds_what_is_missing_and_what_to_do(place: Place, temporal: Client) -> None:
    found = await findings(place)
    assert found["database"][0] == found["Temporal"][0] == "ok"
    assert found["search attributes"][0] == "problem"
    assert "`clarion setup`" in found["search attributes"][1]
    assert found["workers"][0] == "problem"
    assert "`clarion-worker`" in found["workers"][1]
    assert found["public address"][0] == "note"


async def test_the_doctor_is_content_when_everything_is_connected(
    place: Place, temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def accepted(request: web.Request) -> web.StreamResponse:
        kind = "calls" if request.path.endswith("/Calls.json") else "messages"
        return web.json_response({kind: [], "page": 0, "page_size": 1, "next_page_uri": None})

    monkeypatch.setenv("CLARION_PUBLIC_URL", "https://clarion.example")
    await clarion(place, "setup", "--wait", "0")
    async with (
        scripted_twilio(accepted) as twilio,
        Worker(temporal, task_queue="clarion", workflows=[CampaignWorkflow]),
    ):
        monkeypatch.setenv("CLARION_ACCOUNTS__MAIN__BASE_URL", twilio.url)
        while (found := await findings(place))["workers"][0] != "ok":
            await asyncio.sleep(0.1)
        result = await clarion(place, "doctor")
    assert {part: said for part, said in found.items() if said[0] != "ok"} == {}
    assert result.code == 0


async def test_credentials_that_are_refused_are_a_problem(
    place: Place, temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(_: web.Request) -> web.StreamResponse:
        return web.json_response({"code": 20003, "message": "Authenticate", "status": 401}, status=401)

    async with scripted_twilio(refused) as twilio:
        monkeypatch.setenv("CLARION_ACCOUNTS__MAIN__BASE_URL", twilio.url)
        result = await clarion(place, "doctor")
    assert result.code == 1
    assert "Twilio does not accept the credentials" in " ".join(result.out.split())
    assert "secret-token" not in result.out + result.err


def test_the_doctor_goes_on_when_nothing_answers(place: Place, monkeypatch: pytest.MonkeyPatch, free_port: int) -> None:
    monkeypatch.setenv("CLARION_DATABASE_URL", f"postgresql+psycopg://me:hidden-word@127.0.0.1:{free_port}/clarion")
    monkeypatch.setenv("CLARION_ACCOUNTS__MAIN__BASE_URL", f"http://127.0.0.1:{free_port}")
    result = place.clarion("doctor")
    assert result.code == 1
    assert result.out.count("problem") == 3
    assert "hidden-word" not in result.out


def test_without_accounts_the_doctor_says_how_to_get_one(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SID", "AUTH_TOKEN", "FROM_NUMBER"):
        monkeypatch.delenv(f"CLARION_ACCOUNTS__MAIN__{name}")
    assert "CLARION_ACCOUNTS__MAIN__SID" in " ".join(place.clarion("doctor").out.split())
