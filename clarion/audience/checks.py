"""Checks each row of an audience against its campaign: what is sent to whom, or why this row is never contacted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clarion.audience.row import Row
from clarion.audience.source import require_columns
from clarion.domain.campaign import CampaignSpec
from clarion.domain.errors import BadInput, did_you_mean
from clarion.domain.phone import InvalidPhone, candidate_zones, normalize_phone
from clarion.domain.segments import count_segments
from clarion.domain.target import SkipReason
from clarion.domain.template import MissingVariable, Template
from clarion.domain.window import TARGET, nearest_zone, next_opening, valid_zone

LONGEST_TEXT = 1600
"""Characters Twilio takes in the body of one message."""
_LONGEST_NUMBER = 250
"""Characters; looking for a number in more text than that takes too long."""
_SHOWN = 60
_MOST_ZONE_HINTS = 100
"""Finding the nearest of 600 zone names takes milliseconds, too long to do for each of a million bad rows."""
_NOT_A_WORD = re.compile(r"\W+")


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """A row as the store takes it; `skip` and `detail` are both None when the row may be contacted."""

    row: int
    address: str | None
    """E.164; None when the row gives no usable number."""
    variables: dict[str, str]
    """Those the campaign's text uses and this row has; empty for a row with its own text, and for a skipped one."""
    text: str | None
    """The row's own text, sent as it stands; None when the campaign's text applies."""
    time_zone: str | None
    """The zone the row names; None leaves the candidates that its number gives."""
    segments: int
    skip: SkipReason | None = None
    detail: str | None = None


class _SkipError(Exception):
    """The row is not to be contacted."""

    def __init__(self, reason: SkipReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class RowChecker:
    """Checks rows of one audience. Duplicates and suppressed numbers are not looked for here: the store knows them."""

    def __init__(self, spec: CampaignSpec, columns: Sequence[str], now: float) -> None:
        """Find every column the campaign needs.

        Args:
            spec: the campaign.
            columns: the columns of its audience.
            now: epoch seconds; a number whose window does not open within 8 days of it is skipped.

        Raises:
            BadInput: a column or a variable of the text is not there; the sentence names those that are.
        """
        audience = spec.audience
        needed = {"the phone number": audience.address}
        if audience.time_zone is not None:
            needed["the time zone"] = audience.time_zone
        if audience.message is not None:
            needed["each row's text"] = audience.message
        require_columns(columns, needed)
        self._address, self._zone, self._message = audience.address, audience.time_zone, audience.message
        self._region = audience.region
        self._window = spec.window if spec.window is not None and spec.window.time_zone == TARGET else None
        self._now = now
        self._template = None if spec.message is None else Template.parse(spec.message)
        self._sources = {} if self._template is None else _sources(self._template, columns)
        self._used = (*needed.values(), *self._sources.values())
        self._zone_hints: dict[str, str] = {}

    def check(self, row: Row) -> CheckedRow:
        """Return what becomes of a row; never raises for anything a row holds."""
        address = zone = text = None
        variables: dict[str, str] = {}
        segments = 0
        try:
            self._check_readable(row)
            cells = row.cells
            address = self._number(cells)
            zone = self._time_zone(cells)
            if self._window is not None:
                self._check_window(address, zone)
            text = self._own_text(cells)
            if text is None and self._template is not None:
                variables = self._variables(cells)
                segments = _segments(self._rendered(self._template, variables))
            elif text is not None:
                segments = _segments(text)
        except _SkipError as skip:
            # What is never sent is not kept: the number says who was meant, the detail says why not.
            return CheckedRow(row.number, address, {}, None, zone, 0, skip.reason, skip.detail)
        return CheckedRow(row.number, address, variables, text, zone, segments)

    def _check_readable(self, row: Row) -> None:
        if row.problem is not None:
            raise _SkipError(row.reason or SkipReason.UNREADABLE_ROW, row.problem)
        if row.faults is not None:
            for column in self._used:
                if column in row.faults:
                    raise _SkipError(SkipReason.UNREADABLE_ROW, row.faults[column])

    def _number(self, cells: Mapping[str, str]) -> str:
        raw = cells.get(self._address, "")
        if not raw or raw.isspace():
            raise _SkipError(SkipReason.MISSING_PHONE, f'the cell "{self._address}" is empty')
        if len(raw) > _LONGEST_NUMBER:
            raise self._bad_number(raw, f"it has {len(raw):,} characters")
        try:
            return normalize_phone(raw, self._region)
        except InvalidPhone as error:
            raise self._bad_number(raw, error.why) from None

    def _bad_number(self, raw: str, why: str) -> _SkipError:
        detail = f'{self._address} "{_shown(raw)}" is not a phone number that can be used: {why}'
        return _SkipError(SkipReason.INVALID_PHONE, detail)

    def _time_zone(self, cells: Mapping[str, str]) -> str | None:
        zone = cells.get(self._zone, "").strip() if self._zone is not None else ""
        if not zone:
            return None
        if not valid_zone(zone):
            detail = f'{self._zone} "{_shown(zone)}" is not a time zone{self._zone_hint(zone)}'
            raise _SkipError(SkipReason.INVALID_TIME_ZONE, detail)
        return zone

    def _zone_hint(self, zone: str) -> str:
        if zone not in self._zone_hints and len(self._zone_hints) < _MOST_ZONE_HINTS and len(zone) <= _SHOWN:
            self._zone_hints[zone] = nearest_zone(zone)
        return self._zone_hints.get(zone, "")

    def _check_window(self, address: str, zone: str | None) -> None:
        window = self._window
        zones = (zone,) if zone is not None else candidate_zones(address)
        if not zones:
            detail = f"nothing is known about the time zone of {address}, and the window is in the target's time"
            raise _SkipError(SkipReason.UNKNOWN_TIME_ZONE, detail)
        if window is not None and next_opening(window, zones, self._now) is None:
            shown = ", ".join(zones[:3]) + (f" and {len(zones) - 3} more" if len(zones) > 3 else "")
            detail = f"{address} may be in {shown}, and the window is never open in all of them at once"
            raise _SkipError(SkipReason.UNKNOWN_TIME_ZONE, detail)

    def _own_text(self, cells: Mapping[str, str]) -> str | None:
        if self._message is None:
            return None
        text = cells.get(self._message, "")
        if text and not text.isspace():
            return text
        if self._template is None:
            detail = f'the cell "{self._message}" is empty, and the campaign has no text of its own'
            raise _SkipError(SkipReason.EMPTY_TEXT, detail)
        return None

    def _variables(self, cells: Mapping[str, str]) -> dict[str, str]:
        variables = {}
        for name, column in self._sources.items():
            value = cells.get(column, "").strip()
            if value:
                variables[name] = value
        return variables

    def _rendered(self, template: Template, variables: Mapping[str, str]) -> str:
        try:
            return template.render(variables)
        except MissingVariable as missing:
            column = self._sources.get(missing.name)
            why = f'the cell "{column}" is empty' if column else "no column gives it"
            raise _SkipError(SkipReason.MISSING_VARIABLE, f"the text needs {missing.name}, and {why}") from None
        except BadInput as error:
            raise _SkipError(SkipReason.MISSING_VARIABLE, _shown(str(error), 300)) from None


def _segments(text: str) -> int:
    if not text or text.isspace():
        raise _SkipError(SkipReason.EMPTY_TEXT, "the text of this row is empty")
    if len(text) > LONGEST_TEXT:
        detail = f"the text of this row has {len(text):,} characters; a message may have up to {LONGEST_TEXT:,}"
        raise _SkipError(SkipReason.TEXT_TOO_LONG, detail)
    return count_segments(text).count


def _sources(template: Template, columns: Sequence[str]) -> dict[str, str]:
    """Map each variable of the text to its column: the one of that name, else the only one spelled like "First Name".

    Raises BadInput for variables without a column, but for those that the text can do without (`default`).
    """
    spelled: dict[str, list[str]] = {}
    for column in columns:
        spelled.setdefault(_NOT_A_WORD.sub("_", column.lower()).strip("_"), []).append(column)
    sources = {name: name for name in sorted(template.variables) if name in columns}
    for name in sorted(template.variables - sources.keys()):
        alike = spelled.get(name, [])
        if len(alike) == 1:
            sources[name] = alike[0]
    missing = _needed(template, sources)
    if missing:
        there = ", ".join(f'"{column}"' for column in columns)
        names = " and ".join(f"{{{{ {name} }}}}{did_you_mean(name, columns)}" for name in missing)
        raise BadInput(f"The text uses {names}, which no column of the audience gives; the columns are {there}.")
    return sources


def _needed(template: Template, given: Mapping[str, str]) -> list[str]:
    """Return the variables without which the text cannot be filled in although every column has a value."""
    values = dict.fromkeys(given, "1")
    missing: list[str] = []
    while True:
        try:
            template.render(values)
        except MissingVariable as error:
            if error.name in values:
                return missing
            missing.append(error.name)
            values[error.name] = "1"
        except BadInput:
            return missing  # "1" is not a value this text can work with; the rows will show theirs
        else:
            return missing


def _shown(value: str, most: int = _SHOWN) -> str:
    return value if len(value) <= most else value[: most - 1] + "…"
