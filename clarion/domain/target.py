"""What a target can be in, and how an attempt at it can end."""

from __future__ import annotations

from enum import StrEnum


class TargetState(StrEnum):
    """Where a target stands; every target is in exactly one state, so the books can balance."""

    PENDING = "pending"
    """Never tried, and allowed to be tried as soon as a lane is free."""
    WAITING = "waiting"
    """Due later: a retry, the next opening of its window, a provider that asked for patience."""
    ACTIVE = "active"
    """An attempt is under way: intent written, or accepted by the provider and its receipt outstanding."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Never contacted, for a reason that stands beside it: bad row, duplicate, opted out."""
    UNKNOWN = "unknown"
    """An attempt may or may not have reached the person; looked up before anything else happens."""
    CANCELLED = "cancelled"


CLAIMABLE = (TargetState.UNKNOWN, TargetState.WAITING, TargetState.PENDING)
"""States a lane may take a target from once it is due: lookups first, then retries, then new ones."""

FINAL = (TargetState.SUCCEEDED, TargetState.FAILED, TargetState.SKIPPED, TargetState.CANCELLED)


class Outcome(StrEnum):
    """How an attempt ended, or how a target was settled without one, in our words."""

    PLACED = "placed"
    """A call that the provider has taken on and that has not ended."""
    ANSWERED = "answered"
    """A person answered the call."""
    VOICEMAIL = "voicemail"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    """Busy, or declined."""
    CANCELLED = "cancelled"
    """Hung up by us before anybody answered."""
    SENT = "sent"
    """Accepted by the provider; the last word when no receipt comes."""
    SUBMITTED = "submitted"
    """Part of a batch that an AI works on and that has not ended."""
    ASSESSED = "assessed"
    """An AI has given an answer that can be used."""
    REFUSED = "refused"
    """The AI declined to answer."""
    FILTERED = "filtered"
    """The AI's content filter stopped the answer."""
    TRUNCATED = "truncated"
    """The answer was longer than allowed, and cut off."""
    INVALID_ANSWER = "invalid_answer"
    """The answer was not what the campaign had asked for."""
    NOT_FOUND = "not_found"
    """The CRM knows no such lead, or does not show it to us."""
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    """Accepted, then reported as not delivered."""
    FAILED = "failed"
    """Refused by the provider for a reason that may pass."""
    INVALID_NUMBER = "invalid_number"
    """The provider says this number can never be reached this way."""
    OPTED_OUT = "opted_out"
    REJECTED_CONTENT = "rejected_content"
    EXPIRED = "expired"
    """Its validity ran out before it could be contacted."""
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"
    """An intent whose contact provably never happened; does not count as a try."""


class SkipReason(StrEnum):
    """Why a row of the audience is never contacted."""

    INVALID_PHONE = "invalid_phone"
    MISSING_PHONE = "missing_phone"
    MISSING_VARIABLE = "missing_variable"
    INVALID_LEAD_ID = "invalid_lead_id"
    MISSING_LEAD_ID = "missing_lead_id"
    WRONG_OBJECT = "wrong_object"
    """The id is one of Salesforce's, and of something else than a lead."""
    DELETED = "deleted"
    """The lead lies in the CRM's recycle bin."""
    CONVERTED = "converted"
    """The lead has become a customer already."""
    DUPLICATE = "duplicate"
    OPTED_OUT = "opted_out"
    INVALID_TIME_ZONE = "invalid_time_zone"
    UNKNOWN_TIME_ZONE = "unknown_time_zone"
    WRONG_CELL_COUNT = "wrong_cell_count"
    UNREADABLE_ROW = "unreadable_row"
    TEXT_TOO_LONG = "text_too_long"
    EMPTY_TEXT = "empty_text"
