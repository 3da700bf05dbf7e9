"""Campaigns as their files say them, small ones and ones that say everything there is to say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clarion.domain.campaign import (
    parse_spec,
)
from clarion.domain.errors import BadInput

SMALL: dict[str, object] = {
    "name": "Spring",
    "channel": "sms",
    "audience": {"file": "customers.csv", "address": "phone"},
    "message": "Hi {{ first_name }}",
}

FULL: dict[str, object] = {
    **SMALL,
    "account": "main",
    "audience": {
        "file": "customers.csv",
        "address": "phone",
        "sheet": "May",
        "time_zone": "tz",
        "message": "text",
        "region": "no",
        "delimiter": "tab",
        "encoding": "cp1252",
    },
    "limits": {"concurrency": 9, "per_second": 5, "per_minute": 200, "per_hour": 9000.5},
    "priority": "high",
    "retry": {"attempts": 2, "delay": "30m", "backoff": 1.5, "on": ["failed"]},
    "window": {"from": "09:00", "to": "20:00", "days": ["mon", "fri"], "time_zone": "Europe/Berlin"},
    "start_at": "2026-12-01T09:00:00+01:00",
    "budget": 25.0,
    "validity": "2d",
    "receipts": {"wait": "4h"},
    "chunk": {"size": 100, "seconds": 20},
}

CALLS: dict[str, object] = {
    "name": "Spring",
    "channel": "call",
    "audience": {"file": "contacts.csv", "address": "phone"},
    "call": {"agent": "agent_1"},
}

ALL_CALLS: dict[str, object] = {
    **CALLS,
    "audience": {
        "file": "contacts.csv",
        "address": "phone",
        "prompt": "own prompt",
        "first_message": "opener",
        "context": "notes",
        "agent": "agent",
        "language": "lang",
    },
    "call": {
        "provider": "Retell",
        "agent": "agent_1",
        "from_number": "+14155550100",
        "prompt": "Find a date for {{ first_name }}.",
        "first_message": "Hello {{ first_name }}",
        "context": "{{ plan }}",
        "voicemail_message": "Please call us back.",
        "language": "en-US",
        "variables": ["first_name", "plan", "first_name"],
        "max_minutes": 4.5,
        "machine": "leave_message",
    },
    "fallback": {
        "on": ["busy", "no_answer", "busy"],
        "message": "We called you, {{ first_name }}.",
        "account": "texts",
    },
    "breaker": {"share": 0.3, "of": 50, "at_least": 10},
    "limits": {"concurrency": 30, "per_person_per_day": 2},
    "retry": {"on": ["busy"], "exclude_voicemail": False, "per_outcome": {"voicemail": {"delay": "2h"}}},
}

LEADS: dict[str, object] = {
    "name": "Fair",
    "channel": "lead_analysis",
    "audience": {"file": "leads.xlsx", "lead_id": "Lead ID"},
}

ALL_LEADS: dict[str, object] = {
    **LEADS,
    "account": "ai",
    "audience": {"file": "leads.xlsx", "sheet": "May", "lead_id": "Lead ID", "time_zone": "tz", "region": "US"},
    "lead": {
        "account": "crm",
        "fields": ["Name", "Company", "AI_Tier__c", "OwnerId", "name", "Id", "Phone"],
        "chunk": 150,
        "converted": True,
        "write_back": {"AI_Score__c": "score", "AI_Tier__c": "tier"},
        "writing": True,
    },
    "assess": {
        "model": "gpt-5",
        "instructions": "Score for a maker of heat pumps.",
        "fields": {
            "why": {"type": "text", "description": "In one sentence."},
            "score": {"type": "integer", "from": 0, "to": 10},
            "tier": {"type": "choice", "of": ["hot", "cold"]},
        },
        "mode": "auto",
        "within": "36h",
        "max_output_tokens": 500,
        "fresh": True,
    },
    "then": {
        "when": "score >= 7 and tier == 'hot'",
        "phone": ["Phone"],
        "campaign": {
            "channel": "call",
            "account": "retell",
            "call": {"agent": "agent_1", "context": "{{ why }}"},
            "start_at": datetime(2030, 12, 1, 9, tzinfo=UTC),
            "fallback": {"message": "We called you, {{ Name }}.", "account": "texts"},
        },
    },
    "limits": {"concurrency": 500, "per_minute": 4000},
    "retry": {"on": ["refused"]},
    "window": {"from": "09:00", "to": "20:00", "time_zone": "Europe/Berlin"},
    "budget": 100,
}


def problem(**change: object) -> str:
    """The sentence for a small campaign with a change."""
    return problem_of({**SMALL, **change})


def problem_of(data: dict[str, object]) -> str:
    with pytest.raises(BadInput) as refused:
        parse_spec(data)
    return str(refused.value)
