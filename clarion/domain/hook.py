"""Webhooks of ours: what a hook can be told of, what is said of one line of the log, and when it is said again."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import BadInput, did_you_mean
from clarion.domain.target import Outcome

CAMPAIGN, ATTEMPT = "campaign", "attempt"

CAMPAIGN_WORDS = (
    *("created", "imported", "limits", "retry", "halted", "batch"),
    *(status.value for status in CampaignStatus if status is not CampaignStatus.DRAFT),
)
"""What happens to a campaign as a whole; a status is told by its own word."""

ATTEMPT_WORDS = (
    *(outcome.value for outcome in Outcome),
    *("skipped", "withdrawn", "late_receipt", "unattended", "hung_up", "not_hung_up", "not_written"),
    *("inbound_stop", "inbound_start", "inbound_help", "inbound_text"),
)
"""What happens to one target: outcomes, and what else stands in the log."""

TYPES = tuple(f"{CAMPAIGN}.{word}" for word in CAMPAIGN_WORDS) + tuple(f"{ATTEMPT}.{word}" for word in ATTEMPT_WORDS)
"""Every type of event that is known to be told."""

TEST = "hook.test"
"""The type of what is sent to try a hook out; no hook has to ask for it."""


_ABOUT_ATTEMPT = re.compile(r"attempt (\d+): ?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Said:
    """What is known of an attempt when it is told of; the provider's words as they stand at that moment."""

    provider_reference: str | None = None
    provider_status: str | None = None
    provider_code: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log, as far as a receiver is told of it. ``at`` is in epoch seconds."""

    id: int
    tenant: str
    campaign_id: str
    position: int | None
    at: float
    kind: str
    detail: str

    @property
    def type(self) -> str:
        """What it is for a receiver, such as ``campaign.paused`` or ``attempt.delivered``."""
        if self.position is not None:
            return f"{ATTEMPT}.{self.kind}"
        return f"{CAMPAIGN}.{self.status or self.kind}"

    @property
    def status(self) -> str | None:
        """The campaign's new status, where it has one."""
        return self.detail.partition(":")[0] if self.position is None and self.kind == "status" else None

    @property
    def attempt(self) -> int | None:
        """The number of the attempt that it is about."""
        found = _ABOUT_ATTEMPT.fullmatch(self.detail) if self.position is not None else None
        return None if found is None else int(found[1])

    @property
    def text(self) -> str:
        """The detail without what is told in fields of its own."""
        if self.status is not None:
            return self.detail.partition(":")[2].strip()
        found = _ABOUT_ATTEMPT.fullmatch(self.detail) if self.position is not None else None
        return self.detail if found is None else found[2]


def wanted_types(words: Collection[str]) -> tuple[str, ...]:
    """Check what a hook wants to be told: ``campaign``, ``attempt``, or single types. Raises BadInput."""
    known = (CAMPAIGN, ATTEMPT, *TYPES)
    found = tuple(dict.fromkeys(word.strip() for word in words if word.strip()))
    for word in found:
        if word not in known:
            example = "campaign, attempt, or single ones such as campaign.completed and attempt.answered"
            raise BadInput(f'events: "{word[:60]}" is no event{did_you_mean(word[:60], known)}; there are {example}')
    if not found:
        raise BadInput("events: a hook has to be told of something; give campaign, attempt or single types")
    return found


def wants(types: Collection[str], one: str) -> bool:
    """Whether a hook that asked for ``types`` is told of an event of type ``one``."""
    return one in types or one.partition(".")[0] in types


def body_of(message_id: str, line: Line, row: int | None = None, said: Said | None = None) -> Mapping[str, object]:
    """Build what is sent about a line; ``row`` is that of the target in its file."""
    data: dict[str, object]
    if line.position is None:
        data = {"status": line.status} if line.status is not None else {}
    else:
        data = {"position": line.position, "row": row, "outcome": line.kind, "attempt": line.attempt}
        if said is not None:
            data |= {
                "provider_reference": said.provider_reference,
                "provider_status": said.provider_status,
                "provider_code": said.provider_code,
            }
    data["detail"] = line.text
    return {
        "id": message_id,
        "type": line.type,
        "at": line.at,
        "tenant": line.tenant,
        "campaign_id": line.campaign_id,
        "data": data,
    }
