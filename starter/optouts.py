"""Every use case of the do-not-contact list, once: putting people on it, taking them off, looking. Blocking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clarion.domain.errors import BadInput
from clarion.domain.phone import known_region, normalize_phone
from starter.looking import Looking, SuppressionLine, View

SOURCE = "person"
"""Somebody put them on the list, not a text or a provider."""


class OptedOut(View):
    """Somebody who is on the list now."""

    address: str
    new: bool
    """False: was on it already."""


class Removed(View):
    """What came of taking people off the list."""

    removed: tuple[str, ...]
    missing: tuple[str, ...]
    """Those who were not on it."""


@dataclass(frozen=True, slots=True)
class OptOuts:
    """The list of one tenant, which holds for all its campaigns and channels."""

    looking: Looking

    def add(self, numbers: Sequence[str], *, reason: str = "", region: str | None = None) -> list[OptedOut]:
        """Put people on the list, all or nobody; campaigns that run now skip them from this moment on.

        ``region`` is where numbers without a country code are from. Raises BadInput for what is no number.
        """
        addresses = list(dict.fromkeys(addresses_of(numbers, region)))
        look = self.looking
        new = look.store.suppressions.add_all(look.tenant, addresses, SOURCE, reason, look.clock())
        return [OptedOut(address=address, new=address in new) for address in addresses]

    def remove(self, numbers: Sequence[str], *, region: str | None = None) -> Removed:
        """Take people off the list. Raises BadInput for what is no number."""
        removed: list[str] = []
        missing: list[str] = []
        for address in dict.fromkeys(addresses_of(numbers, region)):
            gone = self.looking.store.suppressions.remove(self.looking.tenant, address)
            (removed if gone else missing).append(address)
        return Removed(removed=tuple(removed), missing=tuple(missing))

    def find(self, number: str, *, region: str | None = None) -> SuppressionLine | None:
        """Return what the list says of a number; None where it is not on it. Raises BadInput for what is no number."""
        (address,) = addresses_of([number], region)
        found = self.looking.store.suppressions.find(self.looking.tenant, address)
        return None if found is None else SuppressionLine.model_validate(found)


def addresses_of(numbers: Sequence[str], region: str | None) -> list[str]:
    """Return numbers in E.164. Raises BadInput, for a region that is none as well."""
    code = region.strip().upper() if region else None
    if code is not None and not known_region(code):
        raise BadInput(f'region "{region}" is not a region; give the two letters of a country, such as US or DE')
    for number in numbers:
        if code is None and "+" not in number and "\uff0b" not in number:  # in full width, too
            raise BadInput(
                f'"{number}" has no country code; write it like +14155550123, or give its region, such as US'
            )
    return [normalize_phone(number, code) for number in numbers]
