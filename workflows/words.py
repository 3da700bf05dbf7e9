"""What people say to a campaign, and what it says back when it refuses or fails."""

from __future__ import annotations

from temporalio.exceptions import ActivityError, ApplicationError


def reason_in(reason: object) -> str:
    """Take a reason from whatever JSON somebody typed: a string, or an object with one."""
    if isinstance(reason, dict):
        return reason_in(reason.get("reason"))
    return reason if isinstance(reason, str) else ""


def refuse(message: str) -> None:
    """Refuse an update with a sentence."""
    raise ApplicationError(message, type="Refused", non_retryable=True)


def failure_of(error: ActivityError) -> ApplicationError:
    """Tell why an activity failed, without the names of classes."""
    reason = error.cause.message if isinstance(error.cause, ApplicationError) else str(error.cause or error)
    return ApplicationError(reason, type="CampaignFailed", non_retryable=True)
