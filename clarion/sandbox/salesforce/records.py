"""The leads as they are now, what was written to them included; read by id, changed one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from clarion.sandbox.salesforce.errors import Problem, record_error
from clarion.sandbox.salesforce.fields import OWNER, Field, Fields, no_such_column
from clarion.sandbox.salesforce.lead_ids import is_lead, read_id
from clarion.sandbox.salesforce.leads import Fate, Leads
from clarion.sandbox.vendor import Json

Row = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one lead that may be made, or why it may not."""

    id18: str | None
    values: Mapping[str, Json]
    errors: tuple[Row, ...] = ()


class Records:
    """All leads of the organization."""

    def __init__(self, leads: Leads, fields: Fields) -> None:
        self.leads = leads
        self.fields = fields
        self._written: dict[str, dict[str, Json]] = {}
        self._unlocked: set[str] = set()

    def named(self, names: Sequence[str], where: str = "entity") -> list[str]:
        """Return the names of fields as they are spelled. Raises Problem for one that there is not."""
        found = []
        for name in names:
            field = self.fields.find(name)
            if field is None:
                raise Problem(400, "INVALID_FIELD", no_such_column(name, where))
            found.append(field.name)
        return found

    def exists(self, id18: str, *, deleted: bool = False) -> bool:
        """Whether there is such a lead; ``deleted`` counts those in the recycle bin as well."""
        fate = self.leads.fate(id18)
        return is_lead(id18) and fate is not Fate.UNKNOWN and (deleted or fate is not Fate.DELETED)

    def tell(self, id18: str, names: Iterable[str], version: str) -> Row:
        """Return the fields of a lead that exists, in the order asked for."""
        lead = self.leads.make(id18) | self._written.get(id18, {})
        told: dict[str, Json] = {"attributes": _attributes("Lead", id18, version)}
        owner: dict[str, Json] = {}
        for name in names:
            if name.startswith(OWNER):
                owner[name.removeprefix(OWNER)] = lead[name]
                told["Owner"] = {"attributes": _attributes("User", str(lead["OwnerId"]), version), **owner}
            else:
                told[name] = lead.get(name)
        return told

    def holds(self, id18: str, flags: Mapping[str, bool]) -> bool:
        """Whether all of these are true or false of a lead, as said."""
        lead = self.leads.make(id18) | self._written.get(id18, {})
        return all(lead.get(name) is wanted for name, wanted in flags.items())

    def change(self, record: Mapping[str, Json]) -> Change:
        """Say what a record of an update would change, or what is wrong with it. Nothing is changed yet."""
        ids = [value for name, value in record.items() if name.lower() == "id"]
        values = {name: value for name, value in record.items() if name.lower() not in {"id", "attributes"}}
        id18 = read_id(ids[0]) if ids else None
        if not ids:
            return Change(None, {}, (record_error("MISSING_ARGUMENT", "Id not specified in an update call", ["Id"]),))
        if id18 is None or not is_lead(id18):
            return Change(
                None, {}, (record_error("MALFORMED_ID", f"Lead ID: id value of incorrect type: {ids[0]}", ["Id"]),)
            )
        error = self._refusal(id18) or self._wrong(values)
        if error is not None:
            return Change(id18, {}, (error,))
        spelled = {field.name: value for name, value in values.items() if (field := self.fields.find(name))}
        return Change(id18, spelled)

    def apply(self, change: Change, now: float) -> None:
        """Make a change that may be made."""
        if change.id18 is None:
            return
        lead = self._written.setdefault(change.id18, {})
        moment = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%S}.000+0000"
        lead |= {**change.values, "LastModifiedDate": moment, "SystemModstamp": moment}
        if {"FirstName", "LastName"} & change.values.keys():
            whole = self.leads.make(change.id18) | lead
            lead["Name"] = " ".join(str(whole[part]) for part in ("FirstName", "LastName") if whole[part])

    def _refusal(self, id18: str) -> Row | None:
        """Return why this lead takes no change, whichever it is."""
        match self.leads.fate(id18):
            case Fate.UNKNOWN:
                return record_error("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
            case Fate.DELETED:
                return record_error("ENTITY_IS_DELETED", "entity is deleted")
            case Fate.CONVERTED:
                return record_error("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
            case Fate.REFUSING:
                return record_error(
                    "FIELD_CUSTOM_VALIDATION_EXCEPTION", "This lead is closed for changes by its owner."
                )
            case Fate.LOCKED if id18 not in self._unlocked:
                self._unlocked.add(id18)
                return record_error("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
            case _:
                return None

    def _wrong(self, values: Mapping[str, Json]) -> Row | None:
        for name, value in values.items():
            field = self.fields.find(name)
            if field is None:
                return record_error("INVALID_FIELD", no_such_column(name, "sobject"))
            if not field.writable:
                message = (
                    f"Unable to create/update fields: {field.name}. Please check the security settings of this field"
                    " and verify that it is read/write for your profile or permission set."
                )
                return record_error("INVALID_FIELD_FOR_INSERT_UPDATE", message, [field.name])
            error = _misfit(field, value)
            if error is not None:
                return error
        return None


def _misfit(field: Field, value: Json) -> Row | None:
    """Return why a value cannot stand in a field."""
    if value is None:
        if field.name not in {"LastName", "Company", "Status"}:
            return None
        return record_error("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{field.name}]", [field.name])
    if not _is_of_kind(field, value):
        message = f"{field.name}: value not of required type: {value}"
        return record_error("INVALID_TYPE_ON_FIELD_IN_RECORD", message, [field.name])
    if isinstance(value, str) and len(value) > field.length > 0:
        message = f"{field.name}: data value too large: {value[:255]} (max length={field.length})"
        return record_error("STRING_TOO_LONG", message, [field.name])
    return None


def _is_of_kind(field: Field, value: Json) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if field.kind == "int":
        return is_number and float(str(value)).is_integer()
    if field.kind == "currency":
        return is_number
    if field.kind == "boolean":
        return isinstance(value, bool)
    # A custom field may be of any kind; what is no single value fits none of them.
    return isinstance(value, str) or (field.name.endswith("__c") and isinstance(value, int | float))


def _attributes(kind: str, id18: str, version: str) -> Row:
    return {"type": kind, "url": f"/services/data/{version}/sobjects/{kind}/{id18}"}
