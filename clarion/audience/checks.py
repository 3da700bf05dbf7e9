"""Checks each row of an audience against its campaign: what is sent to whom, or why this row is never contacted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clarion.audience.addresses import Addressing, LeadNumber, PhoneNumber
from clarion.audience.lead_rows import LeadWording
from clarion.audience.row import Row
from clarion.audience.scripts import ScriptWording
from clarion.audience.source import require_columns
from clarion.audience.texts import TextWording
from clarion.audience.varied import Variants
from clarion.audience.wording import SkipRow, Wording, shortened
from clarion.domain.campaign import CampaignSpec, Channel
from clarion.domain.phone import candidate_zones
from clarion.domain.target import SkipReason
from clarion.domain.window import TARGET, nearest_zone, next_opening, valid_zone

_LONGEST_ZONE = 60
"""Characters of a time zone that a nearest name is looked for."""
_MOST_ZONE_HINTS = 100
"""Finding the nearest of 600 zone names takes milliseconds, too long to do for each of a million bad rows."""


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """A row as the store takes it; `skip` and `detail` are both None when the row may be contacted."""

    row: int
    address: str | None
    """E.164, or the 18 characters of a lead's id; None when the row gives none that can be used."""
    variables: dict[str, str]
    """Those the campaign uses and this row has; empty for a text row with its own text, and for a skipped row.

    For calls, all that go along and all that the texts or the fallback need. For leads, all cells of every row by the
    names of their columns, as they belong into the result.
    """
    text: str | None
    """The row's own text, sent as it stands; None when the campaign's text applies.

    For calls, a JSON object of the row's own words by name (`prompt`, `first_message`, `context`, `agent`, `language`).
    """
    time_zone: str | None
    """The zone the row names; None leaves the candidates that its number gives."""
    segments: int
    """What the text is billed as; 0 for calls and leads."""
    skip: SkipReason | None = None
    detail: str | None = None
    variant: str | None = None
    """Which of the campaign's variants it gets, or would get; None where its own words go before all of them."""


class RowChecker:
    """Checks rows of one audience. Duplicates and suppressed numbers are not looked for here: the store knows them."""

    def __init__(self, spec: CampaignSpec, columns: Sequence[str], now: float, *, seed: int = 0) -> None:
        """Find every column the campaign needs.

        Args:
            spec: the campaign.
            columns: the columns of its audience.
            now: epoch seconds; a number whose window does not open within 8 days of it is skipped.
            seed: the campaign's number; with the address it decides which variant a row gets.

        Raises:
            BadInput: a column or a variable of a text is not there; the sentence names those that are.
        """
        audience = spec.audience
        self._address = _addressing(spec)
        needed = {self._address.purpose: audience.address}
        if audience.time_zone is not None:
            needed["the time zone"] = audience.time_zone
        require_columns(columns, needed)
        self._zone = audience.time_zone
        self._window = spec.window if spec.window is not None and spec.window.time_zone == TARGET else None
        self._now = now
        self._used: tuple[str, ...] = tuple(needed.values())
        self._wording: Wording | None = None
        if spec.variants is None:
            self._wording = _wording(spec, columns)
            self._used += self._wording.columns
        else:
            self._variants = Variants(spec, spec.variants, lambda version: _wording(version, columns), seed)
        self._keeps_skipped = self._wording is not None and self._wording.keeps_skipped
        self._zone_hints: dict[str, str] = {}

    def check(self, row: Row) -> CheckedRow:
        """Return what becomes of a row; never raises for anything a row holds."""
        address = zone = variant = None
        try:
            self._check_readable(row, self._used)
            cells = row.cells
            address = self._address.of(cells)
            zone = self._time_zone(cells)
            if self._window is not None:
                self._check_window(address, zone)
            if self._wording is not None:
                words = self._wording.of(row)
            else:
                variant, wording = self._variants.of(address)
                self._check_readable(row, wording.columns)
                words = wording.of(row)
                variant = variant if self._variants.apply_to(words) else None
        except SkipRow as skip:
            kept = row.cells if self._keeps_skipped else {}
            return CheckedRow(row.number, address, kept, None, zone, 0, skip.reason, skip.detail, variant)
        return CheckedRow(row.number, address, words.variables, words.text, zone, words.segments, variant=variant)

    def _check_readable(self, row: Row, used: Sequence[str]) -> None:
        if row.problem is not None:
            raise SkipRow(row.reason or SkipReason.UNREADABLE_ROW, row.problem)
        if row.faults is not None:
            for column in used:
                if column in row.faults:
                    raise SkipRow(SkipReason.UNREADABLE_ROW, row.faults[column])

    def _time_zone(self, cells: Mapping[str, str]) -> str | None:
        zone = cells.get(self._zone, "").strip() if self._zone is not None else ""
        if not zone:
            return None
        if not valid_zone(zone):
            detail = f'{self._zone} "{shortened(zone)}" is not a time zone{self._zone_hint(zone)}'
            raise SkipRow(SkipReason.INVALID_TIME_ZONE, detail)
        return zone

    def _zone_hint(self, zone: str) -> str:
        if zone not in self._zone_hints and len(self._zone_hints) < _MOST_ZONE_HINTS and len(zone) <= _LONGEST_ZONE:
            self._zone_hints[zone] = nearest_zone(zone)
        return self._zone_hints.get(zone, "")

    def _check_window(self, address: str, zone: str | None) -> None:
        window = self._window
        zones = (zone,) if zone is not None else candidate_zones(address)
        if not zones:
            detail = f"nothing is known about the time zone of {address}, and the window is in the target's time"
            raise SkipRow(SkipReason.UNKNOWN_TIME_ZONE, detail)
        if window is not None and next_opening(window, zones, self._now) is None:
            shown = ", ".join(zones[:3]) + (f" and {len(zones) - 3} more" if len(zones) > 3 else "")
            detail = f"{address} may be in {shown}, and the window is never open in all of them at once"
            raise SkipRow(SkipReason.UNKNOWN_TIME_ZONE, detail)


def _addressing(spec: CampaignSpec) -> Addressing:
    if spec.channel is Channel.LEAD_ANALYSIS:
        return LeadNumber(spec.audience.address)
    return PhoneNumber(spec.audience.address, spec.audience.region)


def _wording(spec: CampaignSpec, columns: Sequence[str]) -> Wording:
    if spec.channel is Channel.LEAD_ANALYSIS:
        return LeadWording(spec, columns)
    return TextWording(spec, columns) if spec.call is None else ScriptWording(spec, spec.call, columns)
