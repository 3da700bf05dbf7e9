"""The route that gives a campaign's result, row by row, as a file."""

from __future__ import annotations

import shutil
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from starter.looking import Looking
from starter.reports.report import write_report
from starter.rest.bodies import CampaignId
from starter.rest.callers import Reader
from starter.slow import written

router = APIRouter(prefix="/campaigns/{campaign_id}/report", tags=["Looking"])


class Format(StrEnum):
    """How a report is written."""

    XLSX = "xlsx"
    CSV = "csv"
    JSON = "json"


TYPES = {
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.CSV: "text/csv",
    Format.JSON: "application/json",
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}


@router.get(
    "",
    summary="Download the result",
    response_class=FileResponse,
    responses={
        200: {
            "description": "The report, with a file name",
            "content": {
                TYPES[Format.XLSX]: _BINARY,
                TYPES[Format.CSV]: {"schema": {"type": "string"}},
                TYPES[Format.JSON]: {"schema": {"type": "object"}},
            },
        }
    },
)
async def report(
    campaign_id: CampaignId,
    caller: Reader,
    wanted: Annotated[Format, Query(alias="format", description="How it is written.")] = Format.XLSX,
) -> FileResponse:
    """Write every contact in the order of the audience, and what all came to.

    What a spreadsheet would take for a formula is text in XLSX, and has an apostrophe before it in CSV; phone numbers
    that Clarion wrote itself (column `address`) keep their plus sign in both.
    """
    looking = caller.clarion.looking
    path = await written(_written, looking, campaign_id, wanted)
    return FileResponse(
        path,
        media_type=TYPES[wanted],
        filename=f"{campaign_id}.{wanted}",
        background=BackgroundTask(shutil.rmtree, path.parent, ignore_errors=True),
    )


def _written(looking: Looking, campaign_id: str, wanted: Format) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="clarion-report-"))
    try:
        path = folder / f"report.{wanted}"
        write_report(looking, campaign_id, path)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return path
