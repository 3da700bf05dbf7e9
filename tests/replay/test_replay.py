"""Histories of earlier campaigns still fit the code: a deploy may not break what is running.

A failure here says that running campaigns would hang after the deploy. Guard the change with `workflow.patched`, or
record anew on purpose (`python -m tests.replay.record`) when no running campaign can be there.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from clarion.contracts import CampaignInput
from workflows.campaign import CampaignWorkflow
from workflows.shield import Shield

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))
EXPECTED = {
    "small",
    "steered",
    "cancelled",
    "cancelled_in_temporal",
    "halted",
    "failed",
    "continued_first_run",
    "continued_last_run",
    "calls_paused",
    "calls_queued",
    "calls_hung_up",
    "calls_continued_first_run",
    "calls_continued_last_run",
    "leads_live",
    "leads_batches",
    "leads_cancelled",
    "leads_failed",
    "leads_continued_first_run",
    "leads_continued_last_run",
}


def history(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(f"campaign/acme/{path.stem}", path.read_text(encoding="utf-8"))


def replayer(workflow_class: type) -> Replayer:
    return Replayer(workflows=[workflow_class], interceptors=[Shield()], data_converter=pydantic_data_converter)


def test_all_histories_are_there() -> None:
    assert {path.stem for path in HISTORIES} == EXPECTED


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_recorded_campaign_replays(path: Path) -> None:
    await replayer(CampaignWorkflow).replay_workflow(history(path))


@workflow.defn(name="CampaignWorkflow")
class Reordered:
    """A campaign whose code has changed without care."""

    @workflow.run
    async def run(self, given: CampaignInput) -> None:
        await workflow.sleep(1)


async def test_a_careless_change_is_noticed() -> None:
    with pytest.raises(workflow.NondeterminismError):
        await replayer(Reordered).replay_workflow(history(HISTORIES[0]))
