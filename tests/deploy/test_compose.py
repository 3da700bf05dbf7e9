"""The production files fit together: no engine runs here, so they are read as Compose would read them."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
import yaml

from clarion.settings import load_settings
from tests.deploy.compose import (
    CHECKOUT,
    COMPOSE_FILE,
    VARIABLE,
    documented_names,
    example_settings,
    fill_in,
    read_compose,
)

SERVICES = sorted(read_compose().services)


def test_compose_file_follows_the_compose_specification() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE_FILE)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_only_for_what_can_happen(name: str) -> None:
    services = read_compose().services
    for awaited, dependency in services[name].depends_on.items():
        assert awaited in services
        if dependency.condition == "service_healthy":
            assert services[awaited].healthcheck, f"{name} waits for {awaited}, which has no healthcheck"
        else:
            assert dependency.condition == "service_completed_successfully"
            assert services[awaited].restart.startswith("on-failure"), f"{awaited} would never be completed"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_runs_a_pinned_image(name: str) -> None:
    image = fill_in(read_compose().services[name].image, {})
    tag = image.partition(":")[2]
    assert tag
    assert tag != "latest"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_mounts_what_is_there(name: str) -> None:
    compose = read_compose()
    for volume in compose.services[name].volumes:
        source = fill_in(volume, {}).partition(":")[0]
        if source.startswith("./deploy/"):
            assert (CHECKOUT / source).exists()
        elif not source.startswith("./"):
            assert source in compose.volumes


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_publishes_on_the_loopback_address_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in read_compose().services[name].ports)


def test_every_declared_volume_is_used() -> None:
    compose = read_compose()
    used = {volume.partition(":")[0] for service in compose.services.values() for volume in service.volumes}
    assert set(compose.volumes) <= used


def test_workers_can_be_scaled() -> None:
    worker = read_compose().services["worker"]
    assert worker.container_name is None
    assert worker.ports == []


def test_every_variable_is_documented() -> None:
    named = {found["name"] for found in VARIABLE.finditer(COMPOSE_FILE.read_text())}
    assert named
    assert named <= documented_names()


def test_what_has_no_default_is_asked_for_in_a_sentence() -> None:
    text = COMPOSE_FILE.read_text()
    for found in VARIABLE.finditer(text):
        assert found["kind"], f"{found[0]} has neither a default nor a message"
        if found["kind"] == ":?":
            assert ".env" in found["rest"]
            assert found["name"] in example_settings()


def test_compose_runs_the_temporal_that_development_runs() -> None:
    temporal = str(Path(sysconfig.get_path("scripts")) / "temporal")
    told = subprocess.run([temporal, "--version"], capture_output=True, text=True, check=True).stdout
    versions = re.search(r"Server (?P<server>[\d.]+), UI (?P<ui>[\d.]+)", told)
    assert versions
    images = {service.image for service in read_compose().services.values()}
    assert f"temporalio/server:{versions['server']}" in images
    assert f"temporalio/admin-tools:{versions['server']}" in images
    assert f"temporalio/ui:{versions['ui']}" in images


@pytest.mark.parametrize("name", ["setup", "worker", "web"])
def test_our_services_call_commands_that_the_wheel_installs(name: str) -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    command = read_compose().services[name].command
    assert command
    assert command.split()[0] in project["scripts"]


@pytest.mark.parametrize("name", ["setup", "worker", "web"])
def test_the_example_environment_makes_valid_settings(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    example = example_settings()
    service = read_compose().services[name]
    monkeypatch.chdir(tmp_path)  # no .env of a developer's
    for key, value in {**example, **service.environment}.items():
        monkeypatch.setenv(key, fill_in(value, example))
    settings = load_settings()
    assert settings.public_url == example["CLARION_PUBLIC_URL"]
    assert settings.account("main").sid == example["CLARION_ACCOUNTS__MAIN__SID"]
    assert settings.database == f"postgresql+psycopg://clarion:{example['POSTGRES_PASSWORD']}@postgresql:5432/clarion"


def test_dynamic_config_gives_every_key_a_value() -> None:
    config = yaml.safe_load((CHECKOUT / "deploy" / "dynamicconfig" / "clarion.yaml").read_text())
    assert config["matching.enableFairness"] == [{"value": True}]
    for key, constrained in config.items():
        assert re.fullmatch(r"[a-z]+\.[A-Za-z]+", key)
        assert all("value" in entry for entry in constrained)


def test_the_image_installs_hashed_packages_and_drops_root() -> None:
    lines = (CHECKOUT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    installs = [line for line in lines if "pip install" in line]
    assert installs
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)
    last_stage = lines[max(index for index, line in enumerate(lines) if line.startswith("FROM ")) :]
    assert "USER clarion" in last_stage


def test_the_image_copies_what_is_there_and_what_reaches_the_builder() -> None:
    let_through = {line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in (CHECKOUT / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert source in let_through
                assert (CHECKOUT / source).exists()
