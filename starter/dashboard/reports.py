"""The report of a campaign as a download."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from enum import StrEnum
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response
from starlette.background import BackgroundTask

from starter.dashboard.naming import CampaignId
from starter.dashboard.visitors import Reader
from starter.reports.report import write_report
from starter.slow import written

router = APIRouter(prefix="/campaigns/{campaign_id}")


class Kind(StrEnum):
    """What a report can be written as."""

    XLSX = "xlsx"
    CSV = "csv"
    JSON = "json"


@router.get("/report.{kind}")
async def report(visitor: Reader, campaign_id: CampaignId, kind: Kind) -> Response:
    """Write the report as it stands now, and send it."""
    await visitor.clarion.campaigns.find(campaign_id)
    folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="clarion-")
    path = Path(folder) / f"{campaign_id}.{kind.value}"
    try:
        await written(write_report, visitor.clarion.looking, campaign_id, path)
    except BaseException:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        raise
    gone = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(path, filename=path.name, background=gone)
