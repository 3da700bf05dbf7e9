"""The parts of an answer: what a campaign may ask an AI for, as a JSON schema and as a model that checks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model, field_validator, model_validator

from clarion.domain.fields import Amount, Count, Part, Word
from clarion.domain.problems import refusal, shown


class Kind(StrEnum):
    """What a part of an answer can be."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    YES_NO = "yes_no"
    CHOICE = "choice"
    LIST = "list"
    """Several texts."""


_MEANT_FOR: Mapping[str, tuple[Kind, ...]] = {
    "from": (Kind.INTEGER, Kind.NUMBER),
    "to": (Kind.INTEGER, Kind.NUMBER),
    "of": (Kind.CHOICE, Kind.LIST),
    "most": (Kind.LIST,),
}
"""Keys of an answer's field, and the kinds for which they mean something."""


class AnswerField(Part):
    """One part of an answer, as the campaign wants it."""

    type: Annotated[Kind, Field(description=f"one of {', '.join(Kind)}")]
    description: Annotated[Word | None, Field(max_length=2_000, description="what the AI should write here")] = None
    from_: Annotated[Amount | None, Field(alias="from", description="a number")] = None
    to: Annotated[Amount | None, Field(description="a number")] = None
    of: Annotated[tuple[Word, ...], Field(max_length=250, description="a list of up to 250 choices")] = ()
    """The only texts that may be answered."""
    most: Annotated[Count | None, Field(ge=1, le=100, description="a whole number from 1 to 100")] = None
    """Entries of a list."""

    @field_validator("of")
    @classmethod
    def _each_once(cls, choices: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(choices))

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        given = {"from": self.from_, "to": self.to, "of": self.of or None, "most": self.most}
        for key, kinds in _MEANT_FOR.items():
            if given[key] is not None and self.type not in kinds:
                raise refusal(f"{key} means nothing for {self.type}; it is for {' and '.join(kinds)}, so leave it out")
        if self.type is Kind.CHOICE and not self.of:
            raise refusal('of is missing; give the list of choices, such as ["A", "B", "C"]')
        return self

    @model_validator(mode="after")
    def _has_a_range(self) -> Self:
        for key, end in (("from", self.from_), ("to", self.to)):
            if self.type is Kind.INTEGER and end is not None and not end.is_integer():
                raise refusal(f"{key} is {end:g}, which no integer is; give a whole number, or set type: number")
        if self.from_ is not None and self.to is not None and self.from_ > self.to:
            raise refusal(f"from is {self.from_:g} and to is {self.to:g}, so no number would do; exchange them")
        return self


USUAL_ANSWER: Mapping[str, AnswerField] = {
    "score": AnswerField(type=Kind.INTEGER, from_=0, to=100, description="How well the lead fits, 100 is perfect."),
    "tier": AnswerField(type=Kind.CHOICE, of=("A", "B", "C", "D"), description="A: contact today. D: never."),
    "reasons": AnswerField(type=Kind.LIST, most=5, description="Why, in a few words each, from the lead's own data."),
    "risks": AnswerField(type=Kind.LIST, most=5, description="What speaks against it, or is missing in its data."),
    "next_step": AnswerField(type=Kind.TEXT, description="What a seller should do next, in one sentence."),
}

_JSON_TYPES: Mapping[Kind, str] = {
    Kind.TEXT: "string",
    Kind.INTEGER: "integer",
    Kind.NUMBER: "number",
    Kind.YES_NO: "boolean",
    Kind.CHOICE: "string",
    Kind.LIST: "array",
}


def field_schema(field: AnswerField) -> dict[str, object]:
    """Return the JSON schema of one part of an answer, as OpenAI's strict structured outputs want it."""
    schema: dict[str, object] = {"type": _JSON_TYPES[field.type]}
    if field.description is not None:
        schema["description"] = field.description
    if field.type is Kind.LIST:
        schema["items"] = {"type": "string", "enum": list(field.of)} if field.of else {"type": "string"}
        if field.most is not None:
            schema["maxItems"] = field.most
    elif field.of:
        schema["enum"] = list(field.of)
    for key, end in (("minimum", field.from_), ("maximum", field.to)):
        if end is not None:
            schema[key] = int(end) if end.is_integer() else end
    return schema


@lru_cache(maxsize=64)
def answer_model(fields: tuple[tuple[str, AnswerField], ...]) -> type[BaseModel]:
    """Return the model of an answer; inside, fields have other names, as some mean something to pydantic."""
    inside: dict[str, Any] = {
        f"part_{number}": (_value_type(field), Field(alias=name, description=_wanted(field)))
        for number, (name, field) in enumerate(fields)
    }
    return create_model("Answer", __config__=ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False), **inside)


def _value_type(field: AnswerField) -> object:
    match field.type:
        case Kind.INTEGER:
            return Annotated[int, Field(ge=field.from_, le=field.to)]
        case Kind.NUMBER:
            return Annotated[float, Field(ge=field.from_, le=field.to)]
        case Kind.YES_NO:
            return bool
        case Kind.LIST:
            return Annotated[list[_text_type(field.of)], Field(max_length=field.most)]  # type: ignore[misc]
        case Kind.TEXT | Kind.CHOICE:
            return _text_type(field.of)


def _text_type(choices: tuple[str, ...]) -> object:
    return Annotated[str, AfterValidator(_one_of(choices))] if choices else str


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    def chosen(text: str) -> str:
        if text not in choices:
            raise refusal(f"{shown(text)} is none of {', '.join(choices)}")
        return text

    return chosen


def _wanted(field: AnswerField) -> str:
    """Say what may stand in a part of an answer."""
    words = {Kind.TEXT: "a text", Kind.YES_NO: "true or false", Kind.CHOICE: "one of " + ", ".join(field.of)}
    if field.type is Kind.LIST:
        return "a list of texts" if field.most is None else f"a list of up to {field.most} texts"
    if field.type in words:
        return words[field.type]
    kind = "a whole number" if field.type is Kind.INTEGER else "a number"
    lowest = "" if field.from_ is None else f" from {field.from_:g}"
    return kind + lowest + ("" if field.to is None else f" to {field.to:g}")
