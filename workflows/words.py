"""What people say to a campaign, and what it says back when it refuses or fails."""

from __future__ import annotations

from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception
from temporalio.exceptions import TimeoutError as TemporalTimeout


def reason_in(reason: object) -> str:
    """Take a reason from whatever JSON somebody typed: a string, or an object with one."""
    if isinstance(reason, dict):
        return reason_in(reason.get("reason"))
    return reason if isinstance(reason, str) else ""


def refuse(message: str) -> None:
    """Refuse an update with a sentence."""
    raise ApplicationError(message, type="Refused", non_retryable=True)


def reason_of(error: ActivityError) -> str:
    """Tell why an activity failed, without the names of classes."""
    return error.cause.message if isinstance(error.cause, ApplicationError) else str(error.cause or error)


def failure_of(error: ActivityError) -> ApplicationError:
    """Fail the campaign with the sentence of the activity that failed."""
    return ApplicationError(reason_of(error), type="CampaignFailed", non_retryable=True)


def is_called_off(error: BaseException) -> bool:
    """Whether an activity that was called off has come to nothing by that.

    Temporal tries nothing again that was called off, also when its worker died meanwhile and its heartbeats stopped.
    """
    lost = isinstance(error, ActivityError) and isinstance(error.cause, TemporalTimeout)
    return lost or is_cancelled_exception(error)
