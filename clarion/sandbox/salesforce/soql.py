"""Reads the few queries that are understood here: fields of leads that are given by their ids (SOQL reference).

``SELECT Id, Name FROM Lead WHERE Id IN ('00Q…', …) AND IsDeleted = true ORDER BY Id LIMIT 10``
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from clarion.sandbox.salesforce.errors import Problem
from clarion.sandbox.salesforce.lead_ids import read_id

_TOKEN = re.compile(r"\s*('(?:[^'\\]|\\.)*'|[A-Za-z_][\w.]*|\d+|[=,()])")
_ESCAPED = re.compile(r"\\(.)")
LONGEST = 100_000
"""Characters of a query."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query that is understood."""

    fields: tuple[str, ...]
    """As they were written."""
    ids: tuple[str, ...]
    """Of 18 characters, each once."""
    flags: dict[str, bool] = field(default_factory=dict)
    """What must be true or false of a lead, such as ``IsDeleted``."""
    limit: int | None = None


def read_query(text: str) -> Query:
    """Read a query. Raises Problem for what is no query, or one that this sandbox does not understand."""
    if len(text) > LONGEST:
        raise Problem(400, "QUERY_TOO_COMPLICATED", "SOQL statement is too long")
    return _Reader(text).query()


class _Reader:
    """Walks through the words of one query."""

    def __init__(self, text: str) -> None:
        self._words = _words(text)
        self._next = 0

    def query(self) -> Query:
        self._take("SELECT")
        fields = [self._name()]
        while self._is(","):
            self._take(",")
            fields.append(self._name())
        self._take("FROM")
        self._of_leads()
        ids, flags = self._conditions()
        if self._is("ORDER"):
            self._take("ORDER")
            self._take("BY")
            self._take("ID")
        limit = None
        if self._is("LIMIT"):
            self._take("LIMIT")
            limit = int(self._pop())
        if self._next < len(self._words):
            raise _unexpected(self._words[self._next])
        return Query(tuple(fields), tuple(dict.fromkeys(ids)), flags, limit)

    def _of_leads(self) -> None:
        kind = self._name()
        if kind.lower() != "lead":
            raise Problem(400, "INVALID_TYPE", f"sObject type '{kind}' is not supported.")

    def _conditions(self) -> tuple[list[str], dict[str, bool]]:
        ids: list[str] | None = None
        flags: dict[str, bool] = {}
        word = "WHERE"
        while self._is(word):
            self._take(word)
            name, word = self._name(), "AND"
            if name.lower() == "id":
                found = self._ids()
                ids = found if ids is None else [one for one in ids if one in set(found)]
            else:
                self._take("=")
                flags[name] = self._truth()
        if ids is None:
            raise Problem(400, "MALFORMED_QUERY", "this sandbox answers queries for leads by their ids alone")
        return ids, flags

    def _ids(self) -> list[str]:
        if self._is("="):
            self._take("=")
            return [self._id()]
        self._take("IN")
        self._take("(")
        found = [self._id()]
        while self._is(","):
            self._take(",")
            found.append(self._id())
        self._take(")")
        return found

    def _id(self) -> str:
        word = self._pop()
        if not word.startswith("'"):
            raise _unexpected(word)
        text = _ESCAPED.sub(r"\1", word[1:-1])
        known = read_id(text)
        if known is None:
            raise Problem(400, "INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {text}")
        return known

    def _truth(self) -> bool:
        word = self._pop()
        if word.lower() not in {"true", "false"}:
            raise _unexpected(word)
        return word.lower() == "true"

    def _name(self) -> str:
        word = self._pop()
        if not (word[0].isalpha() or word[0] == "_"):
            raise _unexpected(word)
        return word

    def _is(self, word: str) -> bool:
        return self._next < len(self._words) and self._words[self._next].upper() == word

    def _take(self, word: str) -> None:
        found = self._pop()
        if found.upper() != word:
            raise _unexpected(found)

    def _pop(self) -> str:
        if self._next >= len(self._words):
            raise _unexpected("<EOF>")
        self._next += 1
        return self._words[self._next - 1]


def _words(text: str) -> list[str]:
    words, at = [], 0
    text = text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise _unexpected(text[at : at + 10].strip())
        words.append(found[1])
        at = found.end()
    return words


def _unexpected(token: str) -> Problem:
    return Problem(400, "MALFORMED_QUERY", f"unexpected token: '{token}'")
