"""What can be set about the sandbox's Salesforce: how much may be asked in a day, and how long a session lasts."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class SalesforceSettings(BaseModel):
    """How Salesforce behaves when nothing is broken: ``POST /_sandbox/settings {"salesforce": {…}}``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    daily_requests: int = Field(default=100_000, ge=0)
    """Requests that the organization may make in 24 hours; more are refused until this is raised."""
    session_seconds: float | None = Field(default=7200.0, gt=0)
    """Seconds from a login to the end of its session."""
    session_requests: int | None = Field(default=None, gt=0)
    """Requests after which a session ends."""
    missing_fields: tuple[Annotated[str, StringConstraints(to_lower=True)], ...] = ()
    """Fields of a Lead that do not exist here, or that we may not see; otherwise every custom one (``__c``) exists."""
