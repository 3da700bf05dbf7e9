"""Writes docs/settings.md from the settings model: ``python -m clarion.settings_reference docs/settings.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from clarion.settings import Account, Settings

PREFIX = "CLARION_"
KINDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    SecretStr: "secret text",
}
SIGNS = (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤"), ("pattern", "matches"))

OPENING = """# Settings

Made from `clarion/settings.py` by `make docs`; a test keeps it current.

Each setting is an environment variable, or a line `NAME=value` in a file `.env` of the folder a command is called in.
The environment wins over `.env`. While `clarion up` runs, other commands on the machine also find what it started, in
`running.env` of `CLARION_HOME`; the environment and `.env` win over that, too.

The connection to Temporal is Temporal's own affair: `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`,
`TEMPORAL_TLS…`, or a profile in Temporal's configuration file. Clarion reads them as every Temporal tool does.
"""

ACCOUNTS = """
## Accounts

`<NAME>` is what a campaign file calls `account`, in capitals: `CLARION_ACCOUNTS__MAIN__SID` belongs to `account: main`.
All campaigns on an account share its limits. Give a sender number or a messaging service, not both.
What to set up at the vendor: [providers/twilio.md](providers/twilio.md).
"""


def reference() -> str:
    """Return the page."""
    own = {name: field for name, field in Settings.model_fields.items() if name != "accounts"}
    lines = [OPENING, "## The installation\n", *_table(own, PREFIX), ACCOUNTS]
    lines += _table(Account.model_fields, f"{PREFIX}ACCOUNTS__<NAME>__")
    return "\n".join(lines) + "\n"


def _table(fields: dict[str, FieldInfo], prefix: str) -> Iterator[str]:
    yield "| variable | meaning | kind | default |"
    yield "|---|---|---|---|"
    for name, field in fields.items():
        cells = (f"`{prefix}{name.upper()}`", field.description or "", _kind(field), _default(field))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _kind(field: FieldInfo) -> str:
    kinds = [KINDS[kind] for kind in _choices(field.annotation) if kind in KINDS]
    rules = [
        f"{sign} {getattr(rule, name):g}" if name != "pattern" else f"{sign} `{rule.pattern}`"
        for rule in field.metadata
        for name, sign in SIGNS
        if getattr(rule, name, None) is not None
    ]
    return ", ".join([*kinds, *rules])


def _choices(annotation: object) -> tuple[object, ...]:
    if get_origin(annotation) in {Union, UnionType}:
        return tuple(choice for choice in get_args(annotation) if choice is not type(None))
    return (annotation,)


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "**required**" if field.default_factory is None else "none"
    if field.default is None:
        return "–"
    return f"`{field.default:g}`" if isinstance(field.default, float) else f"`{field.default}`"


def main() -> None:
    """Write the page to the file that is named."""
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
