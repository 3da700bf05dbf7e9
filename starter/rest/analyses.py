"""Lead analyses by upload: a file with ids of leads becomes an analysis that starts at once."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clarion.domain.campaign import CampaignSpec
from clarion.domain.errors import BadInput
from clarion.domain.problems import sentences
from starter.drafts import parse_uploaded
from starter.rest.bodies import check_json
from starter.rest.callers import Operator
from starter.rest.campaign_views import CampaignView, require_types
from starter.rest.campaigns import MADE, base_of, shown
from starter.rest.idempotency import Answer, Once
from starter.rest.uploads import uploaded

router = APIRouter(tags=["lead analyses"])

NAME = "Lead analysis"


class AnalysisForm(BaseModel):
    """What comes along with the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sheet_name: Annotated[
        Annotated[str, Field(min_length=1, max_length=100)] | None,
        Field(description="the name of a sheet of a workbook"),
    ] = None
    lead_id_column: Annotated[
        str, Field(min_length=1, max_length=200, description="the name of the column with the ids of the leads")
    ] = "lead_id"
    batch_size: Annotated[
        Annotated[int, Field(ge=50, le=2000)] | None, Field(description="a whole number from 50 to 2000")
    ] = None
    """Leads that one call fetches from Salesforce: the campaign's `lead.chunk`."""
    ai_batch_size: Annotated[
        Annotated[int, Field(ge=1, le=1000)] | None, Field(description="a whole number from 1 to 1000")
    ] = None
    """Leads that a lane takes up at once: the campaign's `chunk.size`. Each lead is a question of its own."""
    campaign: Annotated[
        str | None, Field(max_length=64 * 1024, description="the rest of the campaign as a JSON object")
    ] = None
    id: Annotated[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None,
        Field(description="an id of 1 to 64 letters, digits, dots, dashes and underscores"),
    ] = None
    start: Annotated[bool, Field(description="true or false")] = True

    def spec(self, file: str) -> CampaignSpec:
        """Return the campaign. Raises BadInput."""
        given = self._rest()
        audience = {"lead_id": self.lead_id_column} | _group(given, "audience")
        if self.sheet_name is not None:
            audience["sheet"] = self.sheet_name
        sizes = {"lead": ("chunk", self.batch_size), "chunk": ("size", self.ai_batch_size)}
        groups = {name: _group(given, name) | {key: size} for name, (key, size) in sizes.items() if size is not None}
        usual = {"name": f"{NAME}: {Path(file).stem}"[:200]}
        whole = {**usual, **given, **groups, "audience": audience, "channel": "lead_analysis"}
        spec = parse_uploaded(whole)
        require_types(whole)
        return spec

    def _rest(self) -> Mapping[str, object]:
        if not self.campaign:
            return {}
        try:
            check_json(self.campaign.encode())
        except BadInput as problem:
            raise BadInput(f"campaign: {problem}") from None
        content = json.loads(self.campaign)
        if not isinstance(content, dict):
            raise BadInput("campaign is not a JSON object; write it as in a campaign file, without name and audience")
        if content.get("channel", "lead_analysis") != "lead_analysis":
            raise BadInput("campaign: channel is lead_analysis here; leave it out, or use /campaigns")
        return content


def _group(given: Mapping[str, object], name: str) -> dict[str, object]:
    group = given.get(name, {})
    if not isinstance(group, dict):
        raise BadInput(f"campaign: {name} is not a group of keys; write it as in a campaign file")
    return dict(group)


def _described() -> dict[str, Any]:
    """Describe the form: it is read after the key was looked at, and so FastAPI does not see it."""
    schema = AnalysisForm.model_json_schema()
    schema["properties"]["file"] = {
        "type": "string",
        "contentMediaType": "application/octet-stream",
        "description": "A CSV, XLSX or JSON Lines file with a column of ids of leads.",
    }
    schema["required"] = ["file"]
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


@router.post(
    "/lead-analyses",
    status_code=201,
    response_model=CampaignView,
    responses=MADE,
    openapi_extra=_described(),
)
async def analyse(caller: Operator, once: Once, request: Request) -> Response:
    """Analyse the leads of a file: stored, checked and started at once, unless `start` is false."""
    base = base_of(request)
    async with uploaded(request) as upload:
        try:
            form = AnalysisForm.model_validate(upload.fields)
        except ValidationError as error:
            raise BadInput(sentences(error, AnalysisForm)) from None
        spec = form.spec(upload.name)

        async def work(_: bool) -> Answer:
            campaign = await caller.clarion.drafts.put_file(
                spec,
                upload.path,
                upload.name,
                form.id or once.id_for(spec.name),
                start=form.start,
                again=once.key is not None,
            )
            return Answer(201, await shown(caller, campaign, base), f"{base}/{campaign.ref.campaign_id}")

        return await once(work, await asyncio.to_thread(_digest, upload.path, upload.fields))


def _digest(path: Path, fields: Mapping[str, str]) -> bytes:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(json.dumps(fields, sort_keys=True).encode())
    return digest.digest()
