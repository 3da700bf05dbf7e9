"""Generated requests for the whole REST interface, held against its own description; `make fuzz` sends more of them.

schemathesis reads /api/v1/openapi.json and sends what it allows and what it forbids. Every check it has must pass, but
one: `positive_data_acceptance` takes each refusal of a request that fits the schema for a failure, and a campaign has
rules that no schema can say: a time zone that exists, a text that mentions columns there are, a file that is a table.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from clarion.domain.rights import Rights
from starter.keys import Keys
from starter.local.stack import Stack, analysing_environment, calling_environment, free_port, webhook_settings
from tests.e2e.site import ROOT, Site, open_site, own_environment

TENANT = "contract"
PREFIX = "/api/v1"
STREAMS = "/events$"
"""Addresses that are left out, as their answers have no end; tests/starter/rest/test_events.py has them."""
HEAVY = "POST /campaigns"
"""Its schema gives a thousand cases of single fields, as many as all others; only `make fuzz` sends them."""
DRAFT, ENDED, RUNNING, WEEKLY, YEARLY = "fuzz-draft", "fuzz-ended", "fuzz-running", "fuzz-weekly", "fuzz-yearly"
TEXT, CALL = "fuzz-text", "fuzz-call"
NOWHERE = "http://127.0.0.1:9/hook"
SMS = {"channel": "sms", "message": "Hi {{ first_name }}."}
PEOPLE = [{"phone": f"+1415555{2_000 + n}", "first_name": "Ann"} for n in range(4)]


@dataclass
class Exchange:
    """What came of a run."""

    code: int
    said: str
    calls: int = 0
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    """How often each operation answered what."""

    def taken(self, operation: str) -> bool:
        """Say whether an operation was done at least once."""
        return any(200 <= status < 300 for status in self.statuses.get(operation, ()))


@asynccontextmanager
async def opened(home: Path, temporal: Mapping[str, str]) -> AsyncIterator[tuple[Site, Fuzzer]]:
    """Open an installation of a tenant of its own, beside a Temporal server that these settings lead to.

    It has an account of every kind, one of everything to ask for, and a sandbox that answers quickly.
    """
    own = {"CLARION_TENANT": TENANT, "CLARION_TASK_QUEUE": TENANT}
    database = {"CLARION_DATABASE_URL": f"sqlite:///{home / 'clarion.db'}"}
    async with Stack(home, {**temporal, **own, **database}) as stack:
        with own_environment():
            sandbox = await stack.start_sandbox(seed=1, options=["--time-scale", "0.02"])
        stack.environment |= calling_environment(sandbox) | analysing_environment(sandbox)
        async with open_site(stack, sandbox) as site:
            await site.tell_sandbox("settings", webhook_settings(site.settings.public_url or ""))
            await site.tell_sandbox("settings", {"mix": {"twilio": {"delivered": 1.0}}})
            fuzzer = Fuzzer(site, home)
            await fuzzer.furnish()
            yield site, fuzzer


class Fuzzer:
    """Sends generated requests to a site with keys of its own."""

    def __init__(self, site: Site, folder: Path) -> None:
        """Write configuration and reports to ``folder``."""
        self._url = f"{site.settings.public_url}{PREFIX}"
        self._folder = folder
        keys = Keys(site.store)
        made = {rights: keys.make(TENANT, f"fuzz {rights}", rights, time.time()) for rights in Rights}
        self.tokens = {rights: token for rights, (_, token) in made.items()}
        self.spare = [keys.make(TENANT, "to be ended", Rights.READ, time.time())[0].id for _ in range(4)]
        self.ids: dict[str, Sequence[str | int]] = {}

    def client(self, rights: Rights = Rights.ADMIN) -> httpx.AsyncClient:
        """A client with a key of these rights."""
        headers = {"Authorization": f"Bearer {self.tokens[rights]}"}
        return httpx.AsyncClient(base_url=self._url, headers=headers, timeout=30)

    async def furnish(self) -> None:
        """Have one of everything, nothing of which moves by itself."""
        async with self.client() as admin:
            for name in (DRAFT, ENDED, WEEKLY, YEARLY):
                await made(admin, "/campaigns", {**SMS, "name": name, "id": f"{name}-source", "contacts": PEOPLE})
                if name in (WEEKLY, YEARLY):
                    await made(admin, "/templates", {"campaign_id": f"{name}-source", "id": name})
            yearly = {"template_id": YEARLY, "cron": "0 9 1 1 *", "time_zone": "UTC"}
            await made(admin, "/schedules", yearly)
            await made(admin, f"/campaigns/{ENDED}-source/start")
            await made(admin, "/messages", {"number": "+14155552100", "message": "Hi.", "id": TEXT})
            await made(admin, "/calls", {"number": "+14155552101", "account": "retell", "prompt": "Hi.", "id": CALL})
            await ended(admin, [f"{ENDED}-source", TEXT, CALL])
            hook = (await made(admin, "/hooks", {"url": NOWHERE}))["id"]
            number = (await made(admin, f"/hooks/{hook}/test"))["number"]
            async with asyncio.timeout(60):
                while not (await admin.get(f"/hooks/{hook}/deliveries")).json()["items"][0]["tries"]:
                    await asyncio.sleep(0.1)
            await admin.patch(f"/hooks/{hook}", json={"active": False})
            await made(admin, "/do-not-contact", {"numbers": ["+14155552999"]})
        self.ids = {
            "campaigns": [f"{DRAFT}-source", f"{ENDED}-source"],
            "templates": [WEEKLY, YEARLY],
            "schedules": [YEARLY],
            "calls": [CALL],
            "messages": [TEXT],
            "accounts": ["main", "retell", "openai"],
            "contacts": ["1", "row:2", PEOPLE[2]["phone"]],
            "hooks": [hook],
            "deliveries": [number],
            "numbers": ["+14155552999"],
            "keys": self.spare,
        }

    async def set_going(self) -> None:
        """Start a campaign that is never done."""
        async with self.client() as admin:
            slow = {**SMS, "name": RUNNING, "id": RUNNING, "contacts": PEOPLE, "limits": {"per_hour": 1}, "start": True}
            await made(admin, "/campaigns", slow)
        self.ids["campaigns"] = [RUNNING, RUNNING, *self.ids["campaigns"]]

    async def send(self, rights: Rights, phases: str, *options: str, thorough: bool = False) -> Exchange:
        """Send generated requests with a key of these rights; ``options`` are those of `schemathesis run`."""
        report = self._folder / f"{rights}.ndjson"
        config = self._folder / f"{rights}.toml"
        config.write_text(self._configuration(thorough=thorough))
        command = [str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(config), "run"]
        command += [f"{self._url}/openapi.json", "--phases", phases, "--no-color", "--continue-on-failure"]
        command += ["--header", f"Authorization: Bearer {self.tokens[rights]}", "--exclude-path-regex", STREAMS]
        command += ["--checks", "all", "--exclude-checks", "positive_data_acceptance", "--warnings", "off"]
        command += ["--report", "ndjson", "--report-ndjson-path", str(report), *options]
        with own_environment():
            process = await asyncio.create_subprocess_exec(
                *command, cwd=self._folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
                env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(self._folder)},
            )  # fmt: skip
            said, _ = await process.communicate()
        exchange = Exchange(process.returncode or 0, said.decode())
        if report.exists():
            read_report(report, exchange)
        return exchange

    def _configuration(self, *, thorough: bool) -> str:
        lines = ['hooks = "tests.e2e.fuzzing_hooks"', "[dictionaries]"]
        lines += [f"{name} = {{ values = {json.dumps(list(values))} }}" for name, values in self.ids.items()]
        # What answers say is not sent back: among it are the ids of the keys that these requests are sent with.
        for phase in ("examples", "coverage", "fuzzing"):
            lines += [f"[phases.{phase}.extra-data-sources]", "responses = false"]
        if not thorough:
            lines += ["[phases.coverage]", 'unexpected-methods = ["trace"]']
            lines += ["[[operations]]", f'include-name = "{HEAVY}"', "phases.coverage.enabled = false"]
        for prefix, kinds in PARAMETERS.items():
            bound = [f'"path.{name}" = {{ dictionary = "{kind}", probability = 0.8 }}' for name, kind in kinds.items()]
            lines += ["[[operations]]", f'include-path-regex = "^{prefix}/"', "[operations.parameters]", *bound]
        return "\n".join(lines)


PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "/campaigns": {"campaign_id": "campaigns", "contact": "contacts"},
    "/templates": {"campaign_id": "templates"},
    "/schedules": {"campaign_id": "schedules"},
    "/calls": {"campaign_id": "calls"},
    "/messages": {"campaign_id": "messages"},
    "/hooks": {"hook_id": "hooks", "number": "deliveries"},
    "/accounts": {"name": "accounts"},
    "/do-not-contact": {"number": "numbers"},
    "/keys": {"key_id": "keys"},
}
"""Of what kind the ids in addresses are; four of five exist."""


def read_report(report: Path, exchange: Exchange) -> None:
    """Count what was answered."""
    for line in report.read_text().splitlines():
        scenario = json.loads(line).get("ScenarioFinished")
        if scenario is None:
            continue
        recorder = scenario["recorder"]
        for sent in recorder.get("interactions", {}).values():
            if sent.get("response") is not None:
                method = sent["request"]["method"]
                operation = f"{method} {recorder['label'].partition(' ')[2]}"
                exchange.statuses.setdefault(operation, Counter())[sent["response"]["status_code"]] += 1
                exchange.calls += 1


async def made(client: httpx.AsyncClient, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    """Have something made."""
    answer = await client.post(path, json=body)
    assert answer.is_success, (path, answer.text)
    return answer.json()


async def ended(client: httpx.AsyncClient, names: Iterable[str]) -> None:
    """Wait until these campaigns are over."""
    async with asyncio.timeout(60):
        for name in names:
            while (await client.get(f"/campaigns/{name}")).json()["status"] != "completed":
                await asyncio.sleep(0.1)


async def main(options: Sequence[str]) -> int:
    """Send requests with a key of every right to an installation of its own; ``options`` say how many."""
    folder, failed = Path(tempfile.mkdtemp(prefix="clarion-fuzz-")), 0
    async with Stack(folder) as stack:
        with own_environment():
            await stack.start_temporal(free_port(), free_port())
        async with opened(folder, stack.environment) as (_, fuzzer):
            await fuzzer.set_going()
            for rights in Rights:
                exchange = await fuzzer.send(rights, "examples,coverage,fuzzing,stateful", *options, thorough=True)
                sys.stdout.write(f"{exchange.said}\n{exchange.calls} calls with a key of {rights}\n")
                failed |= exchange.code
    sys.stdout.write(f"requests, answers and logs are in {folder}\n")
    return failed


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
