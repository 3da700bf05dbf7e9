"""An account and its campaigns over a network that delays, doubles and reorders: never a lane too many, none lost.

The account's books and the campaigns' side are the real ones; time, messages and calls are moved by chance.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from clarion.account_contracts import AccountLimits, AccountState, AccountTiming, Census, LaneNews
from clarion.contracts import AccountRef, CampaignInput, CampaignRef, CampaignState, LaneGrant, LaneRequest
from clarion.domain.campaign import Priority
from workflows.account_desk import Desk
from workflows.sharing import Sharing

ACCOUNT = AccountRef(tenant="acme", account="main")
TIMING = AccountTiming()
LANES = 5
SEATS = 2
NAMES = ("a", "b", "c")
PRIORITIES = dict(zip(NAMES, (Priority.LOW, Priority.HIGH, Priority.NORMAL), strict=True))


@dataclass
class Life:
    """One life of a campaign's workflow."""

    name: str
    number: int
    state: CampaignState
    sharing: Sharing
    calls: int = 0
    """Lanes of this life that hold a call."""
    underway: LaneRequest | None = None
    """The request whose activity runs."""


@dataclass
class Campaign:
    """A campaign as it really is."""

    name: str
    life: Life | None = None
    lives: int = 0
    orphans: int = 0
    """Calls of lives that are over."""
    stale: list[LaneRequest] = field(default_factory=list)
    """Requests that were delivered, and may be once more."""
    grant: LaneGrant | None = None
    """On its way from the account."""
    echo: LaneGrant | None = None
    """Delivered to this life, and may be once more."""

    @property
    def calls(self) -> int:
        return self.orphans + (self.life.calls if self.life else 0)


class Network:
    """Everything that can happen."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.account = AccountState()
        self.desk = Desk("main", self.account, TIMING)
        self.most = LANES
        self.campaigns = {name: Campaign(name) for name in NAMES}
        for name in NAMES:
            self.start(self.campaigns[name])
            self.wish(name, LANES)

    def start(self, campaign: Campaign) -> None:
        campaign.lives += 1
        given = CampaignInput(
            campaign=CampaignRef(tenant="acme", campaign_id=campaign.name, key=1),
            account=ACCOUNT,
            priority=PRIORITIES[campaign.name],
        )
        self.live(campaign, given, CampaignState(lanes=10))

    def live(self, campaign: Campaign, given: CampaignInput, state: CampaignState) -> None:
        sharing = Sharing(given, state, lambda: life.calls)
        life = Life(campaign.name, campaign.lives, state, sharing)
        sharing.introduce(campaign.name, f"{campaign.name}{campaign.lives}", self.now)
        campaign.life, campaign.echo = life, None

    # What campaigns do.

    def wish(self, name: str, lanes: int) -> None:
        if life := self.campaigns[name].life:
            life.sharing.want(lanes)

    def begin_call(self, name: str) -> None:
        campaign = self.campaigns[name]
        if campaign.life and campaign.life.calls < campaign.life.sharing.allowed:
            campaign.orphans -= (attached := min(campaign.orphans, 1))
            campaign.life.calls += 1
            assert attached or self.total <= self.most

    def fill(self, name: str) -> None:
        """Begin a call in every lane that may hold one."""
        for _ in range(LANES):
            self.begin_call(name)

    def end_call(self, name: str) -> None:
        campaign = self.campaigns[name]
        if campaign.life and campaign.life.calls:
            campaign.life.calls -= 1
        elif campaign.orphans:
            campaign.orphans -= 1

    def speak(self, name: str) -> None:
        campaign = self.campaigns[name]
        life = campaign.life
        if life and life.underway is None and not life.sharing.is_told:
            request = life.sharing.compose()
            life.underway = request.model_copy(
                update={"excess": max(request.excess, campaign.calls - request.holds)}  # as the activity does
            )

    def bring(self, name: str) -> None:
        """The activity delivers, and Temporal knows of it."""
        campaign = self.campaigns[name]
        if campaign.life and campaign.life.underway:
            self.hear(campaign.life.underway)
            campaign.stale = [*campaign.stale[-1:], campaign.life.underway]
            campaign.life.underway, campaign.life.sharing._on_its_way = None, False

    def bring_late(self, name: str, which: int) -> None:
        """A message arrives once more."""
        stale = self.campaigns[name].stale
        if which < len(stale):
            self.hear(stale[which])

    def terminate(self, name: str) -> None:
        campaign = self.campaigns[name]
        if campaign.life:
            if campaign.life.underway:
                campaign.stale = [*campaign.stale[-1:], campaign.life.underway]
            campaign.orphans, campaign.life = campaign.calls, None

    def start_again(self, name: str) -> None:
        if self.campaigns[name].life is None:
            self.start(self.campaigns[name])

    def continue_as_new(self, name: str) -> None:
        campaign = self.campaigns[name]
        life = campaign.life
        if life and life.sharing.is_told and life.calls == 0:
            campaign.lives += 1
            self.live(campaign, life.sharing._given, life.state.model_copy())

    # What the account does.

    def hear(self, request: LaneRequest) -> None:
        limits = AccountLimits(concurrency=LANES, campaigns=SEATS)
        self.desk.hear(LaneNews(request=request, settings=limits), self.now)

    def settle(self) -> None:
        before = sum(holder.bound for holder in self.account.holders.values())
        self.desk.settle(self.now)
        after = sum(holder.bound for holder in self.account.holders.values())
        assert after <= max(before, self.account.limits.lanes)
        assert sum(holder.runs for holder in self.account.holders.values()) <= SEATS
        self.most = max(self.account.limits.lanes, after)

    def send(self, name: str) -> None:
        campaign = self.campaigns[name]
        if campaign.grant is None:
            campaign.grant = self.desk.take(name)

    def deliver(self, name: str) -> None:
        campaign = self.campaigns[name]
        if campaign.grant and campaign.life:
            campaign.life.sharing.granted(campaign.grant)
            campaign.echo = campaign.grant
        campaign.grant = None

    def deliver_again(self, name: str) -> None:
        campaign = self.campaigns[name]
        if campaign.echo and campaign.life:
            campaign.life.sharing.granted(campaign.echo)

    def get_through(self, name: str) -> None:
        """Nothing is late for once."""
        for step in (self.speak, self.bring):
            step(name)
        self.settle()
        for step in (self.send, self.deliver):
            step(name)

    def change_limits(self, lanes: int) -> None:
        self.account.changed = AccountLimits(concurrency=lanes)
        self.most = max(self.most, lanes)

    def survey(self) -> None:
        self.now += TIMING.last_starts
        asked = [holder.request for holder in self.account.holders.values()]
        alive = {request.workflow_id: self.campaigns[request.workflow_id].life is not None for request in asked}
        calls = {name: self.campaigns[name].calls for name, lives in alive.items() if not lives}
        self.desk.count(asked, Census(alive=alive, calls=calls), self.now)

    def time_passes(self) -> None:
        self.now += 1

    # What must hold.

    @property
    def total(self) -> int:
        return sum(campaign.calls for campaign in self.campaigns.values())

    def the_account_counts_every_call(self) -> None:
        for campaign in self.campaigns.values():
            holder = self.account.holders.get(campaign.name)
            assert campaign.calls <= (holder.bound if holder else 0)

    def calm(self) -> None:
        """Once every message has arrived, all lanes are used and shared as they should be."""
        for _ in range(30):
            self.survey()
            for name in NAMES:
                campaign = self.campaigns[name]
                while campaign.calls > (campaign.life.sharing.allowed if campaign.life else 0):
                    self.end_call(name)
                for step in (self.speak, self.bring):
                    step(name)
            self.settle()
            for name in NAMES:
                self.send(name)
                self.deliver(name)
        held = {name: holder.bound for name, holder in self.account.holders.items()}
        may = {name: c.life.sharing.allowed for name, c in self.campaigns.items() if c.life}
        wants = {name: c.life.sharing._wants for name, c in self.campaigns.items() if c.life}
        assert {name: lanes for name, lanes in may.items() if lanes} == {name: n for name, n in held.items() if n}
        running = [name for name, holder in self.account.holders.items() if holder.runs]
        hungry = [name for name, lanes in wants.items() if lanes]
        assert len(running) == min(SEATS, len(hungry))
        assert sum(may.values()) == min(self.account.limits.lanes, sum(wants[name] for name in running))
        if self.account.limits.lanes >= len(running):
            assert all(may[name] >= 1 for name in running)


def happenings(network: Network, chance: random.Random) -> dict[Callable[[], None], float]:
    """What can happen next, and how likely it is."""
    name = chance.choice(NAMES)
    return {
        lambda: network.wish(name, chance.choice((0, 1, 2, 5, 6))): 3,
        lambda: network.begin_call(name): 3,
        lambda: network.fill(name): 4,
        lambda: network.end_call(name): 4,
        lambda: network.speak(name): 6,
        lambda: network.bring(name): 6,
        lambda: network.bring_late(name, chance.randrange(2)): 1,
        network.settle: 4,
        lambda: network.send(name): 6,
        lambda: network.deliver(name): 6,
        lambda: network.deliver_again(name): 0.5,
        lambda: network.get_through(name): 2,
        lambda: network.continue_as_new(name): 0.3,
        lambda: network.terminate(name): 0.2,
        lambda: network.start_again(name): 0.5,
        lambda: network.change_limits(chance.randint(1, 7)): 0.1,
        network.survey: 0.3,
        network.time_passes: 1,
        network.calm: 0.1,
    }


@pytest.mark.parametrize("seed", range(10))
def test_never_a_lane_too_many_and_none_lost(seed: int) -> None:
    network, chance = Network(), random.Random(seed)
    for _ in range(2000):
        likely = happenings(network, chance)
        chance.choices(list(likely), list(likely.values()))[0]()
        network.the_account_counts_every_call()
    network.calm()
