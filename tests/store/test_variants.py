"""Variants in the store: who came with which, and what came of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from clarion.domain.target import TargetState
from clarion.store.variants import VariantKey, VariantSums
from tests.store.lead_scene import fetch
from tests.store.scene import COST, Scene, rejected, row, sent
from tests.store.test_lead_feeding import follow, pull, score

MakeScene = Callable[..., Scene]
VARIANTS = [{"name": "a", "message": "Hi {{ name }}"}, {"name": "b", "message": "Hello {{ name }}"}]


def varied(make_scene: MakeScene, given: Sequence[str | None]) -> Scene:
    """Make a campaign over people with these variants."""
    scene = make_scene(message=None, variants=VARIANTS, retry={"attempts": 1})
    scene.import_rows([row(n, scene.address(n), variant=name) for n, name in enumerate(given, 1)])
    return scene


def test_a_target_keeps_its_variant_and_whoever_claims_it_is_told(make_scene: MakeScene) -> None:
    scene = varied(make_scene, ["a", None, "b"])
    assert [target.variant for target in scene.store.targets.page(scene.key)] == ["a", None, "b"]
    assert [target.variant for target in scene.claim(scene.open_chunk(), 3)] == ["a", None, "b"]


def test_what_came_of_each_variant_is_added_up(make_scene: MakeScene) -> None:
    scene = varied(make_scene, ["a", "b", "a", None, "b", "a"])
    opened = scene.open_chunk()
    attempts = [scene.contact(opened) for _ in range(5)]
    for attempt in attempts[:4]:
        scene.record(attempt, sent(f"SM{attempt.position}"))
    scene.record(attempts[4], rejected())
    scene.receive(attempts[0], "delivered", sid="SM1")
    scene.receive(attempts[1], "delivered", sid="SM2")
    scene.receive(attempts[2], "undelivered", sid="SM3", code=30003)
    for reference, body in enumerate(("Yes", "Really yes", "STOP")):
        scene.hear(scene.address(1), body, f"IN{reference}")
    assert scene.store.variants.sums([scene.key]) == {
        VariantKey(scene.key, "a"): VariantSums(
            {TargetState.PENDING: 1, TargetState.SUCCEEDED: 1, TargetState.FAILED: 1},
            {"delivered": 1, "undelivered": 1},
            attempts=2,
            cost=2 * COST,
            replies=1,
            stops=1,
        ),
        VariantKey(scene.key, "b"): VariantSums(
            {TargetState.SUCCEEDED: 1, TargetState.FAILED: 1}, {"delivered": 1, "failed": 1}, attempts=2, cost=COST
        ),
    }


def test_a_campaign_without_variants_has_no_sums(scene: Scene) -> None:
    assert scene.store.variants.sums([scene.key]) == {}
    assert scene.store.variants.sums([]) == {}


def test_leads_that_come_to_a_campaign_with_variants_are_given_one_each(leads: Scene) -> None:
    variants = [
        {"name": "short", "message": "Hi {{ Name }}"},
        {"name": "long", "message": "Hello {{ Name }} " + "x" * 160},
    ]
    child = follow(leads, message=None, variants=variants)
    fetch(leads, [1, 2, 3, 4, 5])
    score(leads, *[90] * 5)
    assert pull(child) == 5
    found = [(target.variant, target.segments) for target in child.store.targets.page(child.key)]
    assert set(found) <= {("short", 1), ("long", 2)}
    assert all(json.loads(target.variables) for target in child.store.targets.page(child.key))
