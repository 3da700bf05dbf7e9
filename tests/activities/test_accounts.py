"""What goes on between a campaign and its account: bringing requests, taking a survey, writing rates."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError

from activities.accounts import AccountActivities
from clarion.account_contracts import (
    AccountChange,
    AccountInput,
    AccountLimits,
    AccountTiming,
    LaneAsk,
    LaneNews,
    Survey,
)
from clarion.contracts import AccountRef, CampaignRef, LaneRequest
from tests.activities.office import TENANT, run
from tests.workflows.stage import join_server, real_server

SETTINGS = AccountLimits(concurrency=5, campaigns=2)
TIMING = AccountTiming(survey=3.0)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with real_server() as address:
        yield address


@pytest.fixture
async def client(server: str) -> Client:
    return (await join_server(server)).client


@dataclass
class Books:
    """What the store would know."""

    calls: int = 0
    paces: list[tuple[str, str, str, float | None]] = field(default_factory=list)

    def under_way(self, campaign_key: int) -> int:
        return self.calls

    def set_account_pace(self, tenant: str, account: str, channel: str, spacing: float | None, now: float) -> None:
        self.paces.append((tenant, account, channel, spacing))


@dataclass
class Door:
    """The activities, an account that no worker works on, and a campaign that asks it."""

    client: Client
    books: Books = field(default_factory=Books)
    account: AccountRef = field(default_factory=lambda: AccountRef(tenant=TENANT, account=uuid.uuid4().hex[:6]))
    queue: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def activities(self) -> AccountActivities:
        limits = {self.account.account: SETTINGS}
        return AccountActivities(self.client, self.queue, limits, self.books, self.books, time.time, TIMING)

    @property
    def owner(self) -> WorkflowHandle[object, object]:
        return self.client.get_workflow_handle(self.account.workflow_id)

    def request(self, number: int = 1, **words: object) -> LaneRequest:
        known = {"workflow_id": "campaign/x", "chain": "c", "number": number, "born": time.time(), "wants": 3}
        return LaneRequest.model_validate(
            known | {"campaign": CampaignRef(tenant=TENANT, campaign_id="x", key=7)} | words
        )

    async def ask(self, request: LaneRequest) -> None:
        await run(self.activities.request_lanes, LaneAsk(account=self.account, request=request))

    async def heard(self) -> tuple[AccountInput, list[LaneNews]]:
        """What the account was started with, and the news it has been sent."""
        events = (await self.owner.fetch_history()).events
        decode = self.client.data_converter.decode
        started = events[0].workflow_execution_started_event_attributes
        [given] = await decode(started.input.payloads, [AccountInput])
        assert started.workflow_type.name == "AccountWorkflow"
        news: list[LaneNews] = []
        for event in events:
            signal = event.workflow_execution_signaled_event_attributes
            if signal.signal_name:
                assert signal.signal_name == "lanes_wanted"
                news += await decode(signal.input.payloads, [LaneNews])
        return given, news


@pytest.fixture
def door(client: Client) -> Door:
    return Door(client)


async def test_the_first_request_starts_the_account_and_the_next_ones_reach_it(door: Door) -> None:
    first, second = door.request(1), door.request(2)
    await door.ask(first)
    await door.ask(second)
    given, news = await door.heard()
    assert given == AccountInput(account=door.account, settings=SETTINGS, timing=TIMING)
    assert news == [LaneNews(request=first, settings=SETTINGS), LaneNews(request=second, settings=SETTINGS)]


async def test_an_account_that_was_ended_from_outside_is_told_so_when_it_starts_again(door: Door) -> None:
    await door.ask(door.request(1))
    await door.owner.terminate("an operator")
    await door.ask(door.request(2))
    assert (await door.heard())[0].again


async def test_calls_of_an_earlier_life_count_until_they_must_be_over(door: Door) -> None:
    door.books.calls = 4
    young, old = door.request(1, holds=1, longest=60.0), door.request(2, longest=60.0, born=time.time() - 61)
    await door.ask(young)
    await door.ask(old)
    assert [news.request.excess for news in (await door.heard())[1]] == [3, 0]


async def test_a_survey_tells_who_runs_and_counts_the_calls_of_those_that_do_not(door: Door) -> None:
    door.books.calls = 2
    await door.ask(door.request())
    running = door.request(workflow_id=door.account.workflow_id)
    never = door.request(workflow_id="campaign/never")
    order = Survey(account=door.account, campaigns=(running, never))
    census = await run(door.activities.survey, order)
    assert census.alive == {running.workflow_id: True, never.workflow_id: False}
    assert census.calls == {never.workflow_id: 2}
    await door.owner.terminate("an operator")
    assert (await run(door.activities.survey, order)).alive[running.workflow_id] is False


async def test_rates_are_written_as_a_spacing_and_none_gives_them_back(door: Door) -> None:
    for limits in (AccountLimits(per_second=2.0, per_minute=30.0, concurrency=9), AccountLimits(concurrency=9)):
        await run(door.activities.change_account, AccountChange(account=door.account, limits=limits))
    this = (TENANT, door.account.account, "call")
    assert door.books.paces == [(*this, AccountLimits(per_second=2.0, per_minute=30.0).spacing), (*this, None)]


async def test_a_server_that_cannot_take_the_message_is_worth_another_try(tmp_path: Path) -> None:
    with real_server() as address:
        client = (await join_server(address)).client
    door = Door(client)
    with pytest.raises(ApplicationError) as failure:
        await door.ask(door.request())
    assert not failure.value.non_retryable
    assert failure.value.type == "Unreachable"
