"""Moments of a schedule for people, on the clock that it goes by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo


def told_moments(moments: Sequence[float], time_zone: str) -> list[str]:
    """Write epoch seconds as `Mon 7 Dec 2026 09:00 CET` on the clock of a time zone."""
    zone = ZoneInfo(time_zone)
    at = [datetime.fromtimestamp(moment, zone) for moment in moments]
    return [f"{moment:%a} {moment.day} {moment:%b %Y %H:%M %Z}" for moment in at]
