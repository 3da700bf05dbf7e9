"""The history of an earlier account still fits the code: an account runs on through every deploy.

A failure here says that running accounts would hang after the deploy, and with them every campaign of calls. Guard the
change with `workflow.patched`, or record anew on purpose (`python -m tests.replay.record_account`).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from clarion.account_contracts import AccountInput
from workflows.account import AccountWorkflow
from workflows.shield import Shield

RECORDED = Path(__file__).parent / "histories" / "accounts" / "shared.json"


def history() -> WorkflowHistory:
    return WorkflowHistory.from_json("account/acme/main", RECORDED.read_text(encoding="utf-8"))


def replayer(workflow_class: type) -> Replayer:
    return Replayer(workflows=[workflow_class], interceptors=[Shield()], data_converter=pydantic_data_converter)


async def test_a_recorded_account_replays() -> None:
    await replayer(AccountWorkflow).replay_workflow(history())


@workflow.defn(name="AccountWorkflow")
class Reordered:
    """An account whose code has changed without care."""

    @workflow.run
    async def run(self, given: AccountInput) -> None:
        await workflow.sleep(1)


async def test_a_careless_change_is_noticed() -> None:
    with pytest.raises(workflow.NondeterminismError):
        await replayer(Reordered).replay_workflow(history())
