"""``python -m clarion.sandbox`` as others start it: says where it listens, and goes when told."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import aiohttp
import pytest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_where_it_listens_and_stops_when_told(tmp_path: Path, number: signal.Signals) -> None:
    ready = tmp_path / "ready.json"
    options = [
        "--port",
        "0",
        "--latency",
        "5",
        "--time-scale",
        "0.5",
        "--max-concurrent",
        "9",
        "--ready-file",
        str(ready),
    ]
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "clarion.sandbox", *options, stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    try:
        line = await asyncio.wait_for(program.stdout.readline(), 20)
        url = json.loads(line)["url"]
        assert url.startswith("http://127.0.0.1:")
        assert json.loads(ready.read_text(encoding="utf-8")) == {"url": url}
        async with aiohttp.ClientSession() as http, http.get(f"{url}/_sandbox/settings") as answer:
            settings = await answer.json()
        assert (settings["latency_ms"], settings["time_scale"], settings["max_concurrent"]) == (5, 0.5, 9)
    finally:
        program.send_signal(number)
    rest, _ = await asyncio.wait_for(program.communicate(), 10)
    assert (program.returncode, rest) == (0, b"")
