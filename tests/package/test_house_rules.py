"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
FOLDERS = ("activities", "bench", "clarion", "examples", "starter", "workflows")
SOURCES = sorted(
    str(path.relative_to(CHECKOUT))
    for path in [*(found for folder in FOLDERS for found in (CHECKOUT / folder).rglob("*.py")), CHECKOUT / "worker.py"]
    if path.exists()
)
LINES_PER_FILE = 350
LINES_PER_FUNCTION = 60
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
WORDS_FOR_NOTHING = {"common", "helpers", "misc", "util", "utils"}
LOCKS = ("requirements.lock", "requirements-dev.lock")


def parse(source: str) -> ast.Module:
    return ast.parse((CHECKOUT / source).read_text())


def names_the_environment(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name) and node.value.id == "os" and node.attr in ENVIRONMENT
    if isinstance(node, ast.ImportFrom):
        return node.module == "os" and any(alias.name in ENVIRONMENT for alias in node.names)
    return False


@pytest.mark.parametrize("source", SOURCES)
def test_only_the_settings_read_the_environment(source: str) -> None:
    reads = any(names_the_environment(node) for node in ast.walk(parse(source)))
    assert reads == (source == "clarion/settings.py")


@pytest.mark.parametrize("source", SOURCES)
def test_a_file_can_be_read_in_one_sitting(source: str) -> None:
    assert len((CHECKOUT / source).read_text().splitlines()) <= LINES_PER_FILE


@pytest.mark.parametrize("source", [source for source in SOURCES if "/migrations/versions/" not in source])
def test_a_function_fits_a_screen(source: str) -> None:
    functions = (node for node in ast.walk(parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    long = [node.name for node in functions if (node.end_lineno or 0) - node.lineno + 1 > LINES_PER_FUNCTION]
    assert long == []


@pytest.mark.parametrize("source", [source for source in SOURCES if source.endswith("__init__.py")])
def test_an_init_file_is_empty(source: str) -> None:
    assert (CHECKOUT / source).read_text() == ""


@pytest.mark.parametrize("source", SOURCES)
def test_a_file_is_named_after_something(source: str) -> None:
    assert not WORDS_FOR_NOTHING & set(Path(source).with_suffix("").parts)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_holds_versions_and_hashes_only(lock: str) -> None:
    lines = (CHECKOUT / lock).read_text().splitlines()
    pinned = re.compile(r"[a-z0-9][a-z0-9-]*==\S+( ; [^\\]+)? \\")
    hashed = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
    assert [line for line in lines if not pinned.fullmatch(line) and not hashed.fullmatch(line)] == []


def test_the_development_lock_agrees_with_the_one_that_is_shipped() -> None:
    shipped, development = (
        set(re.findall(r"^\S+==\S+", (CHECKOUT / lock).read_text(), re.MULTILINE)) for lock in LOCKS
    )
    assert shipped
    assert shipped <= development


def test_every_dependency_is_locked_and_explained() -> None:
    metadata = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    names = {
        re.split(r"[\[<>=]", requirement)[0].lower()
        for requirement in [*metadata["project"]["dependencies"], *metadata["dependency-groups"]["dev"]]
    }
    locked = set(re.findall(r"^([a-z0-9-]+)==", (CHECKOUT / LOCKS[1]).read_text(), flags=re.MULTILINE))
    explained = (CHECKOUT / "docs" / "dependencies.md").read_text().lower()
    assert names <= locked
    assert [name for name in sorted(names) if f"`{name}`" not in explained] == []
