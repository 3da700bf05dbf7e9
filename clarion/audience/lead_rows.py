"""What an analysis keeps of a row: all its cells, as the result stands beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clarion.audience.row import Row
from clarion.audience.variables import unmet
from clarion.audience.wording import Words
from clarion.domain.call import ScriptWriter
from clarion.domain.campaign import CampaignSpec, then_campaign
from clarion.domain.chain import known_names
from clarion.domain.condition import Condition
from clarion.domain.errors import BadInput, did_you_mean
from clarion.domain.template import Template
from clarion.domain.versions import versions


class LeadWording:
    """The rows of one analysis of leads."""

    keeps_skipped = True

    def __init__(self, spec: CampaignSpec, columns: Sequence[str]) -> None:
        """Check what the campaign that follows asks of a lead. Raises BadInput for a name that nothing gives."""
        if spec.then is not None and spec.lead is not None and spec.assess is not None:
            known = known_names(columns, spec.lead.fields, spec.assess.fields)
            for where, name in _missing(spec, spec.then.when, known):
                raise BadInput(
                    f"{where} needs {name}{did_you_mean(name, known)}, which is no answer, no field of the lead and "
                    f"no column; there are {', '.join(known)}."
                )

    @property
    def columns(self) -> tuple[str, ...]:
        """None: a cell that cannot be read goes along as it is."""
        return ()

    def of(self, row: Row) -> Words:
        """Return what is kept of a row."""
        return Words(row.cells, None, 0)


def _missing(spec: CampaignSpec, when: str, known: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what the campaign that follows needs and nothing gives, each after the place that needs it."""
    for name in sorted(Condition.parse(when).names - set(known)):
        yield "then.when", name
    following = then_campaign(spec, spec.name)
    for name in following.call.variables or () if following.call is not None else ():
        if name not in known:
            yield "then.campaign.call.variables", name
    for place, template in _texts(following).items():
        for name in unmet(template, template.variables & set(known)):
            yield f"then.campaign.{place}", name


def _texts(spec: CampaignSpec) -> dict[str, Template]:
    """Return all that a campaign says to anybody, by its place in the file."""
    texts = {}
    for variant, version in versions(spec).items():
        of = "" if variant is None else f' (variant "{variant}")'
        if version.message is not None:
            texts[f"message{of}"] = Template.parse(version.message)
        if version.call is not None:
            texts |= {f"call.{name}{of}": text for name, text in ScriptWriter(version.call).templates.items()}
    if spec.fallback is not None:
        texts["fallback.message"] = Template.parse(spec.fallback.message)
    return texts
