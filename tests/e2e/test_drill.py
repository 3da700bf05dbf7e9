"""The drill: what it finds when all goes well, what it would say otherwise, and that it leaves nothing running."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from clarion.domain.books import Books
from clarion.domain.campaign import CampaignStatus, Channel
from clarion.domain.errors import BadInput
from starter.drill import broken_promises
from starter.killing import KINDS, plan_kills
from starter.progress import Progress
from starter.rehearsal import read_faults, write_audience

ROOT = Path(__file__).parents[2]


def start_drill(folder: Path, *options: str) -> subprocess.Popen[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "starter", "drill", "sms", "--json", *options],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


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
        started_at=None,
        finished_at=None,
        updated_at=time.time(),
        lanes=1,
        limits={},
        budget=None,
        spent=0.0,
    )


def test_everybody_contacted_once_breaks_no_promise() -> None:
    assert list(broken_promises(ADDRESSES, dict.fromkeys(ADDRESSES, 1), progress(), "")) == []


@pytest.mark.parametrize(
    ("effects", "stands", "unbalanced", "said"),
    [
        ({ADDRESSES[0]: 2, ADDRESSES[1]: 1}, progress(), "", "contacted twice: +12125550001"),
        ({ADDRESSES[0]: 1}, progress(), "", "forgotten: +12125550002"),
        (dict.fromkeys((*ADDRESSES, "+1"), 1), progress(), "", "contacted without being in the audience: +1"),
        (dict.fromkeys(ADDRESSES, 1), progress(), "total 2, counted 1", "did not balance: total 2, counted 1"),
        (dict.fromkeys(ADDRESSES, 1), progress(succeeded=1, unknown=1), "", "1 targets ended unknown"),
        (dict.fromkeys(ADDRESSES, 1), progress(succeeded=1, skipped=1), "", "1 of 2 good rows were accepted"),
        (dict.fromkeys(ADDRESSES, 1), progress(CampaignStatus.PAUSED), "", "is paused and not completed"),
    ],
)
def test_each_broken_promise_is_said(effects: dict[str, int], stands: Progress, unbalanced: str, said: str) -> None:
    (sentence,) = broken_promises(ADDRESSES, effects, stands, unbalanced)
    assert said in sentence


def test_a_seed_chooses_the_same_moments_and_every_kind_gets_its_turn() -> None:
    plan = plan_kills(8, KINDS, seed=3)
    assert plan == plan_kills(8, KINDS, seed=3) != plan_kills(8, KINDS, seed=4)
    assert sorted(blow.kind for blow in plan) == sorted(2 * KINDS)
    assert [blow.share for blow in plan] == sorted(blow.share for blow in plan)


def test_the_audience_is_clean_unique_and_without_numbers_that_mean_something(tmp_path: Path) -> None:
    addresses = write_audience(tmp_path / "audience.csv", 20_000, seed=1)
    assert len(addresses) == 20_000
    assert not [address for address in addresses if re.search(r"90(0[1-9]|1[01])$", address)]


def test_faults_are_named_or_json() -> None:
    assert read_faults("none") == {}
    assert read_faults("mix")["dropped"] == 0.02
    assert read_faults('{"slow": 0.5}') == {"slow": 0.5}
    with pytest.raises(BadInput):
        read_faults("[1]")
