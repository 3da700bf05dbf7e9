"""Every use case of drafts, once: building a campaign up piece by piece, checking it, and taking it away again."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from clarion.domain.campaign import CampaignSpec, CampaignStatus, parse_spec
from clarion.domain.errors import BadInput, Conflict
from clarion.settings import Settings
from clarion.store.campaigns import Campaign
from clarion.store.store import Store
from starter.campaigns import Campaigns, checked_id, new_id
from starter.startable import account_problems, check_audience, check_words

UPLOADED = "uploaded"
"""Stands for the audience's file in campaigns whose contacts come through a front door."""


@dataclass(frozen=True, slots=True)
class Drafts:
    """Builds up the drafts of one tenant."""

    settings: Settings
    store: Store
    campaigns: Campaigns

    async def create(self, spec: CampaignSpec, campaign_id: str | None = None) -> Campaign:
        """Store a campaign that has no contacts yet. Raises BadInput for what cannot work, Conflict for a taken id."""
        now = time.time()
        check_words(spec, now)
        if problems := account_problems(spec, self.settings):
            raise BadInput("\n".join(problems))
        name = checked_id(campaign_id or new_id(spec.name))
        await asyncio.to_thread(self.store.campaigns.create, self.settings.tenant, name, spec, now)
        return await self.campaigns.find(name)

    async def upload(self, campaign_id: str, path: Path, name: str) -> int:
        """Add an audience file to a draft, or to a campaign that runs; ``name`` is what the person calls it.

        Returns the file's number in the store. Raises BadInput for what cannot be read, NotFound, Conflict.
        """
        campaign = await self.campaigns.find(campaign_id)
        if campaign.status is not CampaignStatus.DRAFT:
            await self.campaigns.add(campaign_id, path, name=name)
            return 0
        source = campaign.spec.audience.model_copy(update={"file": str(path)})
        spec = campaign.spec.model_copy(update={"audience": source})
        await asyncio.to_thread(check_audience, spec, time.time(), name)
        return await asyncio.to_thread(self.store.files.keep, campaign.ref.key, path, name)

    async def add(self, campaign_id: str, contacts: Iterable[Mapping[str, object]]) -> int:
        """Add contacts as flat objects, whose keys are the columns that the campaign names; returns how many."""
        with tempfile.TemporaryDirectory(prefix="clarion-") as folder:
            path = Path(folder) / "contacts.jsonl"
            with path.open("w", encoding="utf-8") as file:
                n = 0
                for contact in contacts:
                    file.write(json.dumps(contact, ensure_ascii=False) + "\n")
                    n += 1
            await self.upload(campaign_id, path, path.name)
        return n


def parse_uploaded(data: Mapping[str, object]) -> CampaignSpec:
    """Check a campaign whose contacts are uploaded. Raises BadInput; a file of this machine is none of its business.

    ``audience`` may be left out: then the column ``phone`` (``lead_id`` where leads are assessed) holds the addresses.
    """
    audience = data.get("audience", {})
    if not isinstance(audience, dict):
        raise BadInput("audience is a group of keys such as address and time_zone, which name columns of the contacts")
    if audience.get("file", UPLOADED) != UPLOADED:
        raise BadInput("audience.file would be a file of the server; leave it out and upload the contacts instead")
    column = "lead_id" if data.get("channel") == "lead_analysis" else "phone"
    usual = {} if {"address", "lead_id"} & audience.keys() else {"address": column}
    return parse_spec({**data, "audience": {**usual, **audience, "file": UPLOADED}})


def require_draft(campaign: Campaign, verb: str) -> None:
    """Raise Conflict for a campaign that was started already and therefore cannot be ``verb``."""
    if campaign.status is not CampaignStatus.DRAFT:
        message = (
            f'campaign "{campaign.ref.campaign_id}" is {campaign.status} and cannot be {verb}; only a draft can; '
            "clone it to make another one"
        )
        raise Conflict(message)
