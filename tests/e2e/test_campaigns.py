"""Real campaigns on real parts: a file goes in, texts reach the sandbox, receipts come back, the books are closed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from clarion.contracts import Pacing
from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import Conflict
from starter.launching import workflow_id
from tests.e2e.site import NAME, TEXT, Run, Site, closed, magic, numbers, write_people
from workflows.campaign import CampaignWorkflow
from workflows.shield import Shield
from workflows.showing import DONE, PERCENT, STATUS, TOTAL

pytestmark = pytest.mark.asyncio(loop_scope="session")

SLOW = {"concurrency": 3, "per_second": 15}


async def test_every_number_comes_to_what_it_must(site: Site) -> None:
    plain = numbers(50)
    odd = magic("9001", "9002", "9003", "9004", "9005", "9006", "9008", "9009", "9010", "9011")
    rows = [*plain, *odd, plain[0], "", "12", "no number"]
    run = await site.start(rows)
    done = await run.end()
    found = await run.outcomes(odd)
    assert {number[-4:]: found[number] for number in odd} == {
        "9001": ("succeeded", "delivered"),
        "9002": ("failed", "undelivered"),
        "9003": ("failed", "rejected_content"),
        "9004": ("skipped", "opted_out"),
        "9005": ("failed", "invalid_number"),
        "9006": ("failed", "invalid_number"),
        "9008": ("succeeded", "delivered"),
        "9009": ("succeeded", "sent"),
        "9010": ("failed", "failed"),
        "9011": ("succeeded", "delivered"),
    }
    assert (done.status, done.books) == closed(CampaignStatus.COMPLETED, succeeded=54, failed=5, skipped=5)
    assert done.outcomes["delivered"] == 53
    assert await site.effects(plain) == [1] * 50
    assert await site.effects(odd) == [2, 1, 1, 0, 0, 0, 1, 1, 3, 1]
    shown = await site.client.get_workflow_handle(site.started[-1]).describe()
    attributes = shown.typed_search_attributes
    assert [attributes.get(key) for key in (STATUS, TOTAL, DONE, PERCENT)] == ["completed", 64, 54, 100.0]


async def test_a_stop_in_one_campaign_spares_the_person_in_all_others(site: Site) -> None:
    (quitter,) = magic("9007")
    others = numbers(5)
    start_at = datetime.fromtimestamp(time.time() + 4, UTC).isoformat()
    queued = await site.start([quitter, *others], start_at=start_at)
    await queued.until(lambda progress: progress.books.pending == 6)
    await site.campaigns.pause(queued.id, "until the other one is done")
    first = await site.start([quitter])
    assert (await first.end()).books.succeeded == 1
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(site.store.suppressions.among, "default", [quitter]):
            await asyncio.sleep(0.05)
    await site.campaigns.resume(queued.id)
    done = await queued.end()
    assert (done.status, done.books) == closed(CampaignStatus.COMPLETED, succeeded=5, skipped=1)
    assert (await queued.outcomes([quitter]))[quitter] == ("skipped", "opted_out")
    assert await site.effects([quitter]) == [1]


async def test_a_pause_stops_new_contacts_and_resume_contacts_everybody_else_once(site: Site) -> None:
    addresses = numbers(60)
    run = await site.start(addresses, limits=SLOW)
    await run.until(lambda progress: progress.books.succeeded >= 5)
    reply = await site.campaigns.pause(run.id, "lunch")
    stopped = sum(await site.effects(addresses)) + reply.under_way
    paused = await run.until(lambda progress: progress.status is CampaignStatus.PAUSED)
    assert paused.reason == "lunch"
    assert 5 <= sum(await site.effects(addresses)) <= stopped < 60
    await site.campaigns.resume(run.id)
    done = await run.end()
    assert (done.status, done.books) == closed(CampaignStatus.COMPLETED, succeeded=60)
    assert await site.effects(addresses) == [1] * 60


async def test_a_cancel_leaves_the_rest_uncontacted(site: Site) -> None:
    addresses = numbers(60)
    run = await site.start(addresses, limits=SLOW)
    await run.until(lambda progress: progress.books.succeeded >= 5)
    await site.campaigns.cancel(run.id, "wrong text")
    done = await run.end()
    assert (done.status, done.reason) == (CampaignStatus.CANCELLED, "wrong text")
    assert done.books.succeeded + done.books.cancelled == 60
    assert sum(await site.effects(addresses)) == done.books.succeeded < 60
    with pytest.raises(Conflict, match="is cancelled and cannot be paused"):
        await site.campaigns.pause(run.id)


async def test_a_cancellation_requested_in_the_web_ui_is_graceful(site: Site) -> None:
    addresses = numbers(60)
    run = await site.start(addresses, limits=SLOW)
    await run.until(lambda progress: progress.books.succeeded >= 5)
    handle = site.client.get_workflow_handle(site.started[-1])
    await handle.cancel(reason="wrong text")
    done = await run.end()
    assert (done.status, done.reason) == (CampaignStatus.CANCELLED, "wrong text")
    assert sum(await site.effects(addresses)) == done.books.succeeded < 60
    async with asyncio.timeout(10):
        while (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
            await asyncio.sleep(0.05)
    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED


async def test_limits_change_and_targets_come_while_it_runs(site: Site, tmp_path: Path) -> None:
    first, more = numbers(40), numbers(10)
    run = await site.start(first, limits={"concurrency": 1, "per_second": 5})
    await run.until(lambda progress: progress.books.succeeded >= 2)
    await site.campaigns.set_limits(run.id, Pacing(concurrency=8, per_second=100))
    reply = await site.campaigns.add(run.id, write_people(tmp_path / "more.csv", more))
    done = await run.end()
    assert reply.changed == 10
    assert done.lanes == 8
    assert (done.status, done.books) == closed(CampaignStatus.COMPLETED, succeeded=50)
    assert await site.effects([*first, *more]) == [1] * 50


@pytest.fixture
async def awaiting(site: Site) -> AsyncIterator[Run]:
    """A campaign that waits for a receipt which never comes, and must complete afterwards."""
    run = await site.start(magic("9009"))
    await run.until(lambda progress: progress.status is CampaignStatus.SETTLING)
    yield run
    done = await run.end()
    assert (done.status, done.books) == closed(CampaignStatus.COMPLETED, succeeded=1)


async def test_a_file_that_is_not_there_is_refused_and_harms_nobody(site: Site, awaiting: Run) -> None:
    handle = site.client.get_workflow_handle(workflow_id(await site.campaigns.find(awaiting.id)))
    with pytest.raises(WorkflowUpdateFailedError) as refusal:
        await handle.execute_update("add_targets", {"file_id": 987654})
    assert "there is no audience file number 987654" in str(refusal.value.cause)


async def test_a_file_of_another_campaign_is_refused(site: Site, awaiting: Run, tmp_path: Path) -> None:
    other = await site.start(numbers(1))
    await other.end()
    theirs = await asyncio.to_thread(
        site.store.files.keep, await other.key(), write_people(tmp_path / "theirs.csv", numbers(3))
    )
    handle = site.client.get_workflow_handle(workflow_id(await site.campaigns.find(awaiting.id)))
    with pytest.raises(WorkflowUpdateFailedError) as refusal:
        await handle.execute_update("add_targets", {"file_id": theirs})
    assert f"there is no audience file {theirs} of this campaign" in str(refusal.value.cause)


async def test_a_terminated_campaign_goes_on_when_it_is_resumed(site: Site) -> None:
    everybody = numbers(60)
    run = await site.start(everybody, limits=SLOW)
    await run.until(lambda progress: progress.books.succeeded >= 5)
    await site.client.get_workflow_handle(workflow_id(await site.campaigns.find(run.id))).terminate("by mistake")
    with pytest.raises(Conflict, match="clarion resume"):
        await site.campaigns.pause(run.id)
    reply = await site.campaigns.resume(run.id)
    assert "terminated in Temporal" in reply.message
    done = await run.end()
    assert (done.status, done.books) == closed(CampaignStatus.COMPLETED, succeeded=60)
    assert await site.effects(everybody) == [1] * 60


async def test_failures_are_tried_again_after_the_end(site: Site) -> None:
    odd, plain = magic("9001", "9002"), numbers(30)
    run = await site.start([*odd, *plain], retry={"attempts": 1})
    done = await run.end()
    assert (done.status, done.books) == closed(CampaignStatus.COMPLETED, succeeded=30, failed=2)
    await site.campaigns.retry(run.id)
    await run.until(lambda progress: not progress.status.is_final)
    again = await run.end()
    assert (again.status, again.books) == closed(CampaignStatus.COMPLETED, succeeded=31, failed=1)
    assert await site.effects(plain) == [1] * 30
    assert await site.effects(odd) == [2, 2]


async def test_a_rolling_deploy_hands_over_and_contacts_nobody_twice(site: Site) -> None:
    addresses = numbers(120)
    run = await site.start(addresses, limits={"concurrency": 6, "per_second": 30}, chunk={"size": 20, "seconds": 5})
    await run.until(lambda progress: progress.books.succeeded >= 20)
    await site.stack.start_worker(2)
    await site.stack.parts["worker-1"].stop()
    await run.until(lambda progress: progress.books.succeeded >= 60)
    await site.stack.parts["worker-1"].start()
    await site.stack.parts["worker-2"].stop()
    done = await run.end()
    assert (done.status, done.books) == closed(CampaignStatus.COMPLETED, succeeded=120)
    assert await site.effects(addresses) == [1] * 120


async def test_the_same_on_postgresql_with_two_workers(postgres_site: Site) -> None:
    odd, plain = magic("9001", "9002", "9004", "9011"), numbers(60)
    run = await postgres_site.start([*plain, *odd])
    await run.until(lambda progress: progress.books.succeeded >= 5)
    await postgres_site.campaigns.pause(run.id)
    await postgres_site.campaigns.resume(run.id)
    done = await run.end()
    assert (done.status, done.books) == closed(CampaignStatus.COMPLETED, succeeded=62, failed=1, skipped=1)
    assert await postgres_site.effects([*plain, *odd]) == [*[1] * 60, 2, 1, 0, 1]
    await assert_discreet(postgres_site)


async def test_no_targets_data_is_in_any_history_or_log(site: Site) -> None:
    await (await site.start([*numbers(3), *magic("9002", "9004", "9011")])).end()
    await assert_discreet(site)


async def test_every_real_campaign_replays(site: Site) -> None:
    await assert_replays(site)


async def test_waiting_costs_few_activities(site: Site) -> None:
    rows = [*numbers(200), *magic("9001", "9009", "9010", "9011")]
    done = await (await site.start(rows, retry={"attempts": 3, "delay": "2s", "on": ["failed", "undelivered"]})).end()
    assert done.books.succeeded == 203
    history = await site.client.get_workflow_handle(site.started[-1]).fetch_history()
    scheduled = [e for e in history.events if e.HasField("activity_task_scheduled_event_attributes")]
    kinds = Counter(e.activity_task_scheduled_event_attributes.activity_type.name for e in scheduled)
    assert kinds["dispatch_message_chunk"] <= 15, kinds
    assert kinds["settle"] <= 10, kinds


async def assert_replays(site: Site) -> None:
    """Replay the history of every campaign."""
    replayer = Replayer(workflows=[CampaignWorkflow], interceptors=[Shield()], data_converter=pydantic_data_converter)
    for workflow in site.started:
        await replayer.replay_workflow(await site.client.get_workflow_handle(workflow).fetch_history())


async def assert_discreet(site: Site, told: Iterable[str] = ()) -> None:
    """Look for what nobody is to see in the bytes of every event of every run, and in what the workers logged.

    That is numbers, names, texts, and whatever others have ``told``.
    """
    secrets = [word.encode() for word in (NAME, TEXT, *told, *(address[2:] for address in site.addresses))]
    for workflow in site.started:
        found = [execution async for execution in site.client.list_workflows(f'WorkflowId = "{workflow}"')]
        assert found
        for execution in found:
            handle = site.client.get_workflow_handle(execution.id, run_id=execution.run_id)
            content = b"".join([event.SerializeToString() async for event in handle.fetch_history_events()])
            assert b'"campaign_id":"run-' in content, "a payload cannot be read as it stands"
            assert [secret for secret in secrets if secret in content] == []
    for log in (site.stack.home / "logs").glob("worker*.log"):
        content = log.read_bytes()
        assert [secret for secret in secrets if secret in content] == []
