"""What Temporal keeps of a workflow: its events, over all its runs, and what they are about."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client


@dataclass(slots=True)
class History:
    """The events of one workflow."""

    runs: int = 0
    events: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    """Events of each kind, such as ``timer_started``; of activities, executions by the activity's name."""


async def read_history(client: Client, workflow_id: str) -> History:
    """Count the events of a workflow over all its runs, from the last one back."""
    found = History()
    run_id: str | None = (await client.get_workflow_handle(workflow_id).describe()).run_id
    while run_id:
        found.runs += 1
        before = ""
        async for event in _events(client, workflow_id, run_id):
            before = before or event.workflow_execution_started_event_attributes.continued_execution_run_id
            found.events += 1
            found.kinds[_kind(event)] += 1
        run_id = before
    return found


def _events(client: Client, workflow_id: str, run_id: str) -> AsyncIterator[HistoryEvent]:
    return client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history_events()


def _kind(event: HistoryEvent) -> str:
    scheduled = event.activity_task_scheduled_event_attributes.activity_type.name
    return scheduled or EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").lower()
