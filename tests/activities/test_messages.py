"""A chunk of texts, from the claim to the report, against the real store and the sandbox."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from activities import message_chunk
from clarion.contracts import Pacing
from clarion.domain.attempt import Verdict
from clarion.domain.campaign import CampaignStatus
from clarion.providers.ports import Messenger, OutgoingText
from tests.activities.office import GRACE, TENANT, Office, person, row, run, temporal


async def test_a_chunk_reaches_everybody_once_and_reports_counts_only(office: Office) -> None:
    office.new_campaign([row(n) for n in range(1, 13)])
    report = await office.dispatch(lanes=3)
    assert (report.worked, report.halt, office.effects) == (12, "", 12)
    assert report.snapshot.books == office.books
    assert office.books.succeeded == 12
    assert "+1415" not in report.model_dump_json()
    assert (await office.dispatch(2)).worked == 0


async def test_a_chunk_does_no_more_than_its_size(office: Office) -> None:
    office.new_campaign([row(n) for n in range(1, 8)])
    assert (await office.dispatch(size=4)).worked == 4
    assert (office.effects, office.books.pending, office.claimed()) == (4, 3, 0)


async def test_a_chunk_whose_time_is_up_gives_the_rest_back(office: Office) -> None:
    office.new_campaign([row(n) for n in range(1, 8)])
    assert (await office.dispatch(seconds=0.0)).worked == 0
    assert (office.effects, office.books.pending, office.claimed()) == (0, 7, 0)


async def test_everybody_gets_their_own_text(office: Office) -> None:
    office.new_campaign([row(1, name="Zoë"), row(2, text="Only for {{ you }}")])
    await office.dispatch()
    sent = {exchange["body"] for exchange in office.sandbox.exchanges.latest(10)}
    assert any("Body=Hello+Zo%C3%AB" in str(body) for body in sent)
    assert any("Only+for+%7B%7B+you+%7D%7D" in str(body) for body in sent)


async def test_a_retried_chunk_goes_on_and_reports_the_same_whole(office: Office) -> None:
    office.new_campaign([row(n) for n in range(1, 10)])
    order, worker = office.order(size=6), await office.worker()
    first = await run(worker.dispatch_message_chunk, order)
    again = await run(worker.dispatch_message_chunk, order, environment=temporal(attempt=2))
    assert (first.worked, again.worked) == (6, 6)
    assert office.effects == 6


async def test_a_worker_that_was_cut_off_and_its_successor_reach_everybody_once(office: Office) -> None:
    office.answers_after(milliseconds=150)
    office.new_campaign([row(n) for n in range(1, 21)])
    order = office.order(lanes=2)
    zombie, successor = await office.worker(), await office.worker()
    cut_off = asyncio.create_task(run(zombie.dispatch_message_chunk, order))
    await office.until(lambda: office.effects >= 4)
    report = await run(successor.dispatch_message_chunk, order, environment=temporal(attempt=2))
    await cut_off
    assert report.worked == 20
    office.clock.ahead += GRACE + 5
    await office.dispatch(2)
    assert (office.effects, office.books.succeeded) == (20, 20)


async def test_a_zombie_that_opens_its_chunk_late_is_turned_away(office: Office) -> None:
    office.new_campaign([row(1)])
    worker = await office.worker()
    await run(worker.dispatch_message_chunk, office.order(), environment=temporal(attempt=2))
    with pytest.raises(Exception, match="worked on by a later execution"):
        await run(worker.dispatch_message_chunk, office.order(), environment=temporal(attempt=1))


async def test_a_worker_that_is_asked_to_stop_ends_what_is_under_way(office: Office) -> None:
    office.new_campaign([row(n) for n in range(1, 200)])
    environment, worker = temporal(), await office.worker()
    running = asyncio.create_task(
        run(worker.dispatch_message_chunk, office.order(lanes=2, size=200), environment=environment)
    )
    await office.until(lambda: office.effects >= 3)
    environment.worker_shutdown()
    report = await running
    assert 3 <= report.worked < 199
    assert (office.books.succeeded, office.books.unknown, office.claimed()) == (office.effects, 0, 0)


async def test_a_chunk_that_is_called_off_writes_down_what_it_did(office: Office) -> None:
    office.new_campaign([row(n) for n in range(1, 200)])
    environment, worker = temporal(), await office.worker()
    running = asyncio.create_task(
        run(worker.dispatch_message_chunk, office.order(lanes=2, size=200), environment=environment)
    )
    await office.until(lambda: office.effects >= 3)
    environment.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    books = office.books
    assert (books.succeeded, books.unknown, office.claimed()) == (office.effects, 0, 0)
    assert books.pending + books.waiting == 199 - office.effects


async def test_refused_credentials_halt_the_campaign_and_burn_nobody(office: Office) -> None:
    office.new_campaign([row(n) for n in range(1, 6)])
    worker = await office.worker(await office.messenger("wrong"))
    report = await run(worker.dispatch_message_chunk, office.order(lanes=2))
    assert "does not accept the credentials" in report.halt
    campaign = office.store.campaigns.get(office.key)
    assert (campaign.open, campaign.spent, office.effects, office.claimed()) == (False, 0.0, 0, 0)
    assert office.books.open == 5
    office.set_status(CampaignStatus.RUNNING, open_=True)
    assert (await office.dispatch(2)).worked == 5
    assert office.effects == 5


async def test_an_account_that_is_not_set_up_halts_the_campaign(office: Office) -> None:
    office.new_campaign([row(1)], account="other")
    report = await office.dispatch()
    assert (report.halt, report.worked) == ('account "other" is not set up on this worker', 0)
    assert not office.store.campaigns.is_open(office.key)


async def test_money_that_is_spent_stops_the_campaign(office: Office) -> None:
    office.new_campaign([row(n) for n in range(1, 6)], budget=0.03)
    report = await office.dispatch(lanes=2)
    assert "budget of 0.03 is spent" in report.halt
    assert (office.effects, office.books.succeeded, office.books.pending, office.claimed()) == (3, 3, 2, 0)
    office.store.campaigns.set_pacing(office.key, Pacing(budget=1.0), office.clock())
    office.set_status(CampaignStatus.RUNNING, open_=True)
    await office.dispatch(2)
    assert office.effects == 5


async def test_somebody_who_opts_out_after_the_claim_is_not_texted(office: Office) -> None:
    office.answers_after(milliseconds=200)
    office.new_campaign([row(1), row(2)])
    running = asyncio.create_task(office.dispatch(lanes=1))
    await office.until(lambda: office.effects == 1)
    office.store.suppressions.add(TENANT, person(2), "stop", "", office.clock())
    await running
    assert [office.reached(1), office.reached(2)] == [1, 0]
    assert office.state(2) == ("skipped", "opted_out")


async def test_somebody_who_opts_out_while_waiting_for_a_slot_is_not_texted(office: Office) -> None:
    office.new_campaign([row(1), row(2)], limits={"per_minute": 60, "concurrency": 2})
    running = asyncio.create_task(office.dispatch(lanes=2))
    await office.until(lambda: office.effects == 1)
    waiting = 2 if office.reached(1) else 1
    office.store.suppressions.add(TENANT, person(waiting), "stop", "", office.clock())
    await running
    assert (office.effects, office.reached(waiting)) == (1, 0)
    assert "opted out before its slot" in office.told(waiting)[-1]
    await office.dispatch(2)
    assert office.state(waiting) == ("skipped", "opted_out")


async def test_a_pause_calls_off_whoever_waits_for_a_slot(office: Office) -> None:
    office.new_campaign([row(n) for n in (1, 2, 3)], limits={"per_minute": 12, "concurrency": 3})
    running = asyncio.create_task(office.dispatch(lanes=3))
    await office.until(lambda: office.effects == 1)
    office.set_status(CampaignStatus.PAUSED, open_=False)
    await running
    assert (office.effects, office.claimed(), office.books.active) == (1, 0, 0)
    told = [line for n in (1, 2, 3) for line in office.told(n) if "called off before its slot" in line]
    assert told


async def test_a_target_outside_its_window_waits_for_it(office: Office) -> None:
    soon = datetime.now(UTC) + timedelta(hours=2)
    window = {"from": f"{soon:%H}:00", "to": f"{soon + timedelta(hours=1):%H}:00", "time_zone": "UTC"}
    office.new_campaign([row(1)], window=window)
    report = await office.dispatch()
    target = office.store.targets.get(office.key, 1)
    assert target is not None
    assert (target.state, target.reason, target.detail) == ("waiting", "window", "outside its window")
    assert datetime.fromtimestamp(target.due_at, UTC).strftime("%H:%M:%S") == f"{soon:%H}:00:00"
    assert (office.effects, report.snapshot.next_due_at) == (0, target.due_at)


async def test_a_target_whose_validity_ran_out_expires(office: Office) -> None:
    office.new_campaign([row(1)], validity="1h")
    office.clock.ahead += 3601
    await office.dispatch()
    assert (office.state(1), office.effects) == (("failed", "expired"), 0)


async def test_a_provider_that_asks_for_patience_gets_it(office: Office) -> None:
    office.new_campaign([row(1), row(2)])
    office.breaks(rate_limited=1.0, retry_after=8)
    await office.dispatch(lanes=1, size=1)
    target = office.store.targets.get(office.key, 1)
    assert target is not None
    assert (target.state, target.tries, office.effects) == ("waiting", 0, 0)
    assert target.due_at > office.clock() + 2
    office.breaks()
    office.clock.ahead += 8
    await office.dispatch(2)
    assert (office.effects, office.books.succeeded) == (2, 2)


@pytest.mark.parametrize("fault", ["dropped", "server_error_after"])
async def test_an_answer_that_was_lost_is_looked_up_and_found(office: Office, fault: str) -> None:
    office.new_campaign([row(n) for n in (1, 2, 3)])
    office.breaks(**{fault: 1.0})
    await office.dispatch()
    assert (office.states(), office.effects) == (["unknown"] * 3, 3)
    office.breaks()
    assert (await office.dispatch(2)).worked == 0
    office.clock.ahead += GRACE
    assert (await office.dispatch(3)).worked == 3
    assert (office.effects, office.books.succeeded) == (3, 3)


async def test_a_text_that_never_arrived_is_sent_after_it_was_looked_up(office: Office) -> None:
    office.new_campaign([row(1)])
    office.breaks(server_error=1.0)
    await office.dispatch()
    assert (office.state(1), office.effects) == (("unknown", "unknown"), 0)
    office.breaks()
    office.clock.ahead += GRACE
    await office.dispatch(2)
    assert (office.state(1), office.effects) == (("waiting", None), 0)
    await office.dispatch(3)
    assert (office.books.succeeded, office.effects) == (1, 1)
    target = office.store.targets.get(office.key, 1)
    assert target is not None
    assert (target.attempts, target.tries) == (2, 1)


async def test_what_cannot_be_looked_up_is_looked_up_later_and_in_the_end_left_alone(office: Office) -> None:
    office.new_campaign([row(1)])
    office.breaks(dropped=1.0)
    await office.dispatch()
    office.breaks(outage=60.0)
    office.clock.ahead += GRACE
    await office.dispatch(2)
    assert office.state(1) == ("unknown", "unknown")
    due_at = office.store.campaigns.snapshot(office.key, office.clock()).next_due_at
    assert due_at is not None
    assert due_at > office.clock()
    office.clock.ahead += 4000
    await office.dispatch(3)
    assert office.store.campaigns.snapshot(office.key, office.clock()).next_due_at is None
    assert (office.state(1), office.effects) == (("unknown", "unknown"), 1)


async def test_a_closed_campaign_still_looks_up_what_is_unknown(office: Office) -> None:
    office.new_campaign([row(1), row(2)])
    office.breaks(dropped=1.0)
    await office.dispatch(size=1)
    office.breaks()
    office.set_status(CampaignStatus.CANCELLING, open_=False)
    office.clock.ahead += GRACE
    assert (await office.dispatch(2)).worked == 1
    assert [office.state(1)[0], office.state(2)[0]] == ["succeeded", "pending"]


async def test_a_channel_that_cannot_be_reached_costs_nobody_a_try(office: Office) -> None:
    office.new_campaign([row(n) for n in (1, 2, 3)])
    worker = await office.worker()
    await office.sandbox.stop()
    report = await run(worker.dispatch_message_chunk, office.order(lanes=1))
    assert report.halt == ""
    targets = office.store.targets.page(office.key)
    assert [(target.state, target.tries) for target in targets] == [("waiting", 0)] * 3
    assert office.store.campaigns.get(office.key).spent == 0


async def test_a_slow_campaign_does_not_keep_its_chunk_for_ever(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_chunk, "LONGEST_WAIT", 60.0)
    office.new_campaign([row(1), row(2)], limits={"per_hour": 6})
    report = await office.dispatch(lanes=2)
    assert (report.worked, office.effects, office.claimed()) == (1, 1, 0)
    waiting = next(target for target in office.store.targets.page(office.key) if target.state == "pending")
    assert (waiting.attempts, waiting.tries) == (0, 0)


@dataclass
class Stumbling(Messenger):
    """A messenger with a fault that nobody thought of."""

    real: Messenger
    over: str

    @property
    def sender(self) -> str:
        return self.real.sender

    @property
    def timeout(self) -> float:
        return self.real.timeout

    async def send(self, text: OutgoingText) -> Verdict:
        if text.to == self.over:
            raise ZeroDivisionError(text.body)
        return await self.real.send(text)

    async def find(self, text: OutgoingText, since: float, known: object) -> Verdict | None:
        return await self.real.find(text, since, ())

    async def check(self) -> None:
        await self.real.check()

    async def close(self) -> None:
        await self.real.close()


async def test_a_fault_over_one_text_does_not_stop_the_others(office: Office) -> None:
    office.new_campaign([row(n) for n in (1, 2, 3)])
    real = await office.messenger("right")
    worker = await office.worker(Stumbling(real, person(2)))
    await run(worker.dispatch_message_chunk, office.order(lanes=1))
    assert office.states() == ["succeeded", "unknown", "succeeded"]
    office.clock.ahead += GRACE
    for number in (2, 3):
        await office.dispatch(number)
    assert (office.states(), office.effects) == (["succeeded"] * 3, 3)
