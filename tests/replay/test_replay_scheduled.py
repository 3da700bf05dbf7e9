"""The history of an earlier moment of a schedule still fits the code: one may be under way during a deploy.

A failure here says that a campaign which was just to begin would hang after the deploy. Guard the change with
`workflow.patched`, or record anew on purpose (`python -m tests.replay.record_scheduled`).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from clarion.contracts import Firing
from workflows.scheduled import ScheduledCampaign
from workflows.shield import Shield

RECORDED = Path(__file__).parent / "histories" / "scheduled" / "fired.json"


def history() -> WorkflowHistory:
    return WorkflowHistory.from_json("schedule/acme/weekly-fired", RECORDED.read_text(encoding="utf-8"))


def replayer(workflow_class: type) -> Replayer:
    return Replayer(workflows=[workflow_class], interceptors=[Shield()], data_converter=pydantic_data_converter)


async def test_a_recorded_moment_replays() -> None:
    await replayer(ScheduledCampaign).replay_workflow(history())


@workflow.defn(name="ScheduledCampaign")
class Reordered:
    """A moment whose code has changed without care."""

    @workflow.run
    async def run(self, firing: Firing) -> None:
        await workflow.sleep(1)


async def test_a_careless_change_is_noticed() -> None:
    with pytest.raises(workflow.NondeterminismError):
        await replayer(Reordered).replay_workflow(history())
