"""What of the sandbox's OpenAI can be set: its limits, how fast it answers, how long its batches take."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0)]


class OpenAiSettings(BaseModel):
    """Part ``openai`` of the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_minute: int | None = Field(default=10_000, gt=0)
    """Of one API key and model; None is without limit, and without headers that tell of one."""
    tokens_per_minute: int | None = Field(default=10_000_000, gt=0)
    """Likewise; a request is charged its estimated input or its ``max_output_tokens``, whichever is more."""
    latency: tuple[Seconds, Seconds] = (0.05, 0.3)
    """Shortest and longest time (seconds, not scaled) until an answer; the question decides."""
    context_characters: int = Field(default=400_000, gt=0)
    """A longer question does not fit into a model."""
    batch_seconds: float = Field(default=60.0, ge=0)
    """Seconds, times the time scale, from a batch's beginning to its end; the machine may need longer for it."""
    enqueued_tokens: int | None = Field(default=None, gt=0)
    """Input tokens of all batches of one API key and model that have not ended; a batch beyond it fails."""
