"""All settings of an installation; the only place that reads the environment.

Every field can be set as ``CLARION_<NAME>`` in the environment or in a ``.env`` file of the working folder; parts of an
account as ``CLARION_ACCOUNTS__<ACCOUNT>__<NAME>``. The Temporal connection follows Temporal's own variables and
configuration file (``TEMPORAL_ADDRESS``, ``TEMPORAL_NAMESPACE``, TLS, API key), see clarion/temporal.py.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from clarion.account_contracts import AccountLimits
from clarion.domain.errors import BadInput

TENANT = r"^[A-Za-z0-9_-]{1,40}$"
"""How the names of tenants are spelt."""

RUNNING_FILE = "running.env"
"""In home: how to reach the parts that ``clarion up`` has started."""


class Provider(StrEnum):
    """The vendors that accounts can be with."""

    TWILIO = "twilio"
    RETELL = "retell"
    ELEVENLABS = "elevenlabs"
    EXOTEL = "exotel"
    OPENAI = "openai"
    SALESFORCE = "salesforce"


LOGINS: tuple[tuple[str, ...], ...] = (
    ("session_id", "instance_url"),
    ("username", "client_id", "private_key"),
    ("username", "password", "security_token"),
    ("username", "password", "client_id", "client_secret"),
    ("client_id", "client_secret", "domain"),
)
"""Ways to log in to Salesforce: a session, JWT, SOAP, password, client credentials."""

NEEDED: Mapping[Provider, tuple[tuple[str, ...], ...]] = {
    Provider.TWILIO: (("auth_token", "sid"),),
    Provider.RETELL: (("auth_token", "from_number"),),
    Provider.ELEVENLABS: (("auth_token", "phone_number_id"),),
    Provider.EXOTEL: (("auth_token", "sid", "api_key", "from_number"),),
    Provider.OPENAI: (("auth_token",),),
    Provider.SALESFORCE: LOGINS,
}
"""What an account must have, in one of these ways."""

INCOMPLETE = "incomplete_account"
"""The kind of pydantic's error about an account that has none of them; its context says what each way lacks."""

REACHING_NOBODY = frozenset({Provider.OPENAI, Provider.SALESFORCE})
"""Vendors that contact nobody: to ask them again does no harm."""


class Account(BaseModel):
    """A provider account: credentials, sender and the limits that all campaigns on it share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: Provider = Field(
        Provider.TWILIO, description="Vendor: twilio, retell, elevenlabs, exotel, openai or salesforce."
    )
    tenant: str | None = Field(
        None, pattern=TENANT, description="The only tenant that may use it; without it, the tenant of CLARION_TENANT."
    )
    sid: str = Field("", description="Account SID at Twilio (AC…) or Exotel.")
    auth_token: SecretStr = Field(
        SecretStr(""),
        description="Twilio's auth token, which also signs the webhooks; Retell's, ElevenLabs', OpenAI's API key; "
        "Exotel's token.",
    )
    api_key: str | None = Field(None, description="Exotel's API key.")
    webhook_secret: SecretStr | None = Field(
        None,
        description="ElevenLabs: signs its webhooks. Exotel: stands in the webhooks' address, as they are unsigned.",
    )
    from_number: str | None = Field(None, description="Sender number in E.164; or give a messaging service.")
    messaging_service: str | None = Field(
        None, description="Messaging Service SID (MG…) instead of a number, for texts."
    )
    phone_number_id: str | None = Field(None, description="ElevenLabs' id of the number that calls come from.")
    agent: str | None = Field(None, description="Agent, or Exotel's flow, of campaigns that name none.")
    base_url: str | None = Field(None, description="Another address for the vendor's API: the sandbox.")
    price_per_segment: float = Field(0.0083, ge=0, description="Money per text segment, for budgets and estimates.")
    price_per_minute: float = Field(
        0.1, ge=0, description="Money per minute of a call, for budgets, and where the vendor names no price."
    )
    username: str | None = Field(None, description="Salesforce user.")
    password: SecretStr | None = Field(None, description="The Salesforce user's password.")
    security_token: SecretStr | None = Field(None, description="The Salesforce user's security token.")
    client_id: str | None = Field(None, description="Consumer key of a Salesforce connected app.")
    client_secret: SecretStr | None = Field(None, description="Its consumer secret.")
    private_key: SecretStr | None = Field(None, description="PEM key of the app's certificate, to log in by JWT.")
    domain: str | None = Field(
        None, description="Salesforce login host before .salesforce.com: test for sandboxes, or your My Domain."
    )
    session_id: SecretStr | None = Field(None, description="Salesforce session or access token, with instance_url.")
    instance_url: str | None = Field(None, description="Salesforce instance of the session, as https://….")
    price_per_million_input: float = Field(
        0.25, ge=0, description="Money per million tokens of questions to OpenAI; a batch costs half."
    )
    price_per_million_output: float = Field(
        2.0, ge=0, description="Money per million tokens of its answers; a batch costs half."
    )
    per_second: float | None = Field(None, gt=0, description="Texts a second over all campaigns of the account.")
    per_minute: float | None = Field(None, gt=0, description="Texts a minute over all campaigns of the account.")
    per_hour: float | None = Field(None, gt=0, description="Texts an hour over all campaigns of the account.")
    calls_at_once: int = Field(50, ge=1, le=1000, description="Calls at once over all campaigns of the account.")
    inbound_reserve: float = Field(0.0, ge=0, lt=1, description="Share of these kept free for people who call you.")
    calls_per_second: float | None = Field(1.0, gt=0, description="Calls a second over all campaigns of the account.")
    calls_per_minute: float | None = Field(30.0, gt=0, description="Calls a minute over all campaigns of the account.")
    calls_per_hour: float | None = Field(300.0, gt=0, description="Calls an hour over all campaigns of the account.")
    campaigns_at_once: int = Field(3, ge=1, le=100, description="Call campaigns that run at once; others are queued.")
    poll_after: float = Field(
        20.0, gt=0, description="Seconds without a webhook after which the vendor is asked how a call stands."
    )
    timeout: float = Field(
        10.0,
        gt=0,
        description="Seconds to wait for the provider's answer; 12 times as long for leads and an AI's answers.",
    )

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        lacking = [tuple(name for name in way if not getattr(self, name)) for way in NEEDED[self.provider]]
        if all(lacking):
            known = {"provider": self.provider.value, "needs": _either(lacking), "lacking": lacking}
            raise PydanticCustomError(INCOMPLETE, "an account with {provider} needs {needs}", known)
        if self.provider is Provider.TWILIO and (self.from_number is None) == (self.messaging_service is None):
            message = "give either from_number or messaging_service"
            raise ValueError(message)
        return self

    @property
    def login(self) -> tuple[str, ...] | None:
        """The way to log in to Salesforce, as one of `LOGINS`; the first for which everything is given."""
        return next((names for names in LOGINS if all(getattr(self, name) for name in names)), None)

    @property
    def call_limits(self) -> AccountLimits:
        """What all campaigns of calls on this account share."""
        return AccountLimits(
            concurrency=self.calls_at_once,
            campaigns=self.campaigns_at_once,
            inbound_reserve=self.inbound_reserve,
            per_second=self.calls_per_second,
            per_minute=self.calls_per_minute,
            per_hour=self.calls_per_hour,
        )


class Settings(BaseSettings):
    """Settings of this installation."""

    model_config = SettingsConfigDict(
        frozen=True, env_prefix="CLARION_", env_nested_delimiter="__", env_file=".env", extra="ignore"
    )

    home: Path = Field(Path("~/.clarion"), description="Folder for the SQLite file, Temporal's state and logs.")
    database_url: str | None = Field(
        None, description="postgresql+psycopg://user:password@host/database; without it a SQLite file in home."
    )
    tenant: str = Field(
        "default", pattern=TENANT, description="Whose campaigns the command line runs; API keys are of any tenant."
    )
    accounts: dict[str, Account] = Field(default_factory=dict, description="Provider accounts by name.")
    public_url: str | None = Field(
        None, description="Address under which providers reach the web door; without it no receipts are awaited."
    )
    web_host: str = Field("127.0.0.1", description="Address the web door listens on.")
    web_port: int = Field(8088, ge=0, le=65535, description="Port the web door listens on.")
    temporal_address: str | None = Field(
        None, description="Temporal's address when Temporal's own configuration names none; `clarion up` sets it."
    )
    temporal_port: int = Field(
        7233, ge=0, le=65535, description="Port of the Temporal server that `clarion up` starts."
    )
    temporal_ui_port: int = Field(8233, ge=0, le=65535, description="Port of its Web UI.")
    temporal_ui_url: str | None = Field(None, description="Address of the Web UI to show in links.")
    task_queue: str = Field("clarion", description="Temporal task queue of workflows and activities.")
    max_activities: int = Field(200, ge=1, description="Chunks and other activities that one worker runs at once.")
    heartbeat_timeout: float = Field(
        6.0, ge=2, description="Seconds without a sign of life after which a chunk moves on."
    )
    heartbeat_interval: float = Field(
        1.0,
        gt=0,
        description="Longest time between heartbeats in seconds; raise it on Temporal Cloud, where each is billed.",
    )
    intent_slack: float = Field(3.0, gt=0, description="Seconds past its slot after which an intent is no longer used.")
    unknown_grace: float = Field(
        15.0, ge=0, description="Seconds, beyond slack and provider timeout, before an unknown target is looked up."
    )
    unknown_deadline: float = Field(86400.0, gt=0, description="Seconds after which an unknown target stays unknown.")
    max_upload_mb: float = Field(200.0, gt=0, description="Largest audience file the web door takes, in megabytes.")
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="Port on which the web door tells Prometheus how campaigns stand."
    )
    worker_metrics_port: int | None = Field(
        None, ge=0, le=65535, description="Port on which a worker tells Prometheus what Temporal's SDK measures."
    )
    metrics_host: str = Field("127.0.0.1", description="Address that both listen on.")
    payload_keys: SecretStr | None = Field(
        None,
        description="Keys that encrypt what Temporal keeps, as id:base64 separated by commas; the first one encrypts.",
    )
    hooks_to_private: bool = Field(
        default=False, description="Whether webhooks of ours may go to private and loopback addresses."
    )
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least severe log line shown.")

    @property
    def folder(self) -> Path:
        """Home with ``~`` resolved."""
        return self.home.expanduser()

    @property
    def database(self) -> str:
        """The database's address."""
        return self.database_url or f"sqlite:///{self.folder / 'clarion.db'}"

    @property
    def payload_keyring(self) -> str:
        """The keys that encrypt what Temporal keeps, as `clarion.codec.parse_keys` reads them; empty: none."""
        return "" if self.payload_keys is None else self.payload_keys.get_secret_value()

    @property
    def worker_metrics_address(self) -> str | None:
        """Where a worker's metrics are served, as host:port."""
        return None if self.worker_metrics_port is None else f"{self.metrics_host}:{self.worker_metrics_port}"

    @property
    def grace(self) -> float:
        """Seconds before an unknown target is looked up: longer than anything that may still be on its way can take."""
        contacts = (account.timeout for account in self.accounts.values() if account.provider not in REACHING_NOBODY)
        slowest = max(contacts, default=10.0)
        return self.intent_slack + slowest + self.unknown_grace

    def tenant_of(self, account: str) -> str:
        """Whose an account is; an unknown one is taken for the installation's own."""
        found = self.accounts.get(account)
        return self.tenant if found is None or found.tenant is None else found.tenant

    @property
    def tenants(self) -> dict[str, str]:
        """By account, whose it is."""
        return {name: self.tenant_of(name) for name in self.accounts}

    def for_tenant(self, tenant: str) -> Settings:
        """These settings as one tenant has them: its name, and no account but its own."""
        own = {name: account for name, account in self.accounts.items() if self.tenant_of(name) == tenant}
        told = {name: account.model_copy(update={"tenant": tenant}) for name, account in own.items()}
        return self.model_copy(update={"tenant": tenant, "accounts": told})

    def account(self, name: str) -> Account:
        """Return an account by name. Raises BadInput with the accounts there are."""
        if name not in self.accounts:
            known = ", ".join(sorted(self.accounts)) or "none"
            message = (
                f'account "{name}" is not set up (known: {known}); set CLARION_ACCOUNTS__{name.upper()}__SID, '
                "…__AUTH_TOKEN and …__FROM_NUMBER, or rehearse with the sandbox: clarion up --sandbox"
            )
            raise BadInput(message)
        return self.accounts[name]


def load_settings() -> Settings:
    """Read the settings. Raises BadInput with the variable, its value's fault and nothing secret.

    While ``clarion up`` runs, what it started is known from a file in its folder; the environment and ``.env`` win.
    """
    home = Path(os.environ.get("CLARION_HOME", "~/.clarion")).expanduser()
    try:
        return Settings(_env_file=(home / RUNNING_FILE, ".env"))
    except ValidationError as error:
        raise BadInput(_sentence(error.errors(include_input=False, include_url=False)[0])) from None


def _sentence(error: ErrorDetails) -> str:
    variable = "CLARION_" + "__".join(str(part) for part in error["loc"]).upper()
    if error["type"] == INCOMPLETE:
        known = error["ctx"]
        names = _either([[f"…__{name.upper()}" for name in way] for way in known["lacking"]])
        return f"an account with {known['provider']} needs {names.replace('…', variable, 1)}"
    return f"setting {variable}: {error['msg'].removeprefix('Value error, ')}"


def _either(ways: Collection[Sequence[str]]) -> str:
    """Write ways as words, the shortest first, without those that ask for more than another one does."""
    short = [way for way in sorted(ways, key=len) if not any(set(other) < set(way) for other in ways)]
    return ", or ".join(" and ".join(filter(None, (", ".join(way[:-1]), way[-1]))) for way in short)


def settings_with(**variables: str) -> Settings:
    """Read the settings as a process with these environment variables would; ours stay in the environment."""
    os.environ.update(variables)
    return load_settings()


def process_environment(**extra: str) -> dict[str, str]:
    """Return the environment for a process that we start, with ``extra`` on top."""
    return {**os.environ, **extra}
