"""Log lines of our processes: one format, no personal data, the libraries kept quiet."""

from __future__ import annotations

import logging
import sys

NOISY = (
    *("alembic", "aiohttp", "asyncio", "elevenlabs", "httpcore", "httpcore2", "httpx", "httpx2", "openai", "retell"),
    *("simple_salesforce", "twilio", "urllib3", "uvicorn"),
)


def set_up_logging(level: str) -> None:
    """Log to standard error from ``level`` on."""
    logging.basicConfig(
        stream=sys.stderr, level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
