"""Twilio's Calls resource: places calls, tells of their progress, fetches their TwiML, and hangs up."""

from __future__ import annotations

import asyncio
import json
import math
import secrets
import time
from functools import partial
from urllib.parse import parse_qsl

from clarion.sandbox.callbacks import Post, Render
from clarion.sandbox.calls import Stage
from clarion.sandbox.twilio import voice_webhooks
from clarion.sandbox.twilio.errors import problem
from clarion.sandbox.twilio.listing import Listing, Span
from clarion.sandbox.twilio.messages import Account
from clarion.sandbox.twilio.voice_calls import VoiceCall
from clarion.sandbox.twilio.voice_create import VoiceOrder, is_address, read_voice_order
from clarion.sandbox.twilio.voice_twiml import NoTwiml, fetch_twiml, script_seconds
from clarion.sandbox.vendor import Answer, Call, World

NEWS_LAG = 0.005
"""Seconds a callback is behind what it tells, so that whoever acts on it finds that here."""
APOLOGY_SECONDS = 3.0
"""How long "an application error has occurred" takes, after which Twilio hangs up."""
TOLD_WITHIN = 2.0
"""Seconds that a hasty number holds back the create's answer for its first webhook to arrive."""
FILTERS = ("To", "From", "ParentCallSid", "Status", *(f"{moment}Time{sign}" for moment in ("Start", "End") for sign in ("", "<", ">")))  # fmt: skip  # noqa: E501


class VoiceDesk:
    """Answers requests below ``…/Calls``."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._calls: dict[str, VoiceCall] = {}
        self._to: dict[str, list[VoiceCall]] = {}
        self._fetches: set[asyncio.Task[None]] = set()

    async def all(self, account: Account, request: Call) -> Answer:
        """Place a call, or list them."""
        if request.method == "POST":
            return await self._create(account, request)
        return self._list(account, request) if request.method == "GET" else problem(20004)

    def one(self, account: Account, request: Call, sid: str) -> Answer:
        """Show or change the call with this sid."""
        voice = self._calls.get(sid)
        if voice is None or voice.account.sid != account.sid:
            return problem(20404, request.path)
        if request.method == "POST":
            return self._update(voice, request)
        return _shown(voice) if request.method == "GET" else problem(20004)

    async def _create(self, account: Account, request: Call) -> Answer:
        order = read_voice_order(request.body)
        if isinstance(order, Answer):
            return order
        board, settings = self._world.calls, self._world.settings
        if board.fate(order.to).refused:
            return problem(21217, order.to)
        if settings.max_calls is not None and board.going(account.sid) >= settings.max_calls:
            return problem(10004)
        voice = self._place(account, order)
        # As of a moment before, because with a time scale of 0 it has rung and is over by now.
        body = json.dumps(voice.view(math.nextafter(voice.call.placed_at, 0.0))).encode()
        told = self._plan(voice)
        if told is not None:
            await _within(TOLD_WITHIN, told)
        return Answer(201, body, effect=True, cut=voice.call.is_answer_lost)

    def _place(self, account: Account, order: VoiceOrder) -> VoiceCall:
        scale = self._world.settings.time_scale
        sid = "CA" + secrets.token_hex(16)
        call = self._world.calls.place(
            sid, account=account.sid, to=order.to, sender=order.sender, longest=order.limit, order={}, ring=order.ring
        )
        voice = VoiceCall(call, account, order, scale, willing_until=call.ends_at)
        if order.twiml is not None and voice.speaks_at is not None:
            _follow(voice, order.twiml, voice.speaks_at)
        self._calls[sid] = voice
        self._to.setdefault(order.to, []).append(voice)
        return voice

    def _plan(self, voice: VoiceCall) -> asyncio.Event | None:
        """Fix when callbacks are due; returns what to wait for when they shall come before the create's answer."""
        call, order = voice.call, voice.order
        callbacks, faults = self._world.callbacks, self._world.faults
        told = asyncio.Event() if call.fate.hasty and order.callback and order.events - {"completed"} else None
        answered = call.placed_at + (0.0 if told else self._world.settings.latency_ms / 1000)
        if order.callback and not call.fate.silent:
            plan: list[tuple[float, Render]] = [
                (max(at, answered) - call.placed_at + NEWS_LAG, partial(self._tell, voice, event, voice.versions, told))
                for event, at in voice.happenings()
                if event in order.events
            ]
            callbacks.schedule(faults, plan)
        found = voice.detection
        if found and call.answers_at and order.detects_aside and order.detection_callback and not call.fate.silent:
            news = partial(voice_webhooks.detected, voice, order.detection_callback, self._token(voice))
            callbacks.schedule(faults, [(call.answers_at + found.after - call.placed_at + NEWS_LAG, news)])
        if order.url and voice.speaks_at is not None:
            callbacks.later(voice.speaks_at - call.placed_at, partial(self._ask, voice, order.url))
        return told

    def _tell(self, voice: VoiceCall, event: str, version: int, told: asyncio.Event | None = None) -> Post | None:
        """Word a status callback at the moment it is due; None when it did not come to that, or came earlier."""
        if not voice.order.callback or (event == "completed" and version != voice.versions):
            return None
        happened = [(name, at) for name, at in voice.happenings() if name in voice.order.events]
        for number, (name, at) in enumerate(happened):
            if name == event:
                post = voice_webhooks.progress(voice, voice.order.callback, event, number, at, self._token(voice))
                return Post(post.url, post.body, post.headers, told)
        return None

    def _end_moved(self, voice: VoiceCall) -> None:
        """Tell of the end when it now comes, and not when it would have come."""
        voice.versions += 1
        if "completed" in voice.order.events and voice.order.callback and not voice.call.fate.silent:
            news = partial(self._tell, voice, "completed", voice.versions)
            due = max(0.0, voice.call.over_at - time.time()) + NEWS_LAG
            self._world.callbacks.schedule(self._world.faults, [(due, news)])

    def _ask(self, voice: VoiceCall, url: str) -> None:
        if voice.call.stage(time.time()) is not Stage.OVER:
            fetch = asyncio.create_task(self._fetch(voice, url))
            self._fetches.add(fetch)
            fetch.add_done_callback(self._fetches.discard)

    async def _fetch(self, voice: VoiceCall, url: str) -> None:
        """Ask our side for the TwiML and follow it; without an answer it can use, Twilio apologises and hangs up."""
        twiml = await fetch_twiml(voice_webhooks.question(voice, url, self._token(voice)))
        now = time.time()
        if voice.call.stage(now) is not Stage.OVER:
            self._put_in_force(voice, twiml, now)

    def _put_in_force(self, voice: VoiceCall, twiml: str, now: float) -> None:
        if _follow(voice, twiml, now):
            self._end_moved(voice)

    def _update(self, voice: VoiceCall, request: Call) -> Answer:
        """Hang up, or put other TwiML in force."""
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        wanted, url, now = form.get("Status", ""), form.get("Url", ""), time.time()
        if wanted not in {"", "completed", "canceled"}:
            return problem(20001, f"Status: {wanted}")
        if url and not is_address(url):
            return problem(21205, url)
        stage = voice.call.stage(now)
        if stage is Stage.OVER or (stage is not Stage.TALKING and not wanted and (url or form.get("Twiml"))):
            return problem(21220, voice.sid)
        if wanted == "completed" or (wanted and stage is not Stage.TALKING):
            self._world.calls.hang_up(voice.call)
            self._end_moved(voice)
        elif url:
            self._ask(voice, url)
        elif form.get("Twiml"):
            self._put_in_force(voice, form["Twiml"], now)
        return _shown(voice)

    def _list(self, account: Account, request: Call) -> Answer:
        asked, now = dict(parse_qsl(request.query, keep_blank_values=True)), time.time()
        try:
            started, ended = Span.asked(asked, "StartTime"), Span.asked(asked, "EndTime")
        except ValueError as error:
            return problem(20001, str(error))
        known = self._to.get(asked["To"], []) if asked.get("To") else self._calls.values()
        matching = (
            voice
            for voice in reversed(known)
            if voice.account.sid == account.sid
            and not asked.get("ParentCallSid")
            and (not asked.get("From") or voice.call.sender == asked["From"])
            and (not asked.get("Status") or voice.status(now) == asked["Status"])
            and started.holds(voice.started_at(now), now)
            and ended.holds(voice.call.over_at, now)
        )
        listing: Listing[VoiceCall] = Listing(
            name="Calls", filters=FILTERS, sid=lambda voice: voice.sid, view=lambda voice: voice.view(now)
        )
        return listing.page(account.sid, asked, matching)

    def _token(self, voice: VoiceCall) -> str:
        return self._world.settings.auth_token or voice.account.token


def _follow(voice: VoiceCall, twiml: str, begins_at: float) -> bool:
    """Let the TwiML decide when the call ends, as far as that can be told from it; whether that changes it."""
    try:
        seconds = script_seconds(twiml)
    except NoTwiml:
        seconds = APOLOGY_SECONDS
    return voice.end_by(math.inf if seconds is None else begins_at + voice.scale * seconds)


def _shown(voice: VoiceCall) -> Answer:
    return Answer(200, json.dumps(voice.view(time.time())).encode())


async def _within(seconds: float, told: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(told.wait(), seconds)
    except TimeoutError:
        return
