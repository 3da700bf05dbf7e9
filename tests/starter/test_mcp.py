"""The MCP tools as an assistant meets them: what they say of themselves, what they check, and what they refuse."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import httpx
import httpx2
import jsonschema  # type: ignore[import-untyped]
import pytest
from fastapi import FastAPI
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from starlette.routing import Route

from clarion.domain.campaign import CampaignSpec, CampaignStatus, parse_spec
from clarion.domain.rights import Rights
from clarion.settings import Settings, load_settings, process_environment
from clarion.store.migrate import migrate
from clarion.store.store import Store
from starter.drafts import parse_uploaded
from starter.mcp.confirming import GOOD_FOR, Confirming, campaign_id_of, digest
from starter.mcp.door import LARGEST, PATH, McpDoor, security
from starter.mcp.server import BURST, PER_SECOND, Allowance
from starter.wiring import Connection, Installation
from tests.starter.installation import DELIVERED, LANDLINE, Place, campaign, people
from tests.starter.mcp_clients import Assistant, assistant
from tests.starter.rest.doorway import NORTH, SOUTH, Doorway, doorway
from tests.starter.web_door import served

ROOT = Path(__file__).parents[2]

READING = {"list_campaigns", "check_campaign", "get-batch-status", "get-batch-transcripts", "why"}
REACHING = {"trigger-batch-sms", "trigger-batch-calls", "start_lead_analysis", "resume_campaign"}
TEXTS: Mapping[str, Any] = {
    "name": "Spring reminder",
    "message": "Hi {{ first_name }}, your service is due.",
    "contacts": [
        {"phone": "+14155552001", "first_name": "Ann"},
        {"phone": "+14155552002", "first_name": "Bob"},
        {"phone": "12", "first_name": "Carl"},
    ],
}
CALLS: Mapping[str, Any] = {
    "name": "Appointments",
    "account": "voice",
    "call": {"prompt": "Be kind to {{ first_name }}.", "max_minutes": 5},
    "audience": {"prompt": "own_prompt"},
    "contacts": [{"phone": "+14155552001", "first_name": "Ann", "own_prompt": "Ask whether Tuesday suits."}],
}
LEADS: Mapping[str, Any] = {
    "name": "Score",
    "assess": {"instructions": "Score how likely they buy solar panels."},
    "contacts": [{"lead_id": "00QB000000JxN7pMAF"}, {"lead_id": "nonsense"}],
}


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: int) -> Iterator[Doorway]:
    """Two tenants over one store; nothing listens where Temporal should be."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{free_port}")
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "no-temporal.toml"))
    store = Store(f"sqlite:///{tmp_path / 'clarion.db'}", tenant=NORTH, grace=15.0)
    migrate(store.database)
    store.close()
    opened = doorway(tmp_path)
    yield opened
    opened.store.close()


@pytest.fixture
def north(door: Doorway) -> Assistant:
    return assistant(door.of(NORTH))


async def test_each_tool_says_what_it_takes_gives_and_does_to_the_world(north: Assistant) -> None:
    tools = {tool.name: tool for tool in await north.tools()}
    assert set(tools) == READING | REACHING | {"pause_campaign", "cancel_campaign"}
    for name, tool in tools.items():
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        jsonschema.Draft202012Validator.check_schema(tool.output_schema or {})
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is (name in READING)
        assert tool.annotations.open_world_hint is (name in REACHING | {"cancel_campaign"})
        assert "summary" in (tool.output_schema or {})["properties"] or name == "why"
        for example in tool.input_schema.get("examples", []):
            jsonschema.validate(example, tool.input_schema)
    for name in REACHING:
        assert "confirm" in tools[name].input_schema["properties"]
        assert tools[name].annotations.destructive_hint is True  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("channel", "plan", "tool", "accepted", "rejected"),
    [
        ("sms", TEXTS, "trigger-batch-sms", 2, 3),
        ("call", CALLS, "trigger-batch-calls", 1, None),
        ("lead_analysis", LEADS, "start_lead_analysis", 1, 2),
    ],
)
async def test_a_check_says_what_would_happen_and_which_tool_does_it(
    north: Assistant, channel: str, plan: Mapping[str, Any], tool: str, accepted: int, rejected: int | None
) -> None:
    told = await north.ask("check_campaign", channel=channel, **plan)
    assert (told["can_start"], told["next_tool"], told["problems"]) == (True, tool, [])
    assert told["confirm"].startswith("ok1_")
    assert told["check"]["accepted"] == accepted
    assert told["check"]["file"] == "contacts"
    assert [row["row"] for row in told["rejected_rows"]] == ([] if rejected is None else [rejected])
    assert f"{accepted} of {len(plan['contacts'])} would be" in told["summary"]
    assert told["expected_end"].endswith("Z")


async def test_what_cannot_start_gets_no_token(north: Assistant) -> None:
    told = await north.ask("check_campaign", channel="sms", **{**TEXTS, "account": "voice"})
    assert (told["can_start"], told["confirm"], told["next_tool"]) == (False, None, None)
    assert "only calls" in told["problems"][0]
    told = await north.ask(
        "check_campaign", channel="sms", **{**TEXTS, "contacts": [{"phone": "1", "first_name": "A"}]}
    )
    assert (told["can_start"], told["confirm"]) == (False, None)
    assert told["problems"] == ["no contact would be reached; see rejected_rows"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"channel": None}, "channel is missing; give sms, call or lead_analysis"),
        ({"channel": "fax"}, 'channel is "fax"; give sms, call or lead_analysis'),
        ({"contacts": None}, "contacts is missing; give a list of 1 to 1,000 flat objects"),
        ({"contacts": [{"phone": {"deep": 1}}]}, "contacts.1.phone"),
        ({"contacts": [{"phone": "1"}] * 1_001}, "contacts is a list; give a list of 1 to 1,000 flat objects"),
        ({"mesage": "typo"}, 'unknown key "mesage" (did you mean "message"?)'),
        ({"limits": {"concurency": 3}}, 'limits: unknown key "concurency" (did you mean "concurrency"?)'),
        ({"retry": {"delay": "soon"}}, '"soon" is not a length of time'),
        ({"message": None}, "message is missing"),
        ({"message": "Hi {{ firstname }}"}, "firstname"),
        ({"audience": {"file": "/etc/passwd"}}, "audience.file would be a file of the server"),
        ({"campaign_id": "x"}, "campaign_id names a draft that is complete, and name, message, contacts came with it"),
        ({"name": "a\x00b"}, "NUL"),
    ],
)
async def test_a_wrong_argument_is_told_in_a_sentence(
    door: Doorway, north: Assistant, changes: Mapping[str, Any], sentence: str
) -> None:
    door.store.campaigns.create(NORTH, "x", _spec(), 1.0)
    assert sentence in await north.refused("check_campaign", **{"channel": "sms", **TEXTS, **changes})


async def test_without_the_token_of_its_check_nothing_starts(door: Doorway, north: Assistant) -> None:
    assert "confirm is missing; call check_campaign" in await north.refused("trigger-batch-sms", **TEXTS)
    token = (await north.ask("check_campaign", channel="sms", **TEXTS))["confirm"]
    other = "confirm was not returned by check_campaign for this very content"
    more = [*TEXTS["contacts"], {"phone": "+14155552003", "first_name": "Dora"}]
    for changes in ({"contacts": more}, {"message": "Hi"}, {"budget": 1}, {"confirm": token[:-1]}, {"confirm": "x"}):
        assert other in await north.refused("trigger-batch-sms", **{**TEXTS, "confirm": token, **changes})
    assert other in await assistant(door.of(SOUTH)).refused("trigger-batch-sms", **TEXTS, confirm=token)
    assert other in await north.refused("trigger-batch-calls", **CALLS, confirm=token)
    assert door.of(NORTH).looking.campaigns() == []


async def test_a_start_that_is_repeated_goes_on_with_the_same_campaign(door: Doorway, north: Assistant) -> None:
    token = (await north.ask("check_campaign", channel="sms", **TEXTS))["confirm"]
    first = await north.refused("trigger-batch-sms", **TEXTS, confirm=token)
    again = await north.refused("trigger-batch-sms", confirm=token, **dict(reversed(list(TEXTS.items()))))
    assert "Temporal" in first
    assert "Temporal" in again
    assert door.of(NORTH).looking.campaigns() == []
    name = campaign_id_of(token, "spring-reminder")
    spec = parse_uploaded({"channel": "sms", "name": TEXTS["name"], "message": TEXTS["message"]})
    half_done = await door.of(NORTH).drafts.put(spec, name, TEXTS["contacts"])
    assert "Temporal" in await north.refused("trigger-batch-sms", **TEXTS, confirm=token)
    assert len(door.store.files.of_campaign(half_done.ref.key)) == 1
    door.store.campaigns.set_status(half_done.ref.key, CampaignStatus.RUNNING, "", 1.0)
    told = await north.ask("trigger-batch-sms", **TEXTS, confirm=token)
    assert (told["already_started"], told["campaign_id"], told["status"]) == (True, name, "running")
    assert len(door.of(NORTH).looking.campaigns()) == 1


async def test_a_draft_is_checked_and_started_as_it_is(door: Doorway, north: Assistant) -> None:
    spec = parse_uploaded({"channel": "sms", "name": TEXTS["name"], "message": TEXTS["message"]})
    drafts = door.of(NORTH).drafts
    await drafts.put(spec, "drafted", TEXTS["contacts"])
    told = await north.ask("check_campaign", campaign_id="drafted")
    assert (told["can_start"], told["check"]["accepted"], told["next_tool"]) == (True, 2, "trigger-batch-sms")
    confirm = told["confirm"]
    assert "start it with trigger-batch-sms" in await north.refused(
        "trigger-batch-calls", campaign_id="drafted", confirm=confirm
    )
    assert "Temporal" in await north.refused("trigger-batch-sms", campaign_id="drafted", confirm=confirm)
    await drafts.add("drafted", [{"phone": "+14155552003", "first_name": "Dora"}])
    assert "this very content" in await north.refused("trigger-batch-sms", campaign_id="drafted", confirm=confirm)


def test_a_token_ends_and_belongs_to_its_tenant_and_content(door: Doorway) -> None:
    ours, theirs = Confirming(door.store, NORTH), Confirming(door.store, SOUTH)
    content = digest({"b": 1, "a": [2]})
    assert content == digest({"a": [2], "b": 1}) != digest({"a": [2], "b": 2})
    token, ends = ours.token(content, 1_000.0)
    assert ends == 1_000.0 + GOOD_FOR == ours.recognise(token, content, 2_000.0)
    assert ours.token(content, 1_000.0)[0] != token
    longer = token.replace(f"_{int(ends):x}_", f"_{int(ends) + 9:x}_")
    assert longer != token
    for wrong in (longer, token.upper(), "", "ok1", "__", None):
        with pytest.raises(Exception, match="confirm"):
            ours.recognise(wrong, content, 1_000.0)
    with pytest.raises(Exception, match="confirm"):
        theirs.recognise(token, content, 1_000.0)


async def test_a_token_that_has_ended_starts_nothing(
    door: Doorway, north: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("starter.mcp.confirming.GOOD_FOR", -1.0)
    token = (await north.ask("check_campaign", channel="sms", **TEXTS))["confirm"]
    assert "confirm has ended" in await north.refused("trigger-batch-sms", **TEXTS, confirm=token)
    assert door.of(NORTH).looking.campaigns() == []


async def test_who_may_only_read_starts_and_steers_nothing(door: Doorway) -> None:
    reader = assistant(door.of(NORTH), Rights.READ)
    assert (await reader.ask("check_campaign", channel="sms", **TEXTS))["can_start"]
    for tool in (*REACHING, "pause_campaign", "cancel_campaign"):
        assert f"this key may read, and {tool} needs operate" in await reader.refused(tool, campaign_id="x")


async def test_another_tenants_campaigns_are_not_there(door: Doorway, north: Assistant) -> None:
    door.store.campaigns.create(SOUTH, "theirs", _spec(), 1.0)
    assert (await north.ask("list_campaigns"))["campaigns"] == []
    for tool, more in (
        ("get-batch-status", {}),
        ("get-batch-transcripts", {}),
        ("check_campaign", {}),
        ("why", {"target": "1"}),
        ("pause_campaign", {}),
        ("cancel_campaign", {}),
        ("trigger-batch-sms", {}),
    ):
        assert "theirs" in await north.refused(tool, campaign_id="theirs", **more)
    assert door.store.campaigns.find(SOUTH, "theirs").status is CampaignStatus.DRAFT


async def test_an_unknown_tool_is_told_with_the_nearest(north: Assistant) -> None:
    assert 'did you mean "trigger-batch-sms"?' in await north.refused("trigger_batch_sms")


async def test_how_a_campaign_goes_is_told(place: Place) -> None:
    run = place.imported(people(4), "spring")
    run.run()
    run.contact(DELIVERED, LANDLINE)
    settings = load_settings()
    clarion = Installation.of(settings, place.store, Connection(settings))
    client = assistant(clarion)
    told = await client.ask("get-batch-status", campaign_id="spring")
    assert told["summary"].startswith("running: ")
    assert told["progress"]["books"]["succeeded"] == 1
    assert [group["outcome"] for group in told["errors"]] == ["invalid_number"]
    why = await client.ask("why", campaign_id="spring", target="row:2")
    assert why["target"]["position"] == 1
    listed = await client.ask("list_campaigns", status="running", channel="sms")
    assert [line["campaign_id"] for line in listed["campaigns"]] == ["spring"]
    assert (await client.ask("list_campaigns", status="paused"))["campaigns"] == []
    replies = await client.ask("get-batch-transcripts", campaign_id="spring")
    assert (replies["channel"], replies["replies"], replies["next"]) == ("sms", [], None)
    checked = await client.ask("check_campaign", campaign_id="spring")
    assert (checked["can_start"], checked["confirm"]) == (False, None)
    run.status(CampaignStatus.PAUSED, "lunch", open_=False)
    checked = await client.ask("check_campaign", campaign_id="spring")
    assert (checked["can_start"], checked["next_tool"]) == (True, "resume_campaign")
    assert "goes on with the 2 that are left" in checked["summary"]
    assert "confirm is missing" in await client.refused("resume_campaign", campaign_id="spring")


def test_a_tenant_that_asks_too_often_waits_and_others_do_not() -> None:
    now = [0.0]
    allowance = Allowance(lambda: now[0])
    assert [allowance.take("a") for _ in range(BURST)] == [0.0] * BURST
    assert allowance.take("a") == 1 / PER_SECOND
    assert allowance.take("b") == 0.0
    now[0] += 1 / PER_SECOND
    assert allowance.take("a") == 0.0
    assert allowance.take("a") > 0.0


@asynccontextmanager
async def over_http(door: Doorway) -> AsyncIterator[str]:
    mcp = McpDoor(door.installation)
    app = FastAPI(lifespan=lambda _: mcp.running())
    app.router.routes.append(Route(PATH, mcp))
    async with served(app) as url:
        yield url + PATH


Mode = Literal["auto", "legacy"]


def over(url: str, door: Doorway, tenant: str, mode: Mode) -> Assistant:
    """An assistant that reads with a key of this tenant."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[Client]:
        headers = {"Authorization": f"Bearer {door.tokens[tenant, Rights.READ]}"}
        async with (
            httpx2.AsyncClient(headers=headers) as http,
            Client(streamable_http_client(url, http_client=http), mode=mode) as client,
        ):
            yield client

    return Assistant(connect)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_over_http_the_key_decides_whose_campaigns_there_are(door: Doorway, mode: Mode) -> None:
    door.store.campaigns.create(SOUTH, "theirs", _spec(), 1.0)
    async with over_http(door) as url:
        for tenant, seen in ((SOUTH, ["theirs"]), (NORTH, [])):
            reader = over(url, door, tenant, mode)
            assert [line["campaign_id"] for line in (await reader.ask("list_campaigns"))["campaigns"]] == seen
            assert "needs operate" in await reader.refused("pause_campaign", campaign_id="theirs")


async def test_over_http_strangers_stay_outside(door: Doorway) -> None:
    token = door.tokens[NORTH, Rights.READ]
    ours = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    async with over_http(door) as url, httpx.AsyncClient(headers=ours) as http:
        assert (await http.post(url, json=listing)).status_code == 200
        for wrong in ({"Authorization": ""}, {"Authorization": "Bearer clk_0_0"}, {"Authorization": f"Basic {token}"}):
            answer = await http.post(url, json=listing, headers=wrong)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert "clarion keys create" in answer.json()["detail"]
        assert (await http.post(url, json=listing, headers={"Host": "evil.example"})).status_code == 421
        assert (await http.post(url, json=listing, headers={"Origin": "https://evil.example"})).status_code == 403
        assert (await http.post(url, json=listing, headers={"Origin": "http://localhost:3000"})).status_code == 200
        assert (await http.post(url, content=b" " * (LARGEST + 1))).status_code == 413
        assert (await http.get(url)).status_code == 405
        assert (await http.delete(url)).headers["allow"] == "POST"


def test_the_public_address_is_ours() -> None:
    known = security(Settings(public_url="https://clarion.example/base"))
    assert "clarion.example" in known.allowed_hosts
    assert "https://clarion.example" in known.allowed_origins


async def test_over_standard_output_nothing_but_the_protocol_goes(place: Place) -> None:
    place.imported(people(2), "spring")
    server = StdioServerParameters(
        command=sys.executable, args=["-P", "-m", "starter", "mcp"], env=process_environment(PYTHONPATH=str(ROOT))
    )
    local = Assistant(lambda: Client(server))
    assert [line["campaign_id"] for line in (await local.ask("list_campaigns"))["campaigns"]] == ["spring"]


def _spec() -> CampaignSpec:
    return parse_spec(campaign())
