"""The fields of a Lead: their kinds, lengths, and which of them can be written (Salesforce's object reference)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from clarion.sandbox.vendor import Json

CUSTOM_LENGTH = 32_768
OWNER = "Owner."
"""How the fields of a lead's owner begin, the only other record that can be reached from a lead here."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a Lead."""

    name: str
    kind: str
    length: int = 0
    """Characters; 0 where none are counted."""
    writable: bool = True
    choices: tuple[str, ...] = ()

    @property
    def description(self) -> dict[str, Json]:
        """The field as a describe call tells it, as far as it matters here."""
        custom = self.name.endswith("__c")
        return {
            "name": self.name,
            "label": self.name.removesuffix("__c").replace("_", " "),
            "type": self.kind,
            "length": self.length,
            "custom": custom,
            "nillable": self.name not in {"Id", "LastName", "Company", "Status"},
            "updateable": self.writable,
            "createable": self.writable,
            "picklistValues": [
                {"active": True, "defaultValue": False, "label": value, "value": value} for value in self.choices
            ],
        }


STATUSES = ("Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted")
RATINGS = ("Hot", "Warm", "Cold")
SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Trade Show", "Other")


def _read_only(name: str, kind: str, length: int = 0) -> Field:
    return Field(name, kind, length, writable=False)


KNOWN = (
    _read_only("Id", "id", 18), _read_only("Name", "string", 121), _read_only("IsDeleted", "boolean"),
    _read_only("IsConverted", "boolean"), _read_only("ConvertedDate", "date"), _read_only("CreatedDate", "datetime"),
    _read_only("LastModifiedDate", "datetime"), _read_only("SystemModstamp", "datetime"),
    _read_only("CreatedById", "reference", 18), _read_only("LastActivityDate", "date"),
    Field("FirstName", "string", 40), Field("LastName", "string", 80), Field("Company", "string", 255),
    Field("Title", "string", 128), Field("Industry", "picklist", 255), Field("NumberOfEmployees", "int"),
    Field("AnnualRevenue", "currency"), Field("LeadSource", "picklist", 255, choices=SOURCES),
    Field("Status", "picklist", 255, choices=STATUSES), Field("Rating", "picklist", 255, choices=RATINGS),
    Field("Street", "textarea", 255), Field("City", "string", 40), Field("State", "string", 80),
    Field("PostalCode", "string", 20), Field("Country", "string", 80), Field("Website", "url", 255),
    Field("Email", "email", 80), Field("Phone", "phone", 40), Field("MobilePhone", "phone", 40),
    Field("Fax", "phone", 40), Field("Description", "textarea", 32_000), Field("OwnerId", "reference", 18),
    Field("DoNotCall", "boolean"), Field("HasOptedOutOfEmail", "boolean"),
)  # fmt: skip
_OF_OWNER = tuple(_read_only(OWNER + name, "string", 121) for name in ("Id", "Name", "Email"))


class Fields:
    """Knows which fields there are: the standard ones and every custom one, but for those that are missing."""

    def __init__(self, missing: Iterable[str] = ()) -> None:
        self._missing = frozenset(missing)
        self._known: Mapping[str, Field] = {
            field.name.lower(): field for field in (*KNOWN, *_OF_OWNER) if field.name.lower() not in self._missing
        }

    def find(self, name: str) -> Field | None:
        """Find a field by its name, in which upper and lower case are alike."""
        known = self._known.get(name.lower())
        if known is not None:
            return known
        if not name.lower().endswith("__c") or name.lower() in self._missing or not name.isidentifier():
            return None
        return Field(name, "textarea", CUSTOM_LENGTH)

    @property
    def names(self) -> list[str]:
        """The fields of a lead itself that are known by name."""
        return [field.name for field in self._known.values() if not field.name.startswith(OWNER)]

    def describe(self) -> list[Json]:
        """The same as a describe call tells them."""
        return [field.description for field in self._known.values() if not field.name.startswith(OWNER)]


def no_such_column(name: str, where: str = "entity") -> str:
    """Word that a field does not exist, or that we may not see it."""
    if where != "entity":
        return f"No such column '{name}' on sobject of type Lead"
    return (
        f"No such column '{name}' on entity 'Lead'. If you are attempting to use a custom field, be sure to append the"
        " '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names."
    )
