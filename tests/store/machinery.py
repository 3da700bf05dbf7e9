"""How the state machines of this folder are played, and what they choose from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from clarion.store.store import Store

EXAMPLES: Mapping[str, int] = {"sqlite": 40, "postgresql": 10}
"""Quick enough for every run; set them higher to search for longer."""

STEPS = 40
CHOICE = st.integers(0, 1_000)
NUMBERS = st.integers(1, 3)
RARELY = st.sampled_from([True, False, False, False])


def one_of(choices: list[Any], choice: int) -> Any:  # noqa: ANN401 - whatever is chosen from
    return choices[choice % len(choices)]


class StoreMachine(RuleBasedStateMachine):
    """Happenings in any order, to one store."""

    store: Store


def play(machine: type[StoreMachine], store: Store, examples: Mapping[str, int] = EXAMPLES) -> None:
    """Play the same games in every run; the class is the caller's own, as it keeps the store."""
    machine.store = store
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples["sqlite" if store.database.is_sqlite else "postgresql"],
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
