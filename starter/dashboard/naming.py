"""How campaigns and targets are named in the addresses of pages."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

CampaignId = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Position = Annotated[int, Path(ge=1, le=2**53)]
