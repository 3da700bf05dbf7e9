"""Every page: its links lead somewhere, its commands exist, and nothing in it belongs to one machine."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from starter.cli.app import app
from tests.docs.pages import CHECKOUT, NAMES, blocks, prose, rows, spans, text

PLACEHOLDERS = re.compile(r"[\[\]…]")
MACHINE = re.compile(r"/(?:work|home|root|tmp|Users)/|127\.0\.0\.1:(?!7233|8233|8088|33841|PORT)\d")
PICTOGRAM = re.compile("[\U0001f000-\U0001faff☀-⚟]")


def links(name: str) -> list[str]:
    return [target for target in re.findall(r"\]\(([^)#\s]+)", prose(name)) if "://" not in target]


def command_lines(name: str) -> Iterator[list[str]]:
    """Yield the words after ``clarion`` of every command a page shows, in code and in its text."""
    lines = [line for block in blocks(name, "") + blocks(name, "sh") for line in block.splitlines()]
    for line in [*lines, *spans(name)]:
        found = re.match(r"(?:\$ |docker compose exec web )?clarion(?: |$)(.*)", line.partition("  #")[0].strip())
        if found:
            yield shlex.split(PLACEHOLDERS.sub("", found[1]))


def broken(words: list[str]) -> str:
    """Say what is wrong with a command line, or nothing."""
    command = get_command(app)
    for word in list(words):
        if not isinstance(command, TyperGroup) or word.startswith("-"):
            break
        if word not in command.commands:
            return f"no command {word}"
        command = command.commands[word]
        words = words[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
    wrong = [word for word in words if word.startswith("-") and word.partition("=")[0] not in known]
    return f"no option {wrong[0]}" if wrong else ""


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    folder = (CHECKOUT / name).parent
    assert [target for target in links(name) if not (folder / target).exists()] == []


@pytest.mark.parametrize("name", NAMES)
def test_commands_exist(name: str) -> None:
    wrong = {" ".join(words): problem for words in command_lines(name) if (problem := broken(words))}
    assert wrong == {}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("start x.yaml --follow", ""),
        ("optout add", ""),
        ("strat x", "no command strat"),
        ("pause x --now", "no option --now"),
    ],
)
def test_a_wrong_command_would_be_noticed(line: str, problem: str) -> None:
    assert broken(shlex.split(line)) == problem


def test_the_readme_names_every_command() -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    table = " ".join(cells[0] for cells in rows("README.md"))
    named = {word for span in re.findall(r"`([^`]+)`", table) for word in span.removeprefix("clarion ").split()[:1]}
    assert {name for name, command in group.commands.items() if not command.hidden} - named <= {"transcripts"}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_belongs_to_one_machine(name: str) -> None:
    assert MACHINE.findall(text(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_there_are_no_pictograms(name: str) -> None:
    assert PICTOGRAM.findall(text(name)) == []


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("docs/decisions/")])
def test_a_decision_is_short_and_whole(name: str) -> None:
    lines = text(name).splitlines()
    assert len(lines) <= 25
    assert lines[0].startswith(f"# {int(name.rsplit('/', maxsplit=1)[-1][:4])}. ")
    for part in ("**Context.**", "**Decision.**", "**Consequence.**"):
        assert part in text(name)


def test_the_readme_can_be_read_in_one_sitting() -> None:
    assert len(text("README.md").splitlines()) <= 150
