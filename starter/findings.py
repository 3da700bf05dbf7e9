"""What ``clarion doctor`` finds: one part, how it is, and what to do."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

PATIENCE = 20.0
"""Seconds for one part to answer."""


class Health(StrEnum):
    """How a part is."""

    OK = "ok"
    NOTE = "note"
    """Works, and somebody should know."""
    PROBLEM = "problem"


class Finding(BaseModel):
    """What was found out about one part."""

    model_config = ConfigDict(frozen=True)

    part: str
    health: Health
    detail: str


def problem(part: str, error: Exception) -> Finding:
    """Return what an error says about a part; one without words is a part that did not answer."""
    detail = str(error) or f"no answer within {PATIENCE:g} s"
    return Finding(part=part, health=Health.PROBLEM, detail=detail)
