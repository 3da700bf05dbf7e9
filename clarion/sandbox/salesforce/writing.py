"""Changes leads: up to 200 in one request, each of which succeeds or fails by itself unless told otherwise."""

from __future__ import annotations

import json

from clarion.sandbox.salesforce.errors import Problem, record_error
from clarion.sandbox.salesforce.records import Change, Records, Row
from clarion.sandbox.salesforce.tally import Tally
from clarion.sandbox.vendor import Answer, Call, Json

MOST_CHANGED = 200
_ROLLED_BACK = record_error(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
)


def update(call: Call, records: Records, tally: Tally, now: float) -> Answer:
    """Change leads as a request says; the answer has one result for each record, in their order."""
    given, all_or_none = _asked(call)
    changes = [records.change(record) for record in given]
    if all_or_none and any(change.errors for change in changes):
        changes = [Change(change.id18, {}, change.errors or (_ROLLED_BACK,)) for change in changes]
    for change in changes:
        if change.errors:
            tally.refused_write(str(change.errors[0]["statusCode"]))
        elif change.id18 is not None:
            records.apply(change, now)
            tally.written(change.id18, change.values)
    return Answer(200, json.dumps([_result(change) for change in changes]).encode(), effect=True)


def _asked(call: Call) -> tuple[list[Row], bool]:
    try:
        body = json.loads(call.body)
    except ValueError as error:
        raise Problem(400, "JSON_PARSER_ERROR", f"The HTTP entity body is not valid JSON: {error}") from error
    records = body.get("records") if isinstance(body, dict) else None
    if not isinstance(records, list) or not records:
        raise Problem(400, "MISSING_ARGUMENT", "The required parameter records is missing or empty")
    if len(records) > MOST_CHANGED:
        message = f"record limit reached. cannot submit more than {MOST_CHANGED} records into this call"
        raise Problem(400, "EXCEEDED_ID_LIMIT", message)
    for record in records:
        kind = record.get("attributes", {}).get("type") if isinstance(record, dict) else None
        if not isinstance(kind, str):
            raise Problem(400, "INVALID_INPUT", "Include an entity type in the attributes of each record")
        if kind.lower() != "lead":
            raise Problem(400, "INVALID_TYPE", f"sObject type '{kind}' is not supported.")
    return records, body.get("allOrNone") is True


def _result(change: Change) -> dict[str, Json]:
    result: dict[str, Json] = {"success": not change.errors, "errors": list(change.errors)}
    return {"id": change.id18, **result} if not change.errors else result
