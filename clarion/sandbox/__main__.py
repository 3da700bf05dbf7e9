"""Runs the sandbox by itself: ``python -m clarion.sandbox --port 0``; says where it listens as one line of JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from pathlib import Path

from clarion.sandbox.server import Sandbox
from clarion.sandbox.vendor import Settings


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m clarion.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--seed", type=int, default=0, help="fixes how numbers end and when faults strike")
    parser.add_argument("--latency", type=float, default=20.0, metavar="MS", help="time to answer a POST (default 20)")
    parser.add_argument("--time-scale", type=float, default=1.0, help="factor on delivery and reply times (default 1)")
    parser.add_argument("--inbound-url", help="where messages that people write to us are posted")
    parser.add_argument("--auth-token", help="key for signing webhooks (default: the password used to authenticate)")
    parser.add_argument("--max-concurrent", type=int, metavar="N", help="refuse more requests of one account at once")
    parser.add_argument("--ready-file", type=Path, help="write the same line of JSON here once listening")
    return parser.parse_args()


async def run(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = Settings(
        latency_ms=options.latency,
        time_scale=options.time_scale,
        inbound_url=options.inbound_url,
        auth_token=options.auth_token,
        max_concurrent=options.max_concurrent,
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sandbox = Sandbox(host=options.host, port=options.port, seed=options.seed, settings=settings)
    await sandbox.start()
    try:
        announce(sandbox.url, options.ready_file)
        await stop.wait()
    finally:
        await sandbox.stop()


def announce(url: str, ready_file: Path | None) -> None:
    """Say where the sandbox listens; whoever sees the file sees all of it."""
    line = json.dumps({"url": url})
    if ready_file is not None:
        draft = ready_file.with_name(f"{ready_file.name}.part")
        draft.write_text(line + "\n", encoding="utf-8")
        draft.replace(ready_file)
    print(line, flush=True)  # noqa: T201 -- this line is the program's output


if __name__ == "__main__":
    asyncio.run(run(arguments()))
