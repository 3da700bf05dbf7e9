"""What OpenAI's answers say about its limits: headers, with lengths of time as Go writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from clarion.providers.exchange import read_retry_after
from clarion.providers.lead_ports import Allowance, Quota

UNITS: Mapping[str, float] = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}
"""Seconds."""
PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|[dhms])")
DURATION = re.compile(rf"(?:{PART.pattern})+")

PATIENCE = 1.0
"""Seconds to wait when a refusal names no time and no limit that is used up."""
LONGEST_GUESS = 5.0
"""Seconds to wait at most when it names only the time until a limit is whole again: room for one comes sooner."""


def read_duration(text: str | None) -> float | None:
    """Return the seconds of ``6m0s``, ``1.5s`` or ``120ms``; None for anything else."""
    if text is None or not DURATION.fullmatch(text):
        return None
    return sum(float(number) * UNITS[unit] for number, unit in PART.findall(text))


def read_quota(headers: Mapping[str, str]) -> Quota:
    """Read what is left of the limits; what is missing or cannot be read is not known."""
    return Quota(_allowance(headers, "requests"), _allowance(headers, "tokens"))


def patience(headers: Mapping[str, str], now: float) -> float:
    """Return the seconds that a refusal asks everybody to wait; ``now`` is in epoch seconds, for dates."""
    milliseconds = headers.get("retry-after-ms")
    if milliseconds is not None and re.fullmatch(r"\d{1,12}(\.\d+)?", milliseconds) and float(milliseconds) > 0:
        return float(milliseconds) / 1000
    asked = read_retry_after(headers.get("retry-after"), now)
    if asked is not None:
        return asked
    quota = read_quota(headers)
    used_up = [limit.reset for limit in (quota.requests, quota.tokens) if limit is not None and limit.remaining <= 0]
    return min(max(used_up, default=PATIENCE) or PATIENCE, LONGEST_GUESS)


def _allowance(headers: Mapping[str, str], name: str) -> Allowance | None:
    limit, remaining = (headers.get(f"x-ratelimit-{part}-{name}", "") for part in ("limit", "remaining"))
    reset = read_duration(headers.get(f"x-ratelimit-reset-{name}"))
    if reset is None or not all(re.fullmatch(r"[0-9]{1,15}", number) for number in (limit, remaining)):
        return None
    return Allowance(int(limit), int(remaining), reset)
