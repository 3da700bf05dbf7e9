"""The sandbox is as strict with schemas as OpenAI, and makes up what fits them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from clarion.sandbox.decisions import Decisions
from clarion.sandbox.openai.invention import Invention, facts_in
from clarion.sandbox.openai.schemas import complaint
from tests.sandbox.openai_parties import SCHEMA, Fit, lead


class Contact(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    role: Literal["buyer", "user"] | None
    budget: float | None


class Company(BaseModel):
    model_config = ConfigDict(extra="forbid")

    main: Contact
    others: list[Contact]
    words: list[Literal["big", "small"]]
    size: int
    nothing: None


class Bounds(BaseModel):
    model_config = ConfigDict(extra="forbid")

    between: int = Field(gt=3, lt=5)
    share: float = Field(ge=-1, le=1)
    large: int = Field(ge=500)
    below: float = Field(lt=0)
    four: Literal[4]
    day: date
    yes: bool


class Few(BaseModel):
    model_config = ConfigDict(extra="forbid")

    many: list[str] = Field(min_length=7, max_length=9)
    one: list[str] = Field(max_length=1)
    risks: list[str] = Field(min_length=4)


def objects(**properties: object) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        (SCHEMA, None),
        (Company.model_json_schema(), None),
        ({**SCHEMA, "additionalProperties": True}, "In context=(), 'additionalProperties' is required"),
        ({**SCHEMA, "required": ["score"]}, "Missing 'tier'"),
        ({**objects(a={"type": "string"}), "required": ["a", "b"]}, "Extra required key 'b'"),
        (objects(a={"type": "object", "properties": {}}), "context=('properties', 'a'), 'additionalProperties'"),
        (objects(a={"type": "array"}), "context=('properties', 'a'), array schema missing items"),
        (objects(a={"type": "array", "items": {"type": "string", "minLength": 2}}), "'minLength' is not permitted"),
        (objects(a={"description": "x"}), "must have a 'type' key"),
        (objects(a={"anyOf": [objects(b={"type": "string", "default": "x"}), {"type": "null"}]}), "'default' is not"),
        ({"type": "array"}, "got 'type: \"array\"'"),
        (objects(a={"enum": [str(number) for number in range(1001)]}), "up to 1000 enum values"),
    ],
)
def test_strict_schemas_are_checked(schema: dict[str, object], says: str | None) -> None:
    said = complaint(schema)
    assert said is None if says is None else said is not None and says in said


def test_a_schema_may_not_be_too_deep() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(11):
        schema = objects(a=schema)
    assert "nesting depth" in str(complaint(schema))


@pytest.mark.parametrize("model", [Fit, Company, Bounds, Few])
@pytest.mark.parametrize("said", [lead(), "no JSON at all", "{}", '{"broken": '])
def test_inventions_fit_their_schema(model: type[BaseModel], said: str) -> None:
    decisions, facts = Decisions(7), facts_in(said)[0]
    for number in range(20):
        answer = Invention(model.model_json_schema(), facts, Share(decisions, number), {}).answer()
        model.model_validate_json(json.dumps(answer))


def test_several_kinds_in_one_are_taken_for_the_first() -> None:
    schema = objects(a={"type": ["integer", "null"], "minimum": 5, "maximum": 6})
    assert Invention(schema, {}, Share(Decisions(7), 1), {}).answer() in ({"a": 5}, {"a": 6})


class Share:
    def __init__(self, decisions: Decisions, number: int) -> None:
        self.decisions, self.number = decisions, number

    def __call__(self, name: str) -> float:
        return self.decisions.shares(f"{self.number}/{name}")[0]


@pytest.mark.parametrize(
    ("said", "facts", "around"),
    [
        ('{"A": 1, "B": null}', {"A": "1", "B": ""}, " "),
        ('Lead:\n{"A": "}"} end', {"A": "}"}, "Lead:\n  end"),
        ("nothing", {}, "nothing"),
        ("{broken", {}, "{broken"),
    ],
)
def test_a_lead_is_told_from_what_stands_around_it(said: str, facts: Mapping[str, str], around: str) -> None:
    assert facts_in(said) == (facts, around)
