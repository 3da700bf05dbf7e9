"""The words of a clone: those of its source, without what was true only of that one."""

from __future__ import annotations

from datetime import UTC, datetime

from clarion.domain.campaign import LATE_START, CampaignSpec
from clarion.domain.errors import Conflict


def spec_of_clone(source_id: str, spec: CampaignSpec, now: float) -> CampaignSpec:
    """Return the words of a clone made at ``now`` (epoch seconds), which begins once.

    So a schedule is left out, and a start that has passed.

    Raises Conflict for a campaign whose targets come from another one as that goes on.
    """
    if spec.feed is not None:
        message = (
            f'campaign "{source_id}" follows "{spec.feed.campaign}" and gets its contacts from there; clone '
            f'"{spec.feed.campaign}" instead, and the clone starts a follower of its own'
        )
        raise Conflict(message)
    passed = spec.start_at is not None and spec.start_at < datetime.fromtimestamp(now - LATE_START, UTC)
    return spec.model_copy(update={"schedule": None, **({"start_at": None} if passed else {})})
