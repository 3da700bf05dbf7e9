"""One call or one text to one person: shown first, and made when that was confirmed."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import Response

from clarion.domain.errors import BadInput, ClarionError
from clarion.domain.phone import normalize_phone
from starter.campaigns import new_id
from starter.dashboard.creating import choices_of
from starter.dashboard.rendering import go, page
from starter.dashboard.visitors import Operator, Visitor
from starter.singles import CALL, TEXT, Person, Single, Words, call_one, text_one

router = APIRouter(prefix="/single")

SCRIPT = ("agent", "first_message", "prompt")
FIELDS = ("kind", "account", "number", "region", "message", *SCRIPT)
HERE = Words(region="the country that it is from", variable="it in the words: nobody's columns are known here ({})")


@router.get("")
async def form(request: Request, visitor: Operator) -> Response:
    """Ask whom, and what is said."""
    return _form(request, visitor, {})


@router.post("")
async def contact(request: Request, visitor: Operator) -> Response:
    """Show who would be told what; contact them once that was confirmed."""
    async with request.form(max_files=0, max_fields=20) as given:
        typed = {name: value.replace("\r\n", "\n").strip() for name, value in given.items() if isinstance(value, str)}
    try:
        number = _number(typed)
        _require_words(typed)
        if not typed.get("sure"):
            name = new_id(CALL if _calls(typed) else TEXT)
            return _form(request, visitor, typed, number=number, campaign_id=name)
        campaign_id = await _contact(visitor, typed)
    except ClarionError as error:
        return _form(request, visitor, typed, error=str(error))
    return go(f"/campaigns/{campaign_id}", "under way")


def _calls(typed: Mapping[str, str]) -> bool:
    return typed.get("kind") == "call"


def _number(typed: Mapping[str, str]) -> str:
    number, region = typed.get("number", ""), typed.get("region", "")
    if not number:
        raise BadInput("a number is missing; give one with its country code, such as +14155552671")
    if not region and not number.startswith("+"):
        raise BadInput(f'"{number}" has no country code; write it like +14155552671, or say which country it is from')
    return normalize_phone(number, region.upper() or None)


def _require_words(typed: Mapping[str, str]) -> None:
    if not _calls(typed) and not typed.get("message"):
        raise BadInput("the message is missing; write what the person is to read")


async def _contact(visitor: Visitor, typed: Mapping[str, str]) -> str:
    person = Person(typed["number"], typed.get("region", "").upper() or None)
    # The id was made with the page that asked: pressed twice, it is the same contact.
    how = Single(typed.get("account", "main"), typed.get("campaign_id") or None, again=True, words=HERE)
    drafts = visitor.clarion.drafts
    if _calls(typed):
        campaign = await call_one(drafts, person, {name: typed.get(name) or None for name in SCRIPT}, how)
    else:
        campaign = await text_one(drafts, person, typed["message"], how)
    return campaign.ref.campaign_id


def _form(
    request: Request,
    visitor: Visitor,
    typed: Mapping[str, str],
    *,
    error: str | None = None,
    number: str = "",
    campaign_id: str = "",
) -> Response:
    return page(
        request,
        "single.html",
        422 if error else 200,
        error=error,
        typed=typed,
        number=number,
        campaign_id=campaign_id,
        fields=FIELDS,
        **choices_of(visitor.clarion.settings.accounts),
    )
