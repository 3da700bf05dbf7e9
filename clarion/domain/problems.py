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
_UNKNOWN_KEY = "extra_forbidden"


def refusal(problem: str) -> PydanticCustomError:
    """Return what a validator raises when it has a sentence of its own to say."""
    return PydanticCustomError(_REFUSAL, "{problem}", {"problem": problem})


def sentences(error: ValidationError, model: type[BaseModel], under: Sequence[str] = ()) -> str:
    """Return one sentence a line: where, what was given, and the way out (from the field's `description`).

    Unknown keys come first: a mistyped one is often why another is missing. `under` is where the model's data stands
    in what the person wrote.
    """
    details = sorted(error.errors(include_url=False), key=lambda detail: detail["type"] != _UNKNOWN_KEY)
    return "\n".join(dict.fromkeys(_sentence(detail, model, under) for detail in details))


def _sentence(detail: ErrorDetails, model: type[BaseModel], under: Sequence[str]) -> str:
    path = [part for part in detail["loc"] if part != "[key]"]
    if detail["type"] in (_UNKNOWN_KEY, "invalid_key"):
        return _about_key(detail, path, model, under)
    where = _dotted([*under, *path])
    if detail["type"] == _REFUSAL:
        return f"{where}: {detail['msg']}" if where else detail["msg"]
    field = _field_at(model, path)
    wanted = f"; give {field.description}" if field and field.description else f": {detail['msg']}"
    if detail["type"] == "missing":
        return f"{where} is missing{wanted}"
    return f"{where} is {shown(detail['input'])}{wanted}{_nearest(detail)}"


def _about_key(detail: ErrorDetails, path: Sequence[int | str], model: type[BaseModel], under: Sequence[str]) -> str:
    around = [*under, *path[:-1]]
    group = f"{_dotted(around)}: " if around else ""
    if detail["type"] == "invalid_key":
        return f'{group}{shown(detail["input"])} is not a key; keys are texts (put one such as "on" in quotes)'
    keys = _keys(_model_at(model, path[:-1]))
    return f'{group}unknown key "{path[-1]}"{did_you_mean(str(path[-1]), keys)}; known are {", ".join(keys)}'


def _nearest(detail: ErrorDetails) -> str:
    if detail["type"] != "enum" or not isinstance(detail["input"], str):
        return ""
    return did_you_mean(detail["input"], str(detail.get("ctx", {}).get("expected", "")).split("'")[1::2])


def shown(value: object) -> str:
    """Show a value as the person wrote it, shortened; never the inside of a list or a group."""
    match value:
        case None | bool():
            return "empty" if value is None else str(value).lower()
        case int() if abs(value) >= 10**_LONGEST_SHOWN:
            return "a number with too many digits"
        case str():
            cut = value if len(value) <= _LONGEST_SHOWN else value[: _LONGEST_SHOWN - 1] + "…"
            return '"' + cut.replace("\n", " ") + '"'
        case dict() | list() | tuple() | set():
            return "a group of keys" if isinstance(value, dict) else "a list"
        case _:
            return str(value)[:_LONGEST_SHOWN]


def _dotted(path: Sequence[int | str]) -> str:
    return ".".join(f"{part + 1}" if isinstance(part, int) else part for part in path)


def _keys(model: type[BaseModel] | None) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _field_at(model: type[BaseModel], path: Sequence[int | str]) -> FieldInfo | None:
    inside: type[BaseModel] | None = model
    found = None
    steps = iter(path)
    for part in steps:
        if inside is None:
            return found
        found = next((f for name, f in inside.model_fields.items() if part in (name, f.alias)), None)
        inside = _model_in(found.annotation) if found else None
        if found and any(get_origin(choice) in (dict, tuple) for choice in _choices(found.annotation)):
            next(steps, None)  # a place in a list, or the key of a group whose keys are not fields, such as an outcome
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
    elif get_origin(annotation) in (Union, UnionType, dict, tuple):
        for choice in get_args(annotation):
            yield from _models(choice)


def _choices(annotation: object) -> tuple[object, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
