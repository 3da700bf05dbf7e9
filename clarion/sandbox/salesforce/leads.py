"""What every lead is: made out of its id, the same each time for the same seed, so that none has to be kept.

===================  ====================================================================================
id, of 15 characters  what the lead is
===================  ====================================================================================
…9401                there is none: null, as for a lead that we may not see
…9402                in the recycle bin: null, found by ``queryAll`` with ``IsDeleted = true``
…9403                converted
…9404                has neither a phone number nor an address for e-mails
…9405                has a last name and a company, and nothing else
…9406                has notes of 32,000 characters
…9407                refuses to be written to: a validation rule
…9408                is locked by somebody else the first time that it is written to
…9411 to …9418       hides instructions to an AI among its own data (``corpus.HIDDEN``)
…9421 to …9429       tells the sandbox's OpenAI how to answer about it (``corpus.MARKED``)
any other            the mix: an ordinary lead
===================  ====================================================================================

``POST /_sandbox/settings {"mix": {"salesforce": {"deleted": 0.01, "hidden": 0.02}}}`` sets the mix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from clarion.sandbox.decisions import Decisions
from clarion.sandbox.salesforce import corpus
from clarion.sandbox.salesforce.fields import OWNER, RATINGS, SOURCES, STATUSES
from clarion.sandbox.salesforce.lead_ids import suffix
from clarion.sandbox.vendor import ControlError, Json


class Fate(StrEnum):
    """What is special about a lead."""

    UNKNOWN = "unknown"
    DELETED = "deleted"
    CONVERTED = "converted"
    SILENT = "silent"
    BARE = "bare"
    LONG = "long"
    REFUSING = "refusing"
    LOCKED = "locked"
    HIDDEN = "hidden"
    MARKED = "marked"
    USUAL = "usual"


BY_LAST_FOUR: Mapping[str, Fate] = {
    "9401": Fate.UNKNOWN,
    "9402": Fate.DELETED,
    "9403": Fate.CONVERTED,
    "9404": Fate.SILENT,
    "9405": Fate.BARE,
    "9406": Fate.LONG,
    "9407": Fate.REFUSING,
    "9408": Fate.LOCKED,
    **{str(9411 + number): Fate.HIDDEN for number in range(len(corpus.HIDDEN))},
    **{str(9421 + number): Fate.MARKED for number in range(len(corpus.MARKED))},
}

LONGEST_NOTE = 32_000
DAYS = 28


@dataclass(frozen=True, slots=True)
class _Draw:
    """Sixteen numbers that depend on nothing but the seed and the lead."""

    numbers: tuple[int, ...]

    def of(self, place: int, choices: tuple[str, ...]) -> str:
        return choices[self.numbers[place] % len(choices)]

    def share(self, place: int) -> float:
        return self.numbers[place] / 2**32


class Leads:
    """All leads of the organization, as they were before anybody wrote to them."""

    def __init__(self, decisions: Decisions, mix: Mapping[str, float] | None = None) -> None:
        """Raises ControlError for a mix with unknown kinds of leads or shares that add up to more than 1."""
        self._decisions = decisions
        self._steps = _steps(mix or {})

    def fate(self, id18: str) -> Fate:
        """Say what is special about a lead."""
        magic = BY_LAST_FOUR.get(id18[11:15])
        if magic is not None or not self._steps:
            return magic or Fate.USUAL
        share = self._decisions.shares(id18)[0]
        return next((fate for step, fate in self._steps if share < step), Fate.USUAL)

    def make(self, id18: str) -> dict[str, Json]:
        """Return all fields of a lead that is not unknown."""
        fate, draw = self.fate(id18), _Draw(self._decisions.numbers(id18))
        lead = _person(id18, draw) | _firm(draw) | _whereabouts(draw) | _history(draw, fate)
        match fate:
            case Fate.SILENT:
                lead |= {"Phone": None, "MobilePhone": None, "Fax": None, "Email": None}
            case Fate.BARE:
                kept = {"Id", "Name", "LastName", "Company", "Status", "CreatedDate", "OwnerId"}
                lead = {name: value if name in kept or value is False else None for name, value in lead.items()}
                lead["Name"] = lead["LastName"]
            case Fate.LONG:
                lead["Description"] = (corpus.LONG_NOTE * (LONGEST_NOTE // len(corpus.LONG_NOTE) + 1))[:LONGEST_NOTE]
            case Fate.HIDDEN:
                name, text = corpus.HIDDEN[_which(id18, draw, len(corpus.HIDDEN))]
                lead[name] = text
            case Fate.MARKED:
                lead["Description"] = corpus.MARKED[_which(id18, draw, len(corpus.MARKED))]
            case _:
                pass
        return lead


def _which(id18: str, draw: _Draw, count: int) -> int:
    """Say which text of several a lead has: its id's last digit tells, else chance."""
    return int(id18[14]) - 1 if id18[11:15] in BY_LAST_FOUR else draw.numbers[0] % count


def _person(id18: str, draw: _Draw) -> dict[str, Json]:
    first, last = draw.of(0, corpus.FIRST_NAMES), draw.of(1, corpus.LAST_NAMES)
    return {
        "Id": id18,
        "FirstName": first,
        "LastName": last,
        "Name": f"{first} {last}",
        "Title": draw.of(2, corpus.TITLES) if draw.share(2) > 0.06 else None,
        "Description": draw.of(3, corpus.NOTES) if draw.share(3) > 0.15 else None,
        "DoNotCall": draw.share(4) < 0.02,
        "HasOptedOutOfEmail": draw.share(4) > 0.97,
    }


def _firm(draw: _Draw) -> dict[str, Json]:
    head, tail, form = (
        draw.of(5, corpus.COMPANY_HEADS), draw.of(6, corpus.COMPANY_TAILS), draw.of(7, corpus.COMPANY_FORMS),
    )  # fmt: skip
    size = draw.share(8)
    employees = int(10 ** (0.5 + 4 * size))
    site = f"{head}-{tail}.example".lower().replace(" ", "-")
    mailbox = f"{draw.of(0, corpus.FIRST_NAMES)[0]}.{draw.numbers[1] % 10_000}".lower()
    return {
        "Company": f"{head} {tail} {form}".rstrip(),
        "Industry": draw.of(9, corpus.INDUSTRIES) if draw.share(9) > 0.05 else None,
        "NumberOfEmployees": employees if size > 0.08 else None,
        "AnnualRevenue": round(employees * (60_000 + 240_000 * draw.share(10)), -3) if size > 0.15 else None,
        "Website": f"https://www.{site}" if draw.share(6) > 0.1 else None,
        "Email": f"{mailbox}@{site}" if draw.share(7) > 0.08 else None,
    }


def _whereabouts(draw: _Draw) -> dict[str, Json]:
    number = draw.numbers[11]
    city, state, country, begin, digits = corpus.PLACES[number % len(corpus.PLACES)]
    mobile = _line(begin, digits, draw.numbers[12]) if digits == 4 and draw.share(12) > 0.3 else None
    return {
        "Street": f"{1 + number % 900} Market Street" if number % 5 else None,
        "City": city,
        "State": state,
        "PostalCode": f"{10_000 + number % 89_999}",
        "Country": country,
        "Phone": _line(begin, digits, number) if draw.share(13) > 0.15 else None,
        "MobilePhone": mobile,
        "Fax": None,
    }


def _line(begin: str, digits: int, number: int) -> str:
    """Return a number that no magic of texts or calls means anything to: none ends in 9000 to 9999."""
    return begin + (f"{1_000 + number % 8_000}" if digits == 4 else f"{number % 1_000:03}")


def _history(draw: _Draw, fate: Fate) -> dict[str, Json]:
    converted, warmth = fate is Fate.CONVERTED, draw.share(14)
    since = f"2026-{1 + draw.numbers[15] % 9:02}-{1 + draw.numbers[14] % DAYS:02}"
    owner = draw.numbers[15] % len(corpus.OWNERS)
    owner_id = f"00558000000Own{owner}"
    owner_id += suffix(owner_id)
    changed = f"{since}T09:{draw.numbers[14] % 60:02}:00.000+0000"
    return {
        "LeadSource": draw.of(13, SOURCES),
        "Status": STATUSES[2] if converted else STATUSES[0 if warmth < 0.5 else 1 if warmth < 0.9 else 3],
        "Rating": RATINGS[int(3 * (1 - warmth))] if warmth > 0.2 else None,
        "IsDeleted": fate is Fate.DELETED,
        "IsConverted": converted,
        "ConvertedDate": since if converted else None,
        "CreatedDate": f"{since}T08:00:00.000+0000",
        "LastModifiedDate": changed,
        "SystemModstamp": changed,
        "CreatedById": owner_id,
        "LastActivityDate": since if warmth > 0.5 else None,
        "OwnerId": owner_id,
        f"{OWNER}Id": owner_id,
        f"{OWNER}Name": corpus.OWNERS[owner],
        f"{OWNER}Email": f"{corpus.OWNERS[owner].replace(' ', '.').lower()}@clarion.example",
    }


def _steps(mix: Mapping[str, float]) -> tuple[tuple[float, Fate], ...]:
    for kind in mix:
        if kind not in {fate.value for fate in Fate}:
            message = f'mix.salesforce: "{kind}" is no kind of lead; there is {", ".join(Fate)}'
            raise ControlError(message)
    if sum(mix.values()) > 1 + 1e-9:
        message = f"mix.salesforce: the shares add up to {sum(mix.values()):g}; they must not exceed 1"
        raise ControlError(message)
    return tuple(zip(accumulate(mix.values()), (Fate(kind) for kind in mix), strict=True))
