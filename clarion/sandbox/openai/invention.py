"""Makes up an answer that fits a JSON schema, the same each time for the same lead."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

Schema = Mapping[str, object]
Draw = Callable[[str], float]
"""Gives a name within one answer its share between 0 and 1."""

RANKED = re.compile(r"score|fit|tier|rating|grade|priority|rank", re.IGNORECASE)
"""Names of answers that say how good a lead is; within one answer they agree with each other."""
LACKS = re.compile(r"risk|missing|gap|against|concern", re.IGNORECASE)
LONGEST_QUOTE = 40
USUAL_ENTRIES = 3
EVEN = 0.5
USUAL_RANGE = 100
SENTENCES = (
    "Call {who} this week and ask about {what}.",
    "Send {who} an example that fits {what}.",
    "Write to {who} and find out who decides.",
    "Look at {what} again before {who} is contacted.",
)
FORMATS = {
    "date": "2026-01-15",
    "time": "09:00:00Z",
    "date-time": "2026-01-15T09:00:00Z",
    "duration": "P1D",
    "email": "nobody@example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
}


@dataclass(frozen=True, slots=True)
class Invention:
    """One answer in the making."""

    root: Schema
    facts: Mapping[str, str]
    """What is known of the lead, by field."""
    draw: Draw
    told: Mapping[str, str]
    """Answers that somebody has dictated, by name in lower case."""

    def answer(self) -> object:
        """Make up the whole answer."""
        return self._value(self.root, "")

    def _value(self, schema: Schema, name: str) -> object:
        schema = self._meant(schema)
        if "const" in schema:
            return schema["const"]
        choices = schema.get("enum")
        if isinstance(choices, list) and choices:
            return self._choice(choices, name)
        makers: Mapping[str, Callable[[Schema, str], object]] = {
            "object": self._object,
            "array": self._entries,
            "boolean": self._yes_no,
            "integer": self._number,
            "number": self._number,
            "null": lambda _schema, _name: None,
        }
        return makers.get(str(schema.get("type")), self._text)(schema, name)

    def _meant(self, schema: Schema) -> Schema:
        """Follow references, and take the first of several kinds."""
        for _ in range(10):
            choices, reference, kinds = schema.get("anyOf"), schema.get("$ref"), schema.get("type")
            if isinstance(reference, str):
                schema = self._referred(reference)
            elif isinstance(choices, list) and choices:
                schema = choices[0]
            elif isinstance(kinds, list):
                schema = {**schema, "type": kinds[0]}
            else:
                break
        return schema

    def _referred(self, reference: str) -> Schema:
        found: object = self.root
        for step in reference.removeprefix("#").strip("/").split("/"):
            found = found.get(step, {}) if step and isinstance(found, Mapping) else found
        return found if isinstance(found, Mapping) else {}

    def _object(self, schema: Schema, _name: str) -> dict[str, object]:
        properties = schema.get("properties")
        return (
            {name: self._value(child, name) for name, child in properties.items()}
            if isinstance(properties, Mapping)
            else {}
        )

    def _share(self, name: str) -> float:
        return self.draw("worth") if RANKED.search(name) else self.draw(name)

    def _choice(self, choices: Sequence[object], name: str) -> object:
        wanted = self.told.get(name.lower())
        for choice in choices:
            if wanted is not None and str(choice).lower() == wanted.lower():
                return choice
        # The first choice is the best one: it goes with a high score.
        return choices[min(len(choices) - 1, int((1 - self._share(name)) * len(choices)))]

    def _yes_no(self, _schema: Schema, name: str) -> bool:
        told = self.told.get(name.lower())
        return self.draw(name) < EVEN if told is None else told.lower() in {"true", "yes", "1"}

    def _number(self, schema: Schema, name: str) -> int | float:
        whole = schema.get("type") == "integer"
        least = _bound(schema, "minimum", "exclusiveMinimum", 1 if whole else 0.01)
        most = _bound(schema, "maximum", "exclusiveMaximum", -1 if whole else -0.01)
        if least is None:
            least = 0 if most is None or most > 0 else most - USUAL_RANGE
        if most is None:
            most = max(least, 0) + USUAL_RANGE
        value = least + self._share(name) * (most - least)
        wanted = self.told.get(name.lower())
        if wanted is not None:
            value = min(most, max(least, float(wanted) if re.fullmatch(r"-?\d+(\.\d+)?", wanted) else value))
        return round(value) if whole else round(value, 2)

    def _entries(self, schema: Schema, name: str) -> list[object]:
        inner = schema.get("items")
        items = self._meant(inner) if isinstance(inner, Mapping) else {}
        most, fewest = schema.get("maxItems"), schema.get("minItems")
        top = min(most, USUAL_ENTRIES) if isinstance(most, int) else USUAL_ENTRIES
        count = max(fewest if isinstance(fewest, int) else 0, min(top, 1 + int(self.draw(name) * top)))
        if items.get("type") != "string" or "enum" in items:
            return [self._value(items, f"{name}/{number}") for number in range(count)]
        return list(self._findings(name, count))

    def _findings(self, name: str, count: int) -> Iterator[str]:
        lacking = bool(LACKS.search(name))
        fitting = [field for field, value in self.facts.items() if bool(value) is not lacking]
        first = int(self.draw(f"{name}/first") * len(fitting))
        for number in range(count):
            if number >= len(fitting):
                yield f"nothing else speaks of it ({number + 1})"
                continue
            field = fitting[(first + number) % len(fitting)]
            yield f"{field} is not known" if lacking else f"{field} is {_quote(self.facts[field])}"

    def _text(self, schema: Schema, name: str) -> str:
        if name.lower() in self.told:
            return self.told[name.lower()]
        usual = FORMATS.get(str(schema.get("format")))
        if usual is not None:
            return usual
        known = [value for value in self.facts.values() if value]
        who = _quote(self.facts.get("Name") or self.facts.get("Company") or "the lead")
        what = _quote(known[int(self.draw(f"{name}/what") * len(known))]) if known else "the little that is known"
        return SENTENCES[int(self.draw(name) * len(SENTENCES))].format(who=who, what=what)


def facts_in(said: str) -> tuple[dict[str, str], str]:
    """Read the first JSON object in a text: its fields as text (empty where null), and what stands around it."""
    start = said.find("{")
    if start < 0:
        return {}, said
    try:
        found, end = json.JSONDecoder().raw_decode(said, start)
    except ValueError:
        return {}, said
    facts = {str(name): "" if value is None else str(value) for name, value in found.items()}
    return facts, f"{said[:start]} {said[end:]}"


def _bound(schema: Schema, name: str, exclusive: str, step: float) -> float | None:
    found, beyond = schema.get(name), schema.get(exclusive)
    if isinstance(found, int | float):
        return found
    return beyond + step if isinstance(beyond, int | float) else None


def _quote(value: str) -> str:
    return value if len(value) <= LONGEST_QUOTE else value[:LONGEST_QUOTE].rstrip() + "..."
