"""A whole installation is used over REST while its parts are killed: encrypted, measured, told of by webhooks."""

from __future__ import annotations

import asyncio
import io
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping

import httpx
import pytest
import pytest_asyncio
from google.protobuf.message import Message
from openpyxl import Workbook, load_workbook
from prometheus_client.parser import text_string_to_metric_families
from temporalio.api.common.v1 import Payload, SearchAttributes, WorkflowExecution
from temporalio.api.history.v1 import History
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest

from clarion.domain.campaign import CampaignStatus
from starter.local.stack import HOST, Stack
from tests.activities.receiver import Receiver, receiving
from tests.e2e.conftest import Ground
from tests.e2e.lead_site import new_leads
from tests.e2e.rest_site import TENANT, Json, Rest, open_rest, sent_again_until_answered
from tests.e2e.site import NAME, PATIENCE, TEXT, Run, closed, magic, numbers

pytestmark = pytest.mark.asyncio(loop_scope="session")

COMPLETED = CampaignStatus.COMPLETED
SECRET_NAME, SECRET_REASON = "Marzipan", "Nougat"
"""A campaign's name and a reason that stand nowhere else."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rest(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rest]:
    """An installation of a tenant of its own."""
    home = tmp_path_factory.mktemp("rest")
    own = {"CLARION_TENANT": TENANT, "CLARION_TASK_QUEUE": TENANT}
    own |= {"CLARION_DATABASE_URL": f"sqlite:///{home / 'clarion.db'}"}
    async with Stack(home, {**ground.stack.environment, **own}) as stack, open_rest(stack) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def told(rest: Rest) -> AsyncIterator[Receiver]:
    """Somebody who is told of everything by webhook."""
    async with receiving() as receiver:
        added = await rest.ask("POST", "/hooks", 201, json={"url": receiver.url, "events": ["campaign", "attempt"]})
        receiver.secret = added["secret"]
        yield receiver
        await rest.ask("DELETE", f"/hooks/{added['id']}", 204)


def people(addresses: list[str]) -> list[Json]:
    return [{"phone": address, "first_name": f"{NAME}{n}"} for n, address in enumerate(addresses)]


def texts(**keys: object) -> Json:
    usual = {
        "name": "over REST",
        "channel": "sms",
        "message": f"Hi {{{{ first_name }}}}, your {TEXT} is due.",
        "limits": {"concurrency": 5, "per_second": 100},
        "retry": {"attempts": 1},
        "receipts": {"wait": "6s"},
    }
    return {**usual, **keys}


async def test_a_draft_is_built_up_and_steered_to_its_end(rest: Rest, told: Receiver) -> None:
    known, added, late = numbers(20), numbers(10), numbers(10)
    (failing,) = magic("9010")
    run = await rest.make(texts(id="built", limits={"concurrency": 2, "per_second": 4}), "built-1")
    path = f"/campaigns/{run.id}"
    await rest.ask("POST", f"{path}/contacts", 201, json={"contacts": people([*known, failing])})
    sheet = "\n".join(
        ["phone,first_name", *(f"{number},{NAME}" for number in added), f"12,{NAME}", f"{known[0]},Twice"]
    )
    await rest.ask("POST", f"{path}/contacts", 201, files={"file": ("more.csv", sheet.encode(), "text/csv")})
    checked = await rest.ask("POST", f"{path}/check")
    assert (checked["total"], checked["accepted"], checked["rejected"]) == (33, 31, 2)
    assert [row["outcome"] for row in checked["rejected_rows"]] == ["invalid_phone", "duplicate"]
    await rest.ask("POST", f"{path}/start", headers={"Idempotency-Key": "built-2"})
    await rest.ask("POST", f"{path}/start", headers={"Idempotency-Key": "built-2"})
    await rest.ask("POST", f"{path}/start", 409)
    await run.until(lambda seen: seen.books.succeeded >= 2)
    paused = await rest.ask("POST", f"{path}/pause", json={"reason": "lunch"})
    assert paused["status"] in {"pausing", "paused"}
    worker = rest.site.stack.parts["worker-1"]
    worker.kill()
    await worker.start()
    await rest.until_worked_on()
    await rest.ask("POST", f"{path}/contacts", 201, json={"contacts": people(late)})
    await rest.ask("POST", "/do-not-contact", json={"numbers": [late[-1]], "reason": "asked by phone"})
    await run.until(lambda seen: seen.books.total == 43 and seen.status is CampaignStatus.PAUSED)
    before = sum(await rest.site.effects([*known, *added, *late]))
    await rest.ask("POST", f"{path}/limits", json={"per_second": 100, "concurrency": 5})
    await rest.ask("PATCH", path, json={"name": "renamed"})
    assert sum(await rest.site.effects([*known, *added, *late])) == before
    await rest.ask("POST", f"{path}/resume")
    done = await run.end()
    assert (done.status, done.books) == closed(COMPLETED, succeeded=39, failed=1, skipped=3)
    assert await rest.site.effects([*known, *added, *late, failing]) == [1] * 39 + [0, 1]
    again = await rest.ask("POST", f"{path}/retry", headers={"Idempotency-Key": "built-3"}, json={})
    assert again["status"] == "preparing"
    await rest.until(f"{path}/progress", lambda seen: seen["status"] == "completed")
    await run.end()
    assert await rest.site.effects([failing]) == [2]
    report = await rest.http.get(f"{path}/report", params={"format": "json"})
    assert report.status_code == 200
    assert len((await rest.ask("GET", f"{path}/contacts", params={"state": "succeeded"}))["items"]) == 39
    assert told.got


async def test_a_clone_is_started_and_cancelled(rest: Rest) -> None:
    addresses = numbers(30)
    first = await rest.make(texts(id="original", contacts=people(addresses)))
    cloned = await rest.ask("POST", f"/campaigns/{first.id}/clone", 201, json={"id": "copy"})
    assert cloned["status"] == "draft"
    run = rest.run("copy")
    await rest.ask("PATCH", "/campaigns/copy", json={"limits": {"per_second": 5, "concurrency": 2}})
    await rest.ask("POST", "/campaigns/copy/start")
    await run.until(lambda seen: seen.books.succeeded >= 1)
    await rest.ask("POST", "/campaigns/copy/cancel", json={"reason": "enough"})
    done = await run.end()
    assert (done.status, done.books.cancelled > 0, done.books.failed) == (CampaignStatus.CANCELLED, True, 0)
    assert sum(await rest.site.effects(addresses)) == done.books.succeeded
    await rest.ask("DELETE", f"/campaigns/{first.id}", 204)


async def test_single_contacts_leads_and_schedules_come_to_their_end(rest: Rest) -> None:
    await asyncio.gather(_one_call(rest), _one_text(rest), _leads(rest), _schedule(rest))


async def _one_call(rest: Rest) -> None:
    await rest.ask("PATCH", "/accounts/retell/limits", json={"concurrency": 3})
    body = {"number": numbers(1)[0], "account": "retell", "prompt": f"Say that the {TEXT} is due."}
    begun = await rest.ask("POST", "/calls", 202, json=body, headers={"Idempotency-Key": "call-1"})
    assert await rest.ask("POST", "/calls", 202, json=body, headers={"Idempotency-Key": "call-1"}) == begun
    seen = await rest.until(f"/calls/{begun['campaign_id']}", lambda seen: seen["state"] == "succeeded")
    assert (seen["outcome"], seen["call"]["outcome"]) == ("answered", "answered")
    await rest.run(begun["campaign_id"]).end()
    account = await rest.ask("GET", "/accounts/retell")
    assert account["name"] == "retell"
    await rest.ask("PATCH", "/accounts/retell/limits", json={"concurrency": None})


async def _one_text(rest: Rest) -> None:
    (number,) = numbers(1)
    body = {"number": number, "message": f"Your {TEXT} is due."}
    begun = await rest.ask("POST", "/messages", 202, json=body)
    seen = await rest.until(f"/messages/{begun['campaign_id']}", lambda seen: seen["outcome"] == "delivered")
    assert (seen["state"], len(seen["attempts"])) == ("succeeded", 1)
    await rest.run(begun["campaign_id"]).end()


async def _leads(rest: Rest) -> None:
    ids, book, file = new_leads(12), Workbook(), io.BytesIO()
    sheet = book.create_sheet("Leads")
    for row in [["Lead ID"], *([lead] for lead in ids), ["no lead"]]:
        sheet.append(row)
    book.save(file)
    upload = {"file": ("leads.xlsx", file.getvalue())}
    fields = {"sheet_name": "Leads", "lead_id_column": "Lead ID", "batch_size": "50", "ai_batch_size": "5"}
    made = await rest.ask(
        "POST", "/lead-analyses", 201, data=fields, files=upload, headers={"Idempotency-Key": "leads-1"}
    )
    run = rest.run(made["campaign_id"])
    done = await run.end()
    assert (done.status, done.books) == closed(COMPLETED, succeeded=12, skipped=1)
    report = await rest.http.get(f"/campaigns/{run.id}/report", params={"format": "xlsx"})
    told = load_workbook(io.BytesIO(report.content), read_only=True)
    cells = {cell for row in told.worksheets[0].iter_rows(values_only=True) for cell in row}
    assert set(ids) <= cells


async def _schedule(rest: Rest) -> None:
    addresses = numbers(3)
    draft = await rest.make(texts(id="weekly", contacts=people(addresses)))
    await rest.ask("POST", "/templates", 201, json={"campaign_id": draft.id, "id": "monday"})
    wish = {"template_id": "monday", "cron": "0 9 * * mon", "time_zone": "Europe/Berlin"}
    await rest.ask("POST", "/schedules", 201, json=wish)
    fired = await rest.ask("POST", "/schedules/monday/trigger")
    done = await rest.run(fired["campaign_id"]).end()
    assert (done.status, done.books) == closed(COMPLETED, succeeded=3)
    await rest.ask("DELETE", "/schedules/monday", 204)
    assert await rest.site.effects(addresses) == [1] * 3


async def test_a_request_sent_five_times_at_once_makes_one_campaign(rest: Rest) -> None:
    addresses = numbers(10)
    wanted = texts(name="five times", contacts=people(addresses), start=True)
    answers = await asyncio.gather(*(sent_again_until_answered(rest, "/campaigns", wanted, "five") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    (campaign_id,) = {answer.json()["campaign_id"] for answer in answers}
    done = await rest.run(campaign_id).end()
    assert (done.status, done.books) == closed(COMPLETED, succeeded=10)
    found = await rest.ask("GET", "/campaigns", params={"search": "five times"})
    assert [one["campaign_id"] for one in found["items"]] == [campaign_id]
    assert await rest.site.effects(addresses) == [1] * 10


async def test_a_web_door_that_is_killed_while_it_starts_a_campaign_has_started_it_once(rest: Rest) -> None:
    addresses, store = numbers(10), rest.site.store
    wanted = texts(name="killed", contacts=people(addresses), start=True)
    rest.gate.hold()
    lost = asyncio.create_task(rest.http.post("/campaigns", json=wanted, headers={"Idempotency-Key": "killed"}))
    async with asyncio.timeout(PATIENCE):
        while not any(one.name == "killed" and one.status == "preparing" for one in store.campaigns.list(TENANT)):
            await asyncio.sleep(0.02)
    web = rest.site.stack.parts["web"]
    web.kill()
    with pytest.raises(httpx.TransportError):
        await lost
    rest.gate.lose()
    (half,) = (one.ref.campaign_id for one in store.campaigns.list(TENANT) if one.name == "killed")
    assert await rest.site.campaigns.ended_in_temporal(half) == "Temporal does not know this campaign"
    await web.start()
    answer = await sent_again_until_answered(rest, "/campaigns", wanted, "killed")
    assert (answer.status_code, answer.json()["campaign_id"]) == (201, half)
    done = await rest.run(half).end()
    assert (done.status, done.books) == closed(COMPLETED, succeeded=10)
    assert len((await rest.ask("GET", "/campaigns", params={"search": "killed"}))["items"]) == 1
    assert await rest.site.effects(addresses) == [1] * 10


async def test_a_retry_that_died_before_temporal_heard_of_it_is_made_good(rest: Rest) -> None:
    (failing,) = magic("9010")
    run = await rest.make(texts(id="half", contacts=people([*numbers(2), failing]), start=True))
    done = await run.end()
    key = await run.key()
    for way, effects in (("retry", 2), ("resume", 2)):
        assert rest.site.store.campaigns.move(key, done.status, CampaignStatus.PREPARING, time.time())
        await rest.ask("POST", f"/campaigns/{run.id}/{way}")
        assert (await run.end()).status is COMPLETED
        assert await rest.site.effects([failing]) == [effects]


async def test_encrypted_campaigns_go_on_over_a_change_of_keys(rest: Rest, told: Receiver) -> None:
    stack, addresses, callees = rest.site.stack, numbers(20), numbers(4)
    slow = {"concurrency": 2, "per_second": 5}
    sent = await rest.make(texts(name=SECRET_NAME, id="sealed", contacts=people(addresses), limits=slow, start=True))
    script = {"prompt": f"The {TEXT} is due.", "first_message": "Hello {{ first_name }}"}
    calls = {"name": SECRET_NAME, "id": "sealed-calls", "channel": "call", "account": "retell", "call": script}
    called = await rest.make({**calls, "limits": {"concurrency": 2}, "contacts": people(callees), "start": True})
    await sent.until(lambda seen: seen.books.succeeded >= 3)
    await rest.ask("POST", f"/campaigns/{sent.id}/pause", json={"reason": SECRET_REASON})
    await stack.parts["worker-1"].stop()
    stack.environment["CLARION_PAYLOAD_KEYS"] = ",".join(reversed(rest.keys))
    await stack.start_worker()
    await rest.until_worked_on()
    await sent.until(lambda seen: seen.status is CampaignStatus.PAUSED and seen.reason == SECRET_REASON)
    await rest.ask("POST", f"/campaigns/{sent.id}/limits", json={"per_second": 100})
    await rest.ask("POST", f"/campaigns/{sent.id}/resume")
    for run, count in ((sent, 20), (called, 4)):
        done = await run.end()
        assert (done.status, done.books) == closed(COMPLETED, succeeded=count)
    assert await rest.site.effects(addresses) == [1] * 20
    for run, keys in ((sent, {b"k1", b"k2"}), (called, {b"k1"})):
        history = await _history(rest, run)
        payloads = list(_payloads(history))
        assert {payload.metadata["encoding"] for payload in payloads} == {b"binary/encrypted"}
        assert keys <= {payload.metadata["clarion-key"] for payload in payloads}
        raw = history.SerializeToString()
        assert not any(word.encode() in raw for word in (SECRET_REASON, TEXT, NAME, addresses[0], callees[0]))
    await _everything_was_told(rest, told, sent, called, Run(rest.site, "built"))


async def _history(rest: Rest, run: Run) -> History:
    """A campaign's history as Temporal keeps it."""
    client = rest.site.client
    execution = WorkflowExecution(workflow_id=f"campaign/{TENANT}/{run.id}")
    request = GetWorkflowExecutionHistoryRequest(namespace=client.namespace, execution=execution)
    return (await client.workflow_service.get_workflow_execution_history(request)).history


def _payloads(message: Message) -> Iterator[Payload]:
    """All payloads anywhere in a message; search attributes, by which people search, are none that are encrypted."""
    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None or isinstance(value, SearchAttributes):
            continue
        for one in value.values() if isinstance(value, Mapping) else [value] if isinstance(value, Message) else value:
            if isinstance(one, Message):
                yield from _payloads(one)


async def _everything_was_told(rest: Rest, told: Receiver, *runs: Run) -> None:
    """Every event of these campaigns has come, at least once, with an id by which a repetition is recognised."""
    async with asyncio.timeout(PATIENCE):
        for run in runs:
            log = await asyncio.to_thread(rest.site.store.events.after, await run.key(), 0, 10_000)
            wanted = {f"evt_{event.id}" for event in log}
            while not wanted <= set(told.ids):
                await asyncio.sleep(0.1)
            bodies = {body["id"]: body for body in told.got if body["campaign_id"] == run.id}
            assert set(bodies) == wanted
    assert told.forged == 0


async def test_the_metrics_agree_with_the_books(rest: Rest) -> None:
    await (await rest.make(texts(contacts=people(numbers(5)), start=True))).end()
    pages = [f"http://{HOST}:{port}/metrics" for port in rest.ports]
    async with httpx.AsyncClient() as http:
        web, worker = [(await http.get(page)).text for page in pages]
    seen: Counter[tuple[str, str, str]] = Counter()
    for family in text_string_to_metric_families(web):
        for sample in family.samples:
            if sample.name == "clarion_targets" and sample.labels["tenant"] == TENANT:
                labels = sample.labels
                seen[labels["channel"], labels["state"], labels["outcome"]] += int(sample.value)
    booked: Counter[tuple[str, str, str]] = Counter()
    for campaign in rest.site.store.campaigns.list(TENANT, limit=1_000):
        for target in rest.site.store.targets.all(campaign.ref.key):
            booked[campaign.spec.channel, target.state, target.outcome or "none"] += 1
    assert {key: count for key, count in seen.items() if count} == booked
    finished = {
        sample.labels.get("activity_type"): sample.value
        for family in text_string_to_metric_families(worker)
        for sample in family.samples
        if sample.name.startswith("temporal_activity_execution_latency") and sample.name.endswith("_count")
    }
    assert finished.get("dispatch_message_chunk", 0) > 0
