"""What is read out of vendors' JSON: a part that is missing, or not what it used to be, costs only itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

T = TypeVar("T")


def _or_nothing(value: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(value)
    except ValidationError:
        return None


Maybe = Annotated[T | None, WrapValidator(_or_nothing)]
"""A value of this type, or None for whatever else stands there."""


class Read(BaseModel):
    """The part of a vendor's object that we use."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


def as_text(value: JsonValue) -> str:
    """Write a value for people and reports: a text as it stands, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def as_texts(values: Mapping[str, JsonValue]) -> dict[str, str]:
    """Write all values that are there."""
    return {name: as_text(value) for name, value in values.items() if value is not None}
