"""Accounts as they are used at the moment; the same from both databases."""

from __future__ import annotations

from collections.abc import Callable

from clarion.domain.campaign import CampaignStatus, Channel
from tests.store.scene import Scene


def test_who_uses_an_account_and_how_fast_it_goes_is_told(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(1)
    account = scene.store.campaigns.get(scene.key).account
    (user,) = scene.store.account_use.users(scene.tenant, account)
    assert (user.campaign_id, user.status, user.channel) == (scene.ref.campaign_id, "running", Channel.SMS)
    scene.store.campaigns.set_account_pace(scene.tenant, account, Channel.SMS, 2.0, scene.now)
    (pace,) = scene.store.account_use.paces(scene.tenant, account)
    assert (pace.channel, pace.spacing) == (Channel.SMS, 2.0)
    assert scene.store.account_use.paces("somebody", account) == []
    scene.close(CampaignStatus.COMPLETED)
    assert scene.store.account_use.users(scene.tenant, account) == []
