"""A condition such as `score >= 70 and tier in ["A", "B"]`, in the language of texts, asked of each lead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from jinja2.environment import TemplateExpression

from clarion.domain.errors import BadInput
from clarion.domain.template import parse_expression

LONGEST = 2_000
"""Characters of a condition."""


class Condition:
    """A parsed condition; `names` are the values it mentions."""

    __slots__ = ("_compiled", "names", "source")

    def __init__(self, source: str, names: frozenset[str], compiled: TemplateExpression) -> None:
        """Use `parse`."""
        self.source = source
        self.names = names
        self._compiled = compiled

    @classmethod
    def parse(cls, text: str) -> Self:
        """Check a condition and prepare it to be asked often; raises BadInput with the way out."""
        source = text.strip()
        example = 'write for example score >= 70 and tier in ["A", "B"]'
        if len(source) > LONGEST:
            raise BadInput(f"the condition has {len(source):,} characters; it may have up to {LONGEST:,}")
        if source.startswith("{"):
            raise BadInput(f"a condition stands without braces; {example}")
        try:
            names, compiled = parse_expression(source)
        except BadInput as problem:
            raise BadInput(f"this is no condition: {problem}; {example}") from None
        if not names:
            raise BadInput(
                f"the condition mentions no answer and no field, so it says the same of every lead; {example}"
            )
        return cls(source, names, compiled)

    def holds(self, values: Mapping[str, object]) -> bool:
        """Say whether it is true of these values; it is not where one is missing or of a kind it cannot work with."""
        try:
            return bool(self._compiled(values))
        except Exception:  # noqa: BLE001 - whatever values do to an expression, they do not fulfil it
            return False
