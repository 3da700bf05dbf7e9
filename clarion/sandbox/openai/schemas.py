"""Says what is wrong with a JSON schema for strict output, as OpenAI's guide to structured outputs has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

Path = tuple[str, ...]

NOT_PERMITTED = frozenset({
    "allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else", "default", "minLength", "maxLength",
    "patternProperties", "propertyNames", "minProperties", "maxProperties", "uniqueItems", "contains", "oneOf",
})  # fmt: skip
DEEPEST = 10
MOST_PROPERTIES = 5_000
MOST_CHOICES = 1_000


def complaint(schema: object) -> str | None:
    """Return what a strict schema breaks of the rules, in OpenAI's words; None when it is in order."""
    if not isinstance(schema, Mapping):
        return "schema must be a JSON Schema object."
    if schema.get("type") != "object":
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{schema.get('type')}\"'."
    nodes = list(_walk(schema, (), 1))
    for path, node, depth in nodes:
        said = _node(node, depth)
        if said is not None:
            return f"In context={path!r}, {said}"
    if sum(len(_properties(node)) for _, node, _ in nodes) > MOST_PROPERTIES:
        return f"a schema may have up to {MOST_PROPERTIES} object properties."
    if sum(len(_listed(node.get("enum"))) for _, node, _ in nodes) > MOST_CHOICES:
        return f"a schema may have up to {MOST_CHOICES} enum values."
    return None


def _walk(node: Mapping[str, object], path: Path, depth: int) -> Iterator[tuple[Path, Mapping[str, object], int]]:
    yield path, node, depth
    if depth > DEEPEST:
        return
    for name, child in _properties(node).items():
        yield from _walk(child, (*path, "properties", name), depth + 1)
    items = node.get("items")
    if isinstance(items, Mapping):
        yield from _walk(items, (*path, "items"), depth + 1)
    for number, choice in enumerate(_listed(node.get("anyOf"))):
        if isinstance(choice, Mapping):
            yield from _walk(choice, (*path, "anyOf", str(number)), depth)
    for name, child in _mappings(node.get("$defs")).items():
        yield from _walk(child, (*path, "$defs", name), depth)


def _node(node: Mapping[str, object], depth: int) -> str | None:
    for keyword in node:
        if keyword in NOT_PERMITTED:
            return f"'{keyword}' is not permitted."
    if depth > DEEPEST:
        return f"schema exceeds the maximum nesting depth of {DEEPEST}."
    if not {"type", "anyOf", "$ref", "enum", "const"} & node.keys():
        return "schema must have a 'type' key."
    if node.get("type") == "array" and not isinstance(node.get("items"), Mapping):
        return "array schema missing items."
    return _object(node) if node.get("type") == "object" else None


def _object(node: Mapping[str, object]) -> str | None:
    if node.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false."
    names, required = _properties(node), _listed(node.get("required"))
    lacking = [name for name in names if name not in required]
    if lacking:
        return (
            "'required' is required to be supplied and to be an array including every key in properties. "
            f"Missing '{lacking[0]}'."
        )
    extra = [name for name in required if name not in names]
    return f"'required' is required to be supplied. Extra required key '{extra[0]}' supplied." if extra else None


def _properties(node: Mapping[str, object]) -> Mapping[str, Mapping[str, object]]:
    return _mappings(node.get("properties"))


def _mappings(found: object) -> Mapping[str, Mapping[str, object]]:
    if not isinstance(found, Mapping):
        return {}
    return {str(name): child for name, child in found.items() if isinstance(child, Mapping)}


def _listed(found: object) -> Sequence[object]:
    return found if isinstance(found, list) else ()
