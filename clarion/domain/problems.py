"""Turns what pydantic says about wrong data into sentences a person can act on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from clarion.domain.errors import did_you_mean

_LONGEST_SHOWN = 60
_REFUSAL = "refusal"


def refusal(problem: str) -> PydanticCustomError:
    """Return what a validator raises when it has a sentence of its own to say."""
    return PydanticCustomError(_REFUSAL, "{problem}", {"problem": problem})


def sentences(error: ValidationError, model: type[BaseModel]) -> str:
    """Return one sentence a line: where, what was given, and the way out (from the field's `description`)."""
    return "\n".join(dict.fromkeys(_sentence(detail, model) for detail in error.errors(include_url=False)))


def _sentence(detail: ErrorDetails, model: type[BaseModel]) -> str:
    path = [part for part in detail["loc"] if part != "[key]"]
    where = _dotted(path)
    if detail["type"] == "extra_forbidden":
        keys = _keys(_model_at(model, path[:-1]))
        near = did_you_mean(str(path[-1]), keys)
        return f'{where}: unknown key "{path[-1]}"{near}; known are {", ".join(keys)}'
    if detail["type"] == "invalid_key":
        group = _dotted(path[:-1]) or "the campaign"
        return f'{group}: {shown(detail["input"])} is not a key; keys are texts (put one such as "on" in quotes)'
    if detail["type"] == _REFUSAL:
        return f"{where}: {detail['msg']}" if where else detail["msg"]
    field = _field_at(model, path)
    wanted = f"; give {field.description}" if field and field.description else f": {detail['msg']}"
    if detail["type"] == "missing":
        return f"{where} is missing{wanted}"
    return f"{where} is {shown(detail['input'])}{wanted}{_nearest(detail)}"


def _nearest(detail: ErrorDetails) -> str:
    if detail["type"] != "enum" or not isinstance(detail["input"], str):
        return ""
    return did_you_mean(detail["input"], str(detail.get("ctx", {}).get("expected", "")).split("'")[1::2])


def shown(value: object) -> str:
    """Show a value as the person wrote it, shortened; never the inside of a list or a group."""
    match value:
        case None:
            return "empty"
        case bool():
            return str(value).lower()
        case str():
            cut = value if len(value) <= _LONGEST_SHOWN else value[: _LONGEST_SHOWN - 1] + "…"
            return '"' + cut.replace("\n", " ") + '"'
        case dict():
            return "a group of keys"
        case list() | tuple() | set():
            return "a list"
        case _:
            return str(value)[:_LONGEST_SHOWN]


def _dotted(path: Sequence[int | str]) -> str:
    return ".".join(f"{part + 1}" if isinstance(part, int) else part for part in path)


def _keys(model: type[BaseModel] | None) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _field_at(model: type[BaseModel], path: Sequence[int | str]) -> FieldInfo | None:
    inside: type[BaseModel] | None = model
    found = None
    for part in path:
        if inside is None:
            return found
        found = next((f for name, f in inside.model_fields.items() if part in (name, f.alias)), None)
        inside = _model_in(found.annotation) if found else None
    return found


def _model_at(model: type[BaseModel], path: Sequence[int | str]) -> type[BaseModel] | None:
    if not path:
        return model
    field = _field_at(model, path)
    return _model_in(field.annotation) if field else None


def _model_in(annotation: object) -> type[BaseModel] | None:
    return next(_models(annotation), None)


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, UnionType):
        for choice in get_args(annotation):
            yield from _models(choice)
