"""Words the StatusCallback: unsigned, as multipart form or as JSON, in few words unless events were asked for."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping
from urllib.parse import urldefrag

from clarion.sandbox.callbacks import Post
from clarion.sandbox.exotel.calls import ExotelCall, local
from clarion.sandbox.exotel.orders import FORM_TYPE, JSON_TYPE
from clarion.sandbox.vendor import Json


def news(call: ExotelCall, url: str, event: str, at: float, told: asyncio.Event | None) -> Post:
    """Tell that somebody has answered, or that the call has ended (``event``), as it stood ``at`` that moment."""
    view = call.view(at)
    facts: dict[str, Json] = {
        "CallSid": call.sid,
        "DateUpdated": local(at),
        "Status": call.status(at),
        "RecordingUrl": call.recording(at),
    }
    if call.order.events:
        facts |= {
            "EventType": event,
            **{name: view[name] for name in ("DateCreated", "To", "From", "PhoneNumberSid", "StartTime", "EndTime")},
            "ConversationDuration": call.seconds if event == "terminal" else 0,
            "Direction": "outbound-api",
            "CustomField": call.order.field,
            "Legs": [{"OnCallDuration": seconds, "Status": status} for status, seconds in call.legs(at)],
        }
    address = urldefrag(url).url
    if call.order.content_type == JSON_TYPE:
        return Post(address, json.dumps(facts).encode(), {"Content-Type": JSON_TYPE}, told)
    boundary = secrets.token_hex(16)
    headers = {"Content-Type": f"{FORM_TYPE}; boundary={boundary}"}
    return Post(address, _multipart(_flat(facts), boundary), headers, told)


def _flat(value: Json, name: str = "") -> dict[str, str]:
    """Name every leaf as PHP does: ``Legs[0][Status]``; nothing is an empty field."""
    if isinstance(value, Mapping):
        pairs = [(f"{name}[{key}]" if name else key, inner) for key, inner in value.items()]
    elif isinstance(value, list):
        pairs = [(f"{name}[{index}]", inner) for index, inner in enumerate(value)]
    else:
        return {name: "" if value is None else str(value)}
    return {leaf: text for key, inner in pairs for leaf, text in _flat(inner, key).items()}


def _multipart(fields: Mapping[str, str], boundary: str) -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
        for name, text in fields.items()
    ]
    return "".join([*parts, f"--{boundary}--\r\n"]).encode()
