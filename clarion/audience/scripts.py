"""What a call to a row is given: the variables that go along, and the row's own words in place of the campaign's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from clarion.audience.row import Row
from clarion.audience.source import require_columns
from clarion.audience.variables import filled, named, sources, usual, values
from clarion.audience.wording import SkipRow, Words
from clarion.domain.audience import OWN_WORDS
from clarion.domain.call import MOST_VARIABLES, SCRIPT_WORDS, CallSpec, ScriptWriter
from clarion.domain.campaign import CampaignSpec
from clarion.domain.errors import BadInput
from clarion.domain.target import SkipReason
from clarion.domain.template import Template

LONGEST_VALUE = 2_000
"""Characters of a variable. Longer ones would be spoken for minutes, or belong into the context."""

LONGEST: Mapping[str, int] = {
    "prompt": 32_000,
    "context": 32_000,
    "first_message": 2_000,
    "voicemail_message": 2_000,
    "agent": 500,
    "language": 35,
}
"""Characters of each part of a script, filled in; 2,000 are two minutes of speech, 35 what RFC 5646 asks for."""

_PURPOSES = {name: f"each row's own {name.replace('_', ' ')}" for name in OWN_WORDS}
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class ScriptWording:
    """The scripts of one campaign of calls."""

    keeps_skipped = False

    def __init__(self, spec: CampaignSpec, call: CallSpec, columns: Sequence[str]) -> None:
        """Find the columns.

        Raises BadInput for a column or a variable of a text that is not there, or when too many columns would go along.
        """
        audience = spec.audience
        self._own = {name: column for name in OWN_WORDS if (column := getattr(audience, name)) is not None}
        require_columns(columns, {_PURPOSES[name]: column for name, column in self._own.items()})
        self._templates = ScriptWriter(call).templates
        self._sources = {name: sources(template, columns, f"call.{name}") for name, template in self._templates.items()}
        asked = named(call.variables or (), columns)
        needed = {variable: column for found in self._sources.values() for variable, column in found.items()}
        self._needed = (*self._own.values(), *needed.values(), *asked.values())
        along = asked
        if call.variables is None:
            apart = {audience.address, audience.time_zone, *self._own.values()}
            along = usual([column for column in columns if column not in apart], columns)
        later = {}
        if spec.fallback is not None:
            later = sources(Template.parse(spec.fallback.message), columns, "fallback.message")
        self._variables = {**along, **later, **needed}
        _require_few(self._variables)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it needs; those that merely go along are not among them."""
        return self._needed

    def of(self, row: Row) -> Words:
        """Return what is kept of a row. Raises SkipRow."""
        own = self._own_words(row.cells)
        variables = values(self._variables, self._readable(row))
        for name, template in self._templates.items():
            if name not in own:
                text = filled(template, variables, self._sources[name], f"the {name.replace('_', ' ')}")
                _require_short(f"the {name.replace('_', ' ')}", text, LONGEST[name])
        for variable, value in variables.items():
            _require_short(f'the cell "{self._variables[variable]}"', value, LONGEST_VALUE)
        return Words(variables, _encode(own) if own else None, 0)

    def _own_words(self, cells: Mapping[str, str]) -> dict[str, str]:
        own = {}
        for name, column in self._own.items():
            text = cells.get(column, "")
            if text and not text.isspace():
                own[name] = text.strip() if name in SCRIPT_WORDS else text
                _require_short(f'the cell "{column}"', own[name], LONGEST[name])
        return own

    @staticmethod
    def _readable(row: Row) -> Mapping[str, str]:
        """Return the cells without those that cannot be read: nobody should be told "#REF!" on the phone."""
        if row.faults is None:
            return row.cells
        return {column: cell for column, cell in row.cells.items() if column not in row.faults}


def _require_short(what: str, text: str, most: int) -> None:
    if len(text) > most:
        detail = f"{what} has {len(text):,} characters; for a call it may have up to {most:,}"
        raise SkipRow(SkipReason.TEXT_TOO_LONG, detail)


def _require_few(variables: Mapping[str, str]) -> None:
    if len(variables) > MOST_VARIABLES:
        raise BadInput(
            f"{len(variables)} columns of the audience would go along with every call, which takes up to "
            f"{MOST_VARIABLES}; name those that its agent needs in call.variables."
        )
