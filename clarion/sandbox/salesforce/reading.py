"""Reads leads: collections by ids, queries with their further pages, one lead alone, and what a Lead is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from urllib.parse import parse_qs

from clarion.sandbox.salesforce.errors import Problem
from clarion.sandbox.salesforce.lead_ids import read_id, suffix
from clarion.sandbox.salesforce.records import Records
from clarion.sandbox.salesforce.soql import Query, read_query
from clarion.sandbox.salesforce.tally import Tally
from clarion.sandbox.vendor import Answer, Call, Json

MOST_RETRIEVED = 2_000
MOST_QUERIED, LEAST_QUERIED = 2_000, 200
"""Records of one page of a query: at most, which is the default, and the least that can be asked for."""
KEPT_QUERIES = 10
"""Of queries that have further pages: so many are remembered, as it is with Salesforce for each user."""
BREATH = 200
"""Leads that are made before others on this server get a turn."""


@dataclass(frozen=True, slots=True)
class _Cursor:
    """A query that has further pages."""

    ids: tuple[str, ...]
    names: tuple[str, ...]
    size: int


class Reading:
    """Answers whatever changes nothing."""

    def __init__(self, records: Records, tally: Tally) -> None:
        self._records = records
        self._tally = tally
        self._cursors: dict[str, _Cursor] = {}
        self._queries = 0

    async def retrieve(self, call: Call, version: str) -> Answer:
        """Tell leads in the order of their ids, and null for each that is not there for us."""
        ids, names = _asked(call)
        if len(ids) > MOST_RETRIEVED:
            message = f"record limit reached. cannot submit more than {MOST_RETRIEVED} records into this call"
            raise Problem(400, "EXCEEDED_ID_LIMIT", message)
        spelled = self._records.named(names)
        known = [read_id(raw) for raw in ids]
        found = [id18 if id18 and self._records.exists(id18) else None for id18 in known]
        self._tally.fetched({id18 for id18 in found if id18})
        return _json(await self._told(found, spelled, version))

    async def query(self, call: Call, version: str, *, deleted: bool) -> Answer:
        """Answer a query with its first page; ``deleted`` looks into the recycle bin as well."""
        text = parse_qs(call.query).get("q")
        if not text:
            raise Problem(400, "MALFORMED_QUERY", "A query string has to be specified")
        query = read_query(text[0])
        names = tuple(self._records.named(query.fields))
        ids = tuple(islice(self._matching(query, deleted=deleted), query.limit))
        self._tally.fetched(ids)
        self._queries += 1
        locator = f"01gSand{self._queries:08}"
        self._cursors[locator + suffix(locator)] = _Cursor(ids, names, _page_size(call))
        while len(self._cursors) > KEPT_QUERIES:
            del self._cursors[next(iter(self._cursors))]
        return await self.page(f"{locator}{suffix(locator)}-0", version)

    async def page(self, place: str, version: str) -> Answer:
        """Answer with the page of a query that begins at a place such as ``01g…-2000``."""
        locator, _, start = place.partition("-")
        cursor = self._cursors.get(locator)
        if cursor is None or not start.isdecimal():
            raise Problem(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        begin, end = int(start), int(start) + cursor.size
        page: dict[str, Json] = {"totalSize": len(cursor.ids), "done": end >= len(cursor.ids)}
        if end < len(cursor.ids):
            page["nextRecordsUrl"] = f"/services/data/{version}/query/{locator}-{end}"
        page["records"] = await self._told(cursor.ids[begin:end], cursor.names, version)
        return _json(page)

    def one(self, raw: str, call: Call, version: str) -> Answer:
        """Tell one lead, all of its fields or those that are asked for."""
        id18 = read_id(raw)
        if id18 is None or not self._records.exists(id18, deleted=True):
            message = "Provided external ID field does not exist or is not accessible: Id"
            raise Problem(404, "NOT_FOUND", message)
        if not self._records.exists(id18):
            raise Problem(404, "ENTITY_IS_DELETED", "entity is deleted")
        asked = parse_qs(call.query).get("fields")
        names = asked[0].split(",") if asked else self._records.fields.names
        told = self._records.tell(id18, self._records.named(names), version)
        self._tally.fetched([id18])
        return _json(told)

    def describe(self) -> Answer:
        """Tell what a Lead is."""
        return _json({"name": "Lead", "label": "Lead", "keyPrefix": "00Q", "fields": self._records.fields.describe()})

    def _matching(self, query: Query, *, deleted: bool) -> Iterable[str]:
        flags = dict(zip(self._records.named(tuple(query.flags)), query.flags.values(), strict=True))
        for id18 in sorted(query.ids):
            if self._records.exists(id18, deleted=deleted) and self._records.holds(id18, flags):
                yield id18

    async def _told(self, ids: Sequence[str | None], names: Sequence[str], version: str) -> list[Json]:
        told: list[Json] = []
        for number, id18 in enumerate(ids, 1):
            told.append(None if id18 is None else self._records.tell(id18, names, version))
            if number % BREATH == 0:
                await asyncio.sleep(0)
        return told


def _asked(call: Call) -> tuple[list[object], list[str]]:
    """Return the ids and fields of a request for a collection, which stand in its body or in its address."""
    if call.method == "GET":
        query = parse_qs(call.query)
        ids, names = (query.get(name, [""])[0].split(",") for name in ("ids", "fields"))
        return list(ids), names
    try:
        body = json.loads(call.body)
    except ValueError as error:
        raise Problem(400, "JSON_PARSER_ERROR", f"The HTTP entity body is not valid JSON: {error}") from error
    asked = body if isinstance(body, dict) else {}
    for name in ("ids", "fields"):
        if not isinstance(asked.get(name), list) or not asked[name]:
            raise Problem(400, "MISSING_ARGUMENT", f"The required parameter {name} is missing or empty")
    return list(asked["ids"]), [str(name) for name in asked["fields"]]


def _page_size(call: Call) -> int:
    """Return how many records one page of a query has."""
    for option in call.headers.get("Sforce-Query-Options", "").split(","):
        name, _, value = option.partition("=")
        if name.strip() == "batchSize" and value.strip().isdecimal():
            return max(LEAST_QUERIED, min(MOST_QUERIED, int(value)))
    return MOST_QUERIED


def _json(body: Json) -> Answer:
    """Word an answer. It can get lost on its way: the request counted all the same."""
    return Answer(200, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(), effect=True)
