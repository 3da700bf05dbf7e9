"""Prometheus is told how campaigns stand, also when the database is away; what uses it names nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families as families

from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import BadInput
from clarion.settings import Settings
from clarion.store.migrate import migrate
from clarion.store.store import Store
from starter.drafts import parse_uploaded
from starter.metrics import StoreCollector, metrics_page

CHECKOUT = Path(__file__).parents[2]
NOW = 1_000_000.0
METRIC = re.compile(r"\bclarion_[a-z_]+")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    main = {"sid": "AC" + "0" * 32, "auth_token": "secret", "from_number": "+15005550006", "per_second": 4}
    return Settings.model_validate({"home": tmp_path, "metrics_port": 0, "accounts": {"main": main}})


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    store = Store(settings.database, tenant=settings.tenant, grace=15.0)
    migrate(store.database)
    ref = store.campaigns.create(
        "acme", "spring", parse_uploaded({"name": "Spring", "channel": "sms", "message": "Hi"}), NOW
    )
    store.campaigns.set_status(ref.key, CampaignStatus.RUNNING, "", NOW, open_=True)
    yield store
    store.close()


def told(port: int | None) -> dict[str, dict[str, float]]:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return {
        family.name: {
            " ".join(sample.labels[name] for name in sorted(sample.labels)): sample.value for sample in family.samples
        }
        for family in families(text)
    }


def test_the_page_tells_how_campaigns_stand(settings: Settings, store: Store) -> None:
    with metrics_page(settings, store) as port:
        found = told(port)
    assert found["clarion_store_up"] == {"": 1.0}
    assert found["clarion_campaigns"] == {"sms running acme": 1.0}
    assert found["clarion_lanes"] == {"main sms acme": 5.0}
    assert found["clarion_contacts_limit_per_second"]["main sms acme"] == pytest.approx(4.0, rel=0.05)


def test_there_is_no_page_unless_somebody_wants_one(settings: Settings, store: Store) -> None:
    with metrics_page(settings.model_copy(update={"metrics_port": None}), store) as port:
        assert port is None


def test_a_port_that_is_taken_is_named(settings: Settings, store: Store) -> None:
    with metrics_page(settings, store) as port:
        taken = settings.model_copy(update={"metrics_port": port})
        with (
            pytest.raises(BadInput, match=rf"port {port}: .*; choose another CLARION_METRICS_PORT"),
            metrics_page(taken, store),
        ):
            pass


def test_a_database_that_is_away_is_told(settings: Settings) -> None:
    away = Store("postgresql+psycopg://me:secret@127.0.0.1:1/x", tenant="acme", grace=15.0)
    assert [(metric.name, metric.samples[0].value) for metric in StoreCollector(away, settings).collect()] == [
        ("clarion_store_up", 0)
    ]


@pytest.mark.parametrize("page", ["prometheus/alerts.yml", "grafana/dashboards/clarion.json"])
def test_alerts_and_dashboards_use_metrics_that_there_are(page: str, settings: Settings, store: Store) -> None:
    known = {metric.name for metric in StoreCollector(store, settings, lambda: NOW).collect()}
    named = set(METRIC.findall((CHECKOUT / "deploy" / page).read_text()))
    assert named
    assert named <= known


def test_every_alert_says_what_to_do() -> None:
    groups = yaml.safe_load((CHECKOUT / "deploy/prometheus/alerts.yml").read_text())["groups"]
    for rule in groups[0]["rules"]:
        assert {"summary", "action"} <= rule["annotations"].keys(), rule["alert"]
        assert rule["expr"].count("(") == rule["expr"].count(")")


def test_the_dashboard_has_no_panel_over_another() -> None:
    panels = json.loads((CHECKOUT / "deploy/grafana/dashboards/clarion.json").read_text())["panels"]
    places: set[tuple[int, int]] = set()
    for panel in panels:
        grid = panel["gridPos"]
        own = {(x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])}
        assert grid["x"] + grid["w"] <= 24
        assert not own & places
        places |= own
