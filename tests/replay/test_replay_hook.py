"""The history of an earlier hook still fits the code: a hook is looked after through every deploy.

A failure here says that no webhook would be sent after the deploy. Guard the change with `workflow.patched`, or record
anew on purpose (`python -m tests.replay.record_hook`).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from clarion.hook_contracts import HookInput
from workflows.hooks import HookWorkflow
from workflows.shield import Shield

RECORDED = Path(__file__).parent / "histories" / "hooks" / "watched.json"


def history() -> WorkflowHistory:
    return WorkflowHistory.from_json("hook/acme/h1", RECORDED.read_text(encoding="utf-8"))


def replayer(workflow_class: type) -> Replayer:
    return Replayer(workflows=[workflow_class], interceptors=[Shield()], data_converter=pydantic_data_converter)


async def test_a_recorded_hook_replays() -> None:
    await replayer(HookWorkflow).replay_workflow(history())


@workflow.defn(name="HookWorkflow")
class Reordered:
    """A hook whose code has changed without care."""

    @workflow.run
    async def run(self, given: HookInput) -> None:
        await workflow.sleep(1)


async def test_a_careless_change_is_noticed() -> None:
    with pytest.raises(workflow.NondeterminismError):
        await replayer(Reordered).replay_workflow(history())
