"""A store on which all doors stand: a tenant, north, that has one of everything, and its neighbour, south."""

from __future__ import annotations

import csv
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
from fastapi import FastAPI
from sqlalchemy import insert, select

from clarion.audience.checks import RowChecker
from clarion.audience.source import open_audience
from clarion.domain.call import Speaker, Stage, Turn
from clarion.domain.campaign import CampaignStatus, parse_spec
from clarion.domain.delivery import Answer, fate
from clarion.domain.rights import Rights
from clarion.settings import Settings
from clarion.store.deliveries import Result
from clarion.store.ledger import LedgerPage
from clarion.store.migrate import migrate
from clarion.store.schema import conversations, metadata
from clarion.store.store import Store
from starter.doors import add_doors
from starter.drafts import parse_uploaded
from starter.keys import Keys
from starter.rest.app import rest_app
from starter.wiring import Connection, Installation
from tests.starter.installation import ANSWERED, CALLS, DELIVERED, UNDELIVERED, OneCampaign
from tests.starter.rest.doorway import NORTH, SOUTH, accounts, sms

NAME, TEXT = "Zebulon", "quetzal"
NUMBERS = [f"+1206555{2_000 + n}" for n in range(3)]
STOPPED = "+12065552999"
IDS = ("zk-texts", "zk-calls", "zk-draft", "zk-template", "zk-one-text", "zk-one-call")
TEXTS, CALLED, DRAFT, TEMPLATE, ONE_TEXT, ONE_CALL = IDS
HOOK = "zkhook"
HOOK_URL = "https://zk.example.com/in"
KEY_NAME = "zk key of north"
CAMPAIGN_NAME = "Zk spring"
ACCOUNT = "voice"
NOW = time.time()
CHANGED = frozenset({"used_at"})
"""When a key was used last changes whoever asks for what."""


@dataclass(frozen=True)
class Ask:
    """A request."""

    method: str
    path: str
    json: object = None
    form: Mapping[str, str] | None = None
    file: tuple[str, bytes] | None = None
    headers: Mapping[str, str] | None = None

    @property
    def words(self) -> str:
        """All that the one who asks knows already, and may be told back."""
        return f"{unquote(self.path)} {self.json} {self.form} {self.file}"


@dataclass
class Town:
    """All doors on one store."""

    app: FastAPI
    installation: Installation
    tokens: Mapping[str, str]
    hook: int
    key_id: str

    @property
    def secrets(self) -> frozenset[str]:
        """Words that nobody but north may read."""
        own = {NAME, TEXT, *NUMBERS, *(number[1:] for number in NUMBERS), STOPPED, *IDS, HOOK, HOOK_URL, self.key_id}
        return frozenset(own | {KEY_NAME, CAMPAIGN_NAME, "agent_1", '"voice"', "15005550007"})

    def client(self, tenant: str) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.tokens[tenant]}", "Sec-Fetch-Site": "same-origin"}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://clarion", headers=headers, timeout=20)

    async def ask(self, south: httpx.AsyncClient, ask: Ask) -> httpx.Response:
        """Ask as south, and look that nothing of north's was told that was not in the question."""
        answer = await send(south, ask)
        self.require_silence(f"{answer.text} {answer.headers}", ask.words)
        return answer

    def require_silence(self, said: str, known: str) -> None:
        told = {word for word in self.secrets if word in said and word.strip('"') not in known}
        assert not told, (told, known, said)

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Everything in the database stays as it is."""
        before = self._contents()
        yield
        assert self._contents() == before

    def _contents(self) -> dict[str, list[tuple[Any, ...]]]:
        queries = {
            name: select(*(column for column in table.c if column.name not in CHANGED))
            for name, table in metadata.tables.items()
        }
        with self.installation.store.database.read() as connection:
            return {name: sorted(map(tuple, connection.execute(query)), key=repr) for name, query in queries.items()}


async def send(client: httpx.AsyncClient, ask: Ask) -> httpx.Response:
    """Send a request."""
    given: dict[str, Any] = {"json": ask.json} if ask.json is not None else {"data": ask.form}
    if ask.file is not None:
        given["files"] = {"file": ask.file}
    return await client.request(ask.method, ask.path, headers=ask.headers, **given)


@asynccontextmanager
async def built(folder: Path) -> AsyncIterator[Town]:
    """Open all doors on a store in this folder, which is the current one; there north has one of everything."""
    settings = Settings(home=folder, tenant=NORTH, accounts=accounts())
    store = Store(settings.database, tenant=NORTH, grace=15.0, tenants=settings.tenants)
    migrate(store.database)
    installation = Installation.of(settings, store, Connection(settings))
    keys = Keys(store)
    tokens = {tenant: keys.make(tenant, f"key of {tenant}", Rights.ADMIN, NOW)[1] for tenant in (NORTH, SOUTH)}
    key_id = keys.make(NORTH, KEY_NAME, Rights.READ, NOW)[0].id
    await _furnish(installation)
    hook = _hook(store)
    for name in ("tickets", "confirm", "dashboard-session"):
        store.keys.secret(name, "fresh", NOW)
    app = FastAPI(openapi_url=None)
    app.state.on_shutdown = []
    add_doors(app, installation)
    try:
        yield Town(app, installation, tokens, hook, key_id)
    finally:
        await app.state.live.aclose()
        await app.state.dashboard.state.checks.stop()
        store.close()


async def _furnish(clarion: Installation) -> None:
    store = clarion.store
    texts = _running(store, TEXTS, message=f"{TEXT} {{{{ first_name }}}}")
    texts.contact(DELIVERED, UNDELIVERED, at=NOW)
    calls = _running(store, CALLED, NUMBERS, **{**CALLS, "account": ACCOUNT})
    turns = (Turn(Speaker.AGENT, f"{TEXT}?", 0.0), Turn(Speaker.PERSON, NAME, 1.0))
    calls.call(ANSWERED, at=NOW, stage=Stage.ENDED, duration=61.0, cost=0.5, summary=TEXT, turns=turns)
    _running(store, ONE_TEXT, NUMBERS[:1], message=TEXT)
    _running(store, ONE_CALL, NUMBERS[:1], **{**CALLS, "account": ACCOUNT})
    row = {"provider_reference": "SM9", "tenant": NORTH, "address": NUMBERS[0], "campaign_key": texts.ref.key}
    row |= {"position": 1, "body": TEXT, "kind": "text", "received_at": NOW}
    with store.database.write() as connection:
        connection.execute(insert(conversations).values(row))
    spec = parse_uploaded(sms(name=CAMPAIGN_NAME, message=f"{TEXT} {{{{ first_name }}}}"))
    await clarion.drafts.create(spec, campaign_id=DRAFT)
    await clarion.drafts.add(DRAFT, [{"phone": NUMBERS[2], "first_name": NAME}])
    await clarion.templates.save_campaign(DRAFT, TEMPLATE)
    words = {**sms(name=CAMPAIGN_NAME), "schedule": {"cron": "0 9 * * mon", "time_zone": "UTC"}}
    store.templates.rewrite(store.campaigns.find(NORTH, TEMPLATE).ref.key, parse_uploaded(words), NOW)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(rest_app(clarion)), base_url="http://n") as client:
        token = Keys(store).make(NORTH, "once", Rights.ADMIN, NOW)[1]
        added = await client.post(
            "/do-not-contact", json={"numbers": [STOPPED]}, headers={"Authorization": f"Bearer {token}"}
        )
        assert added.status_code == 200, added.text


def _running(store: Store, campaign_id: str, people: Sequence[str] = NUMBERS, /, **keys: object) -> OneCampaign:
    path = Path(f"{campaign_id}.csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["phone", "first_name"], *([number, NAME] for number in people)])
    audience = {"file": str(path), "address": "phone"}
    spec = parse_spec(sms(**{"audience": audience, **keys, "name": CAMPAIGN_NAME}))
    ref = store.campaigns.create(NORTH, campaign_id, spec, NOW)
    file_id = store.files.keep(ref.key, path)
    with open_audience(path) as reader:
        checker = RowChecker(spec, reader.columns, NOW, seed=ref.key)
        store.importing.add(ref.key, file_id, [checker.check(row) for row in reader.rows()], 0, NOW)
    store.files.finish(store.files.get(file_id), len(people), NOW)
    one = OneCampaign(store, ref, LedgerPage(store.database, {}, grace=15.0))
    one.status(CampaignStatus.RUNNING, NAME, open_=True, at=NOW)
    return one


def _hook(store: Store) -> int:
    """Add a hook with a delivery that was given up; return the delivery's number."""
    hook = store.hooks.add(
        NORTH, HOOK, url=HOOK_URL, secret="whsec_c2VjcmV0", types=["campaign"], campaign_id=None, now=NOW
    )
    sent = store.hooks.send(hook.ref, "evt_1", "campaign.paused", '{"id":"evt_1"}', NOW)
    answer = Answer(410, "it answered 410")
    store.deliveries.record(hook, [Result(sent, answer, fate(answer, 1, NOW, 0.0))], NOW)
    return sent.number
