"""The one-shot scripts of docker-compose.yml do their work, and may run again at every start."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.compose import CHECKOUT

PROGRAMS = Path(sysconfig.get_path("scripts"))
SCRIPTS = sorted((CHECKOUT / "deploy").glob("*.sh"))


def run(script: str, *, path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(CHECKOUT / "deploy" / script)],
        env={"PATH": f"{path}{os.pathsep}{os.defpath}", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_is_plain_shell(script: Path) -> None:
    assert script.read_text().startswith("#!/bin/sh\n")
    subprocess.run(["/bin/sh", "-n", str(script)], check=True)


def test_the_ci_script_is_valid() -> None:
    subprocess.run(["bash", "-n", str(CHECKOUT / ".ci" / "run")], check=True)


@pytest.fixture
def sql_tool(tmp_path: Path) -> Path:
    """A folder with a `temporal-sql-tool` that writes down its arguments and fails when told to."""
    tool = tmp_path / "temporal-sql-tool"
    tool.write_text('#!/bin/sh\necho "$@" >> "$CALLS"\ncase "$*" in *"$FAIL_ON"*) exit 1 ;; esac\n')
    tool.chmod(0o755)
    return tmp_path


def set_up_schema(sql_tool: Path, fail_on: str) -> tuple[int, list[str]]:
    calls = sql_tool / "calls"
    done = run(
        "setup-schema.sh",
        path=sql_tool,
        SQL_HOST="db",
        SQL_PORT="5432",
        SQL_USER="clarion",
        CALLS=str(calls),
        FAIL_ON=fail_on,
    )
    return done.returncode, calls.read_text().splitlines()


def test_the_schema_script_brings_three_databases_up_to_date(sql_tool: Path) -> None:
    code, calls = set_up_schema(sql_tool, fail_on="nothing")
    prefix = "--plugin postgres12 --ep db -p 5432 -u clarion --db"
    schema = "/etc/temporal/schema/postgresql/v12"
    assert code == 0
    assert calls == [
        f"{prefix} clarion create",
        f"{prefix} temporal create",
        f"{prefix} temporal setup-schema -v 0.0",
        f"{prefix} temporal update-schema -d {schema}/temporal/versioned",
        f"{prefix} temporal_visibility create",
        f"{prefix} temporal_visibility setup-schema -v 0.0",
        f"{prefix} temporal_visibility update-schema -d {schema}/visibility/versioned",
    ]


def test_the_schema_script_stops_at_the_first_failure(sql_tool: Path) -> None:
    code, calls = set_up_schema(sql_tool, fail_on="setup-schema")
    assert code == 1
    assert calls[-1].endswith("--db temporal setup-schema -v 0.0")


@pytest.fixture
def temporal_address(free_port: int, tmp_path: Path) -> Iterator[str]:
    """Address of a Temporal dev server that is starting up."""
    log = (tmp_path / "temporal.log").open("wb")
    server = subprocess.Popen(
        [
            str(PROGRAMS / "temporal"),
            "server",
            "start-dev",
            "--headless",
            "--ip",
            "127.0.0.1",
            "--port",
            str(free_port),
        ],
        env={"HOME": str(tmp_path)},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        yield f"127.0.0.1:{free_port}"
    finally:
        server.terminate()
        server.wait(timeout=20)
        log.close()


def describe(address: str, namespace: str) -> str:
    """Return what the server says about a namespace, once it has heard of it."""
    command = [str(PROGRAMS / "temporal"), "operator", "namespace", "describe", "--address", address, namespace]
    deadline = time.monotonic() + 30
    while (done := subprocess.run(command, capture_output=True, text=True, check=False)).returncode != 0:
        assert time.monotonic() < deadline, done.stderr
        time.sleep(0.2)
    return done.stdout


def test_the_namespace_script_waits_creates_and_then_leaves_alone(temporal_address: str) -> None:
    settings = {"TEMPORAL_ADDRESS": temporal_address, "TEMPORAL_NAMESPACE": "outreach", "NAMESPACE_RETENTION": "30d"}
    first = run("create-namespace.sh", path=PROGRAMS, **settings)
    assert first.returncode == 0, first.stderr
    assert "720h" in describe(temporal_address, "outreach")
    again = run("create-namespace.sh", path=PROGRAMS, **settings)
    assert again.returncode == 0, again.stderr
    assert "outreach is there" in again.stdout
