"""One call or one text to one person: the same path as a campaign, with one target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from clarion.domain.call import ScriptWriter
from clarion.domain.campaign import Channel
from clarion.domain.errors import BadInput, NotFound
from clarion.domain.phone import normalize_phone
from clarion.domain.target import TargetState
from clarion.domain.template import Template
from clarion.store.campaigns import Campaign
from starter.drafts import Drafts, parse_uploaded
from starter.looking import AttemptLine, Looking, SingleCall, View
from starter.why import why

CALL, TEXT = "Call", "Text"
"""What the campaigns of single contacts are called."""

RECEIPTS: Mapping[str, object] = {"wait": "5m"}
"""Somebody waits for this one; a receipt that comes later still counts."""


class Words(NamedTuple):
    """How somebody at a front door gives what is missing."""

    region: str = 'its region, such as "US"'
    variable: str = "variables.{}"


REST_WORDS = Words()


@dataclass(frozen=True, slots=True)
class Person:
    """Who is called or written to."""

    number: str
    region: str | None = None
    """The country of a number without a code."""
    variables: Mapping[str, object] = field(default_factory=dict)
    """What the texts mention."""


@dataclass(frozen=True, slots=True)
class Single:
    """How a single contact is made."""

    account: str = "main"
    campaign_id: str | None = None
    """Of the campaign that it becomes; None makes one up."""
    again: bool = False
    """An earlier try with this id may have come part of the way."""
    words: Words = REST_WORDS


class SingleText(View):
    """What came of one text that somebody asked for."""

    campaign_id: str
    state: TargetState
    outcome: str | None
    answer: str
    """The same in a sentence."""
    attempts: tuple[AttemptLine, ...]
    """Empty: nothing was sent."""


async def call_one(drafts: Drafts, person: Person, script: Mapping[str, object], how: Single) -> Campaign:
    """Call one person; ``script`` is what a campaign's group `call` says. Raises BadInput, Conflict, Unreachable."""
    given = {name: word for name, word in script.items() if word is not None}
    return await _start(drafts, person, {"name": CALL, "channel": "call", "call": given}, how)


async def text_one(drafts: Drafts, person: Person, message: str, how: Single) -> Campaign:
    """Send one person a text. Raises BadInput, Conflict, Unreachable."""
    return await _start(drafts, person, {"name": TEXT, "channel": "sms", "message": message, "receipts": RECEIPTS}, how)


async def _start(drafts: Drafts, person: Person, campaign: Mapping[str, object], how: Single) -> Campaign:
    if person.region is None and not person.number.strip().startswith("+"):
        raise BadInput(f'"{person.number}" has no country code; write it like +14155550123, or give {how.words.region}')
    number = normalize_phone(person.number, person.region)  # says at once what is wrong with it
    row = {**person.variables, "phone": number}
    one = {"account": how.account, "limits": {"concurrency": 1}, "retry": {"attempts": 1}}
    spec = parse_uploaded({**campaign, **one})
    mentioned = ScriptWriter(spec.call).variables if spec.call else Template.parse(spec.message or "").variables
    if missing := sorted(mentioned - row.keys()):
        give = how.words.variable.format(missing[0])
        raise BadInput(f"the texts use {{{{ {missing[0]} }}}}, which nothing gives; add {give}")
    return await drafts.put(spec, how.campaign_id, [row], start=True, again=how.again)


def came_of_call(looking: Looking, campaign_id: str) -> SingleCall:
    """Tell what came of a single call. Blocking. Raises NotFound, also for a campaign that is none."""
    campaign = _single(looking, campaign_id, Channel.CALL)
    state, outcome, answer = _told(looking, campaign)
    calls = looking.calls(campaign.ref.key, 1)
    call = calls[-1] if calls else None
    return SingleCall(campaign_id=campaign_id, state=state, outcome=outcome, answer=answer, call=call)


def came_of_text(looking: Looking, campaign_id: str) -> SingleText:
    """Tell what came of a single text. Blocking. Raises NotFound, also for a campaign that is none."""
    campaign = _single(looking, campaign_id, Channel.SMS)
    state, outcome, answer = _told(looking, campaign)
    attempts = tuple(looking.attempts(campaign.ref.key, 1))
    return SingleText(campaign_id=campaign_id, state=state, outcome=outcome, answer=answer, attempts=attempts)


def _single(looking: Looking, campaign_id: str, channel: Channel) -> Campaign:
    campaign = looking.find(campaign_id)
    if campaign.spec.channel is not channel or campaign.total > 1:
        what = "call" if channel is Channel.CALL else "text"
        raise NotFound(f'campaign "{campaign_id}" is not a single {what}; look at it as a campaign')
    return campaign


def _told(looking: Looking, campaign: Campaign) -> tuple[TargetState, str | None, str]:
    if not campaign.total:
        state = TargetState.CANCELLED if campaign.status.is_final else TargetState.PENDING
        reason = f": {campaign.reason}" if campaign.reason else ""
        return state, None, f"nobody has been contacted yet; the campaign is {campaign.status}{reason}"
    found = why(looking, campaign.ref.campaign_id, "1")
    return found.target.state, found.target.outcome, found.answer
