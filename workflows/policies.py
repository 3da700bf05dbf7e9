"""How each kind of activity is timed and retried, and the figures that shape a campaign's chunks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from temporalio.common import Priority, RetryPolicy

from clarion.contracts import CampaignInput
from clarion.domain.campaign import Priority as Urgency

FINAL = ["BadInput", "NotFound"]
"""Failures that no retry can mend: the input itself is wrong."""

QUICK = timedelta(seconds=30)
"""For activities that are one short transaction."""

TELLING = timedelta(seconds=5)
"""For a message to the account: when a worker dies with one, nobody hears of lanes that are free for so long."""

QUICK_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=0.5), maximum_interval=timedelta(seconds=10), non_retryable_error_types=FINAL
)
"""The database may be away for a while; a status that is not written yet is written when it is back."""

IMPORT_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30), non_retryable_error_types=FINAL
)

CHUNK_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=30),
    non_retryable_error_types=FINAL,
)
"""Without a maximum of attempts: a worker's shutdown counts as one. Tries per target are counted in the store."""

UPDATE_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=0.5),
    maximum_interval=timedelta(seconds=10),
    maximum_attempts=12,
    non_retryable_error_types=FINAL,
)
"""For what somebody waits for: after a minute and a half they learn that it failed, and the campaign can end."""

FIRING_LIMIT = timedelta(minutes=2)
"""For making the campaign of a schedule: a copy of its audience files, inside the database."""

IMPORT_LIMIT = timedelta(hours=6)
BULK_LIMIT = timedelta(hours=1)
CHUNK_GRACE = timedelta(minutes=10)
"""What a chunk may take beyond its own seconds before Temporal gives up on it."""

LANES_PER_CHUNK = 10
"""Lanes that one activity holds: 50 lanes cost 5 heartbeats a second."""

QUESTION_LANES_PER_CHUNK = 50
"""The same where an AI is asked: its lanes wait for answers and do little else."""

FETCH_SECONDS = 3.0
"""For one execution of fetching: short, so that lanes hear of the first leads soon."""

BATCH_SECONDS = 600.0
"""For one execution of looking after batches, which may take a day."""

WRITE_SECONDS = 60.0
"""For one execution of writing answers back."""

SMALLEST_CHUNK = 5
"""Targets per lane below which a chunk is not cut: otherwise the tail crumbles into activities of one."""

SETTLE_SECONDS = 300.0
"""One look-out for receipts; longer ones would only be slower to move to another worker."""

LONG_WAIT = 5.0
"""Seconds; when nothing is due for longer and no receipt is awaited, the workflow sleeps on a timer."""

ANSWER_WAIT = 2.0
"""Seconds that a campaign waits for its account's answer before it shows itself as queued."""

KEEP_LANES = 30.0
"""Seconds; a lane is kept for a target that is due so soon, as giving it back and asking again costs messages."""

TRIAL_WAIT = 1.0
"""Seconds after which a chunk that has not come back empty has surely found something to do."""

SMALL_TRIALS = 3
"""Trials in a row that found something, after which all lanes are asked for."""

SHORTEST_WAIT = 0.5
"""Seconds at least between two tries to fill a lane that found nothing due."""

FRUITLESS_WAIT = 60.0
"""Seconds at most between two tries when targets are due and none can be taken."""

NEVER_DUE_WAIT = 600.0
"""Seconds between two looks at a campaign in which no target will be due by itself."""

LONGEST_REASON = 500
"""Characters kept of a reason: it rides in every status and across continue-as-new."""

CANCEL_PATIENCE = 900.0
"""Seconds that a cancelled campaign waits for attempts whose outcome is unknown."""


PRIORITY_KEYS = {Urgency.HIGH: 1, Urgency.NORMAL: 3, Urgency.LOW: 5}
"""In Temporal's numbers."""


def priority_of(given: CampaignInput) -> Priority:
    """Return who goes first on the task queue, where tenants take turns."""
    return Priority(priority_key=PRIORITY_KEYS[given.priority], fairness_key=given.campaign.tenant[:64])


@dataclass(frozen=True, slots=True)
class ChunkShape:
    """How much one chunk takes on."""

    lanes: int
    size: int


def next_chunk(
    *, free_lanes: int, all_lanes: int, size_per_lane: int, left: int, most_lanes: int = LANES_PER_CHUNK
) -> ChunkShape:
    """Shape the next chunk: large while much is left, smaller near the end, so that the lanes finish together.

    ``most_lanes``: those that one chunk may hold.
    """
    lanes = min(free_lanes, most_lanes)
    # Lanes of one chunk share its targets, so a chunk that holds them all needs no small change at the end.
    parts = all_lanes if lanes == all_lanes else 2 * all_lanes
    share = -(-max(left, 0) * lanes // parts)
    size = max(min(share, size_per_lane * lanes), min(SMALLEST_CHUNK, size_per_lane) * lanes)
    return ChunkShape(lanes, size)
