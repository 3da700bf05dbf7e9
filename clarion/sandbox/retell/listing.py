"""Lists calls page by page, with Retell's filters (``POST /v3/list-calls``)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import dropwhile
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from clarion.sandbox.calls import Stage
from clarion.sandbox.retell.calls import RetellCall
from clarion.sandbox.retell.errors import problem
from clarion.sandbox.vendor import Answer, Json

USUAL_LIMIT = 50
LARGEST_LIMIT = 1000


class Condition(BaseModel):
    """What a field has to be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    op: Literal["eq", "ne", "sw", "ew", "co", "gt", "ge", "lt", "le", "bt", "in", "pr", "np"]
    type: Literal["string", "number", "boolean", "range", "enum", "present"]
    value: bool | int | float | str | tuple[int | float | str, ...] | None = None
    key: str = ""


class Agent(BaseModel):
    """One of the agents to look for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agent_id: str
    version: tuple[float, ...] = ()


class Question(BaseModel):
    """A request to list calls that is well formed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    filter_criteria: dict[str, Condition | tuple[Condition, ...] | tuple[Agent, ...]] = {}
    limit: Annotated[StrictInt, Field(ge=1, le=LARGEST_LIMIT)] = USUAL_LIMIT
    pagination_key: StrictStr | None = None
    skip: Annotated[StrictInt, Field(ge=0)] = 0
    sort_order: Literal["ascending", "descending"] = "descending"
    include_total: bool = False


Reader = Callable[[RetellCall, float], Json]
"""Reads one field of a call as it is at a moment; None where it has none yet."""


def _analysed(name: str) -> Reader:
    return lambda call, now: call.analysis()[name] if now >= call.analysed_at else None


def _once_over(read: Callable[[RetellCall], Json]) -> Reader:
    return lambda call, now: read(call) if call.phone.stage(now) is Stage.OVER else None


FIELDS: Mapping[str, Reader] = {
    "call_id": lambda call, _: call.phone.id,
    "from_number": lambda call, _: call.order.from_number,
    "to_number": lambda call, _: call.order.to_number,
    "call_status": lambda call, now: call.status(now),
    "call_type": lambda _, __: "phone_call",
    "direction": lambda _, __: "outbound",
    "data_storage_setting": lambda _, __: "everything",
    "batch_call_id": lambda _, __: None,
    "start_timestamp": lambda call, now: call.start_timestamp(now),
    "end_timestamp": _once_over(lambda call: call.end_timestamp),
    "duration_ms": _once_over(lambda call: call.duration_ms),
    "disconnection_reason": _once_over(lambda call: call.reason),
    "combined_cost": _once_over(lambda call: call.cost),
    "call_successful": _analysed("call_successful"),
    "in_voicemail": _analysed("in_voicemail"),
    "user_sentiment": _analysed("user_sentiment"),
}
MAPPINGS: Mapping[str, Reader] = {
    "metadata": lambda call, _: call.order.metadata,
    "dynamic_variables": lambda call, _: call.order.retell_llm_dynamic_variables,
    "custom_analysis_data": _analysed("custom_analysis_data"),
}


def list_calls(calls: Iterable[RetellCall], body: bytes, now: float) -> Answer:
    """Answer with one page of these calls (one account's)."""
    try:
        question = Question.model_validate_json(body or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return problem(400, f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}")
    unknown = set(question.filter_criteria) - {*FIELDS, *MAPPINGS, "agent"}
    if unknown:
        return problem(400, f"filter_criteria: {', '.join(sorted(unknown))} is not known")
    found = [call for call in calls if _matches(call, question, now)]
    found.sort(key=lambda call: _begins(call, now), reverse=question.sort_order == "descending")
    rest = found
    if question.pagination_key is not None:
        rest = list(dropwhile(lambda call: call.phone.id != question.pagination_key, found))[1:]
    rest = rest[question.skip :]
    page = rest[: question.limit]
    view: dict[str, Json] = {
        "items": [call.view(now, transcript=False) for call in page],
        "has_more": len(rest) > len(page),
    }
    if len(rest) > len(page):
        view["pagination_key"] = page[-1].phone.id
    if question.include_total:
        view["total"] = len(found)
    return Answer(200, json.dumps(view).encode())


def _begins(call: RetellCall, now: float) -> float:
    """When it started, as far as that is known by now."""
    return call.starts_at if call.phone.stage(now) in {Stage.TALKING, Stage.OVER} else call.phone.placed_at


def _matches(call: RetellCall, question: Question, now: float) -> bool:
    return all(_agrees(call, name, wanted, now) for name, wanted in question.filter_criteria.items())


def _agrees(
    call: RetellCall, name: str, wanted: Condition | tuple[Condition, ...] | tuple[Agent, ...], now: float
) -> bool:
    if isinstance(wanted, Condition):
        return name in FIELDS and _holds(wanted, FIELDS[name](call, now))
    agents = [one for one in wanted if isinstance(one, Agent)]
    if agents:
        return any(call.agent_id == agent.agent_id for agent in agents)
    values = MAPPINGS[name](call, now) if name in MAPPINGS else None
    known = values if isinstance(values, Mapping) else {}
    return all(_holds(one, known.get(one.key)) for one in wanted if isinstance(one, Condition))


def _holds(condition: Condition, value: Json) -> bool:
    if condition.op in {"pr", "np"}:
        return (value is not None) is (condition.op == "pr")
    if value is None:
        return condition.op == "ne"
    if condition.op in {"eq", "ne"}:
        return (value == condition.value) is (condition.op == "eq")
    if condition.op == "in":
        return isinstance(condition.value, tuple) and value in condition.value
    if isinstance(value, str):
        return isinstance(condition.value, str) and _text_holds(condition.op, value, condition.value)
    return isinstance(value, int | float) and _number_holds(condition, value)


def _text_holds(op: str, value: str, wanted: str) -> bool:
    match op:
        case "sw":
            return value.startswith(wanted)
        case "ew":
            return value.endswith(wanted)
        case _:
            return op == "co" and wanted in value


def _number_holds(condition: Condition, value: float) -> bool:
    wanted = condition.value
    if isinstance(wanted, tuple):
        low, high = (*wanted, None, None)[:2]
        return isinstance(low, int | float) and isinstance(high, int | float) and low <= value <= high
    if not isinstance(wanted, int | float):
        return False
    holds = {"gt": value > wanted, "ge": value >= wanted, "lt": value < wanted, "le": value <= wanted}
    return holds.get(condition.op, False)
