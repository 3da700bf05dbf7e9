"""One import in a process of its own, through the activity that every campaign uses.

python -m bench.one_import DATABASE_URL FILE prints {rows, accepted, seconds, cpu_seconds, peak_mb, before_mb}.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from pathlib import Path

from temporalio.testing import ActivityEnvironment

from activities.audience import AudienceActivities
from clarion.contracts import ImportOrder
from clarion.domain.campaign import parse_spec
from clarion.store.store import Store
from starter.local.rehearsal import TENANT, prepare_database


async def run(url: str, file: Path) -> dict[str, float]:
    """Import the file into the database as a new campaign."""
    prepare_database(url)
    store = Store(url, tenant=TENANT, grace=1.0)
    spec = parse_spec(
        {
            "name": "Import",
            "channel": "sms",
            "audience": {"file": str(file), "address": "phone", "time_zone": "tz", "region": "US"},
            "message": "Hi {{ first_name }}, your {{ plan }} service is due. Reply STOP to opt out.",
        }
    )
    ref = store.campaigns.create(TENANT, f"import-{time.time_ns()}", spec, time.time())
    file_id = store.files.keep(ref.key, file)
    activities = AudienceActivities(store, time.time)
    before, began, used = _peak_mb(), time.monotonic(), time.process_time()
    snapshot = await ActivityEnvironment().run(activities.import_audience, ImportOrder(campaign=ref, file_id=file_id))
    seconds, cpu = time.monotonic() - began, time.process_time() - used
    store.close()
    books = snapshot.books
    return {
        "rows": books.total,
        "accepted": books.pending,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_mb": _peak_mb(),
        "before_mb": before,
    }


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(sys.argv[1], Path(sys.argv[2])))))
