"""Starting campaigns once, on a Temporal server on which nobody works: also after a start that died on its way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update
from temporalio.client import WorkflowExecutionStatus

from clarion.contracts import Pacing
from clarion.domain.campaign import CampaignStatus, parse_spec
from clarion.domain.errors import Conflict, Unreachable
from clarion.settings import settings_with
from clarion.store.schema import campaigns
from starter.campaigns import Campaigns
from starter.drafts import Drafts
from starter.launching import workflow_id
from starter.wiring import Connection
from tests.starter.installation import Place
from tests.workflows.stage import join_server, real_server

DRAFT, PREPARING = CampaignStatus.DRAFT, CampaignStatus.PREPARING
PEOPLE = [{"phone": "+14155550123"}]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with real_server() as address:
        yield address


@pytest.fixture
async def drafts(place: Place, server: str, monkeypatch: pytest.MonkeyPatch) -> Drafts:
    monkeypatch.setenv("TEMPORAL_ADDRESS", server)
    account = {"SID": "AC0", "AUTH_TOKEN": "x", "FROM_NUMBER": "+15005550006"}
    told = {f"CLARION_ACCOUNTS__MAIN__{name}": value for name, value in account.items()}
    settings = settings_with(CLARION_HOME=str(place.folder), **told)
    await join_server(server)
    return Drafts(settings, place.store, Campaigns(settings, place.store, Connection(settings)))


async def draft(drafts: Drafts, name: str) -> int:
    spec = parse_spec(
        {"name": "x", "channel": "sms", "message": "Hi", "audience": {"file": "uploaded", "address": "phone"}}
    )
    return (await drafts.put(spec, name, PEOPLE)).ref.key


async def in_temporal(drafts: Drafts, name: str) -> WorkflowExecutionStatus | None:
    client, campaign = await drafts.campaigns.connect(), await drafts.campaigns.find(name)
    return (await client.get_workflow_handle(workflow_id(campaign)).describe()).status


@pytest.mark.parametrize("way", ["launch", "repeat", "resume"])
async def test_a_start_that_died_before_temporal_heard_of_it_is_carried_on(drafts: Drafts, way: str) -> None:
    key, use = await draft(drafts, f"lost-{way}"), drafts.campaigns
    assert drafts.store.campaigns.move(key, DRAFT, PREPARING, time.time())
    assert await use.ended_in_temporal(f"lost-{way}") == "Temporal does not know this campaign"
    if way == "resume":
        await use.resume(f"lost-{way}")
    else:
        await use.launch(f"lost-{way}", again=way == "repeat")
    assert await in_temporal(drafts, f"lost-{way}") is WorkflowExecutionStatus.RUNNING
    with pytest.raises(Conflict, match="is preparing already; only a draft can be started"):
        await use.launch(f"lost-{way}")
    assert (await use.launch(f"lost-{way}", again=True)).status is PREPARING


async def test_of_many_who_start_a_draft_one_does(drafts: Drafts) -> None:
    await draft(drafts, "wanted")
    tries = [drafts.campaigns.launch("wanted") for _ in range(6)]
    came = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in came) == 1
    assert {type(one) for one in came if isinstance(one, BaseException)} == {Conflict}
    assert (await drafts.campaigns.find("wanted")).status is PREPARING
    assert await in_temporal(drafts, "wanted") is WorkflowExecutionStatus.RUNNING


async def test_an_id_that_temporal_knows_from_another_campaign_is_refused(drafts: Drafts) -> None:
    key = await draft(drafts, "twice")
    await drafts.campaigns.launch("twice")
    older = time.time() + 60.0  # what runs in Temporal began a minute before this campaign was made
    with drafts.store.database.write() as connection:
        values = {"status": DRAFT, "created_at": older}
        connection.execute(update(campaigns).where(campaigns.c.key == key).values(values))
    with pytest.raises(Conflict, match='"twice" exists in Temporal already'):
        await drafts.campaigns.launch("twice")
    assert (await drafts.campaigns.find("twice")).status is DRAFT


async def test_a_start_whose_answer_was_lost_is_found_to_have_happened(drafts: Drafts) -> None:
    key = await draft(drafts, "unheard")
    await drafts.campaigns.launch("unheard")
    assert drafts.store.campaigns.move(key, PREPARING, DRAFT, time.time(), back=True)
    assert (await drafts.campaigns.launch("unheard", again=True)).status is PREPARING


async def test_what_a_workflow_has_written_is_not_taken_back(drafts: Drafts) -> None:
    key, store = await draft(drafts, "quick"), drafts.store.campaigns
    assert store.move(key, DRAFT, PREPARING, time.time())
    store.set_status(key, PREPARING, "", time.time(), ordered_at=time.time())
    assert not store.move(key, PREPARING, DRAFT, time.time(), back=True)
    assert not store.move(key, DRAFT, PREPARING, time.time())
    assert store.get(key).status is PREPARING


async def test_a_file_that_comes_with_the_start_is_not_forgotten(drafts: Drafts, tmp_path: Path) -> None:
    key, path = await draft(drafts, "late"), tmp_path / "late.csv"
    path.write_text("phone\n+14155550124\n")
    assert drafts.store.files.keep_for_draft(key, path) is not None
    drafts.store.campaigns.move(key, DRAFT, PREPARING, time.time())
    assert drafts.store.files.keep_for_draft(key, path) is None
    assert len(drafts.store.files.of_campaign(key)) == 2


async def test_what_no_worker_answers_is_said_so(drafts: Drafts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("starter.campaigns.ANSWER_WITHIN", 0.5)
    await draft(drafts, "unanswered")
    await drafts.campaigns.launch("unanswered")
    with pytest.raises(Unreachable, match="no worker answered within"):
        await drafts.campaigns.set_limits("unanswered", Pacing(per_second=3))
    assert (await drafts.campaigns.pause("unanswered")).message.startswith("no worker answers")
