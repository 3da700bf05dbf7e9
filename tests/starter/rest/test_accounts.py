"""Accounts over REST: what they are for and who uses them, also while Temporal cannot be reached."""

from __future__ import annotations

import httpx
import pytest

from clarion.account_contracts import AccountLimits, AccountState, Holder
from clarion.contracts import CampaignRef, LaneGrant, LaneRequest
from starter.account_lines import AccountLines
from tests.starter.installation import NOW
from tests.starter.rest.doorway import NORTH, Doorway
from tests.starter.rest.stage import calling, draft, mixed


async def test_accounts_are_listed_with_their_limits_and_who_uses_them(
    door: Doorway, reader: httpx.AsyncClient
) -> None:
    mixed(door)
    calling(door)
    await draft(door, "later")
    listed = {line["name"]: line for line in (await reader.get("/accounts")).json()["items"]}
    assert sorted(listed) == ["main", "openai", "salesforce", "voice"]
    main, voice = listed["main"], listed["voice"]
    assert (main["channels"], main["texts"]["per_second"], main["calls"]["concurrency"]) == (["sms", "call"], None, 50)
    assert [user["campaign_id"] for user in main["campaigns"]] == ["spring"]
    assert [user["campaign_id"] for user in voice["campaigns"]] == ["calls"]
    assert (voice["texts"], voice["calls"]["per_minute"]) == (None, 30.0)
    assert (listed["openai"]["calls"], listed["openai"]["lanes_unknown"]) == (None, "")
    assert "secret" not in str(listed)


async def test_without_temporal_it_is_said_that_nobody_knows_the_lanes(
    door: Doorway, reader: httpx.AsyncClient
) -> None:
    answer = await reader.get("/accounts/voice")
    assert answer.status_code == 200
    told = answer.json()
    assert told["lanes"] is None
    assert "does not answer" in told["lanes_unknown"]


async def test_the_pace_of_an_account_is_told(door: Doorway, reader: httpx.AsyncClient) -> None:
    mixed(door)
    door.store.campaigns.set_account_pace(NORTH, "main", "sms", 0.5, NOW)
    (pace,) = (await reader.get("/accounts/main")).json()["pace"]
    assert (pace["channel"], pace["spacing"], pace["strikes"]) == ("sms", 0.5, 1)


async def test_who_holds_lanes_and_who_waits_is_told(door: Doorway) -> None:
    ref = CampaignRef(tenant=NORTH, campaign_id="calls", key=1)
    asks = LaneRequest(workflow_id="campaign/north/calls", chain="a", number=1, campaign=ref, name="Calls", wants=9)
    grant = LaneGrant(number=1, lanes=4, reason="shared with others")
    queued = LaneGrant(number=2, queued=True, reason="3 campaigns run already")
    state = AccountState(
        settings=AccountLimits(concurrency=10),
        changed=AccountLimits(concurrency=4, per_second=2.0),
        holders={
            "b": Holder(request=asks, since=NOW, grant=queued),
            "a": Holder(request=asks, since=NOW, grant=grant, bound=3),
        },
    )
    line = await AccountLines(door.of(NORTH)).of_state("voice", state)
    assert line.lanes is not None
    assert line.calls is not None
    assert (line.lanes.lanes, line.lanes.held, line.calls.concurrency, line.calls.per_second) == (4, 3, 4, 2.0)
    assert [(one.wants, one.may_hold, one.holds, one.queued) for one in line.lanes.holders] == [
        (9, 4, 3, False),
        (9, 0, 0, True),
    ]


async def test_accounts_of_another_tenant_are_not_there(south: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    assert [line["name"] for line in (await south.get("/accounts")).json()["items"]] == ["south"]
    assert (await south.get("/accounts/main")).status_code == 404
    assert (await south.patch("/accounts/main/limits", json={"concurrency": 1})).status_code == 404
    missing = await admin.get("/accounts/mian")
    assert (missing.status_code, 'did you mean "main"?' in missing.json()["detail"]) == (404, True)


async def test_changing_limits_needs_an_admin_a_limit_and_temporal(
    admin: httpx.AsyncClient, operator: httpx.AsyncClient
) -> None:
    path = "/accounts/voice/limits"
    assert (await operator.patch(path, json={"concurrency": 1})).status_code == 403
    assert (await admin.patch(path, json={})).status_code == 422
    answer = await admin.patch(path, json={"concurrency": 1, "per_minute": None})
    assert (answer.status_code, "Temporal" in answer.json()["detail"]) == (503, True)


@pytest.mark.parametrize(
    "body",
    [
        {"concurrency": 0}, {"concurrency": 10**30}, {"concurrency": 1.5}, {"inbound_reserve": 1}, {"per_hour": -1},
        {"per_hour": 1e300}, {"lanes": 1}, [], None,
    ],
)  # fmt: skip
async def test_limits_that_cannot_be_are_refused(admin: httpx.AsyncClient, body: object) -> None:
    assert (await admin.patch("/accounts/voice/limits", json=body)).status_code == 422
