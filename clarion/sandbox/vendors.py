"""The vendors the sandbox speaks; a new one is a file or folder beside ``twilio`` and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from clarion.sandbox.elevenlabs.api import ElevenLabsApi
from clarion.sandbox.exotel.api import ExotelApi
from clarion.sandbox.openai.api import OpenAiApi
from clarion.sandbox.retell.api import RetellApi
from clarion.sandbox.salesforce.api import SalesforceApi
from clarion.sandbox.twilio.api import TwilioApi
from clarion.sandbox.vendor import Vendor, World

VENDORS: Mapping[str, Callable[[World], Vendor]] = {
    "twilio": TwilioApi,
    "retell": RetellApi,
    "elevenlabs": ElevenLabsApi,
    "exotel": ExotelApi,
    "openai": OpenAiApi,
    "salesforce": SalesforceApi,
}
