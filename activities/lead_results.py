"""What has come of a batch, taken in slice by slice; taken in twice, it does no harm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from activities.failures import in_thread
from activities.lead_questions import Inquiry
from activities.tools import Tools
from clarion.domain.attempt import AttemptId
from clarion.domain.errors import BadInput
from clarion.domain.target import Outcome
from clarion.providers.lead_ports import BatchLine
from clarion.store.entries import Entry, Record, Withdraw

SLICE = 200
"""Results taken in together."""

NOT_WORKED_ON = "its batch did not come to it"


async def in_slices(lines: AsyncIterator[BatchLine]) -> AsyncIterator[list[BatchLine]]:
    """Yield lines a few at a time."""
    slice_: list[BatchLine] = []
    async for line in lines:
        slice_.append(line)
        if len(slice_) >= SLICE:
            yield slice_
            slice_ = []
    if slice_:
        yield slice_


async def take_in(tools: Tools, inquiry: Inquiry, key: int, lines: Sequence[BatchLine]) -> None:
    """Record answers to leads of campaign ``key``. Whatever has none that can be used is asked live from now on."""
    by_attempt = {attempt: line for line in lines if (attempt := _attempt(line, key)) is not None}
    asked = await in_thread(tools.store.leads.questions, key, [attempt.position for attempt in by_attempt])
    entries: list[Entry] = []
    live: list[int] = []
    for attempt, line in by_attempt.items():
        if line.reply is None or attempt.position not in asked:
            entries.append(Withdraw(attempt, tools.clock(), "live", line.detail or NOT_WORKED_ON))
            live.append(attempt.position)
            continue
        answered = inquiry.read(line.reply, asked[attempt.position].question_key, batch=True)
        entries.append(Record(attempt, answered.verdict, cost=answered.cost, assessment=answered.assessment))
        if answered.verdict.outcome is not Outcome.ASSESSED:
            live.append(attempt.position)  # asked again, it is not to wait for another day
    await in_thread(tools.store.leads.set_live, key, live)
    await asyncio.gather(*(tools.ledger.submit(entry) for entry in entries))


def _attempt(line: BatchLine, key: int) -> AttemptId | None:
    """Return the attempt that a line is about; None when it is none of this campaign's."""
    try:
        attempt = AttemptId.parse(line.attempt)
    except BadInput:
        return None
    return attempt if attempt.campaign_key == key else None
