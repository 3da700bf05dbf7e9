"""The way out of an error in the words of the door it is told at: sentences name commands, programs know routes.

Use cases write their errors once, for the shell. What only whoever runs the installation can do (`clarion setup`,
`clarion doctor`, the first `clarion keys create`) stays a command at every door.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

ID = r"(?P<id>[^\s`]+)"

_ROUTES: Sequence[tuple[str, str]] = (
    (r"clarion list", "GET /api/v1/campaigns"),
    (rf"clarion show {ID}", "GET /api/v1/campaigns/{id}"),
    (rf"clarion targets {ID}", "GET /api/v1/campaigns/{id}/contacts"),
    (rf"clarion errors {ID}", "GET /api/v1/campaigns/{id}/errors"),
    (rf"clarion add(?: {ID}.*)?", "POST /api/v1/campaigns/{id}/contacts"),
    (rf"clarion (?P<verb>start|pause|resume|cancel|retry|limits) {ID}.*", "POST /api/v1/campaigns/{id}/{verb}"),
    (rf"clarion delete {ID}", "DELETE /api/v1/campaigns/{id}"),
    (r"clarion (?P<things>template|schedule) list", "GET /api/v1/{things}s"),
    (rf"clarion template save {ID}.*", "POST /api/v1/templates"),
    (rf"clarion (?P<things>template|schedule) remove {ID}", "DELETE /api/v1/{things}s/{id}"),
    (rf"clarion template start {ID}.*", "POST /api/v1/templates/{id}/start"),
    (rf"clarion schedule (?P<verb>pause|resume|trigger) {ID}.*", "POST /api/v1/schedules/{id}/{verb}"),
    (r"clarion (?P<things>hooks|keys) list", "GET /api/v1/{things}"),
    (r"clarion hooks remove", "DELETE /api/v1/hooks/ID"),
    (rf"clarion hooks resume {ID}", "PATCH /api/v1/hooks/{id} and active: true"),
)

_TOOLS: Sequence[tuple[str, str]] = (
    (r"clarion list", "list_campaigns"),
    (rf"clarion (?:show|errors) {ID}", "get-batch-status"),
    (rf"clarion pause {ID}.*", "pause_campaign"),
    (rf"clarion resume {ID}.*", "resume_campaign"),
    (rf"clarion cancel {ID}.*", "cancel_campaign"),
    (rf"clarion start {ID}", "check_campaign with its campaign_id"),
)


def for_programs(sentence: str) -> str:
    """Name routes where a sentence names commands that have one."""
    return _reworded(sentence, _ROUTES).replace("another --id", "another id")


def for_assistants(sentence: str) -> str:
    """Name tools where a sentence names commands that have one."""
    return _reworded(sentence, _TOOLS).replace("another --id", "another id")


def _reworded(sentence: str, words: Sequence[tuple[str, str]]) -> str:
    def instead(command: re.Match[str]) -> str:
        for pattern, way_out in words:
            if found := re.fullmatch(pattern, command[1]):
                return f"`{way_out.format_map({k: v or 'ID' for k, v in found.groupdict().items()})}`"
        return command[0]

    return re.sub(r"`(clarion [^`]+)`", instead, sentence)
