"""What a call through Twilio says when no address of an agent is given: the campaign's text, spoken by Twilio."""

from __future__ import annotations

from twilio.twiml.voice_response import VoiceResponse

from clarion.domain.attempt import Verdict
from clarion.domain.call import Script
from clarion.domain.target import Outcome
from clarion.providers.ports import Rejected

LONGEST_TWIML = 4000
"""Characters (twilio.com/docs/voice/api/call-resource)."""
NOT_XML = dict.fromkeys([*range(0x20), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], " ") | {9: "\t", 10: "\n", 13: "\n"}
"""Signs that no XML document may hold, of which the SDK lets most through."""


def spoken(script: Script) -> str:
    """Return the TwiML that says a script's first message, or its voicemail message where there is no other.

    One text serves people and machines: TwiML cannot tell them apart. Raises Rejected when there is nothing to say, or
    more than Twilio takes.
    """
    text = (script.first_message or script.voicemail_message or "").translate(NOT_XML).strip()
    if not text:
        raise _refused(
            Outcome.FAILED, "there is nothing to say: give a first_message, or an agent that is an address with TwiML"
        )
    response = VoiceResponse()
    if script.language:
        response.say(text, language=script.language)
    else:
        response.say(text)
    twiml = str(response)
    if len(twiml) > LONGEST_TWIML:
        raise _refused(
            Outcome.REJECTED_CONTENT, f"the text to be spoken is longer than Twilio takes: {LONGEST_TWIML:,} characters"
        )
    return twiml


def _refused(outcome: Outcome, reason: str) -> Rejected:
    return Rejected(f"{reason[0].upper()}{reason[1:]}.", Verdict(outcome, final=True, detail=reason))
