"""Webhooks of ours as people handle them: on the command line, and with Temporal at hand or not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from temporalio.client import WorkflowExecutionStatus

from clarion.domain.delivery import Answer, DeliveryState, fate
from clarion.domain.errors import Conflict, NotFound
from clarion.hook_contracts import HookRef
from clarion.settings import Settings
from clarion.store.deliveries import Result
from clarion.store.hook_rows import Hook
from starter.hook_workflows import revive
from starter.hooks import MOST, Hooks, HookState
from starter.wiring import Connection
from tests.starter.installation import TENANT, Place
from tests.workflows.stage import join_server, real_server

URL = "https://example.com/clarion"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with real_server() as address:
        yield address


@pytest.fixture
async def hooks(place: Place, server: str, monkeypatch: pytest.MonkeyPatch) -> Hooks:
    """With a Temporal server, on which nobody works."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", server)
    settings = Settings(home=place.folder)
    await join_server(server)
    return Hooks(settings, place.store, Connection(settings))


def stored(place: Place, name: str = "hook_1", now: float | None = None) -> Hook:
    return place.store.hooks.add(
        TENANT, name, url=URL, secret="whsec_c2VjcmV0", types=["campaign"], campaign_id=None, now=now or time.time()
    )


def dead(place: Place, hook: Hook) -> int:
    now, answer = time.time(), Answer(410, "it answered 410")
    sent = place.store.hooks.send(hook.ref, "evt_1", "campaign.paused", '{"campaign_id":"spring"}', now)
    place.store.deliveries.record(hook, [Result(sent, answer, fate(answer, 1, now, 0.0))], now)
    return sent.number


async def status(hooks: Hooks, hook_id: str) -> WorkflowExecutionStatus | None:
    client = await hooks.connect()
    ref = HookRef(tenant=TENANT, hook_id=hook_id, key=0)
    return (await client.get_workflow_handle(ref.workflow_id).describe()).status


async def test_a_new_hook_is_looked_after_and_its_secret_told_once(hooks: Hooks) -> None:
    added = await hooks.add(URL, ["campaign", "attempt.answered"])
    assert await status(hooks, added.id) is WorkflowExecutionStatus.RUNNING
    assert added.secret.startswith("whsec_")
    [listed] = hooks.looks.list()
    assert (listed.id, listed.state, listed.events) == (added.id, HookState.ACTIVE, ("campaign", "attempt.answered"))
    assert added.secret not in listed.model_dump_json()


async def test_temporal_is_told_neither_address_nor_secret(hooks: Hooks) -> None:
    added = await hooks.add(URL, ["campaign"])
    handle = (await hooks.connect()).get_workflow_handle(f"hook/{TENANT}/{added.id}")
    history = (await handle.fetch_history()).to_json()
    assert "example.com" not in history
    assert added.secret not in history


async def test_a_hook_whose_workflow_was_ended_is_resumed(hooks: Hooks) -> None:
    added = await hooks.add(URL, ["campaign"])
    await (await hooks.connect()).get_workflow_handle(f"hook/{TENANT}/{added.id}").terminate("an operator")
    later = replace(hooks, clock=lambda: time.time() + 600.0)
    shown = later.looks.show(added.id)
    assert (shown.state, "resume it" in shown.reason) == (HookState.STOPPED, True)
    await hooks.change(added.id, active=True)
    assert await status(hooks, added.id) is WorkflowExecutionStatus.RUNNING


async def test_the_web_door_starts_again_what_was_ended_from_outside_and_leaves_alone_what_runs(
    hooks: Hooks, place: Place
) -> None:
    ended, runs, off = [(await hooks.add(URL, ["campaign"])).id for _ in range(3)]
    for hook_id in (ended, off):
        await (await hooks.connect()).get_workflow_handle(f"hook/{TENANT}/{hook_id}").terminate("an operator")
    await hooks.change(off, active=False)
    queue, later = hooks.settings.task_queue, time.time() + 600.0
    assert await revive(place.store, hooks.connect, queue, time.time()) == []
    assert await revive(place.store, hooks.connect, queue, later) == [ended]
    assert await revive(place.store, hooks.connect, queue, later) == []
    assert await status(hooks, ended) is WorkflowExecutionStatus.RUNNING
    assert await status(hooks, runs) is WorkflowExecutionStatus.RUNNING
    assert await status(hooks, off) is WorkflowExecutionStatus.TERMINATED


def test_doctor_says_that_a_hook_is_stopped(place: Place) -> None:
    def found() -> list[tuple[str, str]]:
        findings = place.clarion("doctor", "--json").json
        return [(one["health"], one["detail"]) for one in findings if one["part"] == "webhooks"]

    assert found() == []
    stored(place)
    assert found() == [("ok", "1 looked after")]
    stored(place, "hook_2", now=time.time() - 600.0)
    [(health, detail)] = found()
    assert (health, detail.startswith("nobody looks after hook_2: start a worker")) == ("problem", True)


async def test_resuming_twice_starts_it_once(hooks: Hooks) -> None:
    added = await hooks.add(URL, ["campaign"])
    handle = (await hooks.connect()).get_workflow_handle(f"hook/{TENANT}/{added.id}")
    first = (await handle.describe()).run_id
    await hooks.change(added.id, active=True)
    assert (await handle.describe()).run_id == first


async def test_a_hook_is_tried_out(hooks: Hooks, place: Place) -> None:
    added = await hooks.add(URL, ["campaign"])
    sent = await hooks.test(added.id)
    assert (sent.type, sent.state, sent.tries) == ("hook.test", DeliveryState.WAITING, 0)
    assert sent.event["id"] == sent.id
    await hooks.change(added.id, active=False)
    with pytest.raises(Conflict, match=f"hook {added.id} is off"):
        await hooks.test(added.id)


async def test_dead_deliveries_are_sent_again(hooks: Hooks, place: Place) -> None:
    number = dead(place, stored(place))
    assert await hooks.resend_dead("hook_1") == 1
    assert (await hooks.resend("hook_1", number)).state is DeliveryState.WAITING
    with pytest.raises(NotFound, match="has no delivery 77"):
        await hooks.resend("hook_1", 77)


async def test_there_is_an_end_to_hooks(hooks: Hooks, place: Place) -> None:
    for n in range(MOST):
        stored(place, f"hook_{n}")
    with pytest.raises(Conflict, match=f"there are {MOST} hooks already"):
        await hooks.add(URL, ["campaign"])


async def test_a_hook_of_a_campaign_needs_that_campaign(hooks: Hooks) -> None:
    with pytest.raises(NotFound, match='no campaign "spring"'):
        await hooks.add(URL, ["campaign"], "spring")


def test_hooks_are_listed(place: Place) -> None:
    assert place.clarion("hooks", "list").out == "there are no webhooks; `clarion hooks add URL` makes one\n"
    stored(place)
    assert "hook_1" in place.clarion("hooks", "list").out
    [listed] = place.clarion("hooks", "list", "--json").json
    assert (listed["id"], listed["url"], listed["waiting"]) == ("hook_1", URL, 0)


def test_a_hook_is_shown_with_what_was_given_up(place: Place) -> None:
    number = dead(place, stored(place))
    shown = place.clarion("hooks", "show", "hook_1").out
    assert "hook hook_1 is off: the receiver answered 410 Gone: it wants to hear no more" in shown
    assert "0 waiting, 0 delivered, 1 dead" in shown
    [given_up] = place.clarion("hooks", "dead", "hook_1", "--json").json
    assert (given_up["number"], given_up["error"]) == (number, "it answered 410")
    assert "campaign.paused" in place.clarion("hooks", "dead", "hook_1").out


def test_a_hook_is_stopped_changed_and_removed_without_temporal(place: Place) -> None:
    stored(place)
    assert "hook hook_1 is off" in place.clarion("hooks", "stop", "hook_1").out
    changed = place.clarion("hooks", "change", "hook_1", "--events", "attempt", "--url", "https://example.com/new")
    assert "https://example.com/new" in changed.out
    assert place.store.hooks.find(TENANT, "hook_1").types == ("attempt",)
    assert place.clarion("hooks", "remove", "hook_1").code == 0
    assert place.store.hooks.list(TENANT) == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("add", "http://example.com/"), 2, "url: webhooks go over https only"),
        (("add", "https://10.0.0.1/"), 2, 'url: "10.0.0.1" is private to a machine or network'),
        (("add", URL, "--events", "campaign.done"), 2, 'events: "campaign.done" is no event'),
        (("add", URL), 1, "Temporal"),
        (("show", "hook_9"), 2, 'there is no hook "hook_9"'),
        (("resume", "hook_9"), 2, 'there is no hook "hook_9"'),
        (("dead", "hook_9"), 2, 'there is no hook "hook_9"'),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    place: Place, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = place.clarion("hooks", *arguments)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert place.store.hooks.list(TENANT) == []


def test_the_secret_stands_nowhere_but_in_the_store(place: Place) -> None:
    hook = stored(place)
    for command in (("list", "--json"), ("show", "hook_1", "--json"), ("show", "hook_1"), ("list",)):
        assert hook.secret not in place.clarion("hooks", *command).out
