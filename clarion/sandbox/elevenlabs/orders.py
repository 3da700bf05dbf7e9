"""Reads a request to call somebody through Twilio, as ElevenLabs' OpenAPI description has it."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from clarion.sandbox.conversation import Part

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
USUAL_LONGEST = 600
"""Seconds a conversation may take where neither agent nor request says otherwise."""


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


class Prompt(_Read):
    """Overridden instructions."""

    prompt: str | None = None


class AgentOverride(_Read):
    """Overridden words of the agent."""

    first_message: str | None = None
    language: str | None = None
    prompt: Prompt | None = None


class ConversationOverride(_Read):
    """Overridden limits of the conversation."""

    max_duration_seconds: Annotated[int, Field(gt=0)] | None = None


class ConfigOverride(_Read):
    """What this conversation changes about the agent."""

    agent: AgentOverride | None = None
    conversation: ConversationOverride | None = None


class ClientData(_Read):
    """What is handed to the conversation; it comes back with it."""

    conversation_config_override: ConfigOverride | None = None
    dynamic_variables: dict[str, bool | int | float | str | None] | None = None
    user_id: str | None = None


class TelephonyConfig(_Read):
    """How the number is rung."""

    ringing_timeout_secs: Annotated[int, Field(ge=5, le=300)] = 60


class Order(_Read):
    """A request to call somebody that is well formed."""

    agent_id: str
    agent_phone_number_id: str
    to_number: str
    conversation_initiation_client_data: ClientData | None = None
    call_recording_enabled: bool | None = None
    telephony_call_config: TelephonyConfig = TelephonyConfig()

    @property
    def client_data(self) -> ClientData:
        """What the conversation was handed, perhaps nothing."""
        return self.conversation_initiation_client_data or ClientData()

    @property
    def longest(self) -> float:
        """Seconds somebody may talk."""
        config = self.client_data.conversation_config_override
        limit = config.conversation.max_duration_seconds if config and config.conversation else None
        return float(limit or USUAL_LONGEST)

    @property
    def part(self) -> Part:
        """What the agent was given to say."""
        config = self.client_data.conversation_config_override
        agent = (config.agent if config else None) or AgentOverride()
        variables = self.client_data.dynamic_variables or {}
        return Part(
            opening=agent.first_message,
            instructions=(agent.prompt.prompt if agent.prompt else None) or "",
            variables={key: str(value) for key, value in variables.items() if value is not None},
        )

    def echoed(self) -> dict[str, JsonValue]:
        """Return the client data as it came."""
        data: dict[str, JsonValue] = self.client_data.model_dump(mode="json", exclude_unset=True)
        return data
