"""Campaign files as the store keeps them."""

from __future__ import annotations

from functools import lru_cache

from clarion.domain.campaign import CampaignSpec


@lru_cache(maxsize=64)
def parsed_spec(text: str) -> CampaignSpec:
    """Parse a campaign's stored file, remembering the latest: a posting needs it for every receipt."""
    return CampaignSpec.model_validate_json(text)
