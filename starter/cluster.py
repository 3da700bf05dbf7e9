"""What Clarion needs of a Temporal cluster: a namespace, its search attributes, somebody who polls the task queue."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from clarion.domain.errors import Conflict, Unreachable
from workflows.showing import SEARCH_ATTRIBUTES

ANSWERS_WITHIN = timedelta(seconds=10)


async def missing_search_attributes(client: Client) -> list[str]:
    """Name the search attributes of Clarion that the namespace lacks. Raises Conflict, Unreachable."""
    known = await _registered(client)
    wrong = [key.name for key in SEARCH_ATTRIBUTES if known.get(key.name, _kind(key)) != _kind(key)]
    if wrong:
        raise Conflict(
            f"search attribute {', '.join(wrong)} exists in namespace {client.namespace} with another type; give "
            "Clarion a namespace of its own (TEMPORAL_NAMESPACE)"
        )
    return [key.name for key in SEARCH_ATTRIBUTES if key.name not in known]


async def add_search_attributes(client: Client) -> list[str]:
    """Register what is missing; return the names. Raises Conflict, Unreachable."""
    missing = await missing_search_attributes(client)
    if missing:
        wanted = {key.name: _kind(key) for key in SEARCH_ATTRIBUTES if key.name in missing}
        request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=wanted)
        try:
            await client.operator_service.add_search_attributes(request, timeout=ANSWERS_WITHIN)
        except RPCError as error:
            if error.status is not RPCStatusCode.ALREADY_EXISTS:  # another setup was faster
                raise _told(client, error) from None
    return missing


async def require_namespace(client: Client) -> None:
    """Raise Conflict when the namespace does not exist, Unreachable when nobody says."""
    try:
        await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace), timeout=ANSWERS_WITHIN
        )
    except RPCError as error:
        raise _told(client, error) from None


async def polling_workers(client: Client, task_queue: str) -> list[str]:
    """Name the workers that have polled a task queue in the last minutes. Raises Conflict, Unreachable."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        answer = await client.workflow_service.describe_task_queue(request, timeout=ANSWERS_WITHIN)
    except RPCError as error:
        raise _told(client, error) from None
    return sorted({poller.identity for poller in answer.pollers})


def _kind(key: SearchAttributeKey[Any]) -> IndexedValueType.ValueType:
    return IndexedValueType.ValueType(key.indexed_value_type)


async def _registered(client: Client) -> dict[str, IndexedValueType.ValueType]:
    try:
        answer = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace), timeout=ANSWERS_WITHIN
        )
    except RPCError as error:
        raise _told(client, error) from None
    return dict(answer.custom_attributes)


def _told(client: Client, error: RPCError) -> Conflict | Unreachable:
    if error.status is RPCStatusCode.NOT_FOUND:
        return Conflict(
            f'Temporal has no namespace "{client.namespace}"; create it with `temporal operator namespace create '
            f"{client.namespace}`, or set TEMPORAL_NAMESPACE"
        )
    if error.status in {RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED}:
        return Conflict(f"Temporal refuses us ({error.message}); check TEMPORAL_API_KEY and the TLS settings")
    return Unreachable(f"Temporal does not answer as it should ({error.message}); see the log of the server")
