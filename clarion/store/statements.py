"""Statements that are compiled once and take plain tuples.

A ledger page writes and reads a few rows of many tables again and again. SQLAlchemy's work on every row of every
statement would cost several times what the database itself needs, so the hot statements skip it; they are still built
from the tables, and the same for both databases.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any

from sqlalchemy import BindParameter, ClauseElement, ColumnElement, Connection, Dialect, Row, Select, bindparam

Values = tuple[object, ...]
_Compiled = tuple[str, Callable[[Values], Values] | None]

MOST_KEYS = 256
"""Keys that one select looks for; more are looked for in several."""


class Prepared:
    """A statement with named parameters, run with tuples in the order of ``names``."""

    def __init__(self, names: Sequence[str], build: Callable[[str], ClauseElement]) -> None:
        """``build`` makes the statement for a dialect ("sqlite" or "postgresql")."""
        self._names = tuple(names)
        self._build = build
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Run once for each row; not at all for none."""
        if rows:
            sql, reorder = self._for(connection.dialect)
            connection.exec_driver_sql(sql, list(rows if reorder is None else map(reorder, rows)))

    def _for(self, dialect: Dialect) -> _Compiled:
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = _compile(self._build(dialect.name), dialect, self._names)
        return found


class PreparedSelect:
    """A select of the rows in which a column has one of some values, after other parameters given by ``names``."""

    def __init__(self, names: Sequence[str], query: Select[Any], column: ColumnElement[Any]) -> None:
        """``query`` has the parameters ``names``; ``column`` is the one that is looked up."""
        self._names = tuple(names)
        self._query = query
        self._column = column
        self._compiled: dict[tuple[str, int], _Compiled] = {}

    def fetch(self, connection: Connection, given: Values, wanted: Collection[object]) -> list[Row[Any]]:
        """Return the rows for ``wanted`` values, in the query's order within each MOST_KEYS of them."""
        found: list[Row[Any]] = []
        left = iter(wanted)
        while keys := tuple(islice(left, MOST_KEYS)):
            # Few different lengths, so that the text is compiled, and the database's plan made, only a few times.
            size = 1 << (len(keys) - 1).bit_length()
            sql, reorder = self._for(connection.dialect, size)
            values = (*given, *keys, *(keys[-1:] * (size - len(keys))))
            found += connection.exec_driver_sql(sql, values if reorder is None else reorder(values)).all()
        return found

    def _for(self, dialect: Dialect, size: int) -> _Compiled:
        found = self._compiled.get((dialect.name, size))
        if found is None:
            keys: list[BindParameter[Any]] = [bindparam(f"key_{i}", type_=self._column.type) for i in range(size)]
            query = self._query.where(self._column.in_(keys))
            names = (*self._names, *(f"key_{i}" for i in range(size)))
            found = self._compiled[dialect.name, size] = _compile(query, dialect, names)
        return found


def _compile(statement: ClauseElement, dialect: Dialect, names: Values) -> _Compiled:
    """Return a statement's text with places for values, and how to put values in their places (None: as they come)."""
    new: Callable[..., Dialect] = type(dialect)
    positional = new(paramstyle="qmark" if dialect.name == "sqlite" else "format")
    compiled = statement.compile(dialect=positional, column_keys=[str(name) for name in names])
    places = [names.index(name) for name in getattr(compiled, "positiontup", None) or ()]
    return str(compiled), None if places == list(range(len(names))) else itemgetter(*places)
