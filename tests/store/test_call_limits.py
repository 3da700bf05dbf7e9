"""How often a person is called, what calls may cost, and when a campaign of calls stops itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from clarion.domain.attempt import AttemptId
from clarion.domain.call import Stage
from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import Outcome
from clarion.store.call_limits import DAY
from clarion.store.claims import OpenChunk
from clarion.store.entries import Answer, Granted, Intend, Refusal, TooEarly, TooOften, Withdraw
from clarion.store.ledger import LedgerPage
from clarion.store.store import Store
from tests.store.call_scene import MOST, call, ended, placed, same_people, tell
from tests.store.scene import GRACE, Scene, rejected, unknown

MakeScene = Callable[..., Scene]
TWICE = {"per_person_per_day": 2, "per_second": 1000}


def dial(scene: Scene, opened: OpenChunk) -> Answer:
    """Ask to call whoever is next."""
    return scene.intend(scene.claim(opened, 1)[0], opened, MOST)


def end(scene: Scene, attempt: AttemptId, outcome: Outcome = Outcome.BUSY) -> None:
    tell(scene, attempt, ended(outcome, retryable=True), stage=Stage.ENDED)


def test_nobody_is_called_more_often_a_day_than_allowed_whatever_the_campaign(make_calls: MakeScene) -> None:
    scene = make_calls(1, limits=TWICE, retry={"attempts": 5, "delay": 60})
    other = same_people(scene, 1)
    first_at = scene.now
    end(scene, call(scene, scene.open_chunk()))
    other.now = scene.after(100)
    granted = dial(other, other.open_chunk())
    assert isinstance(granted, Granted)
    opened = scene.open_chunk()
    third = scene.claim(opened, 1)[0]
    assert scene.intend(third, opened, MOST) == TooOften(first_at + DAY)
    assert (scene.state(1), scene.target(1).attempts) == (("waiting", "busy"), 1)
    other.post(Withdraw(granted.attempt, scene.now, "retry", "never arrived"))
    assert isinstance(scene.intend(third, opened, MOST), Granted)
    scene.books()


def test_a_day_later_a_person_may_be_called_again(make_calls: MakeScene) -> None:
    scene = make_calls(1, limits=TWICE, retry={"attempts": 9, "delay": 60})
    for _ in range(2):
        end(scene, call(scene, scene.open_chunk()))
        scene.after(3600)
    opened = scene.open_chunk()
    target = scene.claim(opened, 1)[0]
    answer = scene.intend(target, opened, MOST)
    assert isinstance(answer, TooOften)
    scene.now = answer.until - 1
    assert scene.intend(target, opened, MOST) == answer
    scene.after(1)
    assert isinstance(scene.intend(target, opened, MOST), Granted)


def test_two_asks_in_one_commit_count_each_other(make_calls: MakeScene) -> None:
    scene = make_calls(1, limits={"per_person_per_day": 1, "per_second": 1000})
    other = same_people(scene, 1, limits={"per_person_per_day": 1, "per_second": 1000})
    chunks = scene.open_chunk(), other.open_chunk()
    targets = scene.claim(chunks[0], 1)[0], other.claim(chunks[1], 1)[0]
    answers = scene.post(*(Intend(t.key, c.fence, MOST) for t, c in zip(targets, chunks, strict=True)))
    assert isinstance(answers[0], Granted)
    assert answers[1] == TooOften(scene.now + DAY)


def test_campaigns_on_two_accounts_that_ask_at_once_count_each_other(make_calls: MakeScene, database_url: str) -> None:
    """Their paces are apart, so nothing else makes one wait for the other."""
    people, most = range(1, 31), {"per_person_per_day": 1, "per_second": 100_000}
    scene = make_calls(30, limits=most)
    scenes = scene, same_people(scene, *people, limits=most, account="second")
    starting = threading.Barrier(2)

    def ask_for_all(scene: Scene) -> set[str]:
        store = Store(database_url, tenant="nobody", grace=GRACE)
        page, granted = LedgerPage(store.database, {}, GRACE), set()
        opened = scene.open_chunk()
        claimed = scene.claim(opened, 30)
        starting.wait(60)
        for target in claimed:
            (answer,) = page.commit([Intend(target.key, opened.fence, MOST)], scene.now)
            if isinstance(answer, Granted):
                granted.add(target.address)
            else:
                assert isinstance(answer, TooOften)
        store.close()
        return granted

    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(ask_for_all, scenes)
    assert len(one | other) == 30
    assert one & other == set()


def test_texts_and_other_people_do_not_count(make_calls: MakeScene, make_scene: MakeScene) -> None:
    calls = make_calls(2, limits={"per_person_per_day": 1, "per_second": 1000})
    texts = make_scene(1, retry={"attempts": 9, "delay": 1})
    for _ in range(4):
        texts.record(texts.contact(texts.open_chunk()), rejected(retryable=True))
        texts.after(100)
    opened = calls.open_chunk()
    assert isinstance(dial(calls, opened), Granted)
    assert isinstance(dial(calls, opened), Granted)


def test_a_call_costs_what_its_provider_says_in_the_end(calls: Scene) -> None:
    opened = calls.open_chunk()
    attempt = call(calls, opened)
    assert calls.spent() == MOST
    tell(calls, attempt, placed(), stage=Stage.ANSWERED, cost=0.01)
    assert calls.spent() == MOST
    tell(calls, attempt, ended(), stage=Stage.ENDED, costs=120_000)
    assert calls.spent() == 10_000
    tell(calls, attempt, ended(), stage=Stage.ENDED, cost=0.123)
    tell(calls, attempt, ended(), stage=Stage.ENDED, costs=120_000)
    assert calls.spent() == 123_000
    assert calls.attempt(attempt).cost == 123_000
    calls.books()


def test_a_call_of_no_known_price_costs_what_its_lane_says(calls: Scene) -> None:
    attempt = call(calls, calls.open_chunk())
    tell(calls, attempt, ended(), stage=Stage.ENDED)
    assert calls.spent() == MOST
    tell(calls, attempt, ended(), stage=Stage.ENDED, costs=120_000)
    assert calls.spent() == 120_000
    calls.books()


@pytest.mark.parametrize(
    ("outcome", "duration", "cost"),
    [
        (Outcome.ANSWERED, 61.0, 2 * MOST // 5),
        (Outcome.ANSWERED, 3600.0, MOST),
        (Outcome.VOICEMAIL, 12.0, MOST // 5),
        (Outcome.NO_ANSWER, None, 0),
        (Outcome.BUSY, None, 0),
        (Outcome.CANCELLED, None, 0),
        (Outcome.FAILED, None, 0),
        (Outcome.INVALID_NUMBER, None, 0),
    ],
)
def test_where_nobody_names_a_price_the_minutes_do(
    calls: Scene, outcome: Outcome, duration: float | None, cost: int
) -> None:
    attempt = call(calls, calls.open_chunk())
    tell(calls, attempt, ended(outcome), stage=Stage.ENDED, duration=duration)
    assert calls.spent() == cost
    calls.books()


def test_a_failed_call_costs_what_its_provider_charges(calls: Scene) -> None:
    attempt = call(calls, calls.open_chunk())
    tell(calls, attempt, ended(Outcome.FAILED), stage=Stage.ENDED, cost=0.02)
    assert calls.spent() == 20_000
    calls.books()


def test_money_that_may_come_back_is_waited_for(make_calls: MakeScene) -> None:
    scene = make_calls(3, budget=2 * MOST / 1e6)
    opened = scene.open_chunk()
    first, second = call(scene, opened), call(scene, opened)
    target = scene.claim(opened, 1)[0]
    assert scene.intend(target, opened, MOST) == TooEarly(scene.now + 5)
    assert scene.store.campaigns.is_open(scene.key)
    end(scene, first, Outcome.NO_ANSWER)
    granted = scene.intend(target, opened, MOST)
    assert isinstance(granted, Granted)
    scene.post(Withdraw(granted.attempt, scene.now, "retry", "never arrived"))
    tell(scene, second, ended(), stage=Stage.ENDED, cost=0.9)
    assert scene.intend(scene.claim(opened, 1)[0], opened, MOST) is Refusal.BUDGET
    assert not scene.store.campaigns.is_open(scene.key)
    scene.books()


def test_money_counts_as_reserved_within_one_commit(make_calls: MakeScene) -> None:
    scene = make_calls(2, budget=MOST / 1e6)
    opened = scene.open_chunk()
    answers = scene.post(*(Intend(target.key, opened.fence, MOST) for target in scene.claim(opened, 2)))
    assert isinstance(answers[0], Granted)
    assert answers[1] == TooEarly(scene.now + 5)
    assert scene.spent() == MOST


def test_a_campaign_whose_calls_fail_stops_itself_and_names_them(make_calls: MakeScene) -> None:
    scene = make_calls(9, breaker={"share": 0.5, "of": 6, "at_least": 4})
    opened = scene.open_chunk()
    attempts = [call(scene, opened) for _ in range(5)]
    end(scene, attempts[0], Outcome.FAILED)
    tell(scene, attempts[1], ended(), stage=Stage.ENDED)
    tell(scene, attempts[2], ended(), stage=Stage.ENDED)
    end(scene, attempts[0], Outcome.FAILED)
    assert scene.store.campaigns.is_open(scene.key)
    scene.record(attempts[3], rejected())
    campaign = scene.store.campaigns.get(scene.key)
    assert not campaign.open
    assert campaign.halt == f"2 of the last 4 calls failed: {attempts[0]}, {attempts[3]}"
    assert scene.events().count("halted") == 1
    scene.open()
    end(scene, attempts[4], Outcome.FAILED)
    assert scene.store.campaigns.is_open(scene.key)
    scene.books()


def test_a_status_that_leaves_the_campaign_open_forgets_no_failures(make_calls: MakeScene) -> None:
    scene = make_calls(4, breaker={"share": 1, "of": 3, "at_least": 3})
    opened = scene.open_chunk()
    for n in range(3):
        assert scene.store.campaigns.is_open(scene.key)
        scene.record(call(scene, opened), rejected())
        if n == 1:
            scene.open(CampaignStatus.SETTLING)
    assert not scene.store.campaigns.is_open(scene.key)


def test_what_speaks_about_the_person_trips_nothing(make_calls: MakeScene) -> None:
    scene = make_calls(6, breaker={"of": 2, "at_least": 2})
    opened = scene.open_chunk()
    for outcome in (Outcome.NO_ANSWER, Outcome.BUSY, Outcome.VOICEMAIL, Outcome.INVALID_NUMBER, Outcome.CANCELLED):
        tell(scene, call(scene, opened), ended(outcome), stage=Stage.ENDED)
    assert scene.store.campaigns.is_open(scene.key)


def test_an_end_that_nobody_will_ever_know_counts_until_it_is_told(make_calls: MakeScene) -> None:
    scene = make_calls(4, breaker={"of": 2, "at_least": 2, "share": 1})
    opened = scene.open_chunk()
    lost, other = call(scene, opened), call(scene, opened)
    scene.record(call(scene, opened), unknown())
    tell(scene, lost, ended(Outcome.UNKNOWN), stage=Stage.PLACED)
    tell(scene, lost, ended(), stage=Stage.ENDED)
    end(scene, other, Outcome.FAILED)
    assert scene.store.campaigns.is_open(scene.key)


def test_who_hangs_up_says_so_once(calls: Scene) -> None:
    campaigns, key = calls.store.campaigns, calls.key

    def flags() -> tuple[bool, bool]:
        found = campaigns.call_flags([key, 987_654_321])
        assert set(found) == {key}
        return found[key].open, found[key].hang_up

    assert flags() == (True, False)
    campaigns.set_status(key, CampaignStatus.CANCELLING, "", calls.now, open_=False, hang_up=True)
    assert flags() == (False, True)
    campaigns.set_status(key, CampaignStatus.CANCELLING, "", calls.now)
    assert flags() == (False, True)
    calls.open()
    assert flags() == (True, False)


def test_an_account_keeps_the_pace_that_somebody_has_set(make_calls: MakeScene) -> None:
    scene = make_calls(6, account_spacing=2.0)
    opened = scene.open_chunk()

    def gap() -> float:
        answers = [dial(scene, opened), dial(scene, opened)]
        slots = [answer.slot_at for answer in answers if isinstance(answer, Granted)]
        scene.after(60)
        return slots[1] - slots[0]

    assert gap() == 2.0
    scene.store.campaigns.set_account_pace(scene.tenant, "main", "call", 3.5, scene.now)
    assert gap() == 3.5
    scene.store.campaigns.set_account_pace(scene.tenant, "main", "call", None, scene.now)
    assert gap() == 2.0


def test_a_wider_pace_counts_from_the_last_call(make_calls: MakeScene) -> None:
    scene = make_calls(2, account_spacing=1.0)
    campaigns, opened = scene.store.campaigns, scene.open_chunk()
    campaigns.set_account_pace(scene.tenant, "main", "call", 8.0, scene.now)
    dial(scene, opened)
    campaigns.set_account_pace(scene.tenant, "main", "call", 3.0, scene.after(1))
    granted = dial(scene, opened)
    assert isinstance(granted, Granted)
    assert granted.slot_at == scene.now + 2
