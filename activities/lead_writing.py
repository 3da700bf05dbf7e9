"""Writing answers back to the CRM: up to 200 leads a call, each succeeding or failing by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activities.failures import in_thread
from activities.lead_errand import LeadErrand
from clarion.domain.assessment import AnswerValue
from clarion.domain.lead import LeadSpec, LeadValue
from clarion.providers.lead_ports import Crm
from clarion.providers.ports import ProviderError
from clarion.store.leads import Unwritten
from clarion.store.phases import Phase

MOST_WRITTEN = 200
"""Leads that one call can write."""

NOTHING_SAID = "the CRM said nothing about it"


@dataclass(slots=True)
class LeadWriting(LeadErrand):
    """Writes the answers of a campaign into the fields that its file names. Written twice, they do no harm."""

    crm: Crm
    lead: LeadSpec

    async def run(self, until: float) -> None:
        """Write until all is written, or until about ``until`` (epoch seconds)."""
        while rows := await in_thread(self.tools.store.leads.unwritten, self.key, MOST_WRITTEN):
            if self.worked and self.tools.clock() >= until:
                return
            await self.require_open()
            await in_thread(self._write, rows)
            self.worked += len(rows)

    def _write(self, rows: Sequence[Unwritten]) -> None:
        started_at = self.tools.clock()
        try:
            results = self.crm.write({row.lead_id: self._fields(row.answer) for row in rows})
        except ProviderError:
            self.note_phase(Phase.WRITTEN, 0, started_at, failed=True)
            raise
        errors = {result.id: result.error for result in results}
        noted = [(row.position, errors.get(row.lead_id, NOTHING_SAID)) for row in rows]
        self.tools.store.leads.note_written(self.key, noted, self.tools.clock())
        self.note_phase(Phase.WRITTEN, len(rows), started_at)

    def _fields(self, answer: Mapping[str, AnswerValue]) -> dict[str, LeadValue]:
        values = {field: answer.get(name) for field, name in self.lead.write_back.items()}
        return {field: "; ".join(value) if isinstance(value, list) else value for field, value in values.items()}
