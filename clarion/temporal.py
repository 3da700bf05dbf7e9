"""The connection to Temporal, as Temporal's own configuration describes it: variables, profile file, TLS, API key."""

from __future__ import annotations

from datetime import timedelta

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError

from clarion.domain.errors import BadInput, Unreachable

LOCAL = "localhost:7233"
WORKERS_SEEN_AFTER = timedelta(seconds=10)
"""How soon a worker shows on the Web UI's page of workers."""


def new_runtime() -> Runtime:
    """Build the SDK's runtime; one per process."""
    return Runtime(telemetry=TelemetryConfig(), worker_heartbeat_interval=WORKERS_SEEN_AFTER)


def is_configured() -> bool:
    """Whether Temporal's own configuration names a cluster. Raises BadInput when it cannot be read."""
    return "target_host" in _load()


def _load() -> ClientConnectConfig:
    try:
        return ClientConfig.load_client_connect_config()
    except Exception as error:  # noqa: BLE001 - the SDK raises whatever its parser does
        message = f"Temporal's configuration cannot be read: {error}; see TEMPORAL_ADDRESS and TEMPORAL_CONFIG_FILE"
        raise BadInput(message) from None


async def connect(runtime: Runtime | None = None, *, address: str | None = None) -> Client:
    """Connect, to ``address`` when Temporal's own configuration names none.

    Raises BadInput for a configuration that cannot be read, Unreachable with the address and a way out.
    """
    config = _load()
    target = config.setdefault("target_host", address or LOCAL)
    namespace = config.get("namespace", "default")
    try:
        return await Client.connect(**config, data_converter=pydantic_data_converter, runtime=runtime)
    except (RuntimeError, RPCError):
        message = (
            f"Temporal at {target} (namespace {namespace}) does not answer; start one with `clarion up`, or set "
            "TEMPORAL_ADDRESS"
        )
        raise Unreachable(message) from None
