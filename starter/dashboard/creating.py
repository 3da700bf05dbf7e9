"""A new campaign: by form, or from a campaign file; its contacts are uploaded, checked, and nobody is contacted yet."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from zoneinfo import available_timezones

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData, UploadFile

from clarion.domain.answer import USUAL_ANSWER, Kind
from clarion.domain.errors import BadInput, ClarionError
from clarion.settings import REACHING_NOBODY, Account, Provider
from starter.campaign_file import campaign_content
from starter.dashboard.answers import rows_of, rows_typed
from starter.dashboard.form import spec_of_form
from starter.dashboard.rendering import go, page
from starter.dashboard.visitors import Operator, Visitor
from starter.drafts import parse_uploaded

router = APIRouter()

PIECE = 1024 * 1024
FIELDS = 300


@router.get("/new")
async def form(request: Request, visitor: Operator) -> Response:
    """Ask what the campaign is."""
    return _form(request, visitor, {})


@router.post("/new")
async def create(request: Request, visitor: Operator) -> Response:
    """Store a draft with its contacts, and show what its check says."""
    # Parts of a form that are no files are held in memory: they are small.
    async with request.form(max_files=2, max_fields=FIELDS, max_part_size=PIECE) as given:
        typed = {name: value for name, value in given.items() if isinstance(value, str)}
        try:
            campaign_id = await _create(visitor, given, typed)
        except ClarionError as error:
            return _form(request, visitor, typed, str(error))
    return go(f"/campaigns/{campaign_id}", "kept as a draft: nobody is contacted before you start it")


async def _create(visitor: Visitor, given: FormData, typed: Mapping[str, str]) -> str:
    data = await _from_file(given) if typed.get("source") == "file" else spec_of_form(typed)
    spec = parse_uploaded(data)
    contacts = _file(given, "contacts")
    if contacts is None:
        raise BadInput("contacts are missing; choose a CSV, XLSX or JSON Lines file")
    async with kept_upload(contacts) as path:
        name = typed.get("campaign_id", "").strip() or None
        campaign = await visitor.clarion.drafts.put_file(spec, path, path.name, name)
    return campaign.ref.campaign_id


async def _from_file(given: FormData) -> Mapping[str, object]:
    file = _file(given, "campaign_file")
    if file is None:
        raise BadInput("the campaign file is missing; choose a YAML or JSON file, or fill in the form")
    async with kept_upload(file) as path:
        try:
            content = await asyncio.to_thread(campaign_content, path)
        except BadInput as error:
            raise BadInput(str(error).replace(str(path), path.name)) from None
    if not isinstance(content, dict):
        raise BadInput(f"{path.name} is no campaign; it needs keys such as name, channel, audience and message")
    audience = content.get("audience")
    if isinstance(audience, dict):  # the contacts come with the form, whatever file stands there
        content = content | {"audience": {key: value for key, value in audience.items() if key != "file"}}
    return content


@asynccontextmanager
async def kept_upload(upload: UploadFile) -> AsyncIterator[Path]:
    """Keep an upload as a file under the name that its sender calls it, while the block runs."""
    name = Path((upload.filename or "").replace("\\", "/")).name.replace("\0", "")[-200:]
    if not name:
        raise BadInput("no file was chosen; choose a CSV, XLSX or JSON Lines file")
    with tempfile.TemporaryDirectory(prefix="clarion-") as folder:
        path = Path(folder) / name
        with path.open("wb") as sink:
            while piece := await upload.read(PIECE):
                await asyncio.to_thread(sink.write, piece)
        yield path


def _file(given: FormData, name: str) -> UploadFile | None:
    found = given.get(name)
    return found if isinstance(found, UploadFile) and found.filename else None


def _form(request: Request, visitor: Visitor, typed: Mapping[str, str], error: str | None = None) -> Response:
    return page(
        request,
        "new.html",
        422 if error else 200,
        error=error,
        typed=typed,
        only=None,
        answers=rows_typed(typed) if "answer_name_0" in typed else rows_of(USUAL_ANSWER),
        max_mb=visitor.clarion.settings.max_upload_mb,
        **choices_of(visitor.clarion.settings.accounts),
    )


def choices_of(accounts: Mapping[str, Account]) -> dict[str, object]:
    """Return what can be chosen in the form of a campaign."""
    known = sorted(accounts.items())
    shown = {
        "contacting": [(name, one) for name, one in known if one.provider not in REACHING_NOBODY],
        "assessing": [(name, one) for name, one in known if one.provider is Provider.OPENAI],
        "keeping": [(name, one) for name, one in known if one.provider is Provider.SALESFORCE],
    }
    said = {use: [(name, _said(name, one)) for name, one in found] for use, found in shown.items()}
    return {"accounts": said, "kinds": list(Kind), "zones": sorted(available_timezones())}


def _said(name: str, account: Account) -> str:
    return name if name == account.provider.value else f"{name} ({account.provider.value})"
