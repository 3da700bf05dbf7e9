"""Leads as Salesforce's collections give and take them: fields read out of records, and what became of each write."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pydantic import TypeAdapter, ValidationError

from clarion.domain.lead import Lead, LeadValue
from clarion.providers.lead_ports import CrmError, WriteResult
from clarion.providers.lenient import Maybe, Read
from clarion.providers.ports import Unavailable

OBJECT = "Lead"
ID = "Id"
CONVERTED = "IsConverted"
MORE = "attributes"
"""Not a field: what a record says about itself."""

LOCKED = "UNABLE_TO_LOCK_ROW"
"""The status code of a record that somebody else is changing at the moment."""

UNREADABLE = "What Salesforce answered does not fit the question; it is asked again."


class WriteFault(Read):
    """The first thing that is wrong with a record that was to be written."""

    statusCode: Maybe[str] = None  # noqa: N815 -- Salesforce's own name
    message: Maybe[str] = None
    fields: Maybe[tuple[str, ...]] = None


class _Written(Read):
    success: bool
    errors: tuple[WriteFault, ...] = ()


_RECORDS = TypeAdapter(list[dict[str, object] | None])
_RESULTS = TypeAdapter(list[_Written])

WRITE_MEANINGS: Mapping[str, str] = {
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "an Apex trigger or flow of your organization failed",
    "CANNOT_UPDATE_CONVERTED_LEAD": "the lead has been converted and cannot be changed",
    "ENTITY_IS_DELETED": "the lead has been deleted",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "the Salesforce user may not change what the lead belongs to",
    "INSUFFICIENT_ACCESS_OR_READONLY": "the Salesforce user may not change this lead",
    "INVALID_CROSS_REFERENCE_KEY": "there is no such lead, or the Salesforce user may not see it",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "the field cannot be written, or the Salesforce user may not write it",
    "INVALID_TYPE_ON_FIELD_IN_RECORD": "the answer is of another type than the field",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "the answer is none of the values that the field's picklist allows",
    "MALFORMED_ID": "the id is not one of a lead",
    "NUMBER_OUTSIDE_VALID_RANGE": "the number is larger or smaller than the field takes",
    "REQUIRED_FIELD_MISSING": "a field is empty that may not be",
    "STRING_TOO_LONG": "the answer is longer than the field takes",
    LOCKED: "somebody else was changing the lead at the same moment, twice",
}
"""By the status code of one record; any other is told in Salesforce's own words."""


def asked_fields(fields: Sequence[str]) -> list[str]:
    """Return the fields to ask for, each once, with those that we need ourselves.

    Raises CrmError for fields of other objects: collections know only a lead's own.
    """
    for name in fields:
        if "." in name:
            message = (
                f'Field "{name}" belongs to another object, and only a Lead\'s own fields can be fetched; name its id '
                f"({name.split('.', maxsplit=1)[0]}Id), or a formula field of Lead that shows it."
            )
            raise CrmError(message)
    return list({name.lower(): name for name in (ID, CONVERTED, *fields)}.values())


def read_leads(answer: object, ids: Sequence[str], fields: Sequence[str]) -> list[Lead | None]:
    """Return the leads in the order of ``ids``, with ``fields`` as they were named. Raises Unavailable.

    An answer that does not hold a place for each id says nothing about any: a lead must not go missing over it.
    """
    try:
        records = _RECORDS.validate_python(answer)
    except ValidationError:
        raise Unavailable(UNREADABLE) from None
    found = {str(record.get(ID)): record for record in records if record is not None}
    if len(records) != len(ids) or not found.keys() <= set(ids):
        raise Unavailable(UNREADABLE)
    return [_lead(id18, found[id18], fields) if id18 in found else None for id18 in ids]


def _lead(id18: str, record: Mapping[str, object], fields: Sequence[str]) -> Lead:
    values = {name.lower(): value for name, value in record.items()}
    read: dict[str, LeadValue] = {}
    for name in fields:
        read |= flat(name, values.get(name.lower()))
    return Lead(id18, read, converted=values.get(CONVERTED.lower()) is True)


def flat(name: str, value: object) -> dict[str, LeadValue]:
    """Return a field's value, or those of its parts (``Address.city``) where it is made of parts."""
    if value is None or isinstance(value, str | int | float | bool):
        return {name: value}
    if isinstance(value, dict):
        parts = [flat(f"{name}.{part}", inner) for part, inner in value.items() if part != MORE]
        return {key: inner for part in parts for key, inner in part.items()}
    return {name: json.dumps(value, ensure_ascii=False)}


def write_body(answers: Mapping[str, Mapping[str, LeadValue]]) -> dict[str, object]:
    """Return the request that sets fields of leads, each for itself."""
    records = [{MORE: {"type": OBJECT}, "id": id18, **values} for id18, values in answers.items()]
    return {"allOrNone": False, "records": records}


def read_results(answer: object, ids: Sequence[str]) -> dict[str, WriteFault | None]:
    """Return what is wrong with each write, None where nothing is. Raises Unavailable: writing again does no harm."""
    try:
        results = _RESULTS.validate_python(answer)
    except ValidationError:
        raise Unavailable(UNREADABLE) from None
    if len(results) != len(ids):
        raise Unavailable(UNREADABLE)
    faults = (None if result.success else (*result.errors, WriteFault())[0] for result in results)
    return dict(zip(ids, faults, strict=True))


def write_result(id18: str, fault: WriteFault | None) -> WriteResult:
    """Say in one sentence why a lead was not written, if it was not."""
    if fault is None:
        return WriteResult(id18)
    words = (fault.message or "").strip().rstrip(".")
    meaning = WRITE_MEANINGS.get(fault.statusCode or "") or (
        f"Salesforce says: {words}" if words else "no reason given"
    )
    fields = fault.fields or ()
    where = f"{'field' if len(fields) == 1 else 'fields'} {', '.join(fields)}" if fields else ""
    source = "; ".join(part for part in (where, fault.statusCode) if part)
    return WriteResult(id18, f"Not written: {meaning} ({source})." if source else f"Not written: {meaning}.")
