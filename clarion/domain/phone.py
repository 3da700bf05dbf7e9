"""Phone numbers: one written form (E.164) for each, and the time zones a number may be in."""

from __future__ import annotations

import re
from functools import cache, lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, ValidationResult

from clarion.domain.errors import BadInput

_NORTH_AMERICAN = re.compile(r"(?:\+1)?([2-9]\d{9})")
_PUNCTUATION = str.maketrans("", "", " -().\u00a0\u2010\u2011\u2013")
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?e\+?\d+", re.IGNORECASE)
_TRAILING_ZERO = re.compile(r"\+?\d{7,15}\.0+")
_SEVERAL = re.compile(r"\d[^/;,|\n]{5,}[/;,|\n]\D*\d[^/;,|\n]{5,}")

_UNPARSABLE = {
    NumberParseException.NOT_A_NUMBER: "it has no digits that make a phone number",
    NumberParseException.TOO_SHORT_AFTER_IDD: "it is too short",
    NumberParseException.TOO_SHORT_NSN: "it is too short",
    NumberParseException.TOO_LONG: "it is too long",
}
_IMPOSSIBLE = {
    ValidationResult.TOO_SHORT: "it is too short",
    ValidationResult.TOO_LONG: "it is too long",
    ValidationResult.INVALID_LENGTH: "it has the wrong number of digits",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "it has no area code",
    ValidationResult.INVALID_COUNTRY_CODE: "its country code does not exist",
}


class InvalidPhone(BadInput):
    """A cell that should hold a phone number and holds something else; `why` says in plain words what is wrong."""

    def __init__(self, value: str, why: str) -> None:
        """Keep both parts, so that a report can show them apart."""
        super().__init__(f'"{value}" is not a phone number that can be used: {why}')
        self.value = value
        self.why = why


def known_region(code: str) -> bool:
    """Say whether a two-letter code (ISO 3166, upper case) is a region with its own phone numbers."""
    return code in phonenumbers.SUPPORTED_REGIONS


def regions() -> frozenset[str]:
    """Return every known region code."""
    return frozenset(phonenumbers.SUPPORTED_REGIONS)


def normalize_phone(raw: str, region: str | None) -> str:
    """Return the number as E.164 ("+14155550123"); `region` (ISO 3166, e.g. "US") completes one without country code.

    Raises InvalidPhone for anything that is not one valid number. Repairs what a spreadsheet does without loss (a
    leading apostrophe, a trailing ".0"); a number rounded to "4.15555E+11" is lost and refused.
    """
    text = raw.strip().lstrip("'").strip()
    bare = text.translate(_PUNCTUATION)
    if (match := _NORTH_AMERICAN.fullmatch(bare)) and (bare[0] == "+" or _is_north_american(region)):
        number = PhoneNumber(country_code=1, national_number=int(match[1]))
        if "." not in text and phonenumbers.is_valid_number(number):
            return f"+1{match[1]}"
    return _normalize_slowly(raw, text, region)


def _normalize_slowly(raw: str, text: str, region: str | None) -> str:
    if not text:
        raise InvalidPhone(raw, "it is empty")
    if _ROUNDED.fullmatch(text):
        raise InvalidPhone(raw, "a spreadsheet rounded it; format the column as text and export it again")
    if _SEVERAL.search(text):
        raise InvalidPhone(raw, "the cell holds more than one number; keep one")
    if _TRAILING_ZERO.fullmatch(text):
        text = text.partition(".")[0]
    number = _parse(raw, text, region)
    if number.extension:
        raise InvalidPhone(raw, "it has an extension, which only a person can dial")
    if not phonenumbers.is_valid_number(number):
        raise InvalidPhone(raw, _why_invalid(number))
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _parse(raw: str, text: str, region: str | None) -> PhoneNumber:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException as error:
        why = _UNPARSABLE.get(error.error_type)
        if why is None and "+" in text:
            why = "its country code does not exist"
        elif why is None:
            why = "it has no country code, and the campaign gives no default region (audience.region)"
        raise InvalidPhone(raw, why) from None


def _why_invalid(number: PhoneNumber) -> str:
    reason = phonenumbers.is_possible_number_with_reason(number)
    code = number.country_code or 0
    region = phonenumbers.region_code_for_country_code(code)
    place = f"+{code}" if region in ("001", "ZZ") else f"{region} (+{code})"
    return _IMPOSSIBLE.get(reason, "no such number is given out") + f" for {place}"


@cache
def _is_north_american(region: str | None) -> bool:
    return region is not None and phonenumbers.country_code_for_region(region) == 1


@lru_cache(maxsize=65_536)
def candidate_zones(e164: str) -> tuple[str, ...]:
    """Return the IANA zones the number may be in, sorted; empty when nothing is known about it."""
    from phonenumbers import timezone  # noqa: PLC0415 - its data is large, and only windows need it

    zones = timezone.time_zones_for_number(phonenumbers.parse(e164))
    return tuple(zone for zone in zones if zone != timezone.UNKNOWN_TIMEZONE)
