"""Clones: a new draft with the same words and the same contacts as a campaign that there is."""

from __future__ import annotations

import asyncio
import time

from clarion.domain.cloning import spec_of_clone
from clarion.store.campaigns import Campaign
from starter.campaigns import checked_id
from starter.campaigns import new_id as id_from
from starter.drafts import Drafts


async def clone(drafts: Drafts, campaign_id: str, new_id: str | None = None) -> Campaign:
    """Make a draft out of a campaign or a template, in whatever state that is: same words, same audience files.

    A start time that has passed is left out. ``new_id`` is the id of the draft; None makes one up. Raises NotFound,
    BadInput for an id that cannot be one, Conflict for a taken id, for a campaign that follows another one, and for
    one whose files are not kept any more.
    """
    source = await drafts.campaigns.find(campaign_id)
    now = time.time()
    spec = spec_of_clone(campaign_id, source.spec, now)
    name = checked_id(new_id or id_from(source.name))
    await asyncio.to_thread(drafts.store.cloning.copy, source.ref, name, spec, now)
    return await drafts.campaigns.find(name)
