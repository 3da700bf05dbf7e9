"""Whatever comes through the doors of Temporal, the Web UI's free text box above all, harms no campaign."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowQueryFailedError, WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.service import RPCError

from clarion.domain.campaign import CampaignStatus
from tests.fakes import RECEIPT, REFUSED
from tests.workflows.stage import Play, Stage
from workflows.campaign import CampaignWorkflow

pytestmark = pytest.mark.parametrize("stage", [100], ids=["cached"], indirect=True)


def raw(data: bytes, encoding: bytes = b"json/plain") -> RawValue:
    """A payload as no client of ours would make it."""
    return RawValue(Payload(metadata={"encoding": encoding}, data=data))


BROKEN_JSON = raw(b"{")
FOREIGN = raw(b"\x00\xff", b"binary/protobuf")

MALFORMED_SIGNALS: Sequence[tuple[str, Sequence[object]]] = [
    ("pause", ["lunch", "dinner"]),
    ("pause", [BROKEN_JSON]),
    ("pause", [FOREIGN]),
    ("resume", ["now"]),
    ("resume", [None, None]),
    ("cancel", [5]),
    ("cancel", ["one", "two"]),
    ("cancel", [{"reason": None}]),
    ("cancel", [BROKEN_JSON]),
    ("Pause", []),
    ("stop", ["now"]),
    ("set_limits", [{"concurrency": 5}]),
]

MALFORMED_UPDATES: Sequence[tuple[str, Sequence[object]]] = [
    ("set_limits", []),
    ("set_limits", [None]),
    ("set_limits", [{}]),
    ("set_limits", [{"concurency": 10}]),
    ("set_limits", [{"concurrency": 0}]),
    ("set_limits", [{"concurrency": -1}]),
    ("set_limits", [{"concurrency": 51}]),
    ("set_limits", [{"concurrency": "many"}]),
    ("set_limits", [{"per_second": 0}]),
    ("set_limits", [{"per_second": None}]),
    ("set_limits", [{"budget": -1}]),
    ("set_limits", ["fast"]),
    ("set_limits", [5]),
    ("set_limits", [{"concurrency": 5}, "surplus"]),
    ("set_limits", [BROKEN_JSON]),
    ("set_limits", [raw(b'{"per_second": NaN}')]),
    ("add_targets", []),
    ("add_targets", [None]),
    ("add_targets", [{}]),
    ("add_targets", [{"file_id": "customers.csv"}]),
    ("add_targets", [3]),
    ("add_targets", [{"file_id": 1}, {"file_id": 2}]),
    ("retry_failed", ["undelivered"]),
    ("retry_failed", [{"outcomes": "undelivered"}]),
    ("retry_failed", [{}, {}]),
    ("retry_failed", [FOREIGN]),
    ("pause", ["lunch", "dinner"]),
    ("resume", []),
    ("adjust", [{"concurrency": 5}]),
]


@pytest.fixture
async def play(stage: Stage) -> AsyncIterator[Play]:
    """A campaign that waits for one receipt, and must be able to complete afterwards."""
    async with stage.play([RECEIPT], [REFUSED]) as play:
        await play.until_written(CampaignStatus.SETTLING)
        yield play
        play.campaign.receipts()
        state = await play.end()
        assert state.status is CampaignStatus.COMPLETED
        events = await play.events()
        assert not [e for e in events if e.HasField("workflow_task_failed_event_attributes")]


async def test_malformed_signals_are_ignored(play: Play) -> None:
    for name, arguments in MALFORMED_SIGNALS:
        await play.handle.signal(name, args=arguments)
    state = await play.handle.query(CampaignWorkflow.progress)
    assert (state.paused, state.cancelled, state.reason) == (False, False, "")
    assert play.words == ["preparing", "running", "settling"]


@pytest.mark.parametrize(
    ("typed", "reason"),
    [(5, ""), (True, ""), (["lunch"], ""), ({"reason": "lunch"}, "lunch"), ({"reason": 5}, ""), (None, "")],
)
async def test_a_pause_pauses_whatever_was_typed(play: Play, typed: object, reason: str) -> None:
    await play.handle.signal("pause", args=[typed])
    state = await play.handle.query(CampaignWorkflow.progress)
    assert (state.paused, state.reason) == (True, reason)
    await play.handle.signal("resume")


async def test_malformed_updates_are_refused(play: Play) -> None:
    for name, arguments in MALFORMED_UPDATES:
        with pytest.raises((WorkflowUpdateFailedError, RPCError)):
            await play.handle.execute_update(name, args=arguments)
    assert play.words == ["preparing", "running", "settling"]
    assert (play.campaign.pacings, play.campaign.calls["import_audience"]) == ([], 1)


@pytest.mark.parametrize(
    ("update", "argument", "told"),
    [
        ("set_limits", None, 'say which limit, as {"concurrency": 10, "per_second": 2.5}'),
        ("set_limits", {"speed": 5}, 'say which limit, as {"concurrency": 10, "per_second": 2.5}'),
        ("set_limits", {"concurrency": 51}, "concurrency 51 is not possible; give a whole number from 1 to 50"),
        ("add_targets", None, 'say which file, as {"file_id": 3}'),
    ],
)
async def test_a_refusal_says_what_is_wanted(play: Play, update: str, argument: object, told: str) -> None:
    with pytest.raises(WorkflowUpdateFailedError) as refusal:
        await play.handle.execute_update(update, argument)
    assert told in str(refusal.value.cause)


async def test_malformed_queries_are_answered_or_refused(play: Play) -> None:
    for arguments in (["surplus"], [None, None], [BROKEN_JSON], [FOREIGN]):
        with suppress(WorkflowQueryFailedError):
            await play.handle.query("progress", args=arguments)
    with pytest.raises((WorkflowQueryFailedError, RPCError)):
        await play.handle.query("books")
    assert (await play.handle.query(CampaignWorkflow.progress)).status is CampaignStatus.SETTLING


async def test_an_empty_input_box_is_enough_where_nothing_is_needed(play: Play) -> None:
    await play.handle.signal("pause")
    await play.until_written(CampaignStatus.PAUSED)
    await play.handle.signal("resume")
    await play.until(lambda: play.words[-1] != "paused")
    await play.handle.signal("pause", None)
    await play.until_written(CampaignStatus.PAUSED)
    await play.handle.execute_update("pause")
    await play.handle.execute_update("retry_failed")
    await play.handle.signal("resume")
    await play.until(lambda: play.campaign.books.failed == 0)


async def test_an_endless_reason_is_cut(play: Play) -> None:
    await play.handle.signal("pause", "x" * 200_000)
    await play.until_written(CampaignStatus.PAUSED)
    assert play.campaign.statuses[-1].reason == "x" * 500
    await play.handle.signal("resume")
