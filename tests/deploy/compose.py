"""Reads docker-compose.yml and deploy/env.example the way Compose does, as far as the tests need it."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

CHECKOUT = Path(__file__).parents[2]
COMPOSE_FILE = CHECKOUT / "docker-compose.yml"
ENV_EXAMPLE = CHECKOUT / "deploy" / "env.example"
VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<kind>:[-?])?(?P<rest>[^}]*)\}")


class Dependency(BaseModel):
    """What a service waits for before it starts."""

    condition: str


class Service(BaseModel):
    """The parts of a service that the tests look at."""

    model_config = ConfigDict(extra="allow")

    image: str
    command: str | None = None
    restart: str = "no"
    container_name: str | None = None
    depends_on: dict[str, Dependency] = Field(default_factory=dict)
    environment: dict[str, str] = Field(default_factory=dict)
    healthcheck: dict[str, object] | None = None
    ports: list[str] = Field(default_factory=list)
    volumes: list[str] = Field(default_factory=list)


class ComposeFile(BaseModel):
    """A compose file, its variables not filled in yet."""

    services: dict[str, Service]
    volumes: dict[str, None] = Field(default_factory=dict)


def read_compose() -> ComposeFile:
    """Read the file as it stands."""
    return ComposeFile.model_validate(yaml.safe_load(COMPOSE_FILE.read_text()))


def example_settings() -> dict[str, str]:
    """Return what env.example sets, its comments left out."""
    lines = [line for line in ENV_EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def documented_names() -> set[str]:
    """Return every variable that env.example names, set or commented out."""
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]*)=", ENV_EXAMPLE.read_text(), flags=re.MULTILINE))


def fill_in(text: str, settings: dict[str, str]) -> str:
    """Replace ``${NAME}``, ``${NAME:-default}`` and ``${NAME:?message}``. Raises KeyError for a required one."""

    def value(found: re.Match[str]) -> str:
        given = settings.get(found["name"], "")
        if given or found["kind"] is None:
            return given
        if found["kind"] == ":?":
            raise KeyError(found["rest"])
        return found["rest"]

    return VARIABLE.sub(value, text)
