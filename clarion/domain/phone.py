"""Phone numbers: one written form (E.164) for each, and the time zones a number may be in."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException, PhoneNumber, ValidationResult

from clarion.domain.errors import BadInput

_PLAIN = re.compile(r"(?:\+[1-9])?[0-9]{6,14}")
_PUNCTUATION = str.maketrans("", "", " -()\u00a0")
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?e\+?\d+", re.IGNORECASE)
_TRAILING_ZERO = re.compile(r"\+?\d{7,15}\.0+")
_SEVERAL = re.compile(r"\d[^/;,|\n]{5,}[/;,|\n]\D*\d[^/;,|\n]{5,}")

_LONGEST = 64
"""Characters; an international number with every separator people use stays far below."""

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
    number = _plain_number(text.translate(_PUNCTUATION), region)
    if number is not None and phonenumbers.is_valid_number(number):
        return f"+{number.country_code}{number.national_number}"
    return _normalize_slowly(raw, text, region)


class _Numbering(NamedTuple):
    """What the short cut needs of a country's plan; it leaves numbers that begin with a `detour` to the parser."""

    country_code: int
    trunk: re.Pattern[str]
    detour: re.Pattern[str]


_NEVER = "(?!)"


@cache
def _numbering(region: str) -> _Numbering | None:
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    if metadata is None or metadata.country_code is None:
        return None
    trunk = metadata.national_prefix_for_parsing or _NEVER
    detours = [metadata.international_prefix or _NEVER]
    if metadata.national_prefix_transform_rule:
        detours.append(trunk)
    return _Numbering(metadata.country_code, re.compile(trunk), re.compile("|".join(f"(?:{d})" for d in detours)))


@cache
def _numbering_of(country_code: int) -> _Numbering | None:
    return _numbering(phonenumbers.region_code_for_country_code(country_code))


def _plain_number(bare: str, region: str | None) -> PhoneNumber | None:
    """Take apart a number without any oddity, as the library's own parser does in twice the time; None for the rest."""
    if _PLAIN.fullmatch(bare) is None:
        return None
    if bare[0] == "+":
        length = next((n for n in (1, 2, 3) if int(bare[1 : n + 1]) in COUNTRY_CODE_TO_REGION_CODE), 0)
        plan = _numbering_of(int(bare[1 : length + 1])) if length else None
        national = bare[length + 1 :]
        detour = plan is None or plan.trunk.match(national)
    else:
        plan = _numbering(region) if region is not None else None
        national = bare
        detour = plan is None or plan.detour.match(national)
        if plan is not None and (trunk := plan.trunk.match(national)):
            national = national[trunk.end() :]
    if plan is None or detour or not national or national[0] == "0":
        return None
    return PhoneNumber(country_code=plan.country_code, national_number=int(national))


def _normalize_slowly(raw: str, text: str, region: str | None) -> str:
    if not text:
        raise InvalidPhone(raw, "it is empty")
    if len(text) > _LONGEST:
        raise InvalidPhone(raw, "it is too long")
    if _ROUNDED.fullmatch(text):
        raise InvalidPhone(raw, "a spreadsheet rounded it; format the column as text and export it again")
    if _SEVERAL.search(text):
        raise InvalidPhone(raw, "the cell holds more than one number; keep one")
    if _TRAILING_ZERO.fullmatch(text):
        text = text.partition(".")[0]
    try:
        return _e164(raw, text, region)
    except InvalidPhone:
        if not text.startswith("00"):
            raise
    # Most of the world dials 00 for +; where that is not so, the number was not valid as it stood.
    return _e164(raw, "+" + text[2:], None)


def _e164(raw: str, text: str, region: str | None) -> str:
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


@lru_cache(maxsize=65_536)
def candidate_zones(e164: str) -> tuple[str, ...]:
    """Return the IANA zones the number may be in, sorted; empty when nothing is known about it.

    A mobile number counts for its whole country, as people take it with them; in North America, where mobile numbers
    look like all others, for its area code. `e164` comes from `normalize_phone`.
    """
    from phonenumbers import timezone  # noqa: PLC0415 - its data is large, and only windows need it

    if e164.startswith("+1"):
        number = PhoneNumber(country_code=1, national_number=int(e164[2:]))
        zones = timezone.time_zones_for_geographical_number(number)
    else:
        number = phonenumbers.parse(e164)
        own = phonenumbers.region_code_for_number(number)
        if own != phonenumbers.region_code_for_country_code(number.country_code or 0) and _is_mobile(number):
            # The library would count Kazakhstan's mobile numbers for all of Russia, as both share +7.
            zones = timezone.time_zones_for_geographical_number(number)
        else:
            zones = timezone.time_zones_for_number(number)
    return tuple(zone for zone in zones if zone != timezone.UNKNOWN_TIMEZONE)


def _is_mobile(number: PhoneNumber) -> bool:
    return phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE
