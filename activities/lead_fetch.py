"""Fetching leads from the CRM: one call and one transaction for each chunk, again and again until all are there."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from activities.failures import in_thread
from activities.lead_errand import HasToStop, LeadErrand
from clarion.domain.assessment import AssessSpec, assessment_key, lead_text
from clarion.domain.lead import Lead, LeadSpec
from clarion.providers.lead_ports import Crm, CrmError
from clarion.providers.ports import ProviderError
from clarion.store.leads import Fetched, Wanted
from clarion.store.phases import Phase

log = logging.getLogger(__name__)

MOST_DELETED = 400
"""Ids that one look into the recycle bin can ask for."""

MOST_OF_ALLOWANCE = 0.95
"""Share of the CRM's requests a day that may be used before we stop: everything else on the account needs some, too."""


@dataclass(slots=True)
class LeadFetch(LeadErrand):
    """Fetches the leads of a campaign in the order of its audience. A chunk that fails is tried again to the end."""

    crm: Crm
    lead: LeadSpec
    assess: AssessSpec

    async def run(self, until: float) -> None:
        """Fetch until all is there, or until about ``until`` (epoch seconds)."""
        while wanted := await in_thread(self.tools.store.leads.unfetched, self.key, self.lead.chunk):
            if self.worked and self.tools.clock() >= until:
                return
            await self.require_open()
            if self.worked:
                self._check_allowance()
            await in_thread(self._fetch, wanted)
            self.worked += len(wanted)
        await self._look_into_the_bin()

    def _fetch(self, wanted: Sequence[Wanted]) -> None:
        started_at = self.tools.clock()
        try:
            found = self.crm.fetch([lead.lead_id for lead in wanted], self.lead.fields)
        except ProviderError:
            self.note_phase(Phase.FETCHED, 0, started_at, failed=True)
            raise
        rows = [self._row(lead.position, as_found) for lead, as_found in zip(wanted, found, strict=True)]
        self.tools.store.leads.keep(self.key, rows, self.tools.clock(), fresh=self.assess.fresh)
        self.note_phase(Phase.FETCHED, len(wanted), started_at)

    def _row(self, position: int, lead: Lead | None) -> Fetched:
        if lead is None:
            return Fetched(position, None, None)
        key = assessment_key(self.assess, lead.fields)
        return Fetched(position, lead_text(lead.fields), key, lead.converted)

    def _check_allowance(self) -> None:
        usage = self.crm.usage
        if usage is not None and usage.allowed and usage.used >= MOST_OF_ALLOWANCE * usage.allowed:
            message = (
                f"{usage.used:,} of the {usage.allowed:,} requests a day that Salesforce allows are used; resume when "
                "some have come back (they do within 24 hours), or fetch more leads a call with lead.chunk"
            )
            raise HasToStop(message)

    async def _look_into_the_bin(self) -> None:
        """Tell leads that were deleted from those that never were."""
        after = 0
        while missing := await in_thread(self.tools.store.leads.missing, self.key, after, MOST_DELETED):
            self.go_on()
            try:
                await in_thread(self._note_deleted, missing)
            except CrmError as error:
                log.warning("the recycle bin cannot be looked into, so deleted leads count as not found: %s", error)
                return
            after = missing[-1].position

    def _note_deleted(self, missing: Sequence[Wanted]) -> None:
        deleted = self.crm.deleted([lead.lead_id for lead in missing])
        if gone := [lead.position for lead in missing if lead.lead_id in deleted]:
            self.tools.store.leads.note_deleted(self.key, gone, self.tools.clock())
