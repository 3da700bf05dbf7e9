"""What Prometheus asks the web door, on a port of its own: read from the store each time, so restarts lose nothing.

Workers have a page of their own with what Temporal's SDK measures (CLARION_WORKER_METRICS_PORT).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from clarion.domain.campaign import Channel
from clarion.domain.errors import BadInput
from clarion.domain.pace import spacing
from clarion.domain.target import TargetState
from clarion.settings import Account, Settings
from clarion.store.gauges import Flow, Gauges, read_gauges
from clarion.store.pace import account_pace
from clarion.store.store import Store

WRONG = frozenset({TargetState.FAILED.value, TargetState.UNKNOWN.value, TargetState.SKIPPED.value})


@dataclass(frozen=True, eq=False, slots=True)
class StoreCollector(Collector):
    """Reads the gauges whenever somebody asks for them."""

    store: Store
    settings: Settings
    clock: Callable[[], float] = time.time

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; a database that is away is told as ``clarion_store_up 0``."""
        up = GaugeMetricFamily("clarion_store_up", "Whether the database answers.")
        try:
            gauges = read_gauges(self.store.database, self.clock())
        except Exception:  # noqa: BLE001 - a scrape must say that something is wrong, not fail
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from _stocks(gauges)
        contacts = CounterMetricFamily("clarion_contacts", "Attempts begun.", labels=["tenant", "account", "channel"])
        for one in gauges.contacts:
            contacts.add_metric([one.tenant, one.account, one.channel], one.count)
        yield contacts
        yield from _flows(gauges, self.settings)
        yield _one("clarion_receipts_waiting", "Receipts stored and not applied yet.", gauges.receipts_waiting)
        yield _one("clarion_receipts_lag_seconds", "Age of the oldest of them.", gauges.receipts_lag)


def _stocks(gauges: Gauges) -> Iterator[Metric]:
    stocks = GaugeMetricFamily(
        "clarion_targets", "Targets by state and outcome.", labels=["tenant", "channel", "state", "outcome"]
    )
    errors = GaugeMetricFamily(
        "clarion_errors", "Targets not reached, by category.", labels=["tenant", "channel", "category"]
    )
    for stock in gauges.stocks:
        stocks.add_metric([stock.tenant, stock.channel, stock.state, stock.outcome or "none"], stock.count)
        if stock.state in WRONG:
            errors.add_metric([stock.tenant, stock.channel, stock.outcome or stock.state], stock.count)
    yield stocks
    yield errors
    standings = GaugeMetricFamily("clarion_campaigns", "Campaigns by status.", labels=["tenant", "channel", "status"])
    for standing in gauges.standings:
        standings.add_metric([standing.tenant, standing.channel, standing.status], standing.count)
    yield standings


_FLOWS: Mapping[str, tuple[str, Callable[[Flow], float]]] = {
    "clarion_lanes": ("Lanes that open campaigns may hold.", lambda flow: flow.lanes),
    "clarion_active": ("Targets in contact.", lambda flow: flow.active),
    "clarion_contacts_per_second": ("Contacts, over the last minute.", lambda flow: flow.per_second),
    "clarion_idle_seconds": (
        "Time since the last contact of an open campaign with targets due; the longest.",
        lambda flow: flow.idle,
    ),
    "clarion_queue_age_seconds": ("How long the oldest retry has been due.", lambda flow: flow.queue_age),
}


def _flows(gauges: Gauges, settings: Settings) -> Iterator[Metric]:
    labels = ["tenant", "account", "channel"]
    for name, (meaning, figure) in _FLOWS.items():
        family = GaugeMetricFamily(name, meaning, labels=labels)
        for flow in gauges.flows:
            family.add_metric([flow.tenant, flow.account, flow.channel], figure(flow))
        yield family
    limit = GaugeMetricFamily("clarion_contacts_limit_per_second", "What an account's limits permit.", labels=labels)
    for flow in gauges.flows:
        account = settings.accounts.get(flow.account)
        own = gauges.spacings.get(account_pace(flow.tenant, flow.account, flow.channel))
        seconds = own if own is not None else _spacing(account, flow.channel)
        if seconds:
            limit.add_metric([flow.tenant, flow.account, flow.channel], 1 / seconds)
    yield limit


def _spacing(account: Account | None, channel: str) -> float:
    if account is None:
        return 0.0
    if channel == Channel.CALL:
        return account.call_limits.spacing
    return spacing(account.per_second, account.per_minute, account.per_hour)


def _one(name: str, meaning: str, value: float) -> Metric:
    family = GaugeMetricFamily(name, meaning)
    family.add_metric([], value)
    return family


@contextmanager
def metrics_page(settings: Settings, store: Store) -> Iterator[int | None]:
    """Serve the page while the block runs, where the settings name a port; yields the port. Raises BadInput."""
    if settings.metrics_port is None:
        yield None
        return
    registry = CollectorRegistry()
    registry.register(StoreCollector(store, settings))
    try:
        server, thread = start_http_server(settings.metrics_port, settings.metrics_host, registry)
    except OSError as error:
        raise BadInput(
            f"metrics cannot be served on {settings.metrics_host} port {settings.metrics_port}: "
            f"{error.strerror or error}; choose another CLARION_METRICS_PORT"
        ) from None
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
