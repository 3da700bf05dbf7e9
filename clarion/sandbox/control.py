"""The sandbox's own doors under ``/_sandbox/``: faults, settings, effects, exchanges, callbacks, inbound, reset."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clarion.sandbox.callbacks import Callbacks
from clarion.sandbox.exchanges import KEPT, Exchanges
from clarion.sandbox.faults import Faults
from clarion.sandbox.vendor import Commanded, ControlError, Counting, Json, Settings, Vendor, World

ENDLESS = float("inf")
GROUPS = tuple(name for name, value in Settings() if isinstance(value, BaseModel))
"""Settings of one vendor; like all others they are changed one by one."""


class InboundText(BaseModel):
    """A person writes to us: ``POST /_sandbox/inbound``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sender: str = Field(alias="from")
    to: str
    body: str
    provider: str = "twilio"


class Control:
    """Answers what is asked of the sandbox itself."""

    def __init__(
        self,
        worlds: Mapping[str, World],
        vendors: Mapping[str, Vendor],
        callbacks: Callbacks,
        exchanges: Exchanges,
    ) -> None:
        self._worlds = worlds
        self._vendors = vendors
        self._callbacks = callbacks
        self._exchanges = exchanges
        self._doors: dict[tuple[str, str], Callable[[Mapping[str, str], object], Json]] = {
            ("GET", "faults"): self._show_faults,
            ("POST", "faults"): self._set_faults,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "settings"): self._show_settings,
            ("POST", "settings"): self._set_settings,
            ("GET", "effects"): self._effects,
            ("GET", "effects/times"): self._times,
            ("GET", "exchanges"): self._latest_exchanges,
            ("GET", "callbacks"): self._show_callbacks,
            ("POST", "inbound"): self._inbound,
            ("POST", "reset"): self._reset,
        }
        for name, vendor in vendors.items():
            if isinstance(vendor, Commanded):
                self._doors |= {("POST", f"{name}/{command}"): _obey(act) for command, act in vendor.commands.items()}

    async def answer(self, request: web.BaseRequest, path: str) -> web.Response:
        """Find the door and answer in JSON; what cannot be followed gets a 400 and one sentence."""
        door = self._doors.get((request.method, path.removeprefix("/_sandbox/").rstrip("/")))
        if door is None:
            known = ", ".join(f"{method} {name}" for method, name in self._doors)
            message = f"{request.method} {path} does nothing here; under /_sandbox/ there is {known}"
            return web.json_response({"error": message}, status=404)
        try:
            body = await request.read()
            return web.json_response(door(request.query, json.loads(body) if body else {}))
        except (ControlError, ValidationError, json.JSONDecodeError) as error:
            return web.json_response({"error": _sentence(error)}, status=400)

    def _show_faults(self, _query: Mapping[str, str], _body: object) -> Json:
        return {name: world.faults.view().model_dump() for name, world in self._worlds.items()}

    def _set_faults(self, query: Mapping[str, str], body: object) -> Json:
        wanted = {self._known(name): Faults.model_validate(faults) for name, faults in _mapping(body).items()}
        for name, faults in wanted.items():
            self._worlds[name].faults.set(faults)
        return self._show_faults(query, body)

    def _clear_faults(self, query: Mapping[str, str], body: object) -> Json:
        for world in self._worlds.values():
            world.faults.set(Faults())
        return self._show_faults(query, body)

    def _show_settings(self, _query: Mapping[str, str], _body: object) -> Json:
        return next(iter(self._worlds.values())).settings.model_dump()

    def _set_settings(self, query: Mapping[str, str], body: object) -> Json:
        before = next(iter(self._worlds.values())).settings
        known, told = before.model_dump(), _mapping(body)
        parts = {name: {**known[name], **_mapping(told[name])} for name in GROUPS if name in told}
        wanted = Settings.model_validate({**known, **told, **parts})
        try:
            self._apply(wanted)
        except ControlError:
            self._apply(before)
            raise
        return self._show_settings(query, body)

    def _apply(self, settings: Settings) -> None:
        for name, world in self._worlds.items():
            world.settings = settings
            world.calls.settle(settings)
            self._vendors[name].settle()

    def _effects(self, query: Mapping[str, str], _body: object) -> Json:
        detail = query.get("detail", "0") not in {"", "0", "false"}
        return {name: self._seen_at(name, detail=detail) for name in self._worlds}

    def _seen_at(self, name: str, *, detail: bool) -> dict[str, Json]:
        world, vendor = self._worlds[name], self._vendors[name]
        more = vendor.tally(detail=detail) if isinstance(vendor, Counting) else {}
        return {**world.effects.view(detail=detail), "calls": world.calls.view(detail=detail), **more}

    def _times(self, query: Mapping[str, str], _body: object) -> Json:
        start, end = _number(query, "from_time", -ENDLESS), _number(query, "to_time", ENDLESS)
        names = [self._known(query["provider"])] if "provider" in query else list(self._worlds)
        worlds = [self._worlds[name] for name in names]
        counted = [world.calls.effects if query.get("kind") == "calls" else world.effects for world in worlds]
        found = [at for effects in counted for at in effects.times(lambda at: start <= at <= end)]
        return sorted(found)

    def _latest_exchanges(self, query: Mapping[str, str], _body: object) -> Json:
        return self._exchanges.latest(int(_number(query, "limit", KEPT)))

    def _show_callbacks(self, _query: Mapping[str, str], _body: object) -> Json:
        return {"counts": dataclasses.asdict(self._callbacks.counts), "latest": self._callbacks.latest()}

    def _inbound(self, _query: Mapping[str, str], body: object) -> Json:
        text = InboundText.model_validate(body)
        return {"sid": self._vendors[self._known(text.provider)].inbound(text.sender, text.to, text.body)}

    def _reset(self, query: Mapping[str, str], body: object) -> Json:
        self._callbacks.reset()
        self._exchanges.clear()
        for name, world in self._worlds.items():
            world.effects.clear()
            world.calls.reset()
            self._vendors[name].reset()
        self._clear_faults(query, body)
        return {}

    def _known(self, name: str) -> str:
        if name not in self._worlds:
            message = f'"{name}" is no provider of this sandbox; there is {", ".join(self._worlds)}'
            raise ControlError(message)
        return name


def _obey(act: Callable[[], Json]) -> Callable[[Mapping[str, str], object], Json]:
    return lambda _query, _body: act()


def _mapping(body: object) -> dict[str, object]:
    if not isinstance(body, dict):
        message = "the request body must be a JSON object"
        raise ControlError(message)
    return {str(key): value for key, value in body.items()}


def _number(query: Mapping[str, str], key: str, default: float) -> float:
    try:
        return float(query.get(key, default))
    except ValueError as error:
        message = f'{key} must be a number, not "{query[key]}"'
        raise ControlError(message) from error


def _sentence(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    if isinstance(error, json.JSONDecodeError):
        return f"the request body is not JSON: {error}"
    return str(error)
