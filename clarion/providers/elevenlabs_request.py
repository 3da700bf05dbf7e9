"""What a call tells ElevenLabs: what it changes about its agent, its variables, and how it rings."""

from __future__ import annotations

from elevenlabs.types import (
    AgentConfigOverrideInput,
    ConversationConfigClientOverrideInput,
    ConversationConfigOverride,
    PromptAgentApiModelOverrideInput,
    TelephonyCallConfigInput,
    TwilioMachineDetectionConfig,
    TwilioMachineDetectionRule,
)

from clarion.domain.call import RING_SECONDS, MachineRule, Script
from clarion.providers.ports import OutgoingCall

RESERVED = "system__"
"""ElevenLabs keeps variables that begin so to itself."""
MACHINES = ("machine_start", "fax")
"""What its machine detection calls a machine as soon as it hears one."""


def config_override(call: OutgoingCall) -> ConversationConfigClientOverrideInput:
    """Return what this call changes about its agent; each part must be allowed in the agent's security settings.

    A context is put below the prompt, where there is one: no other part of the agent would hold it.
    """
    script = call.script
    prompt = f"{script.prompt}\n\n{script.context}" if script.prompt and script.context else script.prompt
    own = {
        "prompt": PromptAgentApiModelOverrideInput(prompt=prompt) if prompt else None,
        "first_message": script.first_message,
        "language": script.language,
    }
    given = {name: value for name, value in own.items() if value}
    longest = ConversationConfigOverride(max_duration_seconds=round(call.longest))
    if not given:
        return ConversationConfigClientOverrideInput(conversation=longest)
    return ConversationConfigClientOverrideInput(
        agent=AgentConfigOverrideInput.model_validate(given), conversation=longest
    )


def variables(script: Script) -> dict[str, str]:
    """Return the dynamic variables of a call: the row's, and the parts of the script that have no override."""
    own = {"context": script.context, "voicemail_message": script.voicemail_message}
    given = {**script.variables, **{name: text for name, text in own.items() if text}}
    return {name: text for name, text in given.items() if not name.startswith(RESERVED)}


def telephony(rule: MachineRule) -> TelephonyCallConfigInput:
    """Return how the call rings, and whether the carrier listens for a machine: only to hang up on it.

    Leaving a message is up to the agent's own voicemail detection.
    """
    ringing = round(RING_SECONDS)
    if rule is not MachineRule.HANG_UP:
        return TelephonyCallConfigInput(ringing_timeout_secs=ringing)
    return TelephonyCallConfigInput(
        ringing_timeout_secs=ringing,
        twilio_machine_detection=TwilioMachineDetectionConfig(
            mode="enable", actions=[TwilioMachineDetectionRule(action="hang_up", answered_by=list(MACHINES))]
        ),
    )
