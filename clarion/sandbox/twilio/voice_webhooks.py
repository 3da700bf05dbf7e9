"""Words what Twilio posts about a call: its progress, what detection found, and the request for its TwiML."""

from __future__ import annotations

import math

from clarion.sandbox.callbacks import Post
from clarion.sandbox.twilio.messages import API_VERSION, rfc2822
from clarion.sandbox.twilio.voice_calls import SIP_CODE_OF, VoiceCall
from clarion.sandbox.twilio.webhooks import signed

NEVER_ANSWERED = 487
"""SIP's word for a call that the caller took back."""
SIDES = ("From", "Caller", "To", "Called")


def progress(voice: VoiceCall, url: str, event: str, number: int, at: float, token: str) -> Post:
    """Tell of one event. ``number``: its place in the sequence; ``at``: when it happened, epoch seconds."""
    call = voice.call
    form = {
        **_who(voice),
        "CallStatus": {"answered": "in-progress", "completed": voice.status(at)}.get(event, event),
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(number),
        "Timestamp": rfc2822(int(at)),
    }
    if found := voice.answered_by(at):
        form["AnsweredBy"] = found
    if event == "completed":
        form["CallDuration"] = str(voice.seconds)
        form["Duration"] = str(math.ceil(voice.seconds / 60))
        form["SipResponseCode"] = str(NEVER_ANSWERED if call.was_cancelled else SIP_CODE_OF[call.ending])
        if recording := voice.recording_sid:
            form["RecordingDuration"] = str(voice.seconds)
            form["RecordingSid"] = recording
            address = f"https://api.twilio.com/{API_VERSION}/Accounts/{voice.account.sid}/Recordings/{recording}"
            form["RecordingUrl"] = address
    return signed(url, form, token)


def detected(voice: VoiceCall, url: str, token: str) -> Post | None:
    """Tell what detection found beside the TwiML; None when the call was over before."""
    found = voice.detection
    if found is None:
        return None
    form = {
        "AccountSid": voice.account.sid,
        "AnsweredBy": found.says,
        "CallSid": voice.sid,
        "MachineDetectionDuration": str(round(found.after * 1000)),
    }
    return signed(url, form, token)


def question(voice: VoiceCall, url: str, token: str) -> Post:
    """Ask our side for TwiML."""
    form = {**_who(voice), "CallStatus": "in-progress"}
    found = voice.detection
    if found is not None and not voice.order.detects_aside:
        form["AnsweredBy"] = found.says
        form["MachineDetectionDuration"] = str(round(found.after * 1000))
    return signed(url, form, token)


def _who(voice: VoiceCall) -> dict[str, str]:
    form = {
        "AccountSid": voice.account.sid,
        "ApiVersion": API_VERSION,
        "CallSid": voice.sid,
        "Direction": "outbound-api",
    }
    for side in SIDES:
        number = voice.call.sender if side in {"From", "Caller"} else voice.call.to
        form[side] = number
        # Twilio sends the places it does not know as empty fields, and signs them.
        form |= {f"{side}{place}": "" for place in ("City", "State", "Zip")}
        form[f"{side}Country"] = "US" if number.startswith("+1") else ""
    return form
