"""Reads a request to place a call and says what is wrong with it, as strict as Retell's API reference.

A call can override its agent's settings and opening, but **not its prompt** (``general_prompt`` is not among the
overrides of a Retell LLM): what one person's call is about goes into a dynamic variable that the agent's prompt holds.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool, StrictInt, StrictStr, ValidationError

from clarion.sandbox.conversation import Part
from clarion.sandbox.retell.errors import problem
from clarion.sandbox.vendor import Answer

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
EVENTS = ("call_started", "call_ended", "call_analyzed")
"""The events an agent's webhook gets unless its settings say otherwise."""
LONGEST_KEY = 255
Words = Annotated[StrictStr, Field(min_length=1)]


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class VoicemailAction(_Read):
    """What the agent does with a voicemail."""

    type: StrictStr
    text: StrictStr = ""


class VoicemailOption(_Read):
    """Whether voicemails are detected, and what happens then."""

    action: VoicemailAction


class AnalysisField(_Read):
    """A fact that is to be extracted from the call."""

    name: Words
    type: StrictStr
    choices: tuple[StrictStr, ...] = ()


class AgentPart(_Read):
    """Overridden settings of the agent."""

    agent_name: StrictStr | None = None
    max_call_duration_ms: Annotated[StrictInt, Field(ge=60_000, le=7_200_000)] = 3_600_000
    ring_duration_ms: Annotated[StrictInt, Field(ge=5_000, le=300_000)] = 30_000
    voicemail_option: VoicemailOption | None = VoicemailOption(action=VoicemailAction(type="hangup"))
    """None: voicemails are not detected."""
    webhook_url: StrictStr | None = None
    webhook_events: tuple[StrictStr, ...] | None = None
    post_call_analysis_data: tuple[AnalysisField, ...] | None = None


class LlmPart(_Read):
    """Overridden settings of the agent's Retell LLM."""

    begin_message: StrictStr | None = None
    general_prompt: None = None


class AgentOverride(_Read):
    """What this call changes about the agent."""

    agent: AgentPart = AgentPart()
    retell_llm: LlmPart = LlmPart()


class Order(_Read):
    """A request to place a call that is well formed."""

    from_number: Words
    to_number: Words
    override_agent_id: Words | None = None
    override_agent_version: StrictInt | StrictStr | None = None
    agent_override: AgentOverride = AgentOverride()
    retell_llm_dynamic_variables: dict[str, StrictStr] | None = None
    metadata: dict[str, JsonValue] | None = None
    custom_sip_headers: dict[str, StrictStr] | None = None
    idempotency_key: Annotated[StrictStr, Field(min_length=1, max_length=LONGEST_KEY)] | None = None
    honor_internal_dnc: StrictBool = False
    ignore_e164_validation: StrictBool = False

    @property
    def part(self) -> Part:
        """What the agent was given to say."""
        option = self.agent_override.agent.voicemail_option
        leaves = option is not None and option.action.type in {"static_text", "prompt"}
        return Part(
            opening=self.agent_override.retell_llm.begin_message,
            variables=self.retell_llm_dynamic_variables or {},
            voicemail_message=option.action.text if option and leaves else None,
        )


def read_order(body: bytes) -> Order | Answer:
    """Read the request; returns the error to answer with when there is one."""
    try:
        order = Order.model_validate_json(body or b"null")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        return problem(400, f"{place}: {first['msg']}")
    numbers = {"to_number": order.to_number}
    if not order.ignore_e164_validation:
        numbers["from_number"] = order.from_number
    for name, number in numbers.items():
        if not E164.fullmatch(number):
            return problem(400, f"{name}: {number} is not a number in E.164 format")
    return order
