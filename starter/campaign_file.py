"""Reads a campaign from a YAML or JSON file."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from pathlib import Path

import yaml

from clarion.domain.campaign import CampaignSpec, parse_spec
from clarion.domain.errors import BadInput, did_you_mean

LARGEST = 1_000_000
"""Bytes; a campaign file holds rules, never the audience."""

_AUDIENCE_SUFFIXES = frozenset((".csv", ".tsv", ".xlsx", ".xls", ".jsonl", ".ndjson"))


def read_campaign_file(path: Path) -> CampaignSpec:
    """Return the campaign; `audience.file` becomes absolute, seen from the folder of the campaign file.

    Raises BadInput, with the path in each sentence.
    """
    text = _text(path)
    try:
        spec = parse_spec(_content(text, as_json=path.suffix.lower() == ".json"))
    except BadInput as problem:
        raise BadInput("\n".join(f"{path}: {line}" for line in str(problem).splitlines())) from None
    file = path.resolve().parent / _at_home(spec.audience.file)
    return spec.model_copy(update={"audience": spec.audience.model_copy(update={"file": str(file)})})


def campaign_content(path: Path) -> object:
    """Return what stands in a campaign file, unchecked. Raises BadInput for what is neither YAML nor JSON."""
    return _content(_text(path), as_json=path.suffix.lower() == ".json")


def _at_home(file: str) -> Path:
    return Path.home() / file.removeprefix("~/") if file.startswith("~/") else Path(file)


def _content(text: str, *, as_json: bool) -> object:
    data = _from_json(text) if as_json else _from_yaml(text)
    if data is None:
        raise BadInput("the file is empty; write at least name, channel, audience, and message or call")
    return data


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file{_nearest(path)}") from None
    except IsADirectoryError:
        raise BadInput(f"{path}: this is a folder; give the campaign file in it") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: the file cannot be read: {error}") from None
    if path.suffix.lower() in _AUDIENCE_SUFFIXES:
        raise BadInput(f"{path}: this looks like an audience; give the campaign file (YAML or JSON) that names it")
    if len(content) > LARGEST:
        raise BadInput(f"{path}: the file has more than {LARGEST} bytes; is it the audience and not the campaign?")
    return _decode(path, content)


def _decode(path: Path, content: bytes) -> str:
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{path}: line {line} is not UTF-8 text; save the file as UTF-8") from None
    if "\0" in text:
        raise BadInput(f"{path}: this is not a text file; a campaign is written in YAML or JSON")
    return text


def _nearest(path: Path) -> str:
    try:
        return did_you_mean(path.name, sorted(entry.name for entry in path.absolute().parent.iterdir()))
    except OSError:
        return f" (nor the folder {path.parent})"


class _Loader(yaml.SafeLoader):
    """YAML 1.1 would read `on` and `NO` as booleans, 20:00 as 1200 and a date as an object; here they stay words."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:(?:0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+|(?:0|[1-9][0-9]*))(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Hashable, object]:
    seen: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise BadInput(f"line {key.start_mark.line + 1}: a key must be one word")
        line = key.start_mark.line + 1
        if key.value in seen and key.value != "<<":
            raise BadInput(
                f'line {line}: the key "{key.value}" is given a second time (first in line {seen[key.value]})'
            )
        seen[key.value] = line
    loader.flatten_mapping(node)
    return {str(key.value): loader.construct_object(value, deep=True) for key, value in node.value}


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def _from_yaml(text: str) -> object:
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        raise BadInput(f"{line}not readable as YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError) as error:
        # A reader error has no line; the others come from explicit tags such as `!!int x`, which the library trusts.
        raise BadInput(f"not readable as YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise BadInput("not readable as YAML: it is nested too deeply") from None


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise BadInput(f'the key "{key}" is given a second time')
        found[key] = value
    return found


def _from_json(text: str) -> object:
    if not text.strip():
        return None
    try:
        return json.loads(text, object_pairs_hook=_pairs)
    except json.JSONDecodeError as error:
        raise BadInput(f"line {error.lineno}: not readable as JSON: {error.msg}") from None
    except ValueError as error:
        raise BadInput(f"not readable as JSON: {error}") from None
    except RecursionError:
        raise BadInput("not readable as JSON: it is nested too deeply") from None
