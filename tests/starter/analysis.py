"""An analysis of leads in an installation: its file, leads as the CRM has them, and what an AI says about them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from clarion.contracts import CampaignRef
from clarion.domain.assessment import AnswerValue, Assessment, assessment_key
from clarion.domain.attempt import AttemptId, Verdict
from clarion.domain.campaign import then_campaign
from clarion.domain.lead import LeadValue
from clarion.domain.lead_id import checksum
from clarion.domain.target import Outcome
from clarion.store.entries import Record
from clarion.store.leads import Fetched
from clarion.store.phases import Phase
from tests.starter.installation import NOW, OneCampaign, Place

MODEL = "gpt-5-mini"
PRICE_OF_QUESTION = 1_000
"""What a question costs at most, in millionths."""
COST = 300
"""What one came to, in millionths."""
TOKENS = (700, 90)

LEADS: Mapping[str, object] = {
    "name": "Spring leads",
    "channel": "lead_analysis",
    "message": None,
    "audience": {"file": "leads.csv", "lead_id": "Lead ID"},
    "lead": {"fields": ["Name", "Company", "Phone"]},
    "assess": {
        "fields": {
            "score": {"type": "integer", "from": 0, "to": 100},
            "tier": {"type": "choice", "of": ["A", "B", "C"]},
            "reasons": {"type": "list", "most": 3},
        }
    },
}
"""What makes a campaign an analysis of leads."""

THEN: Mapping[str, object] = {
    "when": "score >= 70",
    "phone": ["Phone"],
    "campaign": {"channel": "sms", "account": "main", "message": "Hello {{ Name }}"},
}

GOOD: Mapping[str, AnswerValue] = {"score": 90, "tier": "A", "reasons": ["=Large", "Asked for it"]}
POOR: Mapping[str, AnswerValue] = {"score": 12, "tier": "C", "reasons": []}


def lead_id(n: int) -> str:
    """Return a lead's id of 18 characters."""
    short = f"00Q{n:012}"
    return short + checksum(short)


def ids(count: int, *more: str) -> list[list[str]]:
    """Return a header and rows with ids that are all in order, and then rows with what is given."""
    return [
        ["Lead ID", "City"],
        *([lead_id(n), f"City {n}"] for n in range(1, count + 1)),
        *([one, "Elsewhere"] for one in more),
    ]


def accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set up an account with OpenAI and one with Salesforce, named as campaigns name them by default."""
    told = {
        "OPENAI__PROVIDER": "openai",
        "OPENAI__AUTH_TOKEN": "key",
        "SALESFORCE__PROVIDER": "salesforce",
        "SALESFORCE__SESSION_ID": "session",
        "SALESFORCE__INSTANCE_URL": "https://example.my.salesforce.com",
    }
    for name, value in told.items():
        monkeypatch.setenv(f"CLARION_ACCOUNTS__{name}", value)


@dataclass
class Analysis:
    """An imported analysis, and the hand of a worker on it."""

    place: Place
    campaign: OneCampaign

    @property
    def key(self) -> int:
        return self.campaign.ref.key

    def fetch(self, *leads: Mapping[str, LeadValue] | None, at: float = NOW, converted: bool = False) -> None:
        """Take the next leads in, one for each that is given; None is one that the CRM does not have."""
        store = self.campaign.store
        spec = store.campaigns.get(self.key).spec
        assert spec.assess is not None
        wanted = store.leads.unfetched(self.key, len(leads))
        assert len(wanted) == len(leads)
        found = [
            Fetched(
                one.position,
                None if fields is None else json.dumps(fields),
                None if fields is None else assessment_key(spec.assess, fields),
                converted,
            )
            for one, fields in zip(wanted, leads, strict=True)
        ]
        store.leads.keep(self.key, found, at, fresh=spec.assess.fresh)

    def fetch_all(self, at: float = NOW) -> None:
        """Take all leads in, each of them another one."""
        wanted = self.campaign.store.leads.unfetched(self.key, 10_000)
        self.fetch(*(lead(one.position) for one in wanted), at=at)

    def answer(self, *answers: Mapping[str, AnswerValue], at: float = NOW, batch: bool = False) -> list[AttemptId]:
        """Ask about the next due leads, and record an answer to each."""
        attempts = self.campaign.intend(len(answers), at, PRICE_OF_QUESTION)
        assert len(attempts) == len(answers)
        for attempt, answer in zip(attempts, answers, strict=True):
            self._record(attempt, Verdict(Outcome.ASSESSED, final=True), answer, at, batch=batch)
        return attempts

    def fail(self, outcome: Outcome, *, retryable: bool = False, at: float = NOW) -> None:
        """Ask about the next due lead in vain."""
        (attempt,) = self.campaign.intend(1, at, PRICE_OF_QUESTION)
        verdict = Verdict(outcome, final=True, retryable=retryable, detail="so it is")
        self._record(attempt, verdict, None, at)

    def _record(
        self,
        attempt: AttemptId,
        verdict: Verdict,
        answer: Mapping[str, AnswerValue] | None,
        at: float,
        *,
        batch: bool = False,
    ) -> None:
        question = self.campaign.store.leads.questions(self.key, [attempt.position])[attempt.position]
        told = Assessment(question.question_key, MODEL, answer, *TOKENS, batch)
        self.campaign.page.commit([Record(attempt, verdict, cost=COST, assessment=told)], at)

    def phase(self, phase: Phase, leads: int, seconds: float, *, failed: bool = False, began: float = NOW) -> None:
        """Note a chunk's work."""
        self.campaign.store.leads.add_phase(
            self.key, phase, leads=leads, seconds=seconds, failed=failed, started_at=began, ended_at=began + seconds
        )

    def followed(self) -> CampaignRef:
        """Make the campaign that follows, as a worker does."""
        parent = self.campaign.store.campaigns.get(self.key)
        name = f"{parent.ref.campaign_id}.then"
        child = then_campaign(parent.spec, parent.ref.campaign_id)
        return self.campaign.store.feeding.create_child(parent.ref, child, name, NOW)


def lead(n: int) -> dict[str, LeadValue]:
    """Return a lead as the CRM has it."""
    return {"Name": f"Person {n}", "Company": f"Firm {n}", "Phone": f"+1415555{2_000 + n}"}


def analysis(place: Place, rows: Sequence[Sequence[str]], campaign_id: str = "spring", **keys: object) -> Analysis:
    """Create an analysis of leads and import its audience, as a worker would."""
    return Analysis(place, place.imported(rows, campaign_id, **{**LEADS, **keys}))
