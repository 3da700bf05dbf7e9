"""A campaign of calls in a real store, and what providers say of a call."""

from __future__ import annotations

from clarion.domain.attempt import AttemptId, Verdict
from clarion.domain.call import CallFacts
from clarion.domain.target import Outcome
from clarion.store.claims import OpenChunk
from clarion.store.entries import Granted, Record
from clarion.store.store import Store
from tests.store.scene import Scene, new_scene, row, spec_of

MOST = 500_000
"""What a call can cost, in millionths: five minutes."""

OF_CALLS: dict[str, object] = {
    "channel": "call",
    "message": None,
    "call": {"prompt": "Be kind.", "max_minutes": 5},
}


def new_call_scene(store: Store, people: int = 0, *, account_spacing: float = 0.0, **spec: object) -> Scene:
    """Make a tenant with a running campaign of calls."""
    return new_scene(store, people, account_spacing=account_spacing, **OF_CALLS | spec)


def same_people(scene: Scene, *positions: int, **spec: object) -> Scene:
    """Make another campaign of calls of the same tenant that calls the same people."""
    ref = scene.store.campaigns.create(scene.tenant, "c2", spec_of(**OF_CALLS | spec), scene.now)
    other = Scene(scene.store, scene.tenant, ref, scene.page, scene.inbox)
    other.open()
    other.import_rows([row(position, scene.address(position)) for position in positions])
    return other


def placed(reference: str = "CA1") -> Verdict:
    return Verdict(Outcome.PLACED, final=False, provider_reference=reference, provider_status="queued")


def ended(outcome: Outcome = Outcome.ANSWERED, *, retryable: bool = False, reference: str = "CA1") -> Verdict:
    return Verdict(outcome, final=True, retryable=retryable, provider_reference=reference, provider_status="completed")


def call(scene: Scene, opened: OpenChunk, number: int | None = None, *, reference: str = "CA1") -> AttemptId:
    """Claim the next target and call it."""
    answer = scene.intend(scene.claim(opened, 1, number)[0], opened, MOST)
    assert isinstance(answer, Granted), answer
    scene.record(answer.attempt, placed(reference))
    return answer.attempt


def tell(scene: Scene, attempt: AttemptId, verdict: Verdict, *, costs: int | None = None, **facts: object) -> None:
    """Record a word about a call; ``facts`` by name, ``costs`` is what the lane takes it to have cost."""
    scene.post(Record(attempt, verdict, CallFacts(**facts), costs))  # type: ignore[arg-type]  # fields by name
