"""What is built from the checkout works without it: installed elsewhere, it runs a whole campaign."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PACKAGES = ("activities", "clarion", "starter", "workflows")
DEMO = ("demo", "sms", "--json")
"""The command that runs a campaign on its own and prints the campaign's progress as JSON at the end."""
SECONDS_FOR_DEMO = 300


def sources() -> set[str]:
    """Return every file of the packages in the checkout, relative to it."""
    found = (path for package in PACKAGES for path in (CHECKOUT / package).rglob("*"))
    files = {str(path.relative_to(CHECKOUT)) for path in found if path.is_file() and "__pycache__" not in path.parts}
    return {*files, "worker.py"}


EXAMPLES = {
    f"starter/examples/{name}"
    for name in ("reminder.yaml", "customers.csv", "calls.yaml", "contacts.csv", "leads.yaml", "leads.xlsx")
}
"""What the demo needs; in the checkout it lies in the top-level folder of examples."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(CHECKOUT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment, outside the checkout, with the locked dependencies and the wheel in it."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, with_pip=True)
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    for what in (
        ["--require-hashes", "-r", str(CHECKOUT / "requirements.lock")],
        ["--no-deps", "--no-index", str(wheel)],
    ):
        done = subprocess.run([*install, *what], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
    return folder


def run(environment: Path, *command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run an installed command in an empty folder, with nothing of the checkout in its environment."""
    return subprocess.run(
        [str(environment / "bin" / command[0]), *command[1:]],
        cwd=folder,
        env={"HOME": str(folder), "PATH": os.defpath, "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS_FOR_DEMO,
        check=False,
    )


def still_running(environment: Path) -> list[str]:
    """Return the command lines of processes that were started from an environment."""
    lines = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended while we looked
            continue
        if str(environment) in line:
            lines.append(line)
    return lines


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == sources() | EXAMPLES


def test_the_wheel_holds_the_migrations(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        migrations = [name for name in archive.namelist() if name.startswith("clarion/store/migrations/")]
    assert any("/versions/" in name for name in migrations)


def test_the_source_distribution_can_build_the_wheel_and_holds_no_tests(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert sources() | {"pyproject.toml", "README.md"} <= names
    assert not any(name.startswith("tests") for name in names)


@pytest.mark.parametrize("command", ["clarion", "clarion-worker"])
def test_an_installed_command_answers_outside_the_checkout(environment: Path, command: str, tmp_path: Path) -> None:
    done = run(environment, command, "--help", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout.lower()


def test_an_installed_clarion_runs_a_campaign_whose_books_balance(environment: Path, tmp_path: Path) -> None:
    done = run(environment, "clarion", *DEMO, folder=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    progress = json.loads(done.stdout)
    books = progress["books"]
    total = books.pop("total")
    assert progress["status"] == "completed"
    assert total > 0
    assert total == sum(books.values())
    assert books["pending"] == books["waiting"] == books["active"] == 0
    assert still_running(environment) == []
