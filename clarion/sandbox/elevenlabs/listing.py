"""Lists conversations page by page (``GET /v1/convai/conversations``)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import dropwhile
from typing import Annotated, Literal
from urllib.parse import parse_qs

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clarion.sandbox.elevenlabs.conversations import Conversation
from clarion.sandbox.elevenlabs.errors import malformed
from clarion.sandbox.vendor import Answer


class Question(BaseModel):
    """The part of the query the sandbox knows; other filters are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    cursor: str | None = None
    agent_id: str | None = None
    user_id: str | None = None
    call_start_after_unix: int | None = None
    call_start_before_unix: int | None = None
    call_successful: Literal["success", "failure", "unknown"] | None = None
    exclude_statuses: tuple[Literal["initiated", "in-progress", "processing", "done", "failed"], ...] = ()
    page_size: Annotated[int, Field(ge=1, le=100)] = 30
    summary_mode: Literal["include", "exclude"] = "exclude"
    sort_direction: Literal["asc", "desc"] = "desc"


def list_conversations(newest_first: Iterable[Conversation], query: str, now: float) -> Answer:
    """Answer with one page of these conversations (one account's)."""
    asked = parse_qs(query)
    single = {name: values[-1] for name, values in asked.items() if name != "exclude_statuses"}
    try:
        question = Question.model_validate({**single, "exclude_statuses": asked.get("exclude_statuses", ())})
    except ValidationError as error:
        return malformed(error, "query")
    found = [one for one in newest_first if _matches(one, question, now)]
    if question.sort_direction == "asc":
        found.reverse()
    rest = found
    if question.cursor is not None:
        rest = list(dropwhile(lambda one: one.phone.id != question.cursor, found))[1:]
    page = rest[: question.page_size]
    more = len(rest) > len(page)
    with_summary = question.summary_mode == "include"
    view = {
        "conversations": [one.summarised(now, with_summary=with_summary) for one in page],
        "has_more": more,
        "next_cursor": page[-1].phone.id if more else None,
    }
    return Answer(200, json.dumps(view).encode())


def _matches(one: Conversation, question: Question, now: float) -> bool:
    after, before = question.call_start_after_unix, question.call_start_before_unix
    return (
        (question.user_id is None or one.user_id == question.user_id)
        and (question.agent_id is None or one.order.agent_id == question.agent_id)
        and (after is None or one.started >= after)
        and (before is None or one.started <= before)
        and one.status(now) not in question.exclude_statuses
        and question.call_successful in {None, one.summarised(now, with_summary=False)["call_successful"]}
    )
