"""What each channel's address is made of, read from the cell of a row: a phone number, or the id of a lead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from clarion.audience.wording import SkipRow, shortened
from clarion.domain.lead_id import BadLeadId, repaired
from clarion.domain.phone import InvalidPhone, normalize_phone
from clarion.domain.target import SkipReason

_LONGEST_NUMBER = 250
"""Characters; looking for a number in more text than that takes too long."""


class Addressing(Protocol):
    """One kind of address."""

    @property
    def purpose(self) -> str:
        """What its column is for, as in "There is no column x for the phone number"."""
        ...

    def of(self, cells: Mapping[str, str]) -> str:
        """Return a row's address in its usual form. Raises SkipRow."""
        ...


class PhoneNumber:
    """A phone number, in E.164."""

    purpose = "the phone number"

    def __init__(self, column: str, region: str | None) -> None:
        """Read it from ``column``; numbers without a country code are from ``region``."""
        self._column = column
        self._region = region

    def of(self, cells: Mapping[str, str]) -> str:
        """Return a row's number. Raises SkipRow."""
        raw = cells.get(self._column, "")
        if not raw or raw.isspace():
            raise SkipRow(SkipReason.MISSING_PHONE, f'the cell "{self._column}" is empty')
        if len(raw) > _LONGEST_NUMBER:
            raise self._bad(raw, f"it has {len(raw):,} characters")
        try:
            return normalize_phone(raw, self._region)
        except InvalidPhone as error:
            raise self._bad(raw, error.why) from None

    def _bad(self, raw: str, why: str) -> SkipRow:
        detail = f'{self._column} "{shortened(raw)}" is not a phone number that can be used: {why}'
        return SkipRow(SkipReason.INVALID_PHONE, detail)


class LeadNumber:
    """The id of a lead in Salesforce, with 18 characters."""

    purpose = "the lead ids"

    def __init__(self, column: str) -> None:
        """Read it from ``column``."""
        self._column = column

    def of(self, cells: Mapping[str, str]) -> str:
        """Return a row's id, put right where its last three characters tell how. Raises SkipRow."""
        raw = cells.get(self._column, "")
        try:
            return repaired(raw).id18
        except BadLeadId as error:
            if error.reason is SkipReason.MISSING_LEAD_ID:
                raise SkipRow(error.reason, f'the cell "{self._column}" is empty') from None
            raise SkipRow(error.reason, f"{self._column} {error}") from None
