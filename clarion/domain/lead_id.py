"""Salesforce ids of leads: read from whatever a cell holds, checked, and brought to the 18 characters the CRM uses."""

from __future__ import annotations

import re
from dataclasses import dataclass

from clarion.domain.errors import ClarionError
from clarion.domain.target import SkipReason

PREFIX = "00Q"
"""What every lead's id begins with."""

_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_OBJECTS = {
    "001": "an account", "003": "a contact", "005": "a user", "006": "an opportunity", "00D": "an organization",
    "00E": "a role", "00G": "a queue or a group", "00O": "a report", "00T": "a task", "00U": "an event",
    "00k": "a line of an opportunity", "00v": "a member of a campaign", "01t": "a product", "02i": "an asset",
    "068": "a document", "069": "a document", "500": "a case", "701": "a campaign", "800": "a contract",
}  # fmt: skip
"""Salesforce's standard prefixes that stand in lists of people by mistake."""
_OBJECT_OF = {prefix.upper(): name for prefix, name in _OBJECTS.items()}

_USUAL = re.compile(r"00Q[0-9A-Za-z]{12}(?:[A-Z0-5]{3})?")
_LONGEST = 2_000
"""Characters; an address of a record has a few hundred."""
_SHOWN = 60
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\x00-\x08\x0e-\x1f]")
_AROUND = " \t\r\n\v\f\u00a0\u2007\u202f\u3000\"'`,;\u00b4\u00ab\u00bb\u2039\u203a" + "".join(
    map(chr, range(0x2018, 0x2020))
)
"""Spaces, quotes of many languages, and what separates ids in a list."""
_AS_TEXT = re.compile(r'=\s*"([^"]*)"')
"""How CSV files keep spreadsheets from taking a text for a number: ="00Q…"."""
_NUMBER = re.compile(r"[-+]?(?:\d[\d.,]*)(?:[eE][-+]?\d+)?")
_ERROR = re.compile(r"#(?:[A-Z/0]+[!?]?|N/A)")
_WORD = re.compile(r"[0-9A-Za-z]+")


@dataclass(frozen=True, slots=True)
class LeadId:
    """A usable id; `repaired` says that capitals and small letters were put right by its last three characters."""

    id18: str
    repaired: bool = False


class BadLeadId(ClarionError):
    """A cell does not give the id of a lead."""

    def __init__(self, value: str, reason: SkipReason, why: str) -> None:
        """Keep the reason and the words for it; the sentence names the value, too."""
        shown = value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…"
        super().__init__(f'"{shown}" is not the id of a lead that can be used: {why}')
        self.reason = reason
        self.why = why
        """Half a sentence, with the way out."""


def checksum(id15: str) -> str:
    """Return the last three characters of an id: each says which of five characters are capitals, the first as 1.

    Source: Salesforce's own algorithm; "001xx000003DGb1" gives "AAG".
    """
    return "".join(
        _SUFFIX[sum(1 << place for place, letter in enumerate(id15[at : at + 5]) if "A" <= letter <= "Z")]
        for at in (0, 5, 10)
    )


def repaired(raw: str) -> LeadId:
    """Read the id of a lead from a cell; raises BadLeadId.

    Spaces, quotes and invisible characters around it go, and the address of a lead's page will do. Of 18 characters the
    last three say which letters are capitals, so that lost case comes back, as Salesforce itself reads them. Of 15,
    capitals alone are taken as they stand: most ids have few letters, and many really look so. Small letters alone are
    refused, because the Q is a capital in every id and case has been lost for certain; a neighbour in the same
    sequence has the same letters in another case, so a guess would be somebody else.
    """
    found = raw if _USUAL.fullmatch(raw) else _found_in(raw)
    _check_object(found, raw)
    if len(found) == 15:
        if not found.startswith(PREFIX):
            raise _bad(raw, "capitals have become small letters, and 15 characters do not say which; give ids of 18")
        return LeadId(found + checksum(found))
    return _by_checksum(found, raw)


def _found_in(raw: str) -> str:
    """Return the 15 or 18 letters and digits that a cell holds."""
    if len(raw) > _LONGEST:
        raise _bad(raw, f"it has {len(raw):,} characters; give an id of 15 or 18")
    text = _INVISIBLE.sub("", raw).strip()
    as_text = _AS_TEXT.fullmatch(text)
    text = (as_text[1] if as_text else text).strip(_AROUND)
    if not text:
        raise BadLeadId(raw, SkipReason.MISSING_LEAD_ID, "it is empty; give an id of 15 or 18 characters")
    if "://" in text or ".force.com/" in text or ".salesforce.com/" in text:
        return _in_address(text, raw)
    is_word = text.isascii() and text.isalnum() and len(text) in (15, 18)
    if is_word and (text.startswith("00") or not text.isdigit()):  # no number begins with zeros
        return text
    raise _bad(raw, _what_else(text))


def _in_address(text: str, raw: str) -> str:
    words = _words_like_ids(text)
    for word in words:
        if word[:3].upper() == PREFIX:
            return word
    for word in words:
        if word[:3].upper() in _OBJECT_OF:
            return word
    raise _bad(raw, f"no id that begins with {PREFIX} stands in this address; give the id itself")


def _words_like_ids(text: str) -> list[str]:
    words: list[str] = _WORD.findall(text)
    return [word for word in words if len(word) in (15, 18)]


def _what_else(text: str) -> str:
    """Say what a text is that is no id, and what to give instead."""
    ids = [word for word in _words_like_ids(text) if word[:3].upper() == PREFIX]
    if len(ids) > 1:
        return f"it holds {len(ids)} ids; give each a row of its own"
    if text.startswith("="):
        return "it is a formula; save the file with its values"
    if _ERROR.fullmatch(text):
        return "it is an error of a spreadsheet; mend the formula, or give the id as text"
    if _NUMBER.fullmatch(text):
        return "it is a number, maybe made by a spreadsheet; format the column as text and insert the ids again"
    if strange := next((letter for letter in text if not (letter.isascii() and letter.isalnum())), None):
        name = "a space" if strange.isspace() else f'"{strange}" (U+{ord(strange):04X})'
        return f"it has {name} in it; an id has 15 or 18 letters and digits"
    plural = "s" if len(text) != 1 else ""
    return f"it has {len(text)} character{plural}; give an id of 15 or 18, such as 00Q5e00000A1bCdEAJ"


def _check_object(found: str, raw: str) -> None:
    prefix = found[:3]
    if prefix.upper() == PREFIX:
        return
    if name := _OBJECT_OF.get(prefix.upper()):
        why = f"it is the id of {name} ({prefix}), not of a lead ({PREFIX}); give the ids of leads"
        raise BadLeadId(raw, SkipReason.WRONG_OBJECT, why)
    if len(found) == 18 and checksum(found[:15]) == found[15:]:
        why = f"it is the id of something else ({prefix}), not of a lead ({PREFIX}); give the ids of leads"
        raise BadLeadId(raw, SkipReason.WRONG_OBJECT, why)
    if prefix.upper().replace("O", "0") == PREFIX:
        raise _bad(raw, f"it begins with {prefix}, with the letter O; ids of leads begin with {PREFIX}, with two zeros")
    raise _bad(raw, f"it begins with {prefix}, and ids of leads begin with {PREFIX}")


def _by_checksum(found: str, raw: str) -> LeadId:
    """Return an id of 18 characters with the capitals that its last three ask for."""
    suffix = found[15:].upper()
    right = []
    for at, letter in enumerate(suffix):
        bits = _SUFFIX.find(letter)
        if bits < 0:
            raise _bad(raw, f'its last three characters, "{found[15:]}", cannot be right; give the id anew')
        for place, character in enumerate(found[5 * at : 5 * at + 5]):
            capital = bool(bits >> place & 1)
            if capital and not character.isalpha():
                raise _bad(raw, f'its last three characters, "{found[15:]}", do not fit the others; give the id anew')
            right.append(character.upper() if capital else character.lower())
    id18 = "".join(right) + suffix
    if not id18.startswith(PREFIX):
        raise _bad(raw, f'its last three characters, "{found[15:]}", do not fit the others; give the id anew')
    return LeadId(id18, id18 != found)


def _bad(raw: str, why: str) -> BadLeadId:
    return BadLeadId(raw, SkipReason.INVALID_LEAD_ID, why)
