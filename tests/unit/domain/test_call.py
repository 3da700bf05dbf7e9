"""What a call is given to say, and what is known of it."""

from __future__ import annotations

import pytest

from clarion.domain.call import CallFacts, CallSpec, MachineRule, Script, ScriptWriter, Stage
from clarion.domain.errors import BadInput
from clarion.domain.template import MissingVariable

SPEC = CallSpec(
    agent="agent_1",
    language="en-US",
    prompt="Find a date for {{ first_name }}.",
    first_message="Hello {{ first_name }}!",
    context='Plan: {{ plan|default("unknown") }}',
)
ANN = {"first_name": "Ann", "plan": "Basic", "city": "Reno"}


def test_a_script_is_filled_in_and_all_variables_go_along() -> None:
    assert ScriptWriter(SPEC).write(ANN, {}) == Script(
        prompt="Find a date for Ann.",
        first_message="Hello Ann!",
        context="Plan: Basic",
        agent="agent_1",
        language="en-US",
        variables=ANN,
    )


def test_a_row_s_own_words_go_first_and_are_taken_as_they_stand() -> None:
    own = {"prompt": "Say {{ nothing }} {% x", "agent": "agent_2", "language": "", "context": ""}
    script = ScriptWriter(SPEC).write(ANN, own)
    assert (script.prompt, script.agent) == ("Say {{ nothing }} {% x", "agent_2")
    assert (script.language, script.context, script.first_message) == ("en-US", "Plan: Basic", "Hello Ann!")


def test_a_campaign_without_words_leaves_them_to_the_agent() -> None:
    assert ScriptWriter(CallSpec()).write({}, {}) == Script()
    assert ScriptWriter(CallSpec()).write({}, {"first_message": "Hi"}) == Script(first_message="Hi")


def test_a_missing_value_is_named_unless_the_row_has_its_own_words() -> None:
    writer = ScriptWriter(SPEC)
    with pytest.raises(MissingVariable) as missing:
        writer.write({"plan": "Basic"}, {"prompt": "Hi"})
    assert missing.value.name == "first_name"
    assert writer.write({}, {"prompt": "Hi", "first_message": "Hello"}).context == "Plan: unknown"


def test_an_expression_that_fails_on_a_value_says_so() -> None:
    with pytest.raises(BadInput, match="cannot be filled in"):
        ScriptWriter(CallSpec(prompt="{{ 1 // n|int }}")).write({"n": "0"}, {})


def test_all_names_that_the_texts_mention_are_known() -> None:
    assert ScriptWriter(SPEC).variables == {"first_name", "plan"}
    assert ScriptWriter(CallSpec(machine=MachineRule.LEAVE_MESSAGE, voicemail_message="{{ a }}")).variables == {"a"}
    assert ScriptWriter(CallSpec()).variables == frozenset()


def test_a_call_must_be_over_when_it_has_rung_and_talked_as_long_as_it_may() -> None:
    assert CallSpec(max_minutes=0.5).longest == 60 + 30


def test_the_stages_of_a_call_stand_in_the_order_of_its_life() -> None:
    assert sorted(Stage, key=lambda stage: stage.rank) == [
        Stage.PLACED,
        Stage.RINGING,
        Stage.ANSWERED,
        Stage.ENDED,
    ]
    assert CallFacts().stage is Stage.PLACED
