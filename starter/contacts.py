"""Every use case of a campaign's contacts, once: adding them, and looking at each of them, of drafts as well."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import TargetState
from clarion.store.campaigns import Campaign
from starter.draft_contacts import DraftPlace, DraftRow, Sought, draft_rows
from starter.drafts import Drafts
from starter.looking import Looking, TargetLine, View
from starter.looking_pages import Slice, slice_of
from starter.which import positions

MOST_AT_ONCE = 10_000
"""Contacts of one request."""
AT_ONCE = 1_000
"""Positions of one query."""

Value = str | int | float | bool | None
Contact = Mapping[str, Value]
"""One contact: the names of its columns, and what stands in them."""


class ContactLine(TargetLine):
    """A contact, the facts of its last attempt, and what its row holds."""

    variables: dict[str, str]
    """What the campaign's texts mention; of calls all that goes along, of leads all columns."""
    text: str | None = None
    """The row's own text; in calls its own script, as JSON."""
    variant: str | None = None
    """Which of the campaign's variants it gets."""

    @field_validator("variables", mode="before")
    @classmethod
    def _from_row(cls, variables: object) -> object:
        if variables is None:
            return {}
        return json.loads(variables) if isinstance(variables, str) else variables


class Added(View):
    """What was taken."""

    accepted: Annotated[int | None, Field(ge=0)]
    """Contacts that were taken; null for a file, whose rows are counted when it is checked or read in."""
    file: Annotated[int, Field(ge=1)]
    """The number under which they are kept."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which contacts are wanted; None: whichever."""

    state: TargetState | None = None
    outcome: str | None = None
    search: str | None = None
    """A position (17), a row of its file (row:17), a phone number, or the id of a lead."""


@dataclass(frozen=True, slots=True)
class Contacts:
    """The contacts of one tenant's campaigns."""

    drafts: Drafts
    looking: Looking

    async def add(self, campaign_id: str, contacts: Sequence[Contact]) -> Added:
        """Add contacts to a draft, or to a campaign that runs. A bad one among them is skipped later, with its reason.

        Raises BadInput where no contact has what the campaign needs, NotFound, Conflict, Unreachable.
        """
        file = await self.drafts.add(campaign_id, contacts)
        return Added(accepted=len(contacts), file=file)

    async def upload(self, campaign_id: str, path: Path, name: str) -> Added:
        """Add the rows of a file, which the person calls ``name``. Raises as ``add`` does."""
        return Added(accepted=None, file=await self.drafts.upload(campaign_id, path, name))

    def page(self, campaign_id: str, wanted: Filter, after: DraftPlace, limit: int) -> Slice[ContactLine, DraftPlace]:
        """List contacts in the order of the audience. Blocking. Raises NotFound, and BadInput for a wrong search.

        Those of a draft stand in its files. What a draft's page shows may be less than ``limit`` although more follow.
        """
        campaign = self.looking.find(campaign_id)
        if campaign.status is CampaignStatus.DRAFT:
            return self._of_draft(campaign, wanted, after, limit)
        found = self._of_store(campaign, wanted, after.position, limit + 1)
        return slice_of(found, limit, _same, lambda line: DraftPlace(line.position))

    def _of_draft(
        self, campaign: Campaign, wanted: Filter, after: DraftPlace, limit: int
    ) -> Slice[ContactLine, DraftPlace]:
        sought = None if wanted.search is None else Sought.of(campaign, wanted.search)
        found: list[ContactLine] = []
        last = after
        for row in draft_rows(self.looking, campaign, after):
            if row is None:  # enough was read for one page
                return Slice(found, last)
            line = _line(campaign, row)
            if _fits(line, wanted) and (sought is None or sought.fits(line.position, line.row, line.address)):
                if len(found) == limit:
                    return Slice(found, last)
                found.append(line)
            last = row.place
        return Slice(found, None)

    def _of_store(self, campaign: Campaign, wanted: Filter, after: int, limit: int) -> list[ContactLine]:
        page, key = self.looking.store.targets.page, campaign.ref.key
        state, outcome = wanted.state, wanted.outcome
        if wanted.search is None:
            rows = page(key, state=state, outcome=outcome, after=after, limit=limit)
            return [ContactLine.model_validate(row) for row in rows]
        there = [position for position in positions(self.looking, campaign, wanted.search) if position > after]
        found: list[ContactLine] = []
        for n in range(0, len(there), AT_ONCE):
            rows = page(
                key, state=state, outcome=outcome, among=there[n : n + AT_ONCE], after=after, limit=limit - len(found)
            )
            found += [ContactLine.model_validate(row) for row in rows]
            if len(found) >= limit:
                break
        return found


def _same(line: ContactLine) -> ContactLine:
    return line


def _line(campaign: Campaign, row: DraftRow) -> ContactLine:
    checked = row.checked
    return ContactLine(
        position=row.place.position,
        row=checked.row,
        address=checked.address,
        state=TargetState.PENDING if checked.skip is None else TargetState.SKIPPED,
        outcome=checked.skip,
        reason=None,
        detail=checked.detail,
        due_at=None,
        attempts=0,
        tries=0,
        segments=checked.segments,
        time_zone=checked.time_zone,
        updated_at=campaign.updated_at,
        variables=checked.variables,
        text=checked.text,
        variant=checked.variant,
    )


def _fits(line: ContactLine, wanted: Filter) -> bool:
    return wanted.state in {None, line.state} and wanted.outcome in {None, line.outcome}
