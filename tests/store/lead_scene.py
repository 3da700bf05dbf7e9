"""A campaign that has leads assessed in a real store, a CRM that knows them, and what an AI says about each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from clarion.contracts import Snapshot
from clarion.domain.assessment import AnswerValue, Assessment
from clarion.domain.attempt import AttemptId, Verdict
from clarion.domain.lead import LeadValue
from clarion.domain.target import Outcome
from clarion.store.claims import OpenChunk
from clarion.store.entries import Granted, Record
from clarion.store.leads import Fetched, Kept
from clarion.store.store import Store
from tests.store.scene import Scene, new_scene, row, spec_of

PRICE = 1_000
"""What a question costs at most, in millionths."""

OF_LEADS: dict[str, object] = {
    "channel": "lead_analysis",
    "account": "openai",
    "message": None,
    "audience": {"file": "leads.xlsx", "address": "Lead ID"},
    "retry": {"attempts": 2, "delay": 10},
}


def new_lead_scene(store: Store, people: int = 0, *, account_spacing: float = 0.0, **spec: object) -> Scene:
    """Make a tenant with a running analysis of leads that nobody has fetched."""
    scene = new_scene(store, 0, account_spacing=account_spacing, **OF_LEADS | spec)
    if people:
        import_leads(scene, people)
    return scene


def import_leads(scene: Scene, n: int) -> None:
    begin = scene.total() + 1
    scene.import_rows(
        [row(i + 1, lead_id(i), variables={"Lead ID": lead_id(i), "City": "Bonn"}) for i in range(begin, begin + n)]
    )


def lead_id(position: int) -> str:
    return f"00Q{position:012}AAA"


def question(position: int) -> str:
    """Names the question about a lead; the same in every campaign."""
    return f"{position:064}"


def fields_of(position: int, **fields: LeadValue) -> dict[str, LeadValue]:
    return {"Name": f"Lead {position}", "MobilePhone": f"+1415555{position:04}", **fields}


def found(position: int, *, converted: bool = False, key: str | None = None, **fields: LeadValue) -> Fetched:
    told = json.dumps(fields_of(position, **fields))
    return Fetched(position, told, key or question(position), converted)


def lost(position: int) -> Fetched:
    return Fetched(position, None, None)


def keep(scene: Scene, *leads: Fetched, fresh: bool = False) -> Kept:
    return scene.store.leads.keep(scene.key, leads, scene.now, fresh=fresh)


def fetch(scene: Scene, positions: Sequence[int]) -> Kept:
    """Let the CRM know all of some leads."""
    return keep(scene, *map(found, positions))


def assessment(position: int, answer: Mapping[str, AnswerValue] | None, *, batch: bool = False) -> Assessment:
    return Assessment(question(position), "gpt-5-mini", answer, 700, 90, batch)


def said(outcome: Outcome = Outcome.ASSESSED, *, retryable: bool = False) -> Verdict:
    return Verdict(outcome, final=True, retryable=retryable, detail=None if outcome is Outcome.ASSESSED else "so it is")


def answer(scene: Scene, attempt: AttemptId, *, cost: int = 300, batch: bool = False, **parts: AnswerValue) -> None:
    """Record an answer that can be used."""
    told = assessment(attempt.position, {"score": 50, **parts}, batch=batch)
    scene.post(Record(attempt, said(), cost=cost, assessment=told))


def fail(scene: Scene, attempt: AttemptId, outcome: Outcome, *, retryable: bool = True, cost: int = 200) -> None:
    """Record an answer that cannot be used, and was paid for all the same."""
    told = assessment(attempt.position, None)
    scene.post(Record(attempt, said(outcome, retryable=retryable), cost=cost, assessment=told))


def ask(scene: Scene, opened: OpenChunk, number: int | None = None) -> AttemptId:
    """Claim the next lead and ask about it."""
    granted = scene.intend(scene.claim(opened, 1, number)[0], opened, PRICE)
    assert isinstance(granted, Granted), granted
    return granted.attempt


def snapshot(scene: Scene) -> Snapshot:
    return scene.store.campaigns.snapshot(scene.key, scene.now)


def another(scene: Scene, people: int, campaign_id: str = "c2", **spec: object) -> Scene:
    """Make another analysis of the same leads by the same tenant."""
    ref = scene.store.campaigns.create(scene.tenant, campaign_id, spec_of(**OF_LEADS | spec), scene.now)
    other = Scene(scene.store, scene.tenant, ref, scene.page, scene.inbox, now=scene.now)
    other.open()
    import_leads(other, people)
    return other
