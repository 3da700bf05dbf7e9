"""What the command line changes about a campaign's file before it is checked or started."""

from __future__ import annotations

from pathlib import Path

from clarion.domain.assessment import AssessSpec
from clarion.domain.campaign import CampaignSpec, Channel
from clarion.domain.errors import BadInput
from clarion.domain.lead import LeadSpec

WORKBOOKS = frozenset({".xlsx", ".xlsm"})


def amended(
    spec: CampaignSpec, *, write_back: bool = False, fresh: bool = False, sheet: str | None = None
) -> CampaignSpec:
    """Return the campaign as the options want it. Raises BadInput for an option that means nothing to it."""
    for option, wanted in (("--write-back", write_back), ("--fresh", fresh)):
        if wanted and spec.channel is not Channel.LEAD_ANALYSIS:
            raise BadInput(
                f"{option} is for campaigns of channel lead_analysis, and this one is of {spec.channel}; leave it out"
            )
    changes: dict[str, object] = {}
    if sheet is not None:
        changes["audience"] = spec.audience.model_copy(update={"sheet": _of_workbook(sheet, spec.audience.file)})
    if write_back:
        changes["lead"] = _writing(spec.lead or LeadSpec())
    if fresh:
        changes["assess"] = (spec.assess or AssessSpec()).model_copy(update={"fresh": True})
    return spec.model_copy(update=changes)


def _of_workbook(sheet: str, file: str) -> str:
    if Path(file).suffix.lower() not in WORKBOOKS:
        raise BadInput(f'--sheet "{sheet}" names a sheet of a workbook, and {Path(file).name} has none; leave it out')
    return sheet


def _writing(lead: LeadSpec) -> LeadSpec:
    if not lead.write_back:
        raise BadInput(
            "--write-back has nothing to write: the campaign's file does not say which answer goes into which field; "
            "add for example lead.write_back: {Rating: tier}"
        )
    return lead.model_copy(update={"writing": True})
