"""What a form asks an AI about each lead: the parts of an answer, a row of the form each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from clarion.domain.answer import AnswerField, Kind
from clarion.domain.assessment import MOST_FIELDS
from clarion.domain.errors import BadInput

LEAST, SPARE = 8, 3
"""Rows of a form at least, and empty ones after those that are filled in."""

_RANGE = re.compile(r"\s*(?P<first>[+-]?\d+(?:\.\d+)?)?\s*(?:to|-|–|\.\.)\s*(?P<last>[+-]?\d+(?:\.\d+)?)?\s*")
_ENDS = frozenset({Kind.INTEGER, Kind.NUMBER})
_CHOSEN = frozenset({Kind.CHOICE, Kind.LIST})


@dataclass(frozen=True, slots=True)
class Row:
    """A part of an answer as it stands in the form."""

    name: str = ""
    type: str = Kind.TEXT.value
    of: str = ""
    """Its choices, separated by commas, or the range of a number."""
    means: str = ""


def rows_of(fields: Mapping[str, AnswerField]) -> list[Row]:
    """Return the rows of these parts, and some empty ones."""
    return _with_spare(
        Row(name, field.type.value, _bounds(field), field.description or "") for name, field in fields.items()
    )


def rows_typed(typed: Mapping[str, str]) -> list[Row]:
    """Return the rows as somebody has filled them in."""
    return _with_spare(row for row in _typed(typed) if row != Row())


def fields_of_form(typed: Mapping[str, str], known: Mapping[str, AnswerField]) -> dict[str, object] | None:
    """Return the parts that somebody wants, None where the form did not ask.

    What a form cannot show of a part, such as how many entries a list may have, is kept from ``known``.

    Raises BadInput.
    """
    if "answer_name_0" not in typed:
        return None
    fields: dict[str, object] = {}
    for row in _typed(typed):
        if not row.name:
            if row.of or row.means:
                raise BadInput(f'answers: "{row.of or row.means}" belongs to no answer; give it a name')
            continue
        if row.name in fields:
            raise BadInput(f'answers: "{row.name}" is given twice; give each answer a name of its own')
        fields[row.name] = _field(row, known.get(row.name))
    return fields


def _field(row: Row, known: AnswerField | None) -> dict[str, object]:
    field: dict[str, object] = {"type": row.type}
    if row.means:
        field["description"] = row.means
    if known is not None and known.type == row.type and row.of == _bounds(known):
        kept = known.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"description"})
        return kept | field
    if not row.of:
        return field
    if row.type in _CHOSEN:
        return field | {"of": [choice.strip() for choice in row.of.split(",") if choice.strip()]}
    if row.type in _ENDS:
        return field | _ends(row)
    raise BadInput(f'answers: "{row.of}" means nothing for {row.name}, which is a {row.type}; leave it out')


def _ends(row: Row) -> dict[str, object]:
    found = _RANGE.fullmatch(row.of)
    if found is None or not (found["first"] or found["last"]):
        raise BadInput(f'answers: "{row.of}" is no range for {row.name}; write one such as 0 to 100')
    given = {"from": found["first"], "to": found["last"]}
    return {key: float(number) for key, number in given.items() if number}


def _bounds(field: AnswerField) -> str:
    if field.of:
        return ", ".join(field.of)
    if field.from_ is None and field.to is None:
        return ""
    first, last = ("" if end is None else f"{end:g}" for end in (field.from_, field.to))
    return f"{first} to {last}".strip()


def _typed(typed: Mapping[str, str]) -> Iterator[Row]:
    for n in range(MOST_FIELDS + 1):
        if f"answer_name_{n}" not in typed:
            return
        name, kind, of, means = (
            typed.get(f"answer_{part}_{n}", "").strip() for part in ("name", "type", "of", "means")
        )
        yield Row(name, kind or Kind.TEXT.value, of, means)


def _with_spare(rows: Iterable[Row]) -> list[Row]:
    filled = list(rows)
    wanted = min(max(LEAST, len(filled) + SPARE), MOST_FIELDS)
    return filled + [Row()] * (wanted - len(filled))
