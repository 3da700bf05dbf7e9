"""The routes that compare: what they say, to whom, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from clarion.audience.checks import RowChecker
from clarion.audience.row import Row
from clarion.domain.campaign import CampaignStatus, parse_spec
from tests.starter.rest.doorway import NORTH, Doorway

NOW = 1_796_200_000.0
VARIANTS = [{"name": "short", "message": "Hi {{ name }}"}, {"name": "long", "message": "Hello {{ name }}"}]


@pytest.fixture
def varied(door: Doorway, tmp_path: Path) -> str:
    """A campaign of north with two variants and ten people; returns its id."""
    content = {"name": "Spring", "channel": "sms", "audience": {"file": "a.csv", "address": "phone"}}
    spec = parse_spec({**content, "variants": VARIANTS})
    ref = door.store.campaigns.create(NORTH, "spring", spec, NOW)
    file = tmp_path / "a.csv"
    file.write_text("phone,name\n")
    checker = RowChecker(spec, ("phone", "name"), NOW, seed=ref.key)
    rows = [checker.check(Row(n, {"phone": f"+1415555{n:04}", "name": "Ann"})) for n in range(2, 12)]
    door.store.importing.add(ref.key, door.store.files.keep(ref.key, file), rows, 0, NOW)
    door.store.campaigns.set_status(ref.key, CampaignStatus.RUNNING, "", NOW, open_=True)
    return "spring"


async def test_variants_are_compared(reader: httpx.AsyncClient, varied: str) -> None:
    answer = await reader.get(f"/campaigns/{varied}/variants")
    assert answer.status_code == 200
    told = answer.json()
    assert [line["name"] for line in told["variants"]] == ["short", "long"]
    assert sum(line["books"]["pending"] for line in told["variants"]) == 10
    assert (told["judgement"], told["best"], told["confidence"]) == ("too_few", None, 0.95)


async def test_campaigns_are_compared(reader: httpx.AsyncClient, varied: str) -> None:
    answer = await reader.get("/analytics", params={"days": 366, "channel": "sms", "account": "main"})
    assert answer.status_code == 200
    told = answer.json()
    assert [line["campaign_id"] for line in told["campaigns"]] == [varied]
    assert (len(told["days"]), len(told["hours"]), told["time_zone"]) == (366, 24, "UTC")


@pytest.mark.usefixtures("varied")
async def test_another_tenant_sees_nothing_of_it(south: httpx.AsyncClient) -> None:
    assert (await south.get("/campaigns/spring/variants")).status_code == 404
    assert (await south.get("/analytics", params={"days": 366})).json()["campaigns"] == []


@pytest.mark.parametrize(
    "wanted",
    [
        {"days": "0"},
        {"days": "367"},
        {"channel": "fax"},
        {"account": "a\0b"},
        {"time_zone": "Mars"},
        {"time_zone": "\0"},
        {"time_zone": "../etc"},
    ],
)
async def test_what_makes_no_sense_is_refused(reader: httpx.AsyncClient, wanted: dict[str, str]) -> None:
    assert (await reader.get("/analytics", params=wanted)).status_code == 422


async def test_a_key_is_needed(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get("/analytics")).status_code == 401
