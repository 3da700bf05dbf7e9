"""The rows of a preflight, as the import has stored them: what each would get, and how they divide among variants."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from clarion.domain.call import Script, ScriptWriter
from clarion.domain.campaign import CampaignSpec
from clarion.domain.target import TargetState
from clarion.domain.template import Template
from clarion.domain.versions import version
from starter.looking import View


class Imported(View):
    """A row as the import has stored it."""

    row: int
    address: str | None
    state: TargetState
    outcome: str | None
    detail: str | None
    segments: int
    time_zone: str | None
    variables: str | None
    text: str | None
    variant: str | None = None


class VariantPlan(BaseModel):
    """What the targets of one variant would get. A started campaign divides people anew, by the same weights."""

    model_config = ConfigDict(frozen=True)

    name: str
    share: float
    """As the weights have it, 0 to 1."""
    accepted: int
    rejected: int
    """Rows left out that would have got it, often for a variable that it alone needs."""
    segments: int
    sample_row: int | None
    """The first row that would get it."""
    sample_text: str
    """The text, or what a call says first."""
    prompt: str | None = None
    agent: str | None = None


@dataclass(slots=True)
class VariantTally:
    """What has been counted of one variant so far."""

    accepted: int = 0
    rejected: int = 0
    segments: int = 0
    sample: Imported | None = None


@dataclass(slots=True)
class Divided:
    """Rows by the variant that they get."""

    found: dict[str, VariantTally] = field(default_factory=dict)

    def add(self, row: Imported) -> None:
        """Count a row."""
        if row.variant is None:
            return
        tally = self.found.setdefault(row.variant, VariantTally())
        if row.state is TargetState.SKIPPED:
            tally.rejected += 1
            return
        tally.accepted += 1
        tally.segments += row.segments
        tally.sample = tally.sample or row

    def plans(self, spec: CampaignSpec) -> tuple[VariantPlan, ...]:
        """Return what each variant comes to, in the order of the campaign's file."""
        variants = spec.variants or ()
        weights = sum(variant.weight for variant in variants)
        return tuple(
            _plan(spec, variant.name, variant.weight / weights, self.found.get(variant.name, VariantTally()))
            for variant in variants
        )


def text_of(spec: CampaignSpec, row: Imported | None) -> str:
    """Return the text that a row would get; empty without a row."""
    if row is None:
        return ""
    if row.text is not None:
        return row.text
    return Template.parse(version(spec, row.variant).message or "").render(json.loads(row.variables or "{}"))


def script_of(spec: CampaignSpec, variables: str | None, own: str | None) -> Script:
    """Return what a call to a row is given; ``variables`` and ``own`` words are JSON."""
    if spec.call is None:
        return Script()
    return ScriptWriter(spec.call).write(json.loads(variables or "{}"), json.loads(own or "{}"))


def _plan(spec: CampaignSpec, name: str, share: float, tally: VariantTally) -> VariantPlan:
    row, said = tally.sample, version(spec, name)
    script = Script() if row is None else script_of(said, row.variables, row.text)
    return VariantPlan(
        name=name,
        share=round(share, 6),
        accepted=tally.accepted,
        rejected=tally.rejected,
        segments=tally.segments,
        sample_row=row.row if row else None,
        sample_text=text_of(spec, row) if spec.call is None else script.first_message or "",
        prompt=script.prompt,
        agent=script.agent,
    )
