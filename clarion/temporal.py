"""The connection to Temporal, as Temporal's own configuration describes it: variables, profile file, TLS, API key."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError

from clarion.codec import EncryptingCodec, parse_keys
from clarion.domain.errors import BadInput, Unreachable

LOCAL = "localhost:7233"
WORKERS_SEEN_AFTER = timedelta(seconds=10)
"""How soon a worker shows on the Web UI's page of workers."""


def new_runtime(metrics_address: str | None = None) -> Runtime:
    """Build the SDK's runtime; one per process. What it measures is told to Prometheus at ``metrics_address``.

    Raises BadInput when that address cannot be had.
    """
    metrics = None if metrics_address is None else PrometheusConfig(bind_address=metrics_address)
    try:
        return Runtime(telemetry=TelemetryConfig(metrics=metrics), worker_heartbeat_interval=WORKERS_SEEN_AFTER)
    except (RuntimeError, ValueError) as error:
        message = f"metrics cannot be served on {metrics_address}: {error}; choose another CLARION_WORKER_METRICS_PORT"
        raise BadInput(message) from None


def is_configured() -> bool:
    """Whether Temporal's own configuration names a cluster. Raises BadInput when it cannot be read."""
    return "target_host" in _load()


def _load() -> ClientConnectConfig:
    try:
        return ClientConfig.load_client_connect_config()
    except Exception as error:  # noqa: BLE001 - the SDK raises whatever its parser does
        message = f"Temporal's configuration cannot be read: {error}; see TEMPORAL_ADDRESS and TEMPORAL_CONFIG_FILE"
        raise BadInput(message) from None


def data_converter(payload_keys: str = "") -> DataConverter:
    """How our models become payloads, encrypted where there are keys. Raises BadInput."""
    keys = parse_keys(payload_keys)
    if not keys:
        return pydantic_data_converter
    return dataclasses.replace(
        pydantic_data_converter,
        payload_codec=EncryptingCodec(keys),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


async def connect(runtime: Runtime | None = None, *, address: str | None = None, payload_keys: str = "") -> Client:
    """Connect, to ``address`` when Temporal's own configuration names none; ``payload_keys`` as in the settings.

    Raises BadInput for a configuration that cannot be read, Unreachable with the address and a way out.
    """
    converter = data_converter(payload_keys)
    config = _load()
    target = config.setdefault("target_host", address or LOCAL)
    namespace = config.get("namespace", "default")
    try:
        return await Client.connect(**config, data_converter=converter, runtime=runtime)
    except (RuntimeError, RPCError):
        message = (
            f"Temporal at {target} (namespace {namespace}) does not answer; start one with `clarion up`, or set "
            "TEMPORAL_ADDRESS"
        )
        raise Unreachable(message) from None
