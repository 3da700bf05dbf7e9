"""The drill: what it finds when all goes well, what it would say otherwise, and that it leaves nothing running."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from clarion.domain.books import Books
from clarion.domain.campaign import CampaignStatus, Channel
from clarion.domain.errors import BadInput
from clarion.sandbox.calls import BY_LAST_FOUR
from clarion.sandbox.salesforce.lead_ids import is_lead, read_id
from clarion.sandbox.salesforce.leads import BY_LAST_FOUR as MEANT_LEADS
from starter.local.drill_calls import CALLS_BY_ENDING, Calls
from starter.local.drill_channel import Seen
from starter.local.drill_leads import ANSWERS_BY_ENDING, Leads
from starter.local.drill_result import Findings, broken_promises
from starter.local.killing import KINDS, plan_kills
from starter.local.rehearsal import MOST_MEANT, read_faults, write_audience, write_meant_audience
from starter.progress import Progress

ROOT = Path(__file__).parents[2]


def start_drill(folder: Path, *options: str, channel: str = "sms") -> subprocess.Popen[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "starter", "drill", channel, "--json", *options],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def ctrl_c_counts() -> Iterator[None]:
    """Let what is started here take note of SIGINT, which shells have what they run in the background ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def still_running(folder: Path) -> list[int]:
    """Processes that were started with a home in this folder."""
    wanted = f"CLARION_HOME={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


def test_a_campaign_whose_workers_are_killed_contacts_everybody_once(tmp_path: Path) -> None:
    drill = start_drill(tmp_path, "--targets", "60", "--kills", "2", "--seed", "7")
    out, told = drill.communicate(timeout=240)
    found = json.loads(out)
    assert drill.returncode == 0, told
    assert found["targets"] == found["effects"] == 60
    assert (found["duplicates"], found["lost"], found["unknown"], found["broken"]) == (0, 0, 0, [])
    assert found["balanced"] is True
    assert found["looks"] > 0
    assert found["kills"] == found["killed"]["worker"] == 2
    assert (found["status"], found["seed"], found["database"]) == ("completed", 7, "sqlite")
    assert still_running(tmp_path) == []
    assert list(tmp_path.glob("clarion-drill-*")) == []
    assert not (tmp_path / ".clarion").exists()


def test_everybody_is_called_as_often_as_the_rules_say_whatever_is_killed_and_lost(tmp_path: Path) -> None:
    options = ("--targets", "24", "--kills", "2", "--kill", "worker,web", "--faults", "mix", "--seed", "3")
    drill = start_drill(tmp_path, *options, channel="call")
    out, told = drill.communicate(timeout=240)
    found = json.loads(out)
    assert drill.returncode == 0, told
    assert (found["channel"], found["provider"], found["targets"]) == ("call", "retell", 24)
    assert found["effects"] == found["expected"] > 24
    assert (found["duplicates"], found["lost"], found["unknown"], found["broken"]) == (0, 0, 0, [])
    assert found["lanes_lost"] == 0
    assert 0 < found["peak"] <= Calls().terms.lanes
    assert found["balanced"] is True
    assert found["killed"] == {"worker": 1, "web": 1}
    assert found["status"] == "completed"
    assert still_running(tmp_path) == []
    assert list(tmp_path.glob("clarion-drill-*")) == []


def test_every_lead_is_assessed_once_whatever_is_killed_and_lost(tmp_path: Path) -> None:
    options = ("--targets", "40", "--kills", "1", "--faults", "mix", "--seed", "3")
    drill = start_drill(tmp_path, *options, channel="lead_analysis")
    out, told = drill.communicate(timeout=240)
    found = json.loads(out)
    assert drill.returncode == 0, told
    assert (found["channel"], found["provider"], found["targets"]) == ("lead_analysis", "openai", 40)
    assert found["effects"] == found["expected"] == 39, "one id is of no lead"
    assert (found["duplicates"], found["lost"], found["unknown"], found["broken"]) == (0, 0, 0, [])
    assert found["balanced"] is True
    assert found["killed"] == {"worker": 1}
    assert found["status"] == "completed"
    assert still_running(tmp_path) == []
    assert list(tmp_path.glob("clarion-drill-*")) == []


@pytest.mark.usefixtures("ctrl_c_counts")
def test_ctrl_c_ends_a_drill_and_everything_it_has_started(tmp_path: Path) -> None:
    drill = start_drill(tmp_path, "--targets", "2000", "--kills", "1")
    assert drill.stderr is not None
    for line in drill.stderr:
        if "running" in line:
            break
    assert len(still_running(tmp_path)) >= 4
    drill.send_signal(signal.SIGINT)
    drill.communicate(timeout=90)
    assert drill.returncode != 0
    assert still_running(tmp_path) == []
    assert list(tmp_path.glob("clarion-drill-*")) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--kill", "wroker"], '"wroker" cannot be killed (did you mean "worker"?)'),
        (["--targets", "0"], "--targets 0 is too few; give 1 or more"),
        (["--faults", "mixed"], "neither none nor mix nor a JSON object"),
        (["--database-url", "mysql://somewhere"], "the database address is not one that Clarion knows"),
    ],
)
def test_wrong_use_is_one_sentence_and_starts_nothing(tmp_path: Path, options: Sequence[str], said: str) -> None:
    drill = start_drill(tmp_path, *options)
    out, told = drill.communicate(timeout=60)
    assert (drill.returncode, out) == (2, "")
    assert said in told
    assert still_running(tmp_path) == []


ADDRESSES = ("+12125550001", "+12125550002")


def progress(status: CampaignStatus = CampaignStatus.COMPLETED, **books: int) -> Progress:
    return Progress(
        campaign_id="drill",
        name="Drill",
        channel=Channel.SMS,
        status=status,
        reason="",
        books=Books(total=2, **(books or {"succeeded": 2})),
        outcomes={},
        percent=100.0,
        success_rate=1.0,
        per_minute=0.0,
        eta=None,
        next_due_at=None,
        under_way=0,
        stages={},
        started_at=None,
        finished_at=None,
        updated_at=time.time(),
        lanes=1,
        limits={},
        budget=None,
        spent=0.0,
    )


ONCE = dict.fromkeys(ADDRESSES, 1)


def findings(
    effects: dict[str, int] = ONCE,
    *,
    expected: dict[str, int] = ONCE,
    overlapping: Sequence[str] = (),
    stands: Progress | None = None,
    unbalanced: str = "",
    peak: int | None = None,
    held: dict[str, int] | None = None,
    stuck: int = 0,
) -> Findings:
    seen = Seen(effects, frozenset(overlapping), peak)
    return Findings(expected, seen, stands or progress(), unbalanced, most=8, held=held or {}, stuck=stuck)


def test_everybody_contacted_as_often_as_expected_breaks_no_promise() -> None:
    assert list(broken_promises(findings())) == []
    rules = {ADDRESSES[0]: 3, ADDRESSES[1]: 0}
    assert list(broken_promises(findings({ADDRESSES[0]: 3}, expected=rules, peak=8))) == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            findings({ADDRESSES[0]: 2, ADDRESSES[1]: 1}),
            "contacted too often, or while an earlier contact went on: +12125550001 (2 for 1)",
        ),
        (findings(overlapping=ADDRESSES[:1]), "while an earlier contact went on: +12125550001 (1 for 1)"),
        (findings({ADDRESSES[0]: 1}), "contacted too seldom: +12125550002 (0 for 1)"),
        (findings(expected={ADDRESSES[0]: 1, ADDRESSES[1]: 2}), "contacted too seldom: +12125550002 (1 for 2)"),
        (findings({**ONCE, "+1": 1}), "contacted without being in the audience: +1"),
        (findings(peak=9), "9 contacts went on at once, where 8 were allowed"),
        (findings(unbalanced="total 2, counted 1"), "did not balance: total 2, counted 1"),
        (findings(stands=progress(succeeded=1, unknown=1)), "1 targets ended unknown"),
        (findings(stands=progress(succeeded=1, skipped=1)), "1 of 2 good rows were accepted"),
        (findings(stands=progress(CampaignStatus.PAUSED)), "is paused and not completed"),
        (findings(stuck=2), "what 2 of the killed workers held has not moved since"),
        (findings(held={"campaign/a/b": 2}), "the account still keeps 2 lanes for campaign/a/b"),
    ],
)
def test_each_broken_promise_is_said(found: Findings, said: str) -> None:
    (sentence,) = broken_promises(found)
    assert said in sentence


def test_both_kinds_of_miscounted_targets_are_counted_apart() -> None:
    found = findings({ADDRESSES[0]: 2}, overlapping=[ADDRESSES[1], "+1"])
    assert (found.too_often, found.too_seldom) == (list(ADDRESSES), [ADDRESSES[1]])


def test_a_seed_chooses_the_same_moments_and_every_kind_gets_its_turn() -> None:
    plan = plan_kills(8, KINDS, seed=3)
    assert plan == plan_kills(8, KINDS, seed=3) != plan_kills(8, KINDS, seed=4)
    assert sorted(blow.kind for blow in plan) == sorted(2 * KINDS)
    assert [blow.share for blow in plan] == sorted(blow.share for blow in plan)


def test_the_audience_is_clean_unique_and_without_numbers_that_mean_something(tmp_path: Path) -> None:
    addresses = write_audience(tmp_path / "audience.csv", 20_000, seed=1)
    assert len(addresses) == 20_000
    assert not [address for address in addresses if re.search(r"90(0[1-9]|1[01])$", address)]


def test_half_of_the_numbers_to_call_have_a_known_ending_and_the_others_none(tmp_path: Path) -> None:
    path = tmp_path / "audience.csv"
    worth = write_meant_audience(path, 200, 1, CALLS_BY_ENDING)
    meant = {address: n for address, n in worth.items() if address[-4:] in CALLS_BY_ENDING}
    assert (len(worth), len(meant)) == (200, 100)
    assert {address[-4:] for address in meant} == CALLS_BY_ENDING.keys()
    assert all(n == CALLS_BY_ENDING[address[-4:]] for address, n in meant.items())
    assert all(n == 1 and not re.search(r"9[01]\d\d$", address) for address, n in worth.items() - meant.items())
    rows = [line.split(",")[0] for line in path.read_text().splitlines()[1:]]
    assert sorted(rows) == sorted(worth)
    assert len(write_meant_audience(path, MOST_MEANT, 1, CALLS_BY_ENDING)) == MOST_MEANT
    with pytest.raises(BadInput):
        write_meant_audience(path, MOST_MEANT + 1, 1, CALLS_BY_ENDING)


def test_every_ending_that_the_sandbox_knows_has_its_number_of_calls() -> None:
    assert CALLS_BY_ENDING.keys() == BY_LAST_FOUR.keys()


def test_leads_of_a_drill_are_worth_what_the_sandbox_makes_of_them(tmp_path: Path) -> None:
    worth = Leads().write_audience(tmp_path / "leads.csv", 25_000, 1)
    assert len(worth) == 25_000
    assert all(read_id(lead) == lead and is_lead(lead) for lead in worth)
    natures = {lead[11:15]: n for lead, n in worth.items() if lead[11:15] in MEANT_LEADS}
    assert natures == ANSWERS_BY_ENDING
    assert {n for lead, n in worth.items() if lead[11:15] not in MEANT_LEADS} == {1}


def test_faults_are_named_or_json() -> None:
    assert read_faults("none") == {}
    assert read_faults("mix")["dropped"] == 0.02
    assert read_faults('{"slow": 0.5}') == {"slow": 0.5}
    with pytest.raises(BadInput):
        read_faults("[1]")
