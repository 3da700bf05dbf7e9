"""One batch: how far it has come, and how the API shows it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from clarion.sandbox.openai.batch_lines import Checked
from clarion.sandbox.openai.files import StoredFile
from clarion.sandbox.openai.paper import Paper
from clarion.sandbox.openai.questions import Api
from clarion.sandbox.openai.replies import response_usage

WINDOW = 24 * 3600
"""Seconds after which a batch expires."""
MOMENTS = (
    "in_progress_at", "finalizing_at", "completed_at", "failed_at", "expired_at", "cancelling_at", "cancelled_at",
)  # fmt: skip
ENDS = frozenset({"failed", "completed", "expired", "cancelled"})


@dataclass(slots=True)
class Batch:
    """A batch of one account."""

    id: str
    account: str
    input: StoredFile
    endpoint: Api
    metadata: Mapping[str, str] | None
    checked: Checked
    created_at: float
    status: str = "validating"
    moments: dict[str, int] = field(default_factory=dict)
    errors: list[dict[str, object]] = field(default_factory=list)
    total: int = 0
    completed: int = 0
    failed: int = 0
    expired: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    output: Paper = field(default_factory=Paper)
    rejected: Paper = field(default_factory=Paper)
    """Lines of the error file."""
    output_file: str | None = None
    error_file: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status in ENDS

    @property
    def enqueued_tokens(self) -> int:
        """What it weighs against the limit of enqueued tokens."""
        return 0 if self.is_over else self.checked.characters // 4

    def become(self, status: str) -> None:
        """Come to a new status."""
        self.status = status
        self.moments[f"{status}_at"] = int(time.time())

    def view(self) -> dict[str, object]:
        """Render as the API does."""
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": str(self.endpoint),
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "input_file_id": self.input.id,
            "completion_window": "24h",
            "status": self.status,
            "output_file_id": self.output_file,
            "error_file_id": self.error_file,
            "created_at": int(self.created_at),
            "expires_at": int(self.created_at) + WINDOW,
            **{moment: self.moments.get(moment) for moment in MOMENTS},
            "request_counts": {"total": self.total, "completed": self.completed, "failed": self.failed},
            "usage": response_usage(self.input_tokens, self.output_tokens),
            "metadata": self.metadata,
            **({"model": self.checked.model} if self.checked.model else {}),
        }
