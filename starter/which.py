"""Which target of a campaign somebody means who names a position, a row of the file, a phone number or a lead."""

from __future__ import annotations

import re
from bisect import bisect_left

from clarion.domain.campaign import Channel
from clarion.domain.errors import BadInput
from clarion.domain.lead_id import BadLeadId, repaired
from clarion.domain.phone import normalize_phone
from clarion.store.campaigns import Campaign
from starter.looking import Looking

_ROW = re.compile(r"row\s*[:=]?\s*(\d{1,12})", re.IGNORECASE)
LONGEST_POSITION = 7
"""Digits; more of them are a phone number."""


def positions(looking: Looking, campaign: Campaign, wanted: str) -> list[int]:
    """Find where ``wanted`` stands in a campaign. Raises BadInput when it can be read as nothing."""
    key = campaign.ref.key
    if (row := row_of(wanted)) is not None:
        return _positions_of_row(looking, key, campaign.total, row)
    if (position := position_of(wanted)) is not None:
        return [position]
    return looking.store.targets.positions_of(key, address_of(campaign, wanted))


def row_of(wanted: str) -> int | None:
    """Read a row of a file, written as ``row:17``; None for anything else."""
    row = _ROW.fullmatch(wanted.strip())
    return int(row[1]) if row else None


def position_of(wanted: str) -> int | None:
    """Read a position; None for anything else."""
    text = wanted.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_POSITION else None


def address_of(campaign: Campaign, wanted: str) -> str:
    """Read an address as the campaign's channel has them. Raises BadInput."""
    text = wanted.strip()
    if campaign.spec.channel is Channel.LEAD_ANALYSIS:
        return _lead(text)
    try:
        return normalize_phone(text, campaign.spec.audience.region)
    except BadInput as error:
        message = f"{error}; name a target by its position (17), its row in the file (row:17) or its phone number"
        raise BadInput(message) from None


def _lead(text: str) -> str:
    try:
        return repaired(text).id18
    except BadLeadId as error:
        message = f"{error}; name a target by its position (17), its row in the file (row:17) or the id of its lead"
        raise BadInput(message) from None


def _positions_of_row(looking: Looking, key: int, total: int, row: int) -> list[int]:
    """Files follow each other in the order of their numbers, and rows in a file too: so a few looks find the place."""
    found = []

    def place(position: int) -> tuple[int, int]:
        target = looking.store.targets.get(key, position)
        return (0, 0) if target is None else (target.file_id, target.row)

    for file in looking.store.files.of_campaign(key):
        position = 1 + bisect_left(range(1, total + 1), (file.id, row), key=place)
        if position <= total and place(position) == (file.id, row):
            found.append(position)
    return found


def nobody(campaign: Campaign, wanted: str) -> str:
    """Say that there is no such target, and which there are."""
    known = f"it has positions 1 to {campaign.total:,}" if campaign.total else "its audience has not been read yet"
    return (
        f'campaign "{campaign.ref.campaign_id}" has no target "{wanted.strip()}"; {known}, and `clarion targets '
        f"{campaign.ref.campaign_id}` lists them"
    )
