"""``python -m bench``: every bench is listed, and a small one runs from start to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180, check=False
    )


def test_the_benches_are_listed(tmp_path: Path) -> None:
    done = bench(tmp_path, "list")
    names = [line.split()[0] for line in done.stdout.splitlines()]
    benches = ["throughput", "import", "first-contact", "pace", "pause", "memory", "lanes", "sharing", "leads"]
    assert names == ["list", *benches, "watchers"]


def test_throughput_compares_three_ways_of_sending_in_one_run(tmp_path: Path) -> None:
    done = bench(tmp_path, "throughput", "--json", "--rounds", "1", "--targets", "200", "--one-activity-targets", "50")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["ratio_to_bare"] > 0
    assert found["one_activity_targets_per_second"] > 0
    assert found["one_activity_events_per_target"] > 3
    assert 0 < found["events_per_target"] < 1
    assert found["cpu_ms_per_target"] > 0
    assert list(tmp_path.glob("clarion-bench-*")) == []


def test_the_import_accepts_every_clean_row(tmp_path: Path) -> None:
    done = bench(tmp_path, "import", "--json", "--clean", "--csv", "1200", "--xlsx", "300")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["csv_1200"]["accepted"], found["xlsx_300"]["accepted"]) == (1200, 300)
    assert found["csv_1200"]["rows_per_second"] > 0


def test_lane_use_is_measured_with_calls_that_all_take_place(tmp_path: Path) -> None:
    few = ["--lanes", "4", "--targets", "12", "--time-scale", "0.02", "--per-second", "10"]
    done = bench(tmp_path, "lanes", "--json", *few)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["promised"] == {
        "at most 4 calls at once": True,
        "at most 10 calls begin in any second": True,
    }
    assert 0 < found["lane_use"] <= 1
    assert found["most_calls_at_once"] == 4
    assert found["events_per_target"]["campaign"] > 0
    assert found["events_per_target"]["account"] > 0
    assert found["idle_between_two_calls_ms"]["over_at_the_provider_to_known_here"] > 0
    assert list(tmp_path.glob("clarion-bench-*")) == []


def test_leads_are_counted_at_the_ai_and_the_crm_and_in_the_report(tmp_path: Path) -> None:
    done = bench(tmp_path, "leads", "--json", "--rows", "150", "--bad", "0.1")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found["promised"].values()) == {True}
    figures = found["rows_150"]
    assert figures["books"]["total"] == 150
    # What has been declined counts as an answer, too.
    assert figures["answers"] == figures["books"]["succeeded"] + figures["outcomes"]["refused"]
    assert figures["crm_requests"] == 2
    assert figures["questions_when_run_again"] == 0
    assert 0 < figures["share_of_the_limit"] <= 1
    assert figures["worker_peak_mb"] > 0
    assert list(tmp_path.glob("clarion-bench-*")) == []
