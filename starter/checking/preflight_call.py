"""What a preflight says about calls: what the first of them would be given, and what the forecast assumes."""

from __future__ import annotations

import json
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from clarion.domain.call import CallSpec, MachineRule, Script
from clarion.domain.campaign import CampaignSpec
from clarion.domain.errors import ClarionError
from clarion.domain.template import Template
from clarion.domain.versions import version, versions
from clarion.settings import Account, Provider
from starter.checking.forecast import Tempo
from starter.checking.preflight_rows import script_of
from starter.checking.startable import speaks_by_address


class CallPlan(BaseModel):
    """One call as it would be made, and how long calls are taken to last (seconds)."""

    model_config = ConfigDict(frozen=True)

    prompt: str | None
    first_message: str | None
    context: str | None
    voicemail_message: str | None
    agent: str | None
    """The row's, the campaign's or the account's."""
    language: str | None
    variables: dict[str, str]
    fallback_message: str | None
    """The text that would follow if the call did not reach the person."""
    machine: MachineRule
    max_minutes: float
    at_once: int
    """Calls at the same time, as campaign and account allow."""
    decided_by: str
    """What keeps the campaign from being faster: `concurrency` or `rate`."""
    assumed_seconds: float
    """Of a call, from its placing to its end, on average."""
    notes: tuple[str, ...]
    """What would go unused with this provider, and keeps nothing from being started."""


class Kept(NamedTuple):
    """What the store keeps of a row for its call, as JSON."""

    variables: str | None
    own: str | None
    variant: str | None = None


def call_plan(spec: CampaignSpec, account: Account | None, row: Kept | None, pace: Tempo) -> CallPlan | None:
    """Plan the call to a row, with nothing to say where no row can be called; None for other channels."""
    if spec.call is None:
        return None
    script, text = (Script(), None) if row is None else _sample(version(spec, row.variant), row)
    notes = (note for said in versions(spec).values() if said.call for note in _unused(said, said.call, account))
    return CallPlan(
        prompt=script.prompt,
        first_message=script.first_message,
        context=script.context,
        voicemail_message=script.voicemail_message,
        agent=script.agent or (account.agent if account else None),
        language=script.language,
        variables=dict(script.variables),
        fallback_message=text,
        machine=spec.call.machine,
        max_minutes=spec.call.max_minutes,
        at_once=pace.at_once or 1,
        decided_by="concurrency" if pace.limited_by_lanes else "rate",
        assumed_seconds=pace.lasts,
        notes=tuple(dict.fromkeys(notes)),
    )


def _sample(spec: CampaignSpec, row: Kept) -> tuple[Script, str | None]:
    script = script_of(spec, row.variables, row.own)
    if spec.fallback is None:
        return script, None
    try:
        return script, Template.parse(spec.fallback.message).render(json.loads(row.variables or "{}"))
    except ClarionError:
        return script, None  # this row lacks what the text needs, and would not get it


def _unused(spec: CampaignSpec, call: CallSpec, account: Account | None) -> tuple[str, ...]:
    if account is None or account.provider is not Provider.TWILIO or speaks_by_address(spec, call, account):
        return ()
    given = [name for name in ("agent", "prompt", "context") if getattr(call, name) or getattr(spec.audience, name)]
    if not given:
        return ()
    verb = "has" if len(given) == 1 else "have"
    return (f"with twilio the first message is read out, and that is all: {', '.join(given)} {verb} no effect",)
