"""The pages of the documentation, and what the tests pick out of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PAGES = sorted([CHECKOUT / "README.md", CHECKOUT / "CHANGELOG.md", *(CHECKOUT / "docs").rglob("*.md")])
NAMES = [str(page.relative_to(CHECKOUT)) for page in PAGES]

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def text(name: str) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """Return the fenced blocks of a language, without the indent of a list they stand in."""
    found = [body for kind, body in _FENCE.findall(text(name)) if kind == language]
    return ["\n".join(line.removeprefix(_indent(body)) for line in body.splitlines()) for body in found]


def prose(name: str) -> str:
    return _FENCE.sub("", text(name))


def spans(name: str) -> list[str]:
    """Return what stands between backticks in the prose, line breaks and all."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(name))]


def rows(name: str) -> Iterator[list[str]]:
    """Yield the cells of every row of every table."""
    for line in text(name).splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def _indent(body: str) -> str:
    return body[: len(body) - len(body.lstrip(" "))]
