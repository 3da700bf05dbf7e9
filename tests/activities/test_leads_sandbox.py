"""Analyses through the real adapters and the sandbox: every lead accounted for, whatever the vendors do."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from pydantic import SecretStr
from temporalio.exceptions import ApplicationError

from activities import lead_batches
from activities.leads import LeadActivities
from clarion.providers.lead_vendors import open_analyst, open_crm
from clarion.sandbox.faults import Faults
from clarion.sandbox.openai.settings import OpenAiSettings
from clarion.sandbox.server import Sandbox
from clarion.sandbox.vendor import Settings
from clarion.settings import Account, Provider
from tests.activities.lead_office import LeadOffice, lead_id
from tests.activities.office import run

ROUNDS = 40
"""Chunks within which everything must have come to its end."""


@dataclass
class Fair:
    """The sandbox, and a worker that is connected to it."""

    sandbox: Sandbox
    worker: LeadActivities
    leads: LeadOffice

    def breaks(self, provider: Provider, **faults: float) -> None:
        self.sandbox.worlds[provider.value].faults.set(Faults.model_validate(faults))

    async def fetch(self) -> None:
        """Fetch as Temporal would: again and again until all is there."""
        for _ in range(ROUNDS):
            try:
                report = await run(self.worker.fetch_leads, self.leads.errand())
            except ApplicationError as error:
                if error.non_retryable:
                    raise
                continue
            if report.snapshot.unfetched == 0:
                return
        raise AssertionError("not all leads were fetched")

    async def ask(self) -> None:
        """Ask until nothing is left, and let no time pass between two tries."""
        for number in range(1, ROUNDS):
            order = self.leads.order(number, size=200, lanes=20)
            report = await run(self.worker.dispatch_assessment_chunk, order)
            assert report.halt == ""
            if report.snapshot.books.open == 0:
                return
            self.leads.clock.ahead += 30.0
        raise AssertionError("not all leads were assessed")

    def outcomes(self) -> Counter[str | None]:
        return Counter(row.outcome for row in self.leads.store.targets.page(self.leads.key, limit=1_000))


@asynccontextmanager
async def fair(leads: LeadOffice, **openai: object) -> AsyncIterator[Fair]:
    settings = OpenAiSettings.model_validate({"latency": (0.0, 0.01), "batch_seconds": 0.1, **openai})
    sandbox = Sandbox(settings=Settings(latency_ms=0, openai=settings))
    await sandbox.start()
    secret = SecretStr("sandbox")
    analyst = await open_analyst(Account(provider=Provider.OPENAI, auth_token=secret, base_url=sandbox.url))
    crm = open_crm(
        Account(
            provider=Provider.SALESFORCE,
            username="sandbox@example.com",
            password=secret,
            security_token=secret,
            base_url=sandbox.url,
        )
    )
    try:
        yield Fair(sandbox, leads.analyst(analyst, crm), leads)
    finally:
        crm.close()
        await analyst.close()
        await sandbox.stop()


async def test_leads_are_fetched_asked_about_and_written_back(leads: LeadOffice) -> None:
    writes = {"writing": True, "write_back": {"AI_Score__c": "score", "AI_Tier__c": "tier"}}
    async with fair(leads) as sandbox:
        leads.new_analysis(120, lead=writes)
        await sandbox.fetch()
        await sandbox.ask()
        report = await run(sandbox.worker.write_back, leads.errand())
    assert sandbox.outcomes()["assessed"] == leads.books.succeeded > 100
    assert (report.halt, report.snapshot.unwritten) == ("", 0)
    lines = [line for line in leads.store.leads.lines(leads.key) if line.outcome == "assessed"]
    assert all(line.answer is not None and line.write_error is None for line in lines)


async def test_storms_and_broken_answers_end_with_every_lead_accounted_for(leads: LeadOffice) -> None:
    async with fair(leads, requests_per_minute=100_000) as sandbox:
        sandbox.breaks(Provider.SALESFORCE, server_error=0.2)
        sandbox.breaks(
            *(Provider.OPENAI,), rate_limited=0.1, retry_after=0.01, server_error=0.05, refused=0.05, truncated=0.05
        )
        leads.new_analysis(150, lead={"chunk": 40}, retry={"attempts": 3, "delay": 1})
        await sandbox.fetch()
        await sandbox.ask()
    outcomes = sandbox.outcomes()
    assert (leads.books.unknown, leads.books.open, leads.books.total) == (0, 0, 150)
    assert outcomes["assessed"] > 120
    assert outcomes["refused"] > 0
    assert set(outcomes) <= {"assessed", "refused", "not_found", "deleted", "converted"}


@pytest.mark.parametrize("expired", [0.0, 0.2])
async def test_batches_and_what_they_leave_over(
    leads: LeadOffice, monkeypatch: pytest.MonkeyPatch, expired: float
) -> None:
    monkeypatch.setattr(lead_batches, "FIRST_PAUSE", 0.05)
    async with fair(leads) as sandbox:
        sandbox.breaks(Provider.OPENAI, expired=expired)
        leads.new_analysis(80)
        await sandbox.fetch()
        report = await run(sandbox.worker.run_batches, leads.errand())
        assert (report.halt, report.snapshot.in_batches) == ("", 0)
        in_batch = leads.books.succeeded
        await sandbox.ask()
    assert (in_batch < leads.books.succeeded) == (expired > 0)
    assert leads.books.open == 0


async def test_a_second_analysis_of_the_same_leads_asks_nothing(leads: LeadOffice) -> None:
    async with fair(leads) as sandbox:
        leads.new_analysis(30)
        await sandbox.fetch()
        await sandbox.ask()
        answered = leads.books.succeeded
        leads.new_analysis(30)
        await sandbox.fetch()
        assert (leads.books.succeeded, leads.spent) == (answered, 0)
        assert leads.state(1)[1] in {"assessed", "refused"}, lead_id(1)
